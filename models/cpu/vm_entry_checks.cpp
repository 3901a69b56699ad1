// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vm_entry_checks.h"

#include "models/cpu/apic_spec.h"
#include "models/cpu/ept_spec.h"

namespace iovirt::cpu {

namespace f = vmcs_field;

namespace {

EntryCheck control_error(std::string_view what) { return {.error = VmxError::entry_controls, .what = what}; }
EntryCheck host_error(std::string_view what) { return {.error = VmxError::entry_host_state, .what = what}; }
EntryCheck guest_error(std::string_view what, std::uint64_t qualification = 0) {
  return {.error = VmxError::none, .invalid_guest_state = true, .qualification = qualification, .what = what};
}

bool fits(std::uint64_t address, std::uint64_t alignment, const VmxCapabilities& caps) {
  return (address & (alignment - 1)) == 0 && (address & ~caps.physical_mask()) == 0;
}

/// The combinations the APIC controls allow (SDM 3, 27.2.1.1).
EntryCheck check_apic_controls(const Vmcs& vmcs, const VmxCapabilities& caps, std::uint32_t pins, std::uint32_t first,
                               std::uint32_t second) {
  const bool vid = second & secondary::virtual_interrupt_delivery;
  if (first & primary::use_tpr_shadow) {
    if (!fits(vmcs.get<f::virtual_apic_page>(), 4096, caps))
      return control_error("virtual-APIC address: 4 KiB aligned, within the physical width");
  } else if (second & (secondary::virtualize_x2apic_mode | secondary::apic_register_virtualization |
                       secondary::virtual_interrupt_delivery)) {
    return control_error("x2APIC mode, APIC-register virtualization and virtual-interrupt delivery need the TPR shadow");
  }
  if ((second & secondary::virtualize_apic_accesses) && !fits(vmcs.get<f::apic_access_page>(), 4096, caps))
    return control_error("APIC-access address: 4 KiB aligned, within the physical width");
  if ((second & secondary::virtualize_x2apic_mode) && (second & secondary::virtualize_apic_accesses))
    return control_error("virtualize x2APIC mode and virtualize APIC accesses exclude each other");
  if (vid && !(pins & pin::external_interrupt_exiting))
    return control_error("virtual-interrupt delivery needs external-interrupt exiting");
  if (pins & pin::process_posted_interrupts) {
    if (!vid) return control_error("posted interrupts need virtual-interrupt delivery");
    if (!(vmcs.get<f::exit_controls>() & exit_control::acknowledge_interrupt))
      return control_error("posted interrupts need acknowledge interrupt on exit");
    if (vmcs.get<f::posted_interrupt_vector>() > 0xff)
      return control_error("posted-interrupt notification vector: bits 15:8 are 0");
    if (!fits(vmcs.get<f::posted_interrupt_descriptor>(), 64, caps))
      return control_error("posted-interrupt descriptor: 64-byte aligned, within the physical width");
  }
  return {};
}

struct MsrArea {
  std::uint32_t count;
  std::uint64_t address;
};
bool valid_msr_area(MsrArea area, const VmxCapabilities& caps) {
  if (area.count == 0) return true;
  return fits(area.address, 16, caps) && ((area.address + area.count * 16ull - 1) & ~caps.physical_mask()) == 0;
}

}  // namespace

bool valid_eptp(std::uint64_t value, const VmxCapabilities& caps) {
  const auto type = eptp::memory_type::get(value);
  return (type == 0 || type == 6) && eptp::walk_length_minus_1::get(value) == 3 && eptp::reserved::get(value) == 0 &&
         (value & ~caps.physical_mask()) == 0;
}

EntryCheck check_controls(const Vmcs& vmcs, const VmxCapabilities& caps) {
  const std::uint32_t pins = vmcs.get<f::pin_controls>(), first = vmcs.get<f::primary_controls>();
  const std::uint32_t second =
      first & primary::activate_secondary_controls ? vmcs.get<f::secondary_controls>() : 0;
  const std::uint32_t exits = vmcs.get<f::exit_controls>(), entries = vmcs.get<f::entry_controls>();
  if (!caps.pin.allows(pins)) return control_error("pin-based controls: reserved bits");
  if (!caps.primary.allows(first)) return control_error("primary processor-based controls: reserved bits");
  if (!caps.secondary.allows(second)) return control_error("secondary processor-based controls: reserved bits");
  if (!caps.exit.allows(exits)) return control_error("VM-exit controls: reserved bits");
  if (!caps.entry.allows(entries)) return control_error("VM-entry controls: reserved bits");

  if (vmcs.get<f::cr3_target_count>() > 4) return control_error("CR3-target count: at most 4");
  if ((first & primary::use_io_bitmaps) &&
      (!fits(vmcs.get<f::io_bitmap_a>(), 4096, caps) || !fits(vmcs.get<f::io_bitmap_b>(), 4096, caps)))
    return control_error("I/O-bitmap addresses: 4 KiB aligned, within the physical width");
  if ((first & primary::use_msr_bitmaps) && !fits(vmcs.get<f::msr_bitmap>(), 4096, caps))
    return control_error("MSR-bitmap address: 4 KiB aligned, within the physical width");
  if (EntryCheck apic = check_apic_controls(vmcs, caps, pins, first, second); !apic.passed()) return apic;
  if (!(pins & pin::nmi_exiting) && (pins & pin::virtual_nmis)) return control_error("virtual NMIs need NMI exiting");
  if (!(pins & pin::virtual_nmis) && (first & primary::nmi_window_exiting))
    return control_error("NMI-window exiting needs virtual NMIs");
  if ((second & secondary::enable_vpid) && vmcs.get<f::vpid>() == 0) return control_error("VPID: not 0");
  if ((second & secondary::enable_ept) && !valid_eptp(vmcs.get<f::ept_pointer>(), caps))
    return control_error("EPT pointer: memory type 0 or 6, four levels, reserved bits 0, within the physical width");
  if ((second & secondary::unrestricted_guest) && !(second & secondary::enable_ept))
    return control_error("unrestricted guest needs EPT");
  if (!(pins & pin::preemption_timer) && (exits & exit_control::save_preemption_timer))
    return control_error("saving the preemption timer needs it active");
  if (!valid_msr_area({vmcs.get<f::exit_msr_store_count>(), vmcs.get<f::exit_msr_store_address>()}, caps) ||
      !valid_msr_area({vmcs.get<f::exit_msr_load_count>(), vmcs.get<f::exit_msr_load_address>()}, caps) ||
      !valid_msr_area({vmcs.get<f::entry_msr_load_count>(), vmcs.get<f::entry_msr_load_address>()}, caps))
    return control_error("MSR areas: 16-byte aligned, within the physical width");
  return {};
}

EntryCheck check_event_injection(const Vmcs& vmcs) {
  const std::uint32_t info = vmcs.get<f::entry_interruption_info>();
  if (!interruption::valid::get(info)) return {};
  const auto type = interruption::type::get(info), vector = interruption::vector::get(info);
  if (interruption::reserved::get(info)) return control_error("entry interruption info: bits 30:12 are 0");
  if (type == 1) return control_error("entry interruption info: type 1 is reserved");
  if (type == interruption::other_event)
    return control_error("entry interruption info: other events need the monitor trap flag");
  if (type == interruption::nmi && vector != 2) return control_error("entry interruption info: an NMI has vector 2");
  if (type == interruption::hardware_exception && vector > 31)
    return control_error("entry interruption info: an exception has a vector up to 31");
  // #DF, #TS, #NP, #SS, #GP, #PF, #AC push an error code in protected mode.
  constexpr std::uint32_t kWithErrorCode = 1u << 8 | 1u << 10 | 1u << 11 | 1u << 12 | 1u << 13 | 1u << 14 | 1u << 17;
  const bool must = type == interruption::hardware_exception && (kWithErrorCode >> vector & 1);
  if (static_cast<bool>(interruption::error_code_valid::get(info)) != must)
    return control_error("entry interruption info: error code exactly for the exceptions that push one");
  if (must && (vmcs.get<f::entry_exception_error_code>() >> 16))
    return control_error("entry exception error code: bits 31:16 are 0");
  if (type >= interruption::software_interrupt && type <= interruption::software_exception) {
    const auto length = vmcs.get<f::entry_instruction_length>();
    if (length == 0 || length > 15) return control_error("entry instruction length: 1 to 15");
  }
  return {};
}

EntryCheck check_tpr_threshold(const Vmcs& vmcs, MemoryPort& memory) {
  const std::uint32_t first = vmcs.get<f::primary_controls>();
  if (!(first & primary::use_tpr_shadow)) return {};
  const std::uint32_t second =
      first & primary::activate_secondary_controls ? vmcs.get<f::secondary_controls>() : 0;
  if (second & secondary::virtual_interrupt_delivery) return {};
  const std::uint32_t threshold = vmcs.get<f::tpr_threshold>();
  if (threshold & ~0xfu) return control_error("TPR threshold: bits 31:4 are 0");
  if (threshold == 0 || (second & secondary::virtualize_apic_accesses)) return {};
  const auto vtpr = memory.load<std::uint8_t>(vmcs.get<f::virtual_apic_page>() + apic_reg::tpr).value_or(0xff);
  if (threshold > vtpr >> 4u) return control_error("TPR threshold: not above bits 7:4 of the virtual TPR");
  return {};
}

EntryCheck check_host_state(const Vmcs& vmcs) {
  constexpr std::uint16_t kRplTi = 7;
  if ((vmcs.get<f::host_cs_selector>() | vmcs.get<f::host_ss_selector>() | vmcs.get<f::host_ds_selector>() |
       vmcs.get<f::host_es_selector>() | vmcs.get<f::host_fs_selector>() | vmcs.get<f::host_gs_selector>() |
       vmcs.get<f::host_tr_selector>()) & kRplTi)
    return host_error("host selectors: RPL and TI are 0");
  if (vmcs.get<f::host_cs_selector>() == 0) return host_error("host CS selector: not 0");
  if (vmcs.get<f::host_tr_selector>() == 0) return host_error("host TR selector: not 0");
  if (!(vmcs.get<f::exit_controls>() & exit_control::host_address_space_size))
    return host_error("host address-space size: 1 on a 64-bit host");
  return {};
}

EntryCheck check_guest_state(const Vmcs& vmcs) {
  const std::uint64_t flags = vmcs.get<f::guest_rflags>();
  // RFLAGS bits 63:22, 15, 5, 3 are 0 and bit 1 is 1 (27.3.1.4).
  if (!(flags & kRflagsFixed1) || (flags & (~0x3f'ffffull | 1u << 15 | 1u << 5 | 1u << 3)))
    return guest_error("guest RFLAGS: reserved bits");

  const std::uint32_t info = vmcs.get<f::entry_interruption_info>();
  const bool injects = interruption::valid::get(info);
  const auto type = interruption::type::get(info), vector = interruption::vector::get(info);
  const bool interrupts = flags & kRflagsInterrupt;
  if (injects && type == interruption::external && !interrupts)
    return guest_error("an external interrupt is injected with RFLAGS.IF 0");

  const std::uint32_t activity = vmcs.get<f::guest_activity_state>();
  const std::uint32_t blocking = vmcs.get<f::guest_interruptibility>();
  if (activity > static_cast<std::uint32_t>(ActivityState::wait_for_sipi))
    return guest_error("guest activity state: 0 to 3");
  const auto state = static_cast<ActivityState>(activity);
  if ((blocking & (interruptibility::blocking_by_sti | interruptibility::blocking_by_mov_ss)) &&
      state != ActivityState::active)
    return guest_error("blocking by STI or MOV SS needs the active state");
  if (injects) {
    const bool wakes_hlt = type == interruption::external || type == interruption::nmi ||
                           (type == interruption::hardware_exception && (vector == 1 || vector == 18));
    const bool wakes_shutdown = type == interruption::nmi || (type == interruption::hardware_exception && vector == 18);
    if ((state == ActivityState::hlt && !wakes_hlt) || (state == ActivityState::shutdown && !wakes_shutdown) ||
        state == ActivityState::wait_for_sipi)
      return guest_error("the injected event does not end this activity state");
  }

  // Interruptibility (27.3.1.5).
  if (blocking & interruptibility::reserved) return guest_error("guest interruptibility: reserved bits");
  const bool sti = blocking & interruptibility::blocking_by_sti, mov_ss = blocking & interruptibility::blocking_by_mov_ss;
  if (sti && mov_ss) return guest_error("blocking by STI and by MOV SS exclude each other");
  if (sti && !interrupts) return guest_error("blocking by STI needs RFLAGS.IF");
  if (injects && type == interruption::external && (sti || mov_ss))
    return guest_error("an external interrupt is injected while blocked by STI or MOV SS");
  if (injects && type == interruption::nmi && mov_ss) return guest_error("an NMI is injected while blocked by MOV SS", 3);
  if (blocking & interruptibility::blocking_by_smi) return guest_error("blocking by SMI outside system management mode");
  if (injects && type == interruption::nmi && (blocking & interruptibility::blocking_by_nmi) &&
      (vmcs.get<f::pin_controls>() & pin::virtual_nmis))
    return guest_error("an NMI is injected while virtual NMIs are blocked");

  if (vmcs.get<f::vmcs_link_pointer>() != ~0ull)
    return guest_error("VMCS link pointer: all ones (VMCS shadowing is absent)", 4);
  return {};
}

EntryCheck check_vm_entry(Vmcs& vmcs, const VmxCapabilities& caps, MemoryPort& memory, bool resume) {
  // Blocking by MOV SS is of the VMM's own instruction stream and cannot arise here; then launch state (31.3).
  if (!resume && vmcs.launched()) return {.error = VmxError::vmlaunch_not_clear, .what = "VMLAUNCH needs a clear VMCS"};
  if (resume && !vmcs.launched())
    return {.error = VmxError::vmresume_not_launched, .what = "VMRESUME needs a launched VMCS"};
  if (!vmcs.verified()) {
    if (EntryCheck check = check_controls(vmcs, caps); !check.passed()) return check;
  }
  if (EntryCheck check = check_tpr_threshold(vmcs, memory); !check.passed()) return check;
  if (EntryCheck check = check_event_injection(vmcs); !check.passed()) return check;
  if (!vmcs.verified()) {
    if (EntryCheck check = check_host_state(vmcs); !check.passed()) return check;
    vmcs.set_verified(true);
  }
  return check_guest_state(vmcs);
}

}  // namespace iovirt::cpu
