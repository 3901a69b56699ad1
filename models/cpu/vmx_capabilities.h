// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What this processor's VMX can do: the capability MSRs software reads before it sets controls (SDM 3, appendix A).
#pragma once

#include <cstdint>
#include <optional>

#include "models/cpu/vmx_spec.h"

namespace iovirt::cpu {

struct Config;

/// Must-be-1 and may-be-1 bits of one control word.
struct AllowedControls {
  std::uint32_t must = 0, may = 0;
  constexpr bool allows(std::uint32_t value) const { return (value & must) == must && (value & ~may) == 0; }
};

class VmxCapabilities {
 public:
  /// `apicv`: APIC-register virtualization, virtual-interrupt delivery, posted interrupts. `physical_bits`: 32..48.
  explicit VmxCapabilities(bool apicv = true, unsigned physical_bits = 46);
  explicit VmxCapabilities(const Config& config);

  static constexpr std::uint32_t kRevision = 0x4d49'4f01;  ///< VMCS revision identifier; bit 31 clear
  static constexpr unsigned kPreemptionTimerShift = 5;     ///< the timer counts down when TSC bit 5 changes

  AllowedControls pin, primary, secondary, exit, entry;
  unsigned physical_bits = 46;
  bool ept_execute_only = false;

  /// IA32_VMX_* (0x480..0x490); nothing (#GP) for another index.
  std::optional<std::uint64_t> read_msr(std::uint32_t index) const;

  std::uint64_t physical_mask() const { return (1ull << physical_bits) - 1; }
};

}  // namespace iovirt::cpu
