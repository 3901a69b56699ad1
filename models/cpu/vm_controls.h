// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The controls of a VMCS as the processor keeps them while the guest runs: loaded once a VM entry.
#pragma once

#include <array>
#include <cstdint>

#include "models/cpu/vmcs.h"

namespace iovirt::cpu {

struct VmControls {
  std::uint32_t pin = 0, primary = 0, secondary = 0;  ///< `secondary` is 0 unless activated
  std::uint32_t exit = 0, entry = 0;
  std::uint64_t io_bitmap_a = 0, io_bitmap_b = 0, msr_bitmap = 0;
  std::uint64_t virtual_apic_page = 0, apic_access_page = 0, posted_interrupt_descriptor = 0;
  std::uint64_t ept_pointer = 0, tsc_offset = 0;
  std::array<std::uint64_t, 4> eoi_exit_bitmap{};
  std::uint16_t vpid = 0;  ///< 0 unless enabled
  std::uint8_t notification_vector = 0;
  std::uint8_t tpr_threshold = 0;

  static VmControls load(const Vmcs& vmcs);

  bool on_pin(std::uint32_t bits) const { return (pin & bits) == bits; }
  bool on(std::uint32_t primary_bits) const { return (primary & primary_bits) == primary_bits; }
  bool on2(std::uint32_t secondary_bits) const { return (secondary & secondary_bits) == secondary_bits; }
  bool virtual_interrupt_delivery() const { return on2(secondary::virtual_interrupt_delivery); }
  bool ends_with_exit(std::uint8_t vector) const { return eoi_exit_bitmap[vector >> 6] >> (vector & 63) & 1; }
};

}  // namespace iovirt::cpu
