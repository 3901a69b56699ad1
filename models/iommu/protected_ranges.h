// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Protected memory (11.4.8): two ranges of host memory that DMA may not reach while PMEN.EPM is set, however far
// software has got in setting up remapping.
#pragma once

#include <cstdint>

#include "lib/register_bank.h"
#include "models/iommu/config.h"

namespace iovirt::iommu {

class ProtectedRanges {
 public:
  /// Adds PMEN and the bases and limits of the ranges that `config` has to `bank`, which must outlive it.
  ProtectedRanges(RegisterBank& bank, const Config& config);
  ProtectedRanges(const ProtectedRanges&) = delete;
  ProtectedRanges& operator=(const ProtectedRanges&) = delete;

  /// Ranges are aligned to this: lower bits of a base read as 0, of a limit they count as 1.
  static constexpr std::uint64_t kAlignment = 2ull << 20;

  /// PMEN.PRS.
  bool enabled() const { return enabled_; }
  /// Whether any byte from `first` to `last` is protected. It concerns requests whose address no table of the host's
  /// has produced: all of them while translation is off, else those passed through and translated ones. They are
  /// answered with Unsupported Request; no fault is recorded.
  bool blocks(std::uint64_t first, std::uint64_t last) const {
    return enabled_ && (low_.overlaps(first, last) || high_.overlaps(first, last));
  }

 private:
  struct Range {
    std::uint64_t base = 1;  ///< base > limit: no range
    std::uint64_t limit = 0;
    bool overlaps(std::uint64_t first, std::uint64_t last) const { return base <= limit && first <= limit && last >= base; }
  };
  struct Registers {
    RegisterBank::Register* base = nullptr;
    RegisterBank::Register* limit = nullptr;
  };
  Registers add_range(RegisterBank& bank, const char* prefix, std::uint32_t offset, unsigned bytes, std::uint64_t writable);
  static Range range_of(const Registers& registers);

  bool enabled_ = false;
  Range low_, high_;
  Registers low_registers_, high_registers_;
  RegisterBank::Register* control_ = nullptr;
};

}  // namespace iovirt::iommu
