// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/vhost/virtio_nic_function.h"

namespace iovirt::software {
namespace {

// vhost in the kernel signals through an eventfd; QEMU's loop makes a system call for each frame and each signal, reads
// and writes the tap through buffers of its own.
VhostPersonality personality_of(virtio::Backend backend, const Costs& costs) {
  VhostPersonality personality;
  if (backend == virtio::Backend::vhost) {
    personality.frame_cycles = costs.vhost_frame_cycles;
    personality.signal_cycles = costs.eventfd_signal_cycles;
  } else {
    personality.frame_cycles = costs.qemu_frame_cycles + costs.syscall_cycles;
    personality.signal_cycles = costs.syscall_cycles + costs.eventfd_signal_cycles;
    personality.batch = 1;
    personality.bounce_rx = true;
  }
  return personality;
}

}  // namespace

VirtioNicFunction::VirtioNicFunction(const virtio::Config& config, const MacAddress& mac, HostKernel& kernel, Vm& vm,
                                     HostPort& port, unsigned worker_core, PacketLedger& ledger)
    : kernel_(kernel),
      vm_(vm),
      port_(port),
      backend_(config.backend),
      peek_(vm.host_ram(), memory_),
      transport_(virtio::net_identity(config, mac), *this),
      vhost_(kernel.scheduler().cpu(worker_core), memory_, port, personality_of(config.backend, kernel.costs()), *this),
      ledger_(ledger),
      notice_(ledger.open_notice()) {
  memory_.add(0, vm_.memory_bytes(), vm_.memory_base());
}

void VirtioNicFunction::queue_enabled(unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features) {
  vhost_.start(queue, layout, features);
  if (const auto address = transport_.notify_address(queue))
    vm_.add_ioeventfd(*address, [this, queue] { notify(queue); });
  kernel_.scheduler().wake(*thread_);
}

void VirtioNicFunction::notify(unsigned queue) {
  // Until now the frames waited for the vCPU, which was on its way here; from now on for the worker, perhaps elsewhere.
  if (queue == virtio::kNetTransmitQueue)
    vhost_.each_waiting(peek_, [&cpu = kernel_.cpu()](std::uint64_t frame) { cpu.charge(cpu.packet_at(frame)); });
  vhost_.notify(queue);
  kernel_.scheduler().wake(*thread_);
}

void VirtioNicFunction::reset() {
  vm_.remove_ioeventfds();
  vhost_.stop();
}

void VirtioNicFunction::message(const virtio::Message& message) { vm_.signal_msi({message.address, message.data}); }

void VirtioNicFunction::delivering(PacketId packet) {
  ledger_[packet].notice = notice_;
  delivered_at_ = kernel_.cpu().now();
}

// On its way as soon as the frames are in the ring: the eventfd, the injection, and what takes it to the vCPU's core.
void VirtioNicFunction::signal(unsigned queue) {
  const auto interrupt = transport_.interrupt(queue);
  if (!interrupt) return;
  if (queue == virtio::kNetReceiveQueue) ledger_.notice_fired(notice_, delivered_at_);
  const Ps arrival = vm_.signal_msi({interrupt->address, interrupt->data});
  if (queue == virtio::kNetReceiveQueue) ledger_.notice_mark(notice_, Stage::interrupt, arrival);
}

void VirtioNicFunction::broken(unsigned, virtio::RingError) {
  if (const auto interrupt = transport_.needs_reset()) vm_.signal_msi({interrupt->address, interrupt->data});
}

void VirtioNicFunction::work() {
  for (;;) {
    while (vhost_.has_work()) {
      if (backend_ == virtio::Backend::qemu) kernel_.cpu().compute(kernel_.costs().qemu_loop_cycles);
      vhost_.run_once();
      kernel_.cond_resched();
    }
    kernel_.scheduler().block();
  }
}

}  // namespace iovirt::software
