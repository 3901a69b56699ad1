// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Performance counters: by cache and level, by domain, of the queue; and the list that describes them.

#include <map>
#include <string>

#include "models/iommu/statistics_list.h"
#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0108;

}  // namespace

TEST_CASE("paging caches count hits and misses level by level") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  for (const std::uint64_t iova : {0x0ull, 0x1000ull, 0x20'0000ull, 0x4000'0000ull}) rig.tables.map(top, 4, iova, 0xa000);
  const auto& s = rig.iommu.unit().statistics();
  const auto levels = [&](std::uint64_t iova) {
    const iommu::Statistics before = s;
    REQUIRE(rig.dma(kDevice, iova) == FaultReason::none);
    std::string seen;
    for (unsigned level = 2; level <= 4; ++level) {
      if (s.paging_misses[level - 2] != before.paging_misses[level - 2]) seen += "m";
      if (s.paging_hits[level - 2] != before.paging_hits[level - 2]) seen += "h";
    }
    return seen;
  };
  REQUIRE(levels(0) == "mmm");
  REQUIRE(levels(0x1000) == "h");
  REQUIRE(levels(0x20'0000) == "mh");
  REQUIRE(levels(0x4000'0000) == "mmh");
  REQUIRE(levels(0) == "");  // in the IOTLB
  REQUIRE(s.paging_cache_hits == 3);
}

TEST_CASE("each domain's lookups, walks and reads are counted apart where that is asked for") {
  Config config;
  config.count_by_domain = GENERATE(true, false);
  IommuRig rig(config);
  for (std::uint16_t i = 0; i < 2; ++i) {
    const auto top = rig.add_device(static_cast<std::uint16_t>(kDevice + i), static_cast<std::uint16_t>(3 + i));
    rig.tables.map(top, 4, 0x5000, 0xa000);
  }
  for (int n = 0; n < 3; ++n) REQUIRE(rig.dma(kDevice, 0x5000) == FaultReason::none);
  REQUIRE(rig.dma(kDevice + 1, 0x5000) == FaultReason::none);
  std::map<std::uint16_t, DomainCounters> seen;
  rig.iommu.unit().translator().domains().each([&](std::uint16_t domain, const DomainCounters& c) { seen[domain] = c; });
  if (!config.count_by_domain) {
    REQUIRE(seen.empty());
    return;
  }
  REQUIRE(seen.size() == 2);
  REQUIRE(seen[3].iotlb_hits == 2);
  REQUIRE(seen[3].iotlb_misses == 1);
  REQUIRE(seen[3].walks == 1);
  REQUIRE(seen[3].memory_reads == 4);
  REQUIRE(seen[4].iotlb_hits == 0);
  REQUIRE(seen[4].iotlb_misses == 1);
}

TEST_CASE("the queue's occupancy is counted at every descriptor read") {
  IommuRig rig;
  for (unsigned i = 0; i < 3; ++i) {
    rig.tables.set_word(rig.tables.queue() + 16 * i, invalidate_contexts().low);
    rig.tables.set_word(rig.tables.queue() + 16 * i + 8, 0);
  }
  rig.write(reg::kIQT, 0x30, 8);
  const auto& s = rig.iommu.unit().statistics();
  REQUIRE(s.queue_reads == 3);
  REQUIRE(s.queue_occupancy == 3 + 2 + 1);
  REQUIRE(s.queue_occupancy_peak == 3);
}

TEST_CASE("every counter is described once, with a unit, and read where it is counted") {
  IommuRig rig;
  iovirt::Statistics list("iommu");
  describe(rig.iommu.unit().statistics(), list);  // throws when a name comes twice
  for (const auto& entry : list.entries()) {
    INFO(entry.name);
    REQUIRE_FALSE(entry.description.empty());
    REQUIRE_FALSE(entry.unit.empty());
  }
  // All of the struct but the faults.
  REQUIRE(list.entries().size() == sizeof(iommu::Statistics) / 8 - kFaultReasons);
  REQUIRE(list.value("iommu.iotlb_misses") == 0);
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == FaultReason::none);
  REQUIRE(list.value("iommu.iotlb_misses") == 1);
  REQUIRE(list.value("iommu.paging_cache_l4_misses") == 1);
}
