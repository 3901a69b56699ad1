// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Register access of one 82576 function, shared by the parts of its driver.
#pragma once

#include <cstdint>

#include "models/software/kernel/kernel.h"

namespace iovirt::software {

struct IgbRegisters {
  Kernel& kernel;
  std::uint64_t base = 0;  ///< address of BAR0

  std::uint32_t read(std::uint32_t reg) const { return kernel.readl(base + reg); }
  void write(std::uint32_t reg, std::uint32_t value) const { kernel.writel(base + reg, value); }
  void set(std::uint32_t reg, std::uint32_t bits) const { write(reg, read(reg) | bits); }
  /// Reads until `bits` of `reg` are `value`; false when they never were.
  bool wait(std::uint32_t reg, std::uint32_t bits, std::uint32_t value, unsigned tries = 1000) const {
    while (tries-- > 0) {
      if ((read(reg) & bits) == value) return true;
      kernel.cpu().pause();
    }
    return false;
  }
};

}  // namespace iovirt::software
