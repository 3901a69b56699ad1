// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vm_exit.h"

namespace iovirt::cpu {

void record_exit(Vmcs& vmcs, const VmExit& exit) {
  namespace f = vmcs_field;
  vmcs.set<f::exit_reason>(static_cast<std::uint32_t>(exit_reason_field::basic::of(static_cast<unsigned>(exit.reason)) |
                                                      exit_reason_field::entry_failure::of(exit.entry_failure)));
  vmcs.set<f::exit_qualification>(exit.qualification);
  if (exit.entry_failure) return;
  if (exit.reason == ExitReason::ept_violation || exit.reason == ExitReason::ept_misconfig)
    vmcs.set<f::guest_physical_address>(exit.guest_physical);
  vmcs.set<f::exit_interruption_info>(exit.interruption_info);
  vmcs.set<f::idt_vectoring_info>(exit.idt_vectoring_info);
  vmcs.set<f::exit_instruction_length>(exit.instruction_length);
  vmcs.set<f::entry_interruption_info>(
      static_cast<std::uint32_t>(interruption::valid::set(vmcs.get<f::entry_interruption_info>(), 0)));
}

std::uint32_t instruction_length(ExitReason reason) {
  switch (reason) {
    case ExitReason::hlt:
    case ExitReason::io_instruction: return 1;  // IN and OUT through DX
    case ExitReason::cpuid:
    case ExitReason::invd:
    case ExitReason::wbinvd:
    case ExitReason::rdtsc:
    case ExitReason::rdpmc:
    case ExitReason::msr_read:
    case ExitReason::msr_write:
    case ExitReason::pause_instruction: return 2;
    case ExitReason::vmcall:
    case ExitReason::vmlaunch:
    case ExitReason::vmresume:
    case ExitReason::vmoff:
    case ExitReason::rdtscp:
    case ExitReason::monitor_instruction:
    case ExitReason::mwait_instruction:
    case ExitReason::xsetbv: return 3;
    default: return 0;
  }
}

}  // namespace iovirt::cpu
