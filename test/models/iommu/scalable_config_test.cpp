// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What scalable mode is built with: the capability registers follow, and what no hardware could be is refused.

#include "models/iommu/registers_spec.h"
#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

TEST_CASE("without scalable mode none of its capabilities is reported, whatever the rest says") {
  IommuRig rig({}, false);
  namespace e = reg::ecap;
  const std::uint64_t all = e::SMTS::mask | e::FSTS::mask | e::SSTS::mask | e::NEST::mask | e::SSADS::mask | e::SMPWCS::mask |
                            e::SRS::mask | e::ERS::mask | e::EAFS::mask | e::PASID::mask | e::PSS::mask | e::RPS::mask | e::ADMS::mask;
  REQUIRE((rig.read(reg::kECAP, 8) & all) == 0);
  REQUIRE((rig.read(reg::kCAP, 8) & (reg::cap::FL1GP::mask | reg::cap::FL5LP::mask)) == 0);
}

TEST_CASE("each capability of scalable mode has its bit where drivers look for it") {
  const auto bit_of = [](auto change, std::uint32_t which) {
    Config on, off;
    on.scalable_mode = off.scalable_mode = true;
    change(on, true);
    change(off, false);
    const auto before = IommuRig(off, false).read(which, 8), after = IommuRig(on, false).read(which, 8);
    REQUIRE((before & after) == before);
    const std::uint64_t bits = (before ^ after) & ~reg::ecap::RPRIVS::mask;  // which comes with SRS
    REQUIRE((bits & (bits - 1)) == 0);
    unsigned n = 0;
    while (n < 64 && !(bits >> n & 1)) ++n;
    return n;
  };
  REQUIRE(bit_of([](Config& c, bool v) { c.nested_translation = v; }, reg::kECAP) == 26);
  REQUIRE(bit_of([](Config& c, bool v) { c.execute_requests = v; }, reg::kECAP) == 30);
  REQUIRE(bit_of([](Config& c, bool v) { c.supervisor_requests = v; }, reg::kECAP) == 31);
  REQUIRE(bit_of([](Config& c, bool v) { c.extended_accessed = v; }, reg::kECAP) == 34);
  REQUIRE(bit_of([](Config& c, bool v) { c.second_stage_dirty = v; }, reg::kECAP) == 45);
  REQUIRE(bit_of([](Config& c, bool v) { c.nested_translation = false, c.second_stage = v; }, reg::kECAP) == 46);
  REQUIRE(bit_of([](Config& c, bool v) { c.nested_translation = c.first_stage_1g = false, c.first_stage = v; }, reg::kECAP) == 47);
  REQUIRE(bit_of([](Config& c, bool v) { c.page_walk_snoop = v; }, reg::kECAP) == 48);
  REQUIRE(bit_of([](Config& c, bool v) { c.abort_dma = v; }, reg::kECAP) == 52);
  REQUIRE(bit_of([](Config& c, bool v) { c.snoop_control = v; }, reg::kECAP) == 7);
  REQUIRE(bit_of([](Config& c, bool v) { c.first_stage_1g = v; }, reg::kCAP) == 56);
  REQUIRE(bit_of([](Config& c, bool v) { c.first_stage_five_level = v; }, reg::kCAP) == 60);
  REQUIRE(bit_of([](Config& c, bool v) { c.five_level = v; }, reg::kCAP) == 8 + 3);
  Config config;
  config.scalable_mode = true;
  config.pasid_bits = 16;
  REQUIRE((IommuRig(config, false).read(reg::kECAP, 8) >> 35 & 0x3f) == (15 | 0x20));  // PSS, PASID
  config.pasid_bits = 0;
  REQUIRE((IommuRig(config, false).read(reg::kECAP, 8) >> 35 & 0x3f) == 0);
}

TEST_CASE("a scalable-mode configuration that no hardware could have is refused by its key") {
  const auto refused = [](auto change, const char* key) {
    Config config;
    config.scalable_mode = true;
    REQUIRE_NOTHROW(config.validate());
    change(config);
    REQUIRE_THROWS_WITH(config.validate(), Catch::Matchers::ContainsSubstring(key));
  };
  refused([](Config& c) { c.first_stage = c.second_stage = false; }, "second_stage");
  refused([](Config& c) { c.first_stage = false; }, "nested_translation");
  refused([](Config& c) { c.second_stage = false; }, "nested_translation");
  refused([](Config& c) { c.first_stage = c.nested_translation = false, c.first_stage_five_level = true; }, "first_stage_five_level");
  refused([](Config& c) { c.pasid_bits = 21; }, "pasid_bits");
  refused([](Config& c) { c.pasid_cache.entries = 0; }, "pasid_cache.entries");
  refused([](Config& c) { c.pasid_cache = {48, 4}; }, "pasid_cache.ways");
  refused([](Config& c) { c.paging_cache_l5.ways = 3; }, "paging_cache_l5.ways");
  refused([](Config& c) { c.guest_address_bits = 57; }, "guest_address_bits");
}
