// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The configuration of the processor. Times and cycles come from the profile.
#pragma once

#include <cstdint>

#include "lib/config_field.h"

namespace iovirt::cpu {

struct Config {
  std::uint32_t cores = 8;
  std::uint32_t physical_bits = 46;
  bool apicv = true;
  bool x2apic = true;
  bool tsc_deadline = true;
  std::uint32_t ept_tlb_entries = 1536;
  std::uint32_t ept_tlb_ways = 12;

  // from the profile
  std::uint64_t frequency_mhz = 0;
  std::uint64_t quantum_ns = 0;
  std::uint64_t apic_timer_tick_ns = 0;
  std::uint64_t exit_cycles = 0;
  std::uint64_t entry_cycles = 0;
  std::uint64_t vmcs_access_cycles = 0;
  std::uint64_t interrupt_delivery_cycles = 0;
  std::uint64_t virtual_interrupt_cycles = 0;
  std::uint64_t posted_interrupt_cycles = 0;
  std::uint64_t mmio_issue_cycles = 0;
  std::uint64_t io_port_cycles = 0;
  std::uint64_t msr_read_cycles = 0;
  std::uint64_t msr_write_cycles = 0;
  std::uint64_t apic_msr_cycles = 0;
  std::uint64_t cpuid_cycles = 0;
  std::uint64_t pause_cycles = 0;
  std::uint64_t ept_walk_access_cycles = 0;
  std::uint64_t cached_access_cycles = 0;
  std::uint64_t hlt_wake_ns = 0;
  std::uint64_t ipi_latency_ns = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("cores", self.cores, {.doc = "physical cores", .min = 1, .max = 64});
    visit("physical_bits", self.physical_bits, {.unit = "bits", .doc = "physical address width", .min = 36, .max = 48});
    visit("apicv", self.apicv, {.doc = "APIC-register virtualization, virtual-interrupt delivery, posted interrupts"});
    visit("x2apic", self.x2apic, {.doc = "x2APIC mode is available (CPUID.1:ECX[21])"});
    visit("tsc_deadline", self.tsc_deadline, {.doc = "the APIC timer has TSC-deadline mode (CPUID.1:ECX[24])"});
    visit("ept_tlb_entries", self.ept_tlb_entries,
          {.unit = "entries", .doc = "translations the second-level TLB holds", .min = 1, .max = 1 << 20});
    visit("ept_tlb_ways", self.ept_tlb_ways, {.unit = "ways", .doc = "its associativity", .min = 1, .max = 1 << 20});
    visit("frequency_mhz", self.frequency_mhz,
          {.unit = "mhz", .doc = "core and TSC frequency", .min = 100, .max = 10'000});
    visit("quantum_ns", self.quantum_ns,
          {.unit = "ns", .doc = "how far a core may run ahead of the kernel; memory that cores share is ordered to within it where no fence says more", .min = 1, .max = 10'000});
    visit("apic_timer_tick_ns", self.apic_timer_tick_ns,
          {.unit = "ns", .doc = "period of the APIC timer's input clock before division", .min = 1, .max = 1'000});
    visit("exit_cycles", self.exit_cycles,
          {.unit = "cycles", .doc = "hardware part of a VM exit", .min = 0, .max = 1e6});
    visit("entry_cycles", self.entry_cycles,
          {.unit = "cycles", .doc = "hardware part of a VM entry", .min = 0, .max = 1e6});
    visit("vmcs_access_cycles", self.vmcs_access_cycles,
          {.unit = "cycles", .doc = "one VMREAD or VMWRITE", .min = 0, .max = 1e6});
    visit("interrupt_delivery_cycles", self.interrupt_delivery_cycles,
          {.unit = "cycles", .doc = "recognition to the handler's first instruction, and IRET", .min = 0, .max = 1e6});
    visit("virtual_interrupt_cycles", self.virtual_interrupt_cycles,
          {.unit = "cycles", .doc = "evaluation and delivery of a virtual interrupt", .min = 0, .max = 1e6});
    visit("posted_interrupt_cycles", self.posted_interrupt_cycles,
          {.unit = "cycles", .doc = "posted-interrupt processing on the notified core", .min = 0, .max = 1e6});
    visit("mmio_issue_cycles", self.mmio_issue_cycles,
          {.unit = "cycles", .doc = "an uncached access before it leaves the core", .min = 0, .max = 1e6});
    visit("io_port_cycles", self.io_port_cycles,
          {.unit = "cycles", .doc = "IN or OUT that does not exit", .min = 0, .max = 1e6});
    visit("msr_read_cycles", self.msr_read_cycles, {.unit = "cycles", .doc = "RDMSR", .min = 0, .max = 1e6});
    visit("msr_write_cycles", self.msr_write_cycles,
          {.unit = "cycles", .doc = "WRMSR, serialising", .min = 0, .max = 1e6});
    visit("apic_msr_cycles", self.apic_msr_cycles,
          {.unit = "cycles", .doc = "x2APIC register access, not serialising", .min = 0, .max = 1e6});
    visit("cpuid_cycles", self.cpuid_cycles, {.unit = "cycles", .doc = "CPUID", .min = 0, .max = 1e6});
    visit("pause_cycles", self.pause_cycles, {.unit = "cycles", .doc = "PAUSE", .min = 0, .max = 1e6});
    visit("ept_walk_access_cycles", self.ept_walk_access_cycles,
          {.unit = "cycles", .doc = "one entry read or written in an EPT walk", .min = 0, .max = 1e6});
    visit("cached_access_cycles", self.cached_access_cycles,
          {.unit = "cycles", .doc = "a load or store that hits the core's caches", .min = 0, .max = 1e6});
    visit("hlt_wake_ns", self.hlt_wake_ns,
          {.unit = "ns", .doc = "leaving HLT after an interrupt has arrived", .min = 0, .max = 1e6});
    visit("ipi_latency_ns", self.ipi_latency_ns,
          {.unit = "ns", .doc = "ICR write to the other core's APIC", .min = 0, .max = 1e6});
  }
};

}  // namespace iovirt::cpu
