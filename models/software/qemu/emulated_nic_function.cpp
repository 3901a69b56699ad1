// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/emulated_nic_function.h"

#include <utility>

namespace iovirt::software {
namespace {

constexpr std::uint32_t kBufferBytes = 16384;

pcie::Identity identity_of(const EmulatedIdentity& id) {
  return {.vendor = id.vendor,
          .device = id.device,
          .class_code = EmulatedIdentity::class_code,
          .revision = id.revision,
          .subsystem_vendor = id.subsystem_vendor,
          .subsystem = id.subsystem,
          .interrupt_pin = EmulatedIdentity::interrupt_pin};
}

}  // namespace

EmulatedNicFunction::EmulatedNicFunction(EmulatedModel model, const MacAddress& mac, HostKernel& kernel, Vm& vm,
                                         HostPort& port, unsigned pin, TrafficBook& book,
                                         PacketLedger& ledger)
    : kernel_(kernel),
      vm_(vm),
      port_(port),
      book_(book),
      pin_(pin),
      nic_(make_emulated_nic(model, *this, mac)),
      config_(identity_of(nic_->identity())),
      lock_(kernel.scheduler()),
      ledger_(ledger),
      notice_(ledger.open_notice()) {
  for (unsigned i = 0; i < 6; ++i) {
    const EmulatedBar& bar = nic_->identity().bars[i];
    if (bar.bytes != 0 && !bar.io) config_.config.add_bar(i, bar.bytes, pcie::BarKind::memory32);
  }
  config_.config.on_write(pcie::spec::kCommand, 2, [this] { nic_->set_bus_master(config_.config.bus_master()); });
  memory_.add(0, vm_.memory_bytes(), vm_.memory_base());
  tx_buffer_ = kernel_.allocate(kBufferBytes, 4096);
  rx_buffer_ = kernel_.allocate(kBufferBytes, 4096);
}

std::uint32_t EmulatedNicFunction::config_read(std::uint16_t offset, unsigned bytes) {
  return static_cast<std::uint32_t>(config_.config.read(offset, bytes));
}

void EmulatedNicFunction::config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  config_.config.write(offset, bytes, value);
}

std::uint64_t EmulatedNicFunction::bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) {
  lock_.lock();
  const std::uint64_t value = nic_->mmio_read(bar, offset, bytes);
  lock_.unlock();
  return value;
}

void EmulatedNicFunction::bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  lock_.lock();
  nic_->mmio_write(bar, offset, bytes, value);
  lock_.unlock();
}

bool EmulatedNicFunction::read_guest(std::uint64_t gpa, std::span<std::uint8_t> bytes) {
  return GuestMemoryPort(kernel_.cpu(), memory_).read(gpa, bytes);
}

bool EmulatedNicFunction::write_guest(std::uint64_t gpa, std::span<const std::uint8_t> bytes) {
  return GuestMemoryPort(kernel_.cpu(), memory_).write(gpa, bytes);
}

void EmulatedNicFunction::gather(std::uint64_t gpa, std::uint32_t bytes) {
  const auto host = memory_.to_host(gpa, bytes);
  if (!host || gathered_ + bytes > kBufferBytes) {
    overrun_ = true;
    return;
  }
  if (gathered_ == 0) {
    kernel_.cpu().charge(kernel_.cpu().packet_at(*host));
    kernel_.cpu().place_packet(tx_buffer_, 0);
  }
  kernel_.cpu().copy(tx_buffer_ + gathered_, *host, bytes);
  gathered_ += bytes;
}

// writev() to the tap: the kernel copies the frame into a buffer of its own.
void EmulatedNicFunction::send() {
  cpu::Cpu& cpu = kernel_.cpu();
  const Costs& costs = kernel_.costs();
  const std::uint32_t bytes = gathered_;
  gathered_ = 0;
  if (overrun_ || bytes == 0 || bytes > Kernel::kBufferBytes) {
    overrun_ = false;
    return;
  }
  cpu.compute(costs.qemu_frame_cycles);
  cpu.charge(cpu.packet_at(tx_buffer_));
  cpu::ActivityScope scope(kernel_.vmx_cpu(), Activity::host_kernel);
  cpu.compute(costs.syscall_cycles);
  const std::uint64_t buffer = kernel_.allocate_buffer();
  cpu.copy(buffer, tx_buffer_, bytes);
  port_.put({buffer, buffer, bytes});
}

void EmulatedNicFunction::scatter(std::uint64_t gpa, std::uint32_t frame_offset, std::uint32_t bytes) {
  if (const auto host = memory_.to_host(gpa, bytes)) kernel_.cpu().copy(*host, rx_buffer_ + frame_offset, bytes);
}

/// The packet is in guest memory: from here on it waits for the interrupt.
void EmulatedNicFunction::announce(PacketId packet) {
  kernel_.cpu().charge(packet);
  ledger_[packet].notice = notice_;
}

// KVM_IRQ_LINE.
void EmulatedNicFunction::set_irq(bool level) {
  // Raised because a frame came, or late, by the device's own timer. Raised by a register write it comes from the guest,
  // which had it masked: what frames waited until now its core's log says.
  const bool noticed = level && (receiving_ != 0 || in_timer_);
  if (noticed) {
    if (receiving_ != 0) announce(std::exchange(receiving_, 0));
    ledger_.notice_fired(notice_, kernel_.cpu().now());
  }
  cpu::ActivityScope scope(kernel_.vmx_cpu(), Activity::host_kernel);
  kernel_.cpu().compute(kernel_.costs().syscall_cycles);
  const Ps arrival = vm_.set_irq_line(pin_, level);
  if (noticed) ledger_.notice_mark(notice_, Stage::interrupt, arrival);
}

void EmulatedNicFunction::receive_ready() {
  if (thread_ && !port_.empty()) kernel_.scheduler().wake(*thread_);
}

bool EmulatedNicFunction::start_timer(Ps delay) {
  kernel_.scheduler().start_timer(kernel_.cpu().now() + delay, [this] {
    timer_due_ = true;
    kernel_.scheduler().wake(*thread_);
  });
  return true;
}

// read() from the tap, then the device's receive routine.
bool EmulatedNicFunction::receive_one() {
  if (port_.empty() || !nic_->can_receive()) return false;
  cpu::Cpu& cpu = kernel_.cpu();
  const Costs& costs = kernel_.costs();
  const HostFrame frame = port_.take();
  const PacketId packet = cpu.packet_at(frame.address);
  cpu.charge(packet);
  {
    cpu::ActivityScope scope(kernel_.vmx_cpu(), Activity::host_kernel);
    cpu.compute(costs.syscall_cycles + costs.tap_cycles);
    cpu.place_packet(rx_buffer_, 0);
    cpu.copy(rx_buffer_, frame.address, frame.bytes);
    port_.release(frame.buffer);
  }
  cpu.compute(costs.qemu_frame_cycles);
  MacAddress destination;
  const std::uint64_t head = cpu.load(rx_buffer_, 8);
  for (unsigned i = 0; i < 6; ++i) destination[i] = static_cast<std::uint8_t>(head >> (8 * i));
  receiving_ = packet;
  if (nic_->receive(destination, frame.bytes) != Reception::delivered)
    book_.dropped(packet);
  else if (receiving_ != 0)
    announce(packet);
  receiving_ = 0;
  return true;
}

void EmulatedNicFunction::main_loop() {
  for (;;) {
    kernel_.cpu().compute(kernel_.costs().qemu_loop_cycles);
    lock_.lock();
    if (timer_due_) {
      timer_due_ = false;
      in_timer_ = true;
      nic_->timer_expired();
      in_timer_ = false;
    }
    while (receive_one()) kernel_.cond_resched();
    lock_.unlock();
    if (!port_.empty() && nic_->can_receive()) continue;
    kernel_.scheduler().block();
  }
}

}  // namespace iovirt::software
