// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

TEST_CASE("registers come out of reset with the specification's values") {
  IommuRig rig({}, false);
  for (const auto* r : rig.iommu.unit().registers().registers()) {
    INFO(r->spec.name);
    const bool event = r->spec.name == "FECTL" || r->spec.name == "IECTL";
    const bool constant = r->spec.name == "VER" || r->spec.name == "CAP" || r->spec.name == "ECAP";
    if (constant)
      REQUIRE(rig.read(r->spec.offset, r->spec.bytes) == r->spec.reset);
    else
      REQUIRE(rig.read(r->spec.offset, r->spec.bytes) == (event ? 0x8000'0000u : 0u));
  }
  REQUIRE(rig.read(reg::kVER) == 0x10);
}

TEST_CASE("capability registers say what the configuration says, where drivers look for it") {
  Config config;
  config.fault_records = 3;
  config.guest_address_bits = 39;
  config.four_level = false;
  config.pages_1g = false;
  config.posted_interrupts = false;
  config.extended_interrupt_mode = false;
  IommuRig rig(config, false);
  const auto cap = rig.read(reg::kCAP, 8), ecap = rig.read(reg::kECAP, 8);
  REQUIRE((cap & 7) == 6);                // 2^16 domains
  REQUIRE(((cap >> 8) & 0x1f) == 2);      // 39 bits
  REQUIRE(((cap >> 16) & 0x3f) == 38);
  REQUIRE(((cap >> 34) & 0xf) == 1);      // 2 MB
  REQUIRE(((cap >> 40) & 0xff) == 2);     // 3 records
  REQUIRE(((cap >> 24) & 0x3ff) * 16 == reg::kFaultRecords);
  REQUIRE((cap >> 59 & 1) == 0);
  REQUIRE((ecap & 0x1b) == 0xb);          // C, QI, IR, no EIM
  REQUIRE(((ecap >> 8) & 0x3ff) * 16 + 8 == reg::kIOTLB);
  REQUIRE(rig.read(reg::kCAP) == (cap & 0xffff'ffff));
  REQUIRE(rig.read(reg::kCAP + 4) == cap >> 32);
  rig.write(reg::kCAP, 0, 8);
  REQUIRE(rig.read(reg::kCAP, 8) == cap);
}

TEST_CASE("GCMD reads as zero, its level bits follow what is written, its one-shot bits stay set in GSTS") {
  using namespace reg::gcmd;
  IommuRig rig({}, false);
  rig.write(reg::kGCMD, kSRTP);
  REQUIRE(rig.read(reg::kGSTS) == kSRTP);
  rig.write(reg::kGCMD, kSRTP | kTE);  // as software does that writes GSTS | bit
  REQUIRE(rig.read(reg::kGSTS) == (kSRTP | kTE));
  rig.write(reg::kGCMD, kTE | kIRE | kCFI | kSIRTP | kQIE);
  REQUIRE(rig.read(reg::kGSTS) == (kTE | kSRTP | kSIRTP | kIRE | kCFI | kQIE));
  rig.write(reg::kGCMD, 0);
  REQUIRE(rig.read(reg::kGSTS) == (kSRTP | kSIRTP));
  rig.write(reg::kGCMD, kWBF | kEAFL | kSFL);
  REQUIRE(rig.read(reg::kGSTS) == (kSRTP | kSIRTP));  // none of them exists here
  REQUIRE(rig.read(reg::kGCMD) == 0);
  rig.write(reg::kGSTS, 0xffff'ffff);
  REQUIRE(rig.read(reg::kGSTS) == (kSRTP | kSIRTP));
}

TEST_CASE("writable bits of the address registers are those the hardware has") {
  IommuRig rig({}, false);
  const auto written = [&](std::uint32_t offset, unsigned bytes) {
    rig.write(offset, ~0ull, bytes);
    return rig.read(offset, bytes);
  };
  REQUIRE(written(reg::kRTADDR, 8) == 0x3fff'ffff'f000);
  REQUIRE(written(reg::kIQT, 8) == 0x7fff0);
  REQUIRE(written(reg::kIRTA, 8) == 0x3fff'ffff'f80f);
  REQUIRE(written(reg::kFEDATA, 4) == 0xffff);
  REQUIRE(written(reg::kFEADDR, 4) == 0xffff'fffc);
  REQUIRE(written(reg::kFEUADDR, 4) == 0xffff'ffff);
  REQUIRE(written(reg::kFECTL, 4) == 0x8000'0000);
  REQUIRE(written(reg::kIQH, 8) == 0);
  REQUIRE(written(reg::kIQA, 8) == 0x3fff'ffff'f007);  // last: DW, which is not there, is an error
}

TEST_CASE("64-bit registers take 32-bit halves, and odd accesses do nothing") {
  IommuRig rig({}, false);
  rig.write(reg::kRTADDR + 4, 0x12);
  rig.write(reg::kRTADDR, 0x3456'7000);
  REQUIRE(rig.read(reg::kRTADDR, 8) == 0x12'3456'7000);
  rig.write(reg::kRTADDR, 0xff, 1);
  rig.write(reg::kRTADDR + 2, 0xffff, 2);
  rig.write(reg::kRTADDR + 4, 0, 8);
  REQUIRE(rig.read(reg::kRTADDR, 8) == 0x12'3456'7000);
  REQUIRE(rig.read(reg::kRTADDR, 2) == 0);
  REQUIRE(rig.read(0x800) == 0);
}

TEST_CASE("disabling the queue resets its head, and enabling it carries on from there") {
  IommuRig rig;
  rig.submit(invalidate_contexts());
  REQUIRE(rig.read(reg::kIQH, 8) == 0x10);
  rig.write(reg::kGCMD, reg::gcmd::kTE);
  REQUIRE(rig.read(reg::kIQH, 8) == 0);
  rig.submit(invalidate_contexts());
  REQUIRE(rig.read(reg::kIQH, 8) == 0);
  rig.write(reg::kGCMD, reg::gcmd::kTE | reg::gcmd::kQIE);
  REQUIRE(rig.read(reg::kIQH, 8) == rig.read(reg::kIQT, 8));
}

TEST_CASE("without interrupt remapping its registers and commands do not exist") {
  Config config;
  config.interrupt_remapping = config.extended_interrupt_mode = config.posted_interrupts = false;
  IommuRig rig(config, false);
  rig.write(reg::kIRTA, 0x1000, 8);
  REQUIRE(rig.read(reg::kIRTA, 8) == 0);
  rig.write(reg::kGCMD, reg::gcmd::kIRE | reg::gcmd::kSIRTP | reg::gcmd::kCFI);
  REQUIRE(rig.read(reg::kGSTS) == 0);
}

TEST_CASE("a configuration that no hardware could have is refused by its key") {
  const auto refused = [](auto change, const char* key) {
    Config config;
    change(config);
    REQUIRE_THROWS_WITH(config.validate(), Catch::Matchers::ContainsSubstring(key));
  };
  refused([](Config& c) { c.iotlb.ways = 3; }, "iotlb.ways");
  refused([](Config& c) { c.iotlb = {96, 4}; }, "iotlb.ways");
  refused([](Config& c) { c.iotlb.entries = 0; }, "iotlb.entries");
  refused([](Config& c) { c.paging_cache_l2.ways = 0; }, "paging_cache_l2.ways");
  refused([](Config& c) { c.three_level = c.four_level = false; }, "four_level");
  refused([](Config& c) { c.four_level = false; }, "guest_address_bits");
  refused([](Config& c) { c.pages_2m = false; }, "pages_1g");
  refused([](Config& c) { c.walkers = 0; }, "walkers");
  refused([](Config& c) { c.interrupt_remapping = false; }, "extended_interrupt_mode");
  refused([](Config& c) { c.register_base = 0x1234; }, "register_base");
  refused([](Config& c) { c.lookup_ns = -1; }, "lookup_ns");
  refused([](Config& c) { c.extended_interrupt_mode = c.interrupt_remapping = false; }, "posted_interrupts");
  refused([](Config& c) { c.context_cache.entries = 0; }, "context_cache.entries");
  refused([](Config& c) { c.context_cache = {12, 3, Replacement::plru}; }, "context_cache.ways: expected a power of two with replacement plru");
  refused([](Config& c) { c.walkers = 257; }, "walkers");
  refused([](Config& c) { c.walk_queue = 65537; }, "walk_queue");
  refused([](Config& c) { c.prefetch_pages = 65; }, "prefetch_pages");
  refused([](Config& c) { c.host_address_bits = 53; }, "host_address_bits");
  refused([](Config& c) { c.max_address_mask = 37; }, "max_address_mask");
  refused([](Config& c) { c.fault_records = 0; }, "fault_records");
  refused([](Config& c) { c.pasid_bits = 21; }, "pasid_bits");
  refused([](Config& c) { c.iotlb_partitions = 0; }, "iotlb_partitions: expected at least 1");
  refused([](Config& c) { c.iotlb_partitions = 2; }, "iotlb_partitions: expected 1 unless");
  refused([](Config& c) { c.iotlb_partitioning = Partitioning::sets, c.iotlb_partitions = 3; }, "iotlb_partitions: expected a power of two");
  refused([](Config& c) { c.iotlb = {64, 4}, c.iotlb_partitioning = Partitioning::ways, c.iotlb_partitions = 3; }, "iotlb_partitions: expected a divisor");
  refused([](Config& c) {
    c.iotlb = {96, 12, Replacement::lru}, c.iotlb_partitioning = Partitioning::ways, c.iotlb_partitions = 2;
    c.validate();  // six ways each are six ways
    c.iotlb = {32, 8, Replacement::plru}, c.iotlb_partitions = 8;
    c.validate();
    c.iotlb = {96, 12, Replacement::plru}, c.iotlb_partitions = 2;
  }, "power of two");
  Config fully_associative;
  fully_associative.iotlb = {120, 120};
  REQUIRE_NOTHROW(fully_associative.validate());
}
