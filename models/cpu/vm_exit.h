// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a VM exit leaves in the VMCS (Intel SDM volume 3, 25.9 and 28.2).
#pragma once

#include <cstdint>

#include "models/cpu/vmcs.h"

namespace iovirt::cpu {

struct VmExit {
  ExitReason reason = ExitReason::hlt;
  std::uint64_t qualification = 0;
  std::uint64_t guest_physical = 0;        ///< EPT violations and misconfigurations only
  std::uint32_t interruption_info = 0;     ///< external interrupt with acknowledge-on-exit, exceptions; else invalid
  std::uint32_t idt_vectoring_info = 0;    ///< an event was being delivered when the exit came
  std::uint32_t instruction_length = 0;    ///< instruction exits; see instruction_length()
  bool entry_failure = false;              ///< exit-reason bit 31; the fields above other than qualification stay
};

/// Writes the exit-information fields, and clears the valid bit of the VM-entry interruption information
/// (SDM 3, 28.2.4; not on an entry failure, 27.8).
void record_exit(Vmcs& vmcs, const VmExit& exit);

/// Bytes of the usual encoding of the instruction that causes `reason` (cpuid 2, hlt 1, wrmsr 2, vmcall 3, in/out dx
/// 1, ...); 0 when the exit is not due to an instruction. MMIO is reported without a length, as software must decode.
std::uint32_t instruction_length(ExitReason reason);

}  // namespace iovirt::cpu
