// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The configuration of what runs on the CPUs. Costs come from the profile.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "lib/config_field.h"
#include "models/software/costs.h"
#include "models/software/emulated_model.h"

namespace iovirt::software {


/// How the host's own drivers use the IOMMU, as Linux's iommu= and iommu.strict= have it. Devices assigned to a VM are
/// translated whatever this says, unless it is off. Beyond Linux: `contiguous` is strict with each core's addresses in
/// runs of 64 pages, invalidated run by run with the paging-structure caches spared ("Fast & Safe IO Memory Protection",
/// SOSP 2024); `huge_pages` maps 2 MB of buffers at once, until none of them is in use.
enum class IommuMode : std::uint8_t { off, passthrough, strict, deferred, contiguous, huge_pages };

/// The largest pages that a VM's memory is mapped with, in EPT and in the IOMMU.
enum class PageSize : std::uint8_t { small_4k, large_2m, huge_1g };

/// What VM 0's driver does wrong in modes `assigned` and `sriov`, for labs on isolation: nothing; every 16th receive
/// buffer lies outside the VM; the device is made to write interrupt messages with forged indices (`sriov` only).
enum class Rogue : std::uint8_t { none, dma, msi };

constexpr std::uint64_t bytes_of(PageSize size) {
  return size == PageSize::small_4k ? 4ull << 10 : size == PageSize::large_2m ? 2ull << 20 : 1ull << 30;
}

struct CostsConfig : Costs {
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    const auto cycles = [](std::string_view doc) { return FieldInfo{.unit = "cycles", .doc = doc, .min = 0, .max = 1e9}; };
    visit("irq_handler_cycles", self.irq_handler_cycles, cycles("a driver's hard interrupt handler, register accesses apart"));
    visit("napi_poll_cycles", self.napi_poll_cycles, cycles("entering and leaving one poll"));
    visit("driver_rx_cycles", self.driver_rx_cycles, cycles("one received frame: descriptor, skb, refill"));
    visit("driver_tx_cycles", self.driver_tx_cycles, cycles("one transmitted frame: descriptor"));
    visit("driver_clean_cycles", self.driver_clean_cycles, cycles("one transmit completion"));
    visit("iova_cycles", self.iova_cycles, cycles("allocating or freeing one I/O virtual address"));
    visit("iova_node_cycles", self.iova_node_cycles, cycles("a node of the tree of I/O virtual addresses that a search passes"));
    visit("cache_flush_cycles", self.cache_flush_cycles, cycles("writing a line back for an IOMMU that does not snoop"));
    visit("stack_rx_cycles", self.stack_rx_cycles, cycles("netif_receive to socket, one frame"));
    visit("stack_tx_cycles", self.stack_tx_cycles, cycles("socket to driver, one frame"));
    visit("syscall_cycles", self.syscall_cycles, cycles("entry and exit of one system call"));
    visit("app_cycles", self.app_cycles, cycles("the application's own work, one frame"));
    visit("irq_entry_cycles", self.irq_entry_cycles, cycles("vector to handler and back: entry, accounting, return"));
    visit("softirq_cycles", self.softirq_cycles, cycles("raising and running softirqs once"));
    visit("tick_cycles", self.tick_cycles, cycles("the timer interrupt's own work"));
    visit("wake_up_cycles", self.wake_up_cycles, cycles("making a thread runnable, on the waker"));
    visit("context_switch_cycles", self.context_switch_cycles, cycles("from one thread to another"));
    visit("tick_period_us", self.tick_period_us, {.unit = "us", .doc = "the kernel's periodic tick (CONFIG_HZ)", .min = 10, .max = 1e6});
    visit("wakeup_granularity_us", self.wakeup_granularity_us, {.unit = "us", .doc = "a thread that has run this long yields to one that wakes", .min = 0, .max = 1e6});
    visit("bridge_cycles", self.bridge_cycles, cycles("look-up and forward, one frame"));
    visit("tap_cycles", self.tap_cycles, cycles("queueing to or from a tap, one frame"));
    visit("vhost_frame_cycles", self.vhost_frame_cycles, cycles("one frame through vhost, copy and ring accesses apart"));
    visit("eventfd_signal_cycles", self.eventfd_signal_cycles, cycles("signalling an eventfd"));
    visit("qemu_loop_cycles", self.qemu_loop_cycles, cycles("one turn of the main loop: poll, dispatch"));
    visit("qemu_access_cycles", self.qemu_access_cycles, cycles("finding and calling the device model for one register access"));
    visit("qemu_frame_cycles", self.qemu_frame_cycles, cycles("one frame through an emulated NIC, copies and ring accesses apart"));
    visit("kvm_user_exit_cycles", self.kvm_user_exit_cycles, cycles("return to user space and KVM_RUN again"));
    visit("kvm_mmio_cycles", self.kvm_mmio_cycles, cycles("decoding and dispatching an MMIO or port exit in the kernel"));
    visit("kvm_exit_cycles", self.kvm_exit_cycles, cycles("the kernel's own work on any exit, hardware transition apart"));
    visit("kvm_inject_cycles", self.kvm_inject_cycles, cycles("irqfd to the virtual APIC"));
    visit("kvm_apic_cycles", self.kvm_apic_cycles, cycles("one access to the emulated APIC"));
  }
};

struct Config {
  EmulatedModel emulated_nic = EmulatedModel::e1000;
  IommuMode iommu_mode = IommuMode::passthrough;
  bool iova_cache = true;
  PageSize page_size = PageSize::large_2m;
  Rogue rogue = Rogue::none;
  std::uint64_t vm_memory_mb = 64;
  std::uint64_t moderation_us = 0;
  CostsConfig costs;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("emulated_nic", self.emulated_nic, {.doc = "what QEMU emulates in mode emulated"});
    visit("iommu_mode", self.iommu_mode, {.doc = "the host's own drivers: untranslated, passed through, or mapped for each DMA"});
    visit("iova_cache", self.iova_cache, {.doc = "freed I/O virtual addresses are kept in magazines of each core, as since Linux 4.7"});
    visit("page_size", self.page_size, {.doc = "largest pages that map a VM's memory, in EPT and IOMMU"});
    visit("rogue", self.rogue, {.doc = "what VM 0's driver does wrong in modes assigned and sriov"});
    visit("vm_memory_mb", self.vm_memory_mb, {.unit = "MB", .doc = "RAM of each VM", .min = 16, .max = 4096});
    visit("moderation_us", self.moderation_us, {.unit = "us", .doc = "least time between two interrupts of a vector, which igb and igbvf write to EITR", .min = 0, .max = 8191});
    visit("costs", self.costs, {.doc = "what pieces of software cost"});
  }
};

}  // namespace iovirt::software

template <>
struct iovirt::EnumNames<iovirt::software::EmulatedModel> {
  using Nic = software::EmulatedModel;
  static constexpr std::pair<std::string_view, Nic> values[] = {{"e1000", Nic::e1000}, {"rtl8139", Nic::rtl8139}};
};
template <>
struct iovirt::EnumNames<iovirt::software::IommuMode> {
  using Mode = software::IommuMode;
  static constexpr std::pair<std::string_view, Mode> values[] = {
      {"off", Mode::off}, {"passthrough", Mode::passthrough}, {"strict", Mode::strict},
      {"deferred", Mode::deferred}, {"contiguous", Mode::contiguous}, {"huge_pages", Mode::huge_pages}};
};
template <>
struct iovirt::EnumNames<iovirt::software::Rogue> {
  using Rogue = software::Rogue;
  static constexpr std::pair<std::string_view, Rogue> values[] = {
      {"none", Rogue::none}, {"dma", Rogue::dma}, {"msi", Rogue::msi}};
};
template <>
struct iovirt::EnumNames<iovirt::software::PageSize> {
  using Size = software::PageSize;
  static constexpr std::pair<std::string_view, Size> values[] = {
      {"4k", Size::small_4k}, {"2m", Size::large_2m}, {"1g", Size::huge_1g}};
};
