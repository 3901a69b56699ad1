// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Scalable mode: what software forgets to invalidate stays, what it invalidates goes, and nothing else does.

#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint32_t kPasid = 0x45;
constexpr std::uint16_t kDomain = 7;
constexpr std::uint64_t kIova = 0x1234'5000;

struct CacheRig : ScalableRig {
  /// Where a read of `iova` goes.
  std::uint64_t target(std::uint64_t iova = kIova, std::uint32_t pasid = kPasid) {
    REQUIRE(dma(kDevice, iova, false, pasid) == R::none);
    return address;
  }
};

}  // namespace

TEST_CASE("a changed scalable context entry is stale until the context cache is invalidated") {
  CacheRig rig;
  rig.add_device(kDevice, kPasid, {.type = 4, .domain = kDomain});
  REQUIRE(rig.target() == kIova);
  rig.scalable_tables.set_context(kDevice, {.pasids = false});
  REQUIRE(rig.target() == kIova);
  bool gone = true;
  SECTION("device") { rig.submit(invalidate_device_context(0, kDevice)); }
  SECTION("any domain: scalable entries have none") { rig.submit(invalidate_domain_contexts(99)); }
  SECTION("global") { rig.submit(invalidate_contexts()); }
  SECTION("not by another device's") {
    rig.submit(invalidate_device_context(0, kDevice + 1));
    gone = false;
  }
  SECTION("not by the PASID cache's") {
    rig.submit(invalidate_pasids());
    gone = false;
  }
  SECTION("not by the IOTLB's") {
    rig.submit(invalidate_iotlb());
    gone = false;
  }
  REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == (gone ? R::pasids_disabled : R::none));
}

TEST_CASE("a changed PASID-table entry is stale until the PASID cache is invalidated") {
  CacheRig rig;
  FirstStage old_tables(rig.tables), new_tables(rig.tables);
  old_tables.map(kIova, 0xa000);
  new_tables.map(kIova, 0xb000);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = old_tables.top()});
  REQUIRE(rig.target() == 0xa000);
  rig.scalable_tables.set_pasid(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = new_tables.top()});
  rig.submit(invalidate_pasid_iotlb(kDomain, kPasid));
  REQUIRE(rig.target() == 0xa000);
  rig.submit(invalidate_pasid_iotlb(kDomain, kPasid));
  bool gone = true;
  SECTION("PASID") { rig.submit(invalidate_pasid(kDomain, kPasid)); }
  SECTION("domain") { rig.submit(invalidate_domain_pasids(kDomain)); }
  SECTION("global") { rig.submit(invalidate_pasids()); }
  SECTION("not another PASID") {
    rig.submit(invalidate_pasid(kDomain, kPasid + 1));
    gone = false;
  }
  SECTION("not the PASID in another domain") {
    rig.submit(invalidate_pasid(kDomain + 1, kPasid));
    gone = false;
  }
  SECTION("not another domain") {
    rig.submit(invalidate_domain_pasids(kDomain + 1));
    gone = false;
  }
  SECTION("not by the context cache's") {
    rig.submit(invalidate_contexts());
    gone = false;
  }
  REQUIRE(rig.target() == (gone ? 0xb000u : 0xa000u));
}

TEST_CASE("a first-stage translation is stale until its PASID's IOTLB entries are invalidated") {
  CacheRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0xa000);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  REQUIRE(rig.target() == 0xa000);
  first.map(kIova, 0xb000);
  REQUIRE(rig.target() == 0xa000);
  bool gone = true;
  SECTION("PASID") { rig.submit(invalidate_pasid_iotlb(kDomain, kPasid)); }
  SECTION("page") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova)); }
  SECTION("page, leaves only") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova, 0, true)); }
  SECTION("pages of a mask that covers it") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova & ~0x7fffull, 3)); }
  SECTION("every translation") { rig.submit(invalidate_iotlb()); }
  SECTION("not another page") {
    rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova + 0x1000));
    gone = false;
  }
  SECTION("not another PASID") {
    rig.submit(invalidate_pasid_iotlb(kDomain, kPasid + 1));
    gone = false;
  }
  SECTION("not the PASID in another domain") {
    rig.submit(invalidate_pasid_iotlb(kDomain + 1, kPasid));
    gone = false;
  }
  SECTION("not its domain's second stage") {
    rig.submit(invalidate_domain(kDomain));
    gone = false;
  }
  SECTION("not the second stage's page of that address") {
    rig.submit(invalidate_pages(kDomain, kIova));
    gone = false;
  }
  SECTION("not the PASID cache's") {
    rig.submit(invalidate_pasids());
    gone = false;
  }
  REQUIRE(rig.target() == (gone ? 0xb000u : 0xa000u));
}

TEST_CASE("a page-selective invalidation takes the large first-stage page that it touches, in the upper half as well") {
  CacheRig rig;
  FirstStage first(rig.tables);
  const std::uint64_t iova = GENERATE(0x4000'0000ull, 0xffff'8000'0000'0000ull);
  first.map(iova, 0x8000'0000, 1 << 21);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  REQUIRE(rig.target(iova) == 0x8000'0000);
  first.map(iova, 0xc000'0000, 1 << 21);
  rig.submit(invalidate_pasid_pages(kDomain, kPasid, iova + 0x20'0000));
  REQUIRE(rig.target(iova) == 0x8000'0000);
  rig.submit(invalidate_pasid_pages(kDomain, kPasid, iova + 0x1f'f000));
  REQUIRE(rig.target(iova) == 0xc000'0000);
}

TEST_CASE("a moved first-stage table is stale in the paging-structure caches until they are invalidated") {
  CacheRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0xa000);
  first.map(kIova + 0x1000, 0xa000);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  REQUIRE(rig.target() == 0xa000);
  rig.tables.set_word(first.entry(kIova, 2), rig.tables.new_page() | kFsAll);
  first.map(kIova + 0x1000, 0xb000);
  bool gone = true;
  SECTION("forgotten") { gone = false; }
  SECTION("with the hint that only leaves changed") {
    rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova + 0x1000, 0, true));
    gone = false;
  }
  SECTION("page") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova + 0x1000)); }
  SECTION("PASID") { rig.submit(invalidate_pasid_iotlb(kDomain, kPasid)); }
  SECTION("not by the second stage's") {
    rig.submit(invalidate_domain(kDomain));
    gone = false;
  }
  REQUIRE(rig.target(kIova + 0x1000) == (gone ? 0xb000u : 0xa000u));
}

TEST_CASE("second-stage translations of scalable mode are stale until their domain's are invalidated") {
  CacheRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, kIova, 0xa000);
  rig.add_device(kDevice, kPasid, {.domain = kDomain, .second_table = top, .second_dirty = GENERATE(false, true)});
  REQUIRE(rig.target() == 0xa000);
  rig.tables.map(top, 4, kIova, 0xb000);
  bool gone = true;
  SECTION("page") { rig.submit(invalidate_pages(kDomain, kIova)); }
  SECTION("domain") { rig.submit(invalidate_domain(kDomain)); }
  SECTION("global") { rig.submit(invalidate_iotlb()); }
  SECTION("not another page") {
    rig.submit(invalidate_pages(kDomain, kIova + 0x1000));
    gone = false;
  }
  SECTION("all of the PASID") { rig.submit(invalidate_pasid_iotlb(kDomain, kPasid)); }
  SECTION("not a page of the PASID") {
    rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova));
    gone = false;
  }
  SECTION("not all of the PASID in another domain") {
    rig.submit(invalidate_pasid_iotlb(kDomain + 1, kPasid));
    gone = false;
  }
  REQUIRE(rig.target() == (gone ? 0xb000u : 0xa000u));
}

TEST_CASE("an invalidation of all of a PASID leaves the second stage's directories") {
  CacheRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, kIova, 0xa000);
  rig.add_device(kDevice, kPasid, {.domain = kDomain, .second_table = top});
  REQUIRE(rig.target() == 0xa000);
  const auto reads = rig.iommu.unit().statistics().memory_reads;
  rig.submit(invalidate_pasid_iotlb(kDomain, kPasid));
  REQUIRE(rig.target() == 0xa000);
  REQUIRE(rig.iommu.unit().statistics().memory_reads == reads + 1);
}

TEST_CASE("a nested translation is stale until either stage's invalidation takes it") {
  CacheRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(kIova, 0x7000);
  rig.tables.map(second, 4, 0x7000, 0xa000);
  rig.tables.map(second, 4, 0x8000, 0xc000);
  rig.add_device(kDevice, kPasid, {.type = 3, .domain = kDomain, .second_table = second, .first_table = first.top()});
  REQUIRE(rig.target() == 0xa000);
  std::uint64_t expected = 0xa000;
  SECTION("the first stage's leaf") {
    first.map(kIova, 0x8000);
    REQUIRE(rig.target() == 0xa000);
    SECTION("page") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, kIova)), expected = 0xc000; }
    SECTION("PASID") { rig.submit(invalidate_pasid_iotlb(kDomain, kPasid)), expected = 0xc000; }
    SECTION("PASID, with the largest mask") { rig.submit(invalidate_pasid_pages(kDomain, kPasid, 0, 52)), expected = 0xc000; }
    SECTION("not another PASID") { rig.submit(invalidate_pasid_iotlb(kDomain, kPasid + 1)); }
  }
  SECTION("the second stage's leaf") {
    rig.tables.map(second, 4, 0x7000, 0xb000);
    REQUIRE(rig.target() == 0xa000);
    SECTION("page") { rig.submit(invalidate_pages(kDomain, 0x7000)), expected = 0xb000; }
    SECTION("domain") { rig.submit(invalidate_domain(kDomain)), expected = 0xb000; }
    SECTION("not another domain") { rig.submit(invalidate_domain(kDomain + 1)); }
  }
  SECTION("the second stage's mapping of a first-stage table") {
    const auto copy = rig.tables.new_page();
    const auto table = first.entry(kIova) & ~0xfffull;
    for (unsigned i = 0; i < 512; ++i) rig.tables.set_word(copy + 8 * i, rig.tables.word(table + 8 * i));
    rig.tables.set_word(copy + (first.entry(kIova) & 0xfff), 0x8000 | kFsAll);
    rig.tables.map(second, 4, table + FirstStage::kGuestOffset, copy);
    REQUIRE(rig.target() == 0xa000);
    SECTION("page") { rig.submit(invalidate_pages(kDomain, table + FirstStage::kGuestOffset)), expected = 0xc000; }
    SECTION("domain") { rig.submit(invalidate_domain(kDomain)), expected = 0xc000; }
  }
  REQUIRE(rig.target() == expected);
}

TEST_CASE("devices that share a PASID and a domain share its translations") {
  CacheRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0xa000);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  rig.add_device(kDevice + 1, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  REQUIRE(rig.target() == 0xa000);
  REQUIRE(rig.dma(kDevice + 1, kIova, false, kPasid) == R::none);
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
}

TEST_CASE("a first-stage and a second-stage translation of the same page and domain do not meet") {
  CacheRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0xa000);
  const auto second = rig.tables.new_page();
  rig.tables.map(second, 4, kIova, 0xb000);
  rig.add_device(kDevice, kPasid, {.type = 1, .domain = kDomain, .first_table = first.top()});
  rig.scalable_tables.set_pasid(kDevice, 0, {.domain = kDomain, .second_table = second});
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(rig.target(kIova, kPasid) == 0xa000);
    REQUIRE(rig.target(kIova, kNoPasid) == 0xb000);
  }
}
