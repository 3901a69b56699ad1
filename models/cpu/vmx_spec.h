// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// VMX control bits, event and qualification formats (Intel SDM volume 3, chapters 25, 28 and appendix A).
#pragma once

#include <cstdint>

#include "lib/field.h"
#include "models/cpu/exit_reasons_spec.h"
#include "models/cpu/vmcs_fields_spec.h"

namespace iovirt::cpu {

namespace pin {  // SDM 3, 25.6.1
inline constexpr std::uint32_t external_interrupt_exiting = 1u << 0, nmi_exiting = 1u << 3, virtual_nmis = 1u << 5,
                               preemption_timer = 1u << 6, process_posted_interrupts = 1u << 7;
inline constexpr std::uint32_t default1 = 0x0000'0016;
}  // namespace pin

namespace primary {  // SDM 3, 25.6.2
inline constexpr std::uint32_t interrupt_window_exiting = 1u << 2, use_tsc_offsetting = 1u << 3, hlt_exiting = 1u << 7,
                               invlpg_exiting = 1u << 9, mwait_exiting = 1u << 10, rdpmc_exiting = 1u << 11,
                               rdtsc_exiting = 1u << 12, cr3_load_exiting = 1u << 15, cr3_store_exiting = 1u << 16,
                               cr8_load_exiting = 1u << 19, cr8_store_exiting = 1u << 20, use_tpr_shadow = 1u << 21,
                               nmi_window_exiting = 1u << 22, mov_dr_exiting = 1u << 23,
                               unconditional_io_exiting = 1u << 24, use_io_bitmaps = 1u << 25,
                               use_msr_bitmaps = 1u << 28, monitor_exiting = 1u << 29, pause_exiting = 1u << 30,
                               activate_secondary_controls = 1u << 31;
inline constexpr std::uint32_t default1 = 0x0401'e172;
}  // namespace primary

namespace secondary {  // SDM 3, 25.6.2
inline constexpr std::uint32_t virtualize_apic_accesses = 1u << 0, enable_ept = 1u << 1, enable_rdtscp = 1u << 3,
                               virtualize_x2apic_mode = 1u << 4, enable_vpid = 1u << 5, wbinvd_exiting = 1u << 6,
                               unrestricted_guest = 1u << 7, apic_register_virtualization = 1u << 8,
                               virtual_interrupt_delivery = 1u << 9, pause_loop_exiting = 1u << 10,
                               enable_invpcid = 1u << 12, enable_xsaves = 1u << 20;
}  // namespace secondary

namespace exit_control {  // SDM 3, 25.7.1
inline constexpr std::uint32_t save_debug_controls = 1u << 2, host_address_space_size = 1u << 9,
                               acknowledge_interrupt = 1u << 15, save_pat = 1u << 18, load_pat = 1u << 19,
                               save_efer = 1u << 20, load_efer = 1u << 21, save_preemption_timer = 1u << 22;
inline constexpr std::uint32_t default1 = 0x0003'6dff;
}  // namespace exit_control

namespace entry_control {  // SDM 3, 25.8.1
inline constexpr std::uint32_t load_debug_controls = 1u << 2, ia32e_mode_guest = 1u << 9, load_pat = 1u << 14,
                               load_efer = 1u << 15;
inline constexpr std::uint32_t default1 = 0x0000'11ff;
}  // namespace entry_control

/// Interruption information: VM-entry injection, VM-exit and IDT-vectoring (SDM 3, 25.8.3, 25.9.2, 25.9.3).
namespace interruption {
using vector = Field<7, 0>;
using type = Field<10, 8>;
using error_code_valid = Field<11>;
using reserved = Field<30, 12>;
using valid = Field<31>;
enum Type : unsigned {
  external = 0, nmi = 2, hardware_exception = 3, software_interrupt = 4, privileged_software_exception = 5,
  software_exception = 6, other_event = 7
};
constexpr std::uint32_t info(unsigned vector_number, Type event_type) {
  return static_cast<std::uint32_t>(valid::of(1) | type::of(event_type) | vector::of(vector_number));
}
}  // namespace interruption

/// Guest interruptibility state (SDM 3, 25.4.2).
namespace interruptibility {
inline constexpr std::uint32_t blocking_by_sti = 1u << 0, blocking_by_mov_ss = 1u << 1, blocking_by_smi = 1u << 2,
                               blocking_by_nmi = 1u << 3, reserved = ~0x1fu;
}
/// Guest activity state (SDM 3, 25.4.2).
enum class ActivityState : std::uint32_t { active = 0, hlt = 1, shutdown = 2, wait_for_sipi = 3 };

namespace interrupt_status {
using rvi = Field<7, 0>;   ///< requesting virtual interrupt
using svi = Field<15, 8>;  ///< servicing virtual interrupt
}  // namespace interrupt_status

inline constexpr std::uint64_t kRflagsFixed1 = 1u << 1, kRflagsInterrupt = 1u << 9;

/// VM-instruction error numbers (SDM 3, 31.4).
enum class VmxError : std::uint8_t {
  none = 0, vmcall_in_root = 1, vmclear_address = 2, vmclear_vmxon_pointer = 3, vmlaunch_not_clear = 4,
  vmresume_not_launched = 5, entry_controls = 7, entry_host_state = 8, vmptrld_address = 9,
  vmptrld_vmxon_pointer = 10, vmptrld_revision = 11, unsupported_field = 12, read_only_field = 13,
  vmxon_in_root = 15, entry_blocked_by_mov_ss = 26, invalid_invalidation_operand = 28
};

/// Exit qualification of an I/O instruction (SDM 3, 28.2.1).
namespace io_qualification {
using bytes_minus_1 = Field<2, 0>;
using in = Field<3>;
using string = Field<4>;
using rep = Field<5>;
using immediate = Field<6>;
using port = Field<31, 16>;
constexpr std::uint64_t of(std::uint16_t port_number, unsigned bytes, bool is_in) {
  return bytes_minus_1::of(bytes - 1) | in::of(is_in) | port::of(port_number);
}
}  // namespace io_qualification

/// Exit qualification of an APIC access (SDM 3, 28.2.1); of an APIC write and a virtualized EOI it is the page
/// offset, respectively the vector.
namespace apic_access_qualification {
using offset = Field<11, 0>;
using type = Field<15, 12>;
enum Type : unsigned { linear_read = 0, linear_write = 1, linear_fetch = 2, event_delivery = 3 };
}  // namespace apic_access_qualification

}  // namespace iovirt::cpu
