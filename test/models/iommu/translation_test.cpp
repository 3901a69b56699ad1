// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <random>

#include "test/support/catch.h"
#include "test/support/iommu_oracle.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;

}  // namespace

TEST_CASE("pages of 4 KB, 2 MB and 1 GB translate through 3 and 4 levels") {
  IommuRig rig;
  for (unsigned levels : {3u, 4u}) {
    const auto source = static_cast<std::uint16_t>(kDevice + levels);
    const auto top = rig.add_device(source, static_cast<std::uint16_t>(levels), levels);
    rig.tables.map(top, levels, 0x1234'5000, 0x7'6543'2000);
    rig.tables.map(top, levels, 0x4020'0000, 0x1'0060'0000, 1 << 21);
    rig.tables.map(top, levels, 0x1'8000'0000, 0x2'4000'0000, 1 << 30);
    for (int again = 0; again < 2; ++again) {  // walked, then cached
      REQUIRE(rig.dma(source, 0x1234'5678) == R::none);
      REQUIRE(rig.address == 0x7'6543'2678);
      REQUIRE(rig.dma(source, 0x4021'2345, true) == R::none);
      REQUIRE(rig.address == 0x1'0061'2345);
      REQUIRE(rig.dma(source, 0x1'8765'4321) == R::none);
      REQUIRE(rig.address == 0x2'4765'4321);
    }
  }
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 6);
  REQUIRE(rig.iommu.unit().statistics().iotlb_misses == 6);
}

TEST_CASE("a cold walk reads root, context and each level, and caches shorten the next") {
  Config config;
  config.paging_cache_l4.entries = config.paging_cache_l3.entries = config.paging_cache_l2.entries = 0;
  std::uint64_t neighbour = 4, far = 4;
  SECTION("no paging-structure caches") {}
  SECTION("level 2 entries") {
    config.paging_cache_l2 = {32, 4, Replacement::lru};
    neighbour = 1;
  }
  SECTION("level 3 entries") {
    config.paging_cache_l3 = {16, 4, Replacement::lru};
    neighbour = far = 2;
  }
  SECTION("level 4 entries") {
    config.paging_cache_l4 = {4, 4, Replacement::lru};
    neighbour = far = 3;
  }
  IommuRig rig(config);
  const auto top = rig.add_device(kDevice);
  for (std::uint64_t iova : {0x1000ull, 0x2000ull, 0x40'0000ull}) rig.tables.map(top, 4, iova, iova);
  const auto reads = [&] { return rig.iommu.unit().statistics().memory_reads; };
  REQUIRE(rig.dma(kDevice, 0x1000) == R::none);
  REQUIRE(reads() == 6);
  REQUIRE(rig.dma(kDevice, 0x2000) == R::none);
  REQUIRE(reads() == 6 + neighbour);
  REQUIRE(rig.dma(kDevice, 0x40'0000) == R::none);
  REQUIRE(reads() == 6 + neighbour + far);
}

TEST_CASE("requests pass untranslated while TE is clear, and through a pass-through context") {
  IommuRig rig({}, false);
  REQUIRE(rig.dma(kDevice, 0x1234) == R::none);
  REQUIRE(rig.address == 0x1234);
  enable_iommu([&](auto o, auto v, auto b) { rig.write(o, v, b); }, rig.tables);
  REQUIRE(rig.dma(kDevice, 0x1234) == R::root_not_present);
  rig.tables.set_context(kDevice, {.levels = 4, .translation_type = 2});
  REQUIRE(rig.dma(kDevice, 0x7'0000'1234) == R::none);
  REQUIRE(rig.address == 0x7'0000'1234);
  REQUIRE(rig.iommu.unit().statistics().untranslated == 2);
}

TEST_CASE("devices of one domain share translations, domains do not") {
  IommuRig rig;
  const auto top = rig.add_device(0x100, 7);
  rig.tables.set_context(0x101, {.domain = 7, .table = top});
  rig.tables.map(top, 4, 0x5000, 0xa000);
  rig.tables.map(rig.add_device(0x102, 8), 4, 0x5000, 0xb000);
  REQUIRE(rig.dma(0x100, 0x5000) == R::none);
  REQUIRE(rig.dma(0x101, 0x5000) == R::none);
  REQUIRE(rig.address == 0xa000);
  REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
  REQUIRE(rig.dma(0x102, 0x5000) == R::none);
  REQUIRE(rig.address == 0xb000);
}

TEST_CASE("the context cache holds the functions of one device, and devices on buses of their own, as many as it has entries") {
  Config config;
  config.context_cache = {16, 4, Replacement::lru};
  std::uint16_t step = 0;
  SECTION("01:00.0, 01:00.1, ...") { step = 0x0001; }
  SECTION("01:00.0, 02:00.0, ...") { step = 0x0100; }
  SECTION("01:00.0, 01:01.0, ...: one function of each device") { step = 0x0008; }
  IommuRig rig(config);
  const unsigned devices = step == 0x0008 ? 8 : 16;
  for (unsigned round = 0; round < 3; ++round)
    for (unsigned i = 0; i < devices; ++i) {
      const auto source = static_cast<std::uint16_t>(0x0100 + i * step);
      if (round == 0) rig.tables.map(rig.add_device(source, static_cast<std::uint16_t>(i + 1)), 4, 0x1000, 0x10'0000);
      REQUIRE(rig.dma(source, 0x1000) == R::none);
    }
  REQUIRE(rig.iommu.unit().statistics().context_misses == devices);
}

TEST_CASE("the IOTLB keeps as many pages as it has entries, least recently used first to go") {
  Config config;
  config.iotlb = {4, 4, Replacement::lru};
  IommuRig rig(config);
  const auto top = rig.add_device(kDevice);
  for (std::uint64_t page = 0; page < 8; ++page) rig.tables.map(top, 4, page << 12, page << 12);
  for (std::uint64_t page = 0; page < 4; ++page) REQUIRE(rig.dma(kDevice, page << 12) == R::none);
  REQUIRE(rig.dma(kDevice, 0) == R::none);       // page 0 is young again
  REQUIRE(rig.dma(kDevice, 4 << 12) == R::none);  // page 1 goes
  const auto misses = rig.iommu.unit().statistics().iotlb_misses;
  REQUIRE(rig.dma(kDevice, 0) == R::none);
  REQUIRE(rig.iommu.unit().statistics().iotlb_misses == misses);
  REQUIRE(rig.dma(kDevice, 1 << 12) == R::none);
  REQUIRE(rig.iommu.unit().statistics().iotlb_misses == misses + 1);
}

TEST_CASE("the walk answers as a naive translator does, for random tables, hardware and requests") {
  const auto seed = GENERATE(range(1u, 41u));
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  const auto chance = [&](unsigned percent) { return random() % 100 < percent; };
  Config config;
  config.three_level = chance(80);
  config.four_level = chance(80) || !config.three_level;
  config.guest_address_bits = config.four_level ? 39 + random() % 10 : 32 + random() % 8;
  config.host_address_bits = 36 + random() % 17;
  config.pages_2m = chance(80);
  config.pages_1g = config.pages_2m && chance(80);
  config.pass_through = chance(70);
  config.iotlb = {16, 2, Replacement::lru};
  config.context_cache = {4, 2, Replacement::lru};
  config.paging_cache_l2 = {4, 2, Replacement::lru};
  IommuRig rig(config);

  // A few pages of tables that point at each other, mostly well-formed.
  std::vector<std::uint64_t> pages;
  for (int i = 0; i < 12; ++i) pages.push_back(rig.tables.new_page());
  const auto entry = [&] {
    std::uint64_t e = pages[random() % pages.size()] | (chance(85) ? 3 : random() % 4);
    if (chance(20)) e = (random() & 0xf'c000'0000) | 0x80 | 3;
    if (chance(5)) e ^= 1ull << (random() % 64);
    if (chance(3)) e = 0xfee0'0003;
    return e;
  };
  for (const auto page : pages)
    for (int i = 0; i < 16; ++i) rig.tables.set_word(page + 8 * (chance(90) ? i % 8 : random() % 512), entry());
  std::vector<std::uint16_t> sources;
  for (int i = 0; i < 10; ++i) {
    const auto source = static_cast<std::uint16_t>((random() % 3) << 8 | random() % 6);
    sources.push_back(source);
    rig.tables.set_context(source, {.domain = static_cast<std::uint16_t>(i), .levels = chance(95) ? 3u + unsigned(random() % 2) : 2u + unsigned(random() % 5),
                                    .table = pages[random() % pages.size()], .translation_type = chance(85) ? 0u : unsigned(random() % 4)});
    if (chance(5)) {
      const auto at = rig.tables.context_entry(source) + 8 * (random() % 2);
      rig.tables.set_word(at, rig.tables.word(at) ^ 1ull << (random() % 64));
    }
  }
  if (chance(10)) rig.memory.break_at(pages[random() % pages.size()]);

  for (int i = 0; i < 2000; ++i) {
    OracleRequest request;
    request.source = chance(95) ? sources[random() % sources.size()] : static_cast<std::uint16_t>(random());
    for (unsigned level = 0; level < 4; ++level) request.address |= (random() % (chance(90) ? 8 : 512)) << (12 + 9 * level);
    request.address |= random() % 4096;
    if (chance(2)) request.address |= 1ull << (30 + random() % 34);
    request.write = chance(50);
    if (is_interrupt_address(request.address)) continue;
    const auto expected = translate_naively(static_cast<MemoryPort&>(rig.memory), config, rig.tables.root(), request);
    const auto reason = rig.dma(request.source, request.address, request.write);
    INFO("request " << i << ": source " << std::hex << request.source << " address " << request.address << (request.write ? " write" : " read"));
    if (const auto* fault = std::get_if<OracleFault>(&expected)) {
      REQUIRE(static_cast<unsigned>(reason) == fault->reason);
    } else {
      REQUIRE(static_cast<unsigned>(reason) == 0);
      REQUIRE(rig.address == std::get<std::uint64_t>(expected));
    }
  }
}
