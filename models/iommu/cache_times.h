// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What looking into each cache takes (CacheConfig::lookup_ns), from which caches a step has looked into: those it has
// counted. A request that looks again, since what it waits for may be there now, counts nothing and pays nothing.
#pragma once

#include <array>
#include <cstdint>

#include "lib/time.h"
#include "models/iommu/config.h"
#include "models/iommu/statistics.h"

namespace iovirt::iommu {

class CacheTimes {
 public:
  explicit CacheTimes(const Config& config);

  /// Some cache takes time. While none does, nobody needs to ask.
  bool any() const { return any_; }
  /// A step begins: lookups from here on are its own.
  void begin(const Statistics& statistics) { before_ = lookups(statistics); }
  /// What the step's lookups take, one after the other.
  Ps spent(const Statistics& statistics) const;

 private:
  static constexpr unsigned kCaches = 8;  ///< context, PASID, IOTLB, paging-structure levels 2 to 5, interrupt entries
  using Lookups = std::array<std::uint64_t, kCaches>;
  static Lookups lookups(const Statistics& statistics);

  std::array<Ps, kCaches> each_{};
  bool any_ = false;
  Lookups before_{};
};

}  // namespace iovirt::iommu
