// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/exit_reasons_spec.h"

#include <array>

namespace iovirt::cpu {

namespace {

constexpr std::array<std::string_view, kExitReasons> kNames = [] {
  using R = ExitReason;
  std::array<std::string_view, kExitReasons> names{};
  names.fill("UNKNOWN");
  auto name = [&](R reason, std::string_view text) { names[static_cast<std::size_t>(reason)] = text; };
  name(R::exception_nmi, "EXCEPTION_NMI");
  name(R::external_interrupt, "EXTERNAL_INTERRUPT");
  name(R::triple_fault, "TRIPLE_FAULT");
  name(R::init_signal, "INIT_SIGNAL");
  name(R::sipi_signal, "SIPI_SIGNAL");
  name(R::other_smi, "OTHER_SMI");
  name(R::interrupt_window, "INTERRUPT_WINDOW");
  name(R::nmi_window, "NMI_WINDOW");
  name(R::task_switch, "TASK_SWITCH");
  name(R::cpuid, "CPUID");
  name(R::hlt, "HLT");
  name(R::invd, "INVD");
  name(R::invlpg, "INVLPG");
  name(R::rdpmc, "RDPMC");
  name(R::rdtsc, "RDTSC");
  name(R::vmcall, "VMCALL");
  name(R::vmclear, "VMCLEAR");
  name(R::vmlaunch, "VMLAUNCH");
  name(R::vmptrld, "VMPTRLD");
  name(R::vmptrst, "VMPTRST");
  name(R::vmread, "VMREAD");
  name(R::vmresume, "VMRESUME");
  name(R::vmwrite, "VMWRITE");
  name(R::vmoff, "VMOFF");
  name(R::vmon, "VMON");
  name(R::cr_access, "CR_ACCESS");
  name(R::dr_access, "DR_ACCESS");
  name(R::io_instruction, "IO_INSTRUCTION");
  name(R::msr_read, "MSR_READ");
  name(R::msr_write, "MSR_WRITE");
  name(R::invalid_state, "INVALID_STATE");
  name(R::msr_load_fail, "MSR_LOAD_FAIL");
  name(R::mwait_instruction, "MWAIT_INSTRUCTION");
  name(R::monitor_trap_flag, "MONITOR_TRAP_FLAG");
  name(R::monitor_instruction, "MONITOR_INSTRUCTION");
  name(R::pause_instruction, "PAUSE_INSTRUCTION");
  name(R::mce_during_vmentry, "MCE_DURING_VMENTRY");
  name(R::tpr_below_threshold, "TPR_BELOW_THRESHOLD");
  name(R::apic_access, "APIC_ACCESS");
  name(R::eoi_induced, "EOI_INDUCED");
  name(R::gdtr_idtr, "GDTR_IDTR");
  name(R::ldtr_tr, "LDTR_TR");
  name(R::ept_violation, "EPT_VIOLATION");
  name(R::ept_misconfig, "EPT_MISCONFIG");
  name(R::invept, "INVEPT");
  name(R::rdtscp, "RDTSCP");
  name(R::preemption_timer, "PREEMPTION_TIMER");
  name(R::invvpid, "INVVPID");
  name(R::wbinvd, "WBINVD");
  name(R::xsetbv, "XSETBV");
  name(R::apic_write, "APIC_WRITE");
  return names;
}();

}  // namespace

std::string_view exit_reason_name(ExitReason reason) {
  const auto index = static_cast<std::size_t>(reason);
  return index < kNames.size() ? kNames[index] : std::string_view("UNKNOWN");
}

}  // namespace iovirt::cpu
