// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Basic VM-exit reasons (Intel SDM volume 3, appendix C), with the names Linux KVM reports them under.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/field.h"

namespace iovirt::cpu {

enum class ExitReason : std::uint16_t {
  exception_nmi = 0, external_interrupt = 1, triple_fault = 2, init_signal = 3, sipi_signal = 4, other_smi = 6,
  interrupt_window = 7, nmi_window = 8, task_switch = 9, cpuid = 10, hlt = 12, invd = 13, invlpg = 14, rdpmc = 15,
  rdtsc = 16, vmcall = 18, vmclear = 19, vmlaunch = 20, vmptrld = 21, vmptrst = 22, vmread = 23, vmresume = 24,
  vmwrite = 25, vmoff = 26, vmon = 27, cr_access = 28, dr_access = 29, io_instruction = 30, msr_read = 31,
  msr_write = 32, invalid_state = 33, msr_load_fail = 34, mwait_instruction = 36, monitor_trap_flag = 37,
  monitor_instruction = 39, pause_instruction = 40, mce_during_vmentry = 41, tpr_below_threshold = 43,
  apic_access = 44, eoi_induced = 45, gdtr_idtr = 46, ldtr_tr = 47, ept_violation = 48, ept_misconfig = 49,
  invept = 50, rdtscp = 51, preemption_timer = 52, invvpid = 53, wbinvd = 54, xsetbv = 55, apic_write = 56,
};
inline constexpr unsigned kExitReasons = 57;  ///< reasons are below this: the size of a table indexed by reason

/// The exit-reason field of the VMCS (SDM 3, 25.9.1).
namespace exit_reason_field {
using basic = Field<15, 0>;
using entry_failure = Field<31>;
}  // namespace exit_reason_field

/// KVM's name: "EXTERNAL_INTERRUPT", "EPT_MISCONFIG", "MSR_WRITE", "HLT", ...; "UNKNOWN" for an unassigned number.
std::string_view exit_reason_name(ExitReason reason);

}  // namespace iovirt::cpu
