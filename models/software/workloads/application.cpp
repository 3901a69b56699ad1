// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/workloads/application.h"

#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

Application::Application(unsigned vm, AppHost& host, TrafficBook& book, NetDriver& driver, unsigned tx_queue)
    : vm_(vm), host_(host), book_(book), driver_(driver), tx_queue_(tx_queue) {}

void Application::run() {
  Kernel& kernel = host_.kernel();
  user_rx_ = kernel.allocate(4096, 4096);
  user_tx_ = kernel.allocate(4096, 4096);
  for (;;) {
    host_.cond_resched();
    if (!socket_.empty()) receive_one();
    Ps due = kNever;
    while (book_.scheduled_send(vm_, next_send_, due) && due <= kernel.cpu().now() && backlog_.empty()) {
      std::span<const std::uint8_t> bytes;
      const PacketId packet = book_.begin_send(vm_, next_send_++, due, bytes);
      kernel.cpu().charge(packet);
      send(packet, bytes);
      due = kNever;
      if (!socket_.empty()) break;
    }
    if (socket_.empty()) host_.sleep_until(backlog_.empty() ? due : kNever);
  }
}

void Application::deliver(std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes) {
  Kernel& kernel = host_.kernel();
  kernel.cpu().compute(kernel.costs().stack_rx_cycles);
  kernel.cpu().charge(kernel.cpu().packet_at(address));
  if (socket_.size() >= kSocketFrames) {
    ++socket_drops_;
    book_.dropped(kernel.cpu().packet_at(address));
    kernel.free_buffer(buffer);
    return;
  }
  socket_.push({buffer, address, bytes});
  if (socket_.size() == 1) host_.wake_app();
}

void Application::receive_one() {
  Kernel& kernel = host_.kernel();
  cpu::Cpu& cpu = kernel.cpu();
  const Pending frame = socket_.front();
  const PacketId packet = cpu.packet_at(frame.address);
  cpu.charge(packet);
  cpu.compute(kernel.costs().syscall_cycles);
  socket_.pop();
  cpu.copy(user_rx_, frame.address, frame.bytes);
  kernel.free_buffer(frame.buffer);
  read_.resize(frame.bytes);
  cpu.read(user_rx_, read_);
  cpu.compute(kernel.costs().app_cycles);
  cpu.charge(packet);
  book_.received(packet, read_, cpu.now());
  PacketId reply = 0;
  std::span<const std::uint8_t> bytes;
  if (book_.reply_to(packet, cpu.now(), reply, bytes)) send(reply, bytes);
}

void Application::send(PacketId packet, std::span<const std::uint8_t> bytes) {
  Kernel& kernel = host_.kernel();
  cpu::Cpu& cpu = kernel.cpu();
  cpu.compute(kernel.costs().app_cycles);
  cpu.write(user_tx_, bytes);
  cpu.place_packet(user_tx_, packet);
  cpu.compute(kernel.costs().syscall_cycles);
  const std::uint64_t buffer = kernel.allocate_buffer();
  const std::uint64_t address = buffer + 64;  // NET_SKB_PAD: room for a header in front
  cpu.copy(address, user_tx_, bytes.size());
  cpu.compute(kernel.costs().stack_tx_cycles);
  cpu.charge(packet);
  backlog_.push({buffer, address, static_cast<std::uint32_t>(bytes.size())});
  push_backlog();
}

void Application::push_backlog() {
  host_.bh_disable();
  while (!backlog_.empty()) {
    const Pending frame = backlog_.front();
    if (!driver_.transmit(tx_queue_, frame.buffer, frame.address, frame.bytes, backlog_.size() > 1)) break;
    backlog_.pop();
  }
  host_.bh_enable();
}

void Application::room() {
  push_backlog();
  host_.wake_app();
}

}  // namespace iovirt::software
