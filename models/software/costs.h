// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What pieces of software cost, in core cycles. Values come from the profile (every one with its source), never from here.
#pragma once

#include <cstdint>

namespace iovirt::software {

struct Costs {
  // drivers
  std::uint64_t irq_handler_cycles = 0;    ///< a driver's hard interrupt handler, register accesses apart
  std::uint64_t napi_poll_cycles = 0;      ///< entering and leaving one poll
  std::uint64_t driver_rx_cycles = 0;      ///< one received frame: descriptor, skb, refill
  std::uint64_t driver_tx_cycles = 0;      ///< one transmitted frame: descriptor
  std::uint64_t driver_clean_cycles = 0;   ///< one transmit completion
  std::uint64_t iova_cycles = 0;           ///< allocating or freeing one I/O virtual address
  std::uint64_t iova_node_cycles = 0;      ///< a node of the tree of I/O virtual addresses that a search passes
  std::uint64_t cache_flush_cycles = 0;    ///< writing a line back to memory (CLFLUSH) for an IOMMU that does not snoop
  // network stack and application
  std::uint64_t stack_rx_cycles = 0;       ///< netif_receive to socket, one frame
  std::uint64_t stack_tx_cycles = 0;       ///< socket to driver, one frame
  std::uint64_t syscall_cycles = 0;        ///< entry and exit of one system call
  std::uint64_t app_cycles = 0;            ///< the application's own work, one frame
  // interrupts and scheduling
  std::uint64_t irq_entry_cycles = 0;      ///< vector to handler and back: entry, accounting, return
  std::uint64_t softirq_cycles = 0;        ///< raising and running softirqs once
  std::uint64_t tick_cycles = 0;           ///< the timer interrupt's own work
  std::uint64_t wake_up_cycles = 0;        ///< making a thread runnable, on the waker
  std::uint64_t context_switch_cycles = 0;
  std::uint64_t tick_period_us = 0;        ///< the kernel's periodic tick (CONFIG_HZ)
  std::uint64_t wakeup_granularity_us = 0; ///< a thread that has run this long yields to one that wakes
  // bridge, tap, vhost, QEMU, KVM
  std::uint64_t bridge_cycles = 0;         ///< look-up and forward, one frame
  std::uint64_t tap_cycles = 0;            ///< queueing to or from a tap, one frame
  std::uint64_t vhost_frame_cycles = 0;    ///< one frame through vhost, copy and ring accesses apart
  std::uint64_t eventfd_signal_cycles = 0;
  std::uint64_t qemu_loop_cycles = 0;      ///< one turn of the main loop: poll, dispatch
  std::uint64_t qemu_access_cycles = 0;    ///< finding and calling the device model for one register access
  std::uint64_t qemu_frame_cycles = 0;     ///< one frame through an emulated NIC, copies and ring accesses apart
  std::uint64_t kvm_user_exit_cycles = 0;  ///< return to user space and KVM_RUN again
  std::uint64_t kvm_mmio_cycles = 0;       ///< decoding and dispatching an MMIO or port exit in the kernel
  std::uint64_t kvm_exit_cycles = 0;       ///< the kernel's own work on any exit, hardware transition apart
  std::uint64_t kvm_inject_cycles = 0;     ///< irqfd to the virtual APIC
  std::uint64_t kvm_apic_cycles = 0;       ///< one access to the emulated APIC
};

}  // namespace iovirt::software
