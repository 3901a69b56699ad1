// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vmx_capabilities.h"

#include "models/cpu/config.h"

namespace iovirt::cpu {

namespace {

/// Capability MSR format: allowed 0-settings low, allowed 1-settings high (SDM 3, A.3.1).
constexpr std::uint64_t pack(AllowedControls c) { return static_cast<std::uint64_t>(c.may) << 32 | c.must; }

// IA32_VMX_MISC: preemption-timer rate 4:0, EFER.LMA stored on exit 5, activity states HLT 6, shutdown 7, wait-for-SIPI 8,
// four CR3-target values 24:16.
constexpr std::uint64_t kMisc = VmxCapabilities::kPreemptionTimerShift | 1u << 5 | 7u << 6 | 4u << 16;

// IA32_VMX_EPT_VPID_CAP: four-level walk 6, write-back 14, uncacheable 8, 2 MiB 16, 1 GiB 17, INVEPT 20, accessed and
// dirty flags 21, INVEPT single 25 and all 26, INVVPID 32 with individual 40, single 41, all 42.
constexpr std::uint64_t kEptVpid = 1ull << 6 | 1ull << 8 | 1ull << 14 | 1ull << 16 | 1ull << 17 | 1ull << 20 |
                                   1ull << 21 | 1ull << 25 | 1ull << 26 | 1ull << 32 | 1ull << 40 | 1ull << 41 |
                                   1ull << 42;

}  // namespace

VmxCapabilities::VmxCapabilities(bool apicv, unsigned width) : physical_bits(width) {
  namespace p1 = iovirt::cpu::primary;
  namespace p2 = iovirt::cpu::secondary;
  namespace pi = iovirt::cpu::pin;
  pin = {pi::default1, pi::default1 | pi::external_interrupt_exiting | pi::nmi_exiting | pi::virtual_nmis |
                           pi::preemption_timer | (apicv ? pi::process_posted_interrupts : 0)};
  primary = {p1::default1,
             p1::default1 | p1::interrupt_window_exiting | p1::use_tsc_offsetting | p1::hlt_exiting |
                 p1::rdtsc_exiting | p1::use_tpr_shadow | p1::nmi_window_exiting | p1::unconditional_io_exiting |
                 p1::use_io_bitmaps | p1::use_msr_bitmaps | p1::pause_exiting | p1::activate_secondary_controls};
  secondary = {0, p2::virtualize_apic_accesses | p2::enable_ept | p2::virtualize_x2apic_mode | p2::enable_vpid |
                      p2::unrestricted_guest |
                      (apicv ? p2::apic_register_virtualization | p2::virtual_interrupt_delivery : 0)};
  exit = {exit_control::default1, exit_control::default1 | exit_control::host_address_space_size |
                                      exit_control::acknowledge_interrupt | exit_control::save_preemption_timer};
  entry = {entry_control::default1, entry_control::default1 | entry_control::ia32e_mode_guest};
}

VmxCapabilities::VmxCapabilities(const Config& config) : VmxCapabilities(config.apicv, config.physical_bits) {}

std::optional<std::uint64_t> VmxCapabilities::read_msr(std::uint32_t index) const {
  switch (index) {
    // Revision, region size 4096, write-back memory, INS/OUTS information absent, true controls absent.
    case 0x480: return kRevision | 4096ull << 32 | 6ull << 50;
    case 0x481: return pack(pin);
    case 0x482: return pack(primary);
    case 0x483: return pack(exit);
    case 0x484: return pack(entry);
    case 0x485: return kMisc;
    case 0x486: return 0x8000'0021u;         // CR0 bits that must be 1: PE, NE, PG
    case 0x487: return 0xffff'ffffu;         // CR0 bits that may be 1
    case 0x488: return 0x0000'2000u;         // CR4: VMXE
    case 0x489: return 0x0037'27ffu;
    case 0x48a: return vmcs_encoding::index::in_place(0x2e);  // highest index used: 0x482e
    case 0x48b: return pack(secondary);
    case 0x48c: return kEptVpid | (ept_execute_only ? 1u : 0u);
    default: return std::nullopt;
  }
}

}  // namespace iovirt::cpu
