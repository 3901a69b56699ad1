// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/cache_times.h"

namespace iovirt::iommu {

CacheTimes::CacheTimes(const Config& config) {
  const CacheConfig* caches[kCaches] = {&config.context_cache,   &config.pasid_cache,     &config.iotlb,
                                        &config.paging_cache_l2, &config.paging_cache_l3, &config.paging_cache_l4,
                                        &config.paging_cache_l5, &config.interrupt_entry_cache};
  for (unsigned i = 0; i < kCaches; ++i) {
    each_[i] = ns_to_ps(caches[i]->lookup_ns);
    any_ = any_ || each_[i] != 0;
  }
}

CacheTimes::Lookups CacheTimes::lookups(const Statistics& s) {
  Lookups result{s.context_hits + s.context_misses, s.pasid_hits + s.pasid_misses, s.iotlb_hits + s.iotlb_misses};
  for (unsigned level = 0; level < 4; ++level) result[3 + level] = s.paging_hits[level] + s.paging_misses[level];
  result[7] = s.interrupt_entry_hits + s.interrupt_entry_misses;
  return result;
}

Ps CacheTimes::spent(const Statistics& statistics) const {
  const Lookups now = lookups(statistics);
  Ps sum = 0;
  for (unsigned i = 0; i < kCaches; ++i) sum += (now[i] - before_[i]) * each_[i];
  return sum;
}

}  // namespace iovirt::iommu
