// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A VMCS that passes every entry check, as a monitor sets it up: EPT, VPID, HLT and external-interrupt exiting, and
// with `apicv` the whole of APIC virtualization. Tests break one rule at a time.
#pragma once

#include "models/cpu/ept_spec.h"
#include "models/cpu/vmcs.h"
#include "models/cpu/vmx_capabilities.h"

namespace iovirt::test {

/// Host-physical addresses the controls point to.
struct CpuVmcsAddresses {
  std::uint64_t io_bitmap_a = 0x1000, io_bitmap_b = 0x2000, msr_bitmap = 0x3000, virtual_apic_page = 0x4000,
                posted_descriptor = 0x5000, ept_pml4 = 0x6000;
};

inline void build_vmcs(cpu::Vmcs vmcs, const cpu::VmxCapabilities& caps, bool apicv, CpuVmcsAddresses at = {}) {
  namespace f = cpu::vmcs_field;
  namespace c = cpu;
  vmcs.set_revision(cpu::VmxCapabilities::kRevision);
  vmcs.clear();
  vmcs.set<f::pin_controls>(caps.pin.must | c::pin::external_interrupt_exiting | c::pin::nmi_exiting |
                            (apicv ? c::pin::process_posted_interrupts : 0));
  vmcs.set<f::primary_controls>(caps.primary.must | c::primary::hlt_exiting | c::primary::use_tpr_shadow |
                                c::primary::use_io_bitmaps | c::primary::use_msr_bitmaps |
                                c::primary::activate_secondary_controls);
  vmcs.set<f::secondary_controls>(c::secondary::enable_ept | c::secondary::enable_vpid |
                                  (apicv ? c::secondary::virtualize_x2apic_mode |
                                               c::secondary::apic_register_virtualization |
                                               c::secondary::virtual_interrupt_delivery
                                         : 0));
  vmcs.set<f::exit_controls>(caps.exit.must | c::exit_control::host_address_space_size |
                             c::exit_control::acknowledge_interrupt);
  vmcs.set<f::entry_controls>(caps.entry.must | c::entry_control::ia32e_mode_guest);
  vmcs.set<f::io_bitmap_a>(at.io_bitmap_a);
  vmcs.set<f::io_bitmap_b>(at.io_bitmap_b);
  vmcs.set<f::msr_bitmap>(at.msr_bitmap);
  vmcs.set<f::virtual_apic_page>(at.virtual_apic_page);
  vmcs.set<f::posted_interrupt_descriptor>(at.posted_descriptor);
  vmcs.set<f::posted_interrupt_vector>(0xf2);
  vmcs.set<f::ept_pointer>(c::eptp::make(at.ept_pml4));
  vmcs.set<f::vpid>(1);
  vmcs.set<f::host_cs_selector>(0x10);
  vmcs.set<f::host_ss_selector>(0x18);
  vmcs.set<f::host_tr_selector>(0x40);
  vmcs.set<f::guest_rflags>(c::kRflagsFixed1 | c::kRflagsInterrupt);
  vmcs.set<f::vmcs_link_pointer>(~0ull);
}

}  // namespace iovirt::test
