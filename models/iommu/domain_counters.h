// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What was asked of each domain (Config::count_by_domain).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

namespace iovirt::iommu {

struct DomainCounters {
  std::uint64_t iotlb_hits = 0;
  std::uint64_t iotlb_misses = 0;
  std::uint64_t walks = 0;         ///< that read its paging entries
  std::uint64_t memory_reads = 0;  ///< of its paging entries

  bool any() const { return (iotlb_hits | iotlb_misses | walks | memory_reads) != 0; }
};

/// By domain id; blocks of them come to be as they are touched.
class DomainTable {
 public:
  DomainCounters& operator[](std::uint16_t domain) {
    auto& block = blocks_[domain >> 8];
    if (!block) block = std::make_unique<std::array<DomainCounters, 256>>();
    return (*block)[domain & 0xff];
  }
  /// visit(domain, counters) for those that are not zero, in order.
  template <class Visit>
  void each(Visit&& visit) const {
    for (unsigned block = 0; block < blocks_.size(); ++block)
      if (blocks_[block])
        for (unsigned i = 0; i < 256; ++i)
          if ((*blocks_[block])[i].any()) visit(static_cast<std::uint16_t>(block << 8 | i), (*blocks_[block])[i]);
  }

 private:
  std::array<std::unique_ptr<std::array<DomainCounters, 256>>, 256> blocks_;
};

}  // namespace iovirt::iommu
