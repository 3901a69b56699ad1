// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Scalable mode: PASIDs, first-stage, second-stage, nested and pass-through translation.

#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint32_t kPasid = 0x12345;
constexpr std::uint64_t kIova = 0x12'3456'7000;

Config no_paging_caches(Config config = {}) {
  config.paging_cache_l2.entries = config.paging_cache_l3.entries = config.paging_cache_l4.entries = config.paging_cache_l5.entries = 0;
  return config;
}

}  // namespace

TEST_CASE("second-stage tables of 3, 4 and 5 levels translate to 4 KB, 2 MB and 1 GB pages in scalable mode") {
  Config config;
  config.five_level = true;
  config.guest_address_bits = 57;
  const auto levels = GENERATE(3u, 4u, 5u);
  const auto page = GENERATE(std::uint64_t{1} << 12, std::uint64_t{1} << 21, std::uint64_t{1} << 30);
  ScalableRig rig(config);
  const auto top = rig.tables.new_page();
  const std::uint64_t iova = (levels == 5 ? 1ull << 56 : levels == 4 ? 1ull << 47 : 0) | 3ull << 30;
  rig.tables.map(top, levels, iova, 8ull << 30, page);
  rig.add_device(kDevice, 0, {.second_table = top, .second_levels = levels});
  REQUIRE(rig.dma(kDevice, iova + 0x123) == R::none);
  REQUIRE(rig.latest.address == (8ull << 30) + 0x123);
  REQUIRE(rig.latest.page_bytes == page);
  REQUIRE(rig.dma(kDevice, iova + page - 1, true) == R::none);
  REQUIRE(rig.latest.address == (8ull << 30) + page - 1);
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
}

TEST_CASE("legacy tables of 5 levels translate 57 bits") {
  Config config;
  config.five_level = true;
  config.guest_address_bits = 57;
  IommuRig rig(config);
  const auto top = rig.add_device(kDevice, 1, 5);
  rig.tables.map(top, 5, 3ull << 55, 0x5000);
  REQUIRE(rig.dma(kDevice, 3ull << 55) == R::none);
  REQUIRE(rig.address == 0x5000);
  REQUIRE(rig.iommu.unit().statistics().memory_reads == 7);
  REQUIRE(rig.dma(kDevice, 1ull << 57) == R::address_beyond_width);
}

TEST_CASE("first-stage tables of 4 and 5 levels translate canonical addresses to 4 KB, 2 MB and 1 GB pages") {
  Config config;
  config.first_stage_five_level = true;
  const auto levels = GENERATE(4u, 5u);
  const auto page = GENERATE(std::uint64_t{1} << 12, std::uint64_t{1} << 21, std::uint64_t{1} << 30);
  const auto upper = GENERATE(false, true);
  ScalableRig rig(config);
  FirstStage first(rig.tables, levels);
  const std::uint64_t iova = upper ? ~0ull << (levels == 5 ? 56 : 47) : 5ull << 30;
  first.map(iova, 8ull << 30, page);
  rig.add_device(kDevice, kPasid, {.type = 1, .first_table = first.top(), .first_levels = levels});
  REQUIRE(rig.dma(kDevice, iova + 0x123, false, kPasid) == R::none);
  REQUIRE(rig.latest.address == (8ull << 30) + 0x123);
  REQUIRE(rig.latest.page_bytes == page);
  REQUIRE(rig.dma(kDevice, iova + 0x124, false, kPasid) == R::none);
  REQUIRE(rig.latest.address == (8ull << 30) + 0x124);
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
}

TEST_CASE("requests without PASID use the context's RID_PASID, and its privilege") {
  ScalableRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0x5000, 4096, kFsRead | kFsWrite);  // supervisor
  PasidFields fields{.type = 1, .first_table = first.top(), .first_flags = 1};
  rig.add_device(kDevice, 77, fields, {.privileged = true, .rid_pasid = 77});
  REQUIRE(rig.dma(kDevice, kIova) == R::none);
  REQUIRE(rig.address == 0x5000);
  rig.add_device(kDevice + 1, 77, fields, {.privileged = false, .rid_pasid = 77});
  REQUIRE(rig.dma(kDevice + 1, kIova) == R::user_access_denied);
}

TEST_CASE("devices 16 to 31 of a bus have their context in the upper table") {
  ScalableRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, kIova, 0x5000);
  rig.add_device(0x03f8, 0, {.second_table = top});
  REQUIRE(rig.dma(0x03f8, kIova) == R::none);
  REQUIRE(rig.dma(0x0378, kIova) == R::scalable_root_not_present);
}

TEST_CASE("PASIDs of one device have address spaces of their own, though they share a domain") {
  ScalableRig rig;
  for (std::uint32_t pasid : {1u, 2u, 0xfffffu}) {
    FirstStage first(rig.tables);
    first.map(kIova, std::uint64_t{pasid} << 16);
    rig.add_device(kDevice, pasid, {.type = 1, .domain = 9, .first_table = first.top()});
  }
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t pasid : {1u, 2u, 0xfffffu}) {
      REQUIRE(rig.dma(kDevice, kIova, false, pasid) == R::none);
      REQUIRE(rig.address == std::uint64_t{pasid} << 16);
    }
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 3);
  REQUIRE(rig.iommu.unit().statistics().pasid_hits == 3);
}

TEST_CASE("a PASID may pass through") {
  ScalableRig rig;
  rig.add_device(kDevice, kPasid, {.type = 4});
  REQUIRE(rig.dma(kDevice, 0x7'0000'1234, true, kPasid) == R::none);
  REQUIRE(rig.address == 0x7'0000'1234);
  REQUIRE(rig.latest.page_bytes == 0);
  REQUIRE(rig.iommu.unit().statistics().untranslated == 1);
}

TEST_CASE("a nested walk reads every entry of both stages, and its result is cached as one translation") {
  ScalableRig rig(no_paging_caches());
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(kIova, 0x7000);
  rig.tables.map(second, 4, 0x7000, 0x9000);
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top()});
  const auto reads = [&] { return rig.iommu.unit().statistics().memory_reads; };
  REQUIRE(rig.dma(kDevice, kIova + 5, false, kPasid) == R::none);
  REQUIRE(rig.address == 0x9005);
  // root, context, directory, PASID; four first-stage entries behind four second-stage ones each; the page itself
  REQUIRE(reads() == 4 + 4 * (4 + 1) + 4);
  REQUIRE(rig.dma(kDevice, kIova + 6, false, kPasid) == R::none);
  REQUIRE(rig.address == 0x9006);
  REQUIRE(reads() == 28);
}

TEST_CASE("paging-structure caches shorten the walks of both stages") {
  ScalableRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  for (std::uint64_t i = 0; i < 2; ++i) {
    first.map(kIova + 4096 * i, 0x7000 + 4096 * i);
    rig.tables.map(second, 4, 0x7000 + 4096 * i, 0x9000 + 4096 * i);
  }
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top()});
  REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == R::none);
  const auto before = rig.iommu.unit().statistics().memory_reads;
  REQUIRE(rig.dma(kDevice, kIova + 4096, false, kPasid) == R::none);
  REQUIRE(rig.address == 0xa000);
  // the leaf's own page and the output: one second-stage leaf each, and the first-stage leaf
  REQUIRE(rig.iommu.unit().statistics().memory_reads == before + 3);
}

TEST_CASE("a nested translation is as large as the smaller of its two pages") {
  ScalableRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(0x4000'0000, 0x8000'0000, 1 << 30);
  rig.tables.map(second, 4, 0x8020'0000, 0x1'0000'0000, 1 << 21);
  rig.tables.map(second, 4, 0x8000'0000, 0x2'0000'0000);
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top()});
  REQUIRE(rig.dma(kDevice, 0x4020'1234, false, kPasid) == R::none);
  REQUIRE(rig.latest.address == 0x1'0000'1234);
  REQUIRE(rig.latest.page_bytes == 1 << 21);
  REQUIRE(rig.dma(kDevice, 0x4000'0234, false, kPasid) == R::none);
  REQUIRE(rig.latest.address == 0x2'0000'0234);
  REQUIRE(rig.latest.page_bytes == 4096);
  REQUIRE(rig.dma(kDevice, 0x4030'0000, false, kPasid) == R::none);
  REQUIRE(rig.latest.address == 0x1'0010'0000);
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
}

TEST_CASE("first-stage rights: user, supervisor, write protection, execution") {
  ScalableRig rig;
  FirstStage first(rig.tables);
  const std::uint64_t user_rw = 0x1000, user_ro = 0x2000, super_rw = 0x3000, super_ro = 0x4000, user_nx = 0x5000;
  first.map(user_rw, 0x1'0000, 4096, kFsAll);
  first.map(user_ro, 0x1'0000, 4096, kFsRead | kFsUser);
  first.map(super_rw, 0x1'0000, 4096, kFsRead | kFsWrite);
  first.map(super_ro, 0x1'0000, 4096, kFsRead);
  first.map(user_nx, 0x1'0000, 4096, kFsAll | kFsNoExecute);
  const auto dma = [&](std::uint64_t address, bool is_write, bool privileged, bool execute = false) {
    Request request;
    request.source = kDevice;
    request.address = address;
    request.write = is_write;
    request.privileged = privileged;
    request.execute = execute;
    request.pasid = kPasid;
    return rig.dma(request);
  };
  const auto device = [&](std::uint64_t flags) {
    rig.add_device(kDevice, kPasid, {.type = 1, .first_table = first.top(), .first_flags = flags});
    rig.submit(invalidate_pasids());
    rig.submit(invalidate_pasid_iotlb(1, kPasid));
  };
  device(0x1 | 0x2);  // SRE, ERE
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(dma(user_rw, true, false) == R::none);
    REQUIRE(dma(user_ro, false, false) == R::none);
    REQUIRE(dma(user_ro, true, false) == R::scalable_no_write_permission);
    REQUIRE(dma(super_rw, false, false) == R::user_access_denied);
    REQUIRE(dma(super_rw, true, true) == R::none);
    REQUIRE(dma(super_ro, true, true) == R::none);  // WPE 0
    REQUIRE(dma(user_ro, true, true) == R::none);
    REQUIRE(dma(user_nx, false, false, true) == R::none);  // NXE 0
    REQUIRE(dma(user_rw, false, true, true) == R::none);   // SMEP 0
  }
  device(0x1 | 0x2 | 0x10 | 0x20 | 0x40);  // and WPE, NXE, SMEP
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(dma(super_ro, false, true) == R::none);
    REQUIRE(dma(super_ro, true, true) == R::scalable_no_write_permission);
    REQUIRE(dma(super_rw, true, true) == R::none);
    REQUIRE(dma(user_nx, false, false) == R::none);
    REQUIRE(dma(user_nx, false, false, true) == R::execute_denied);
    REQUIRE(dma(user_rw, false, false, true) == R::none);
    REQUIRE(dma(user_rw, false, true, true) == R::execute_denied);
  }
}

TEST_CASE("rights of directories limit those of pages") {
  ScalableRig rig;
  FirstStage first(rig.tables);
  first.map(kIova, 0x5000);
  rig.add_device(kDevice, kPasid, {.type = 1, .first_table = first.top()});
  const auto level = GENERATE(2u, 3u, 4u);
  const auto slot = first.entry(kIova, level);
  SECTION("write") {
    rig.tables.set_word(slot, rig.tables.word(slot) & ~2ull);
    REQUIRE(rig.dma(kDevice, kIova, true, kPasid) == R::scalable_no_write_permission);
    REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == R::none);
    REQUIRE(rig.dma(kDevice, kIova, true, kPasid) == R::scalable_no_write_permission);
  }
  SECTION("user") {
    rig.tables.set_word(slot, rig.tables.word(slot) & ~4ull);
    REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == R::user_access_denied);
  }
}

TEST_CASE("a snooped translation says so: SNP of the second stage, or PGSNP") {
  ScalableRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, 0x1000, 0x5000);
  rig.tables.map(top, 4, 0x2000, 0x5000);
  const auto slot = rig.tables.entry(top, 4, 0x2000);
  rig.tables.set_word(slot, rig.tables.word(slot) | 1 << 11);
  rig.add_device(kDevice, 0, {.second_table = top});
  rig.add_device(kDevice + 1, 0, {.domain = 2, .second_table = top, .page_snoop = true});
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(rig.dma(kDevice, 0x1000) == R::none);
    REQUIRE_FALSE(rig.latest.snoop);
    REQUIRE(rig.dma(kDevice, 0x2000) == R::none);
    REQUIRE(rig.latest.snoop);
    REQUIRE(rig.dma(kDevice + 1, 0x1000) == R::none);
    REQUIRE(rig.latest.snoop);
  }
}

TEST_CASE("a translation request learns the rights of its page, and does not fault where there are none") {
  Config config;
  config.device_tlbs = true;
  ScalableRig rig(config);
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(0x1000, 0x7000);
  first.map(0x2000, 0x8000, 4096, kFsRead | kFsUser | kFsGlobal);
  first.map(0x3000, 0x8000, 4096, kFsRead | kFsWrite);
  first.map(0x4000, 0xa000);
  rig.tables.map(second, 4, 0x7000, 0x9000);
  rig.tables.map(second, 4, 0x8000, 0x9000);
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top(), .second_dirty = true}, {.device_tlb = true});
  const auto ask = [&](std::uint64_t address, bool no_write = false) {
    Request request;
    request.source = kDevice;
    request.address = address;
    request.pasid = kPasid;
    request.address_type = 1;
    request.no_write = no_write;
    REQUIRE(rig.dma(request) == R::none);
    return std::pair(rig.latest.readable, rig.latest.writable);
  };
  const auto dirty = [&] { return (rig.tables.word(first.entry(0x1000)) >> 6 & 1) != 0; };
  REQUIRE(ask(0x1000, true) == std::pair(true, false));
  REQUIRE_FALSE(dirty());
  REQUIRE(ask(0x1000) == std::pair(true, true));
  REQUIRE(rig.latest.address == 0x9000);
  REQUIRE(dirty());  // the device may write from now on
  REQUIRE((rig.tables.word(rig.tables.entry(second, 4, 0x7000)) >> 9 & 1) == 1);
  REQUIRE(ask(0x2000) == std::pair(true, false));
  REQUIRE(ask(0x3000) == std::pair(false, false));  // supervisor
  REQUIRE(ask(0x4000) == std::pair(false, false));  // not in the second stage
  REQUIRE(ask(0x5000) == std::pair(false, false));
  REQUIRE(rig.read(reg::kFSTS) == 0);
  Request translated;
  translated.source = kDevice;
  translated.address = 0x9123;
  translated.address_type = 2;
  REQUIRE(rig.dma(translated) == R::none);
  REQUIRE(rig.address == 0x9123);
}
