// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Accessed and dirty bits: set by the walk with atomic updates, harvested as a migration would.

#include <set>

#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint32_t kPasid = 5;
constexpr std::uint64_t kBase = 0x4000'0000;

bool bit(std::uint64_t word, unsigned n) { return (word >> n) & 1; }

/// Second-stage tables of a domain whose dirty pages are logged.
struct LogRig : ScalableRig {
  static constexpr unsigned kPages = 600;  // two tables
  LogRig() : top(tables.new_page()) {
    for (unsigned page = 0; page < kPages; ++page) tables.map(top, 4, kBase + 4096 * page, 0x1000'0000 + 4096 * page);
    add_device(kDevice, 0, {.domain = 3, .second_table = top, .second_dirty = true});
  }
  R access(unsigned page, bool is_write) { return dma(kDevice, kBase + 4096 * page, is_write); }
  /// What a migration's round does: collects the pages written since the last, clears their bits, drops what is cached.
  std::set<unsigned> harvest() {
    std::set<unsigned> result;
    for (unsigned page = 0; page < kPages; ++page) {
      const auto at = tables.entry(top, 4, kBase + 4096 * page);
      if (!bit(tables.word(at), 9)) continue;
      result.insert(page);
      tables.set_word(at, tables.word(at) & ~(1ull << 9));
    }
    submit(invalidate_domain(3));
    return result;
  }
  std::uint64_t top;
};

}  // namespace

TEST_CASE("dirty bits appear exactly for the pages that were written, and afresh after each harvest") {
  LogRig rig;
  REQUIRE(rig.harvest().empty());
  for (unsigned page : {0u, 3u, 511u, 512u, 599u}) REQUIRE(rig.access(page, true) == R::none);
  for (unsigned page : {1u, 3u, 4u, 513u}) REQUIRE(rig.access(page, false) == R::none);
  REQUIRE(rig.harvest() == std::set<unsigned>{0, 3, 511, 512, 599});
  REQUIRE(rig.harvest().empty());
  REQUIRE(rig.access(3, false) == R::none);
  REQUIRE(rig.access(4, true) == R::none);
  REQUIRE(rig.access(4, true) == R::none);
  REQUIRE(rig.harvest() == std::set<unsigned>{4});
  REQUIRE(rig.access(3, true) == R::none);
  REQUIRE(rig.harvest() == std::set<unsigned>{3});
}

TEST_CASE("a write to a page that a read has cached sets its dirty bit, once") {
  LogRig rig;
  REQUIRE(rig.access(7, false) == R::none);
  const auto& statistics = rig.iommu.unit().statistics();
  const auto updates = statistics.table_updates, walks = statistics.walks;
  REQUIRE(rig.access(7, true) == R::none);
  REQUIRE(statistics.table_updates == updates + 1);
  REQUIRE(statistics.walks == walks + 1);
  REQUIRE(rig.access(7, true) == R::none);
  REQUIRE(rig.access(7, false) == R::none);
  REQUIRE(statistics.walks == walks + 1);
  REQUIRE(bit(rig.tables.word(rig.tables.entry(rig.top, 4, kBase + 7 * 4096)), 9));
}

TEST_CASE("a dirty bit that software clears without invalidating does not come back") {
  LogRig rig;
  REQUIRE(rig.access(7, true) == R::none);
  const auto at = rig.tables.entry(rig.top, 4, kBase + 7 * 4096);
  rig.tables.set_word(at, rig.tables.word(at) & ~(1ull << 9));
  REQUIRE(rig.access(7, true) == R::none);
  REQUIRE_FALSE(bit(rig.tables.word(at), 9));
  rig.submit(invalidate_pages(3, kBase + 7 * 4096));
  REQUIRE(rig.access(7, true) == R::none);
  REQUIRE(bit(rig.tables.word(at), 9));
}

TEST_CASE("a page that may not be written does not become dirty") {
  LogRig rig;
  const auto at = rig.tables.entry(rig.top, 4, kBase);
  rig.tables.set_word(at, rig.tables.word(at) & ~2ull);
  REQUIRE(rig.access(0, true) == R::scalable_no_write_permission);
  REQUIRE_FALSE(bit(rig.tables.word(at), 9));
  REQUIRE_FALSE(bit(rig.tables.word(at), 8));
}

TEST_CASE("every entry of the path is accessed, only the last is dirty, in both stages") {
  ScalableRig rig;
  const auto levels = GENERATE(1u, 2u);  // the leaf
  const std::uint64_t page = levels == 1 ? 4096 : 1 << 21;
  const auto is_write = GENERATE(false, true);
  SECTION("second") {
    const auto top = rig.tables.new_page();
    rig.tables.map(top, 4, kBase, 0x8000'0000, page);
    rig.add_device(kDevice, 0, {.second_table = top, .second_dirty = true});
    REQUIRE(rig.dma(kDevice, kBase, is_write) == R::none);
    for (unsigned level = levels; level <= 4; ++level) {
      const auto entry = rig.tables.word(rig.tables.entry(top, 4, kBase, level));
      REQUIRE(bit(entry, 8));
      REQUIRE(bit(entry, 9) == (is_write && level == levels));
    }
  }
  SECTION("second, without SSADE") {
    const auto top = rig.tables.new_page();
    rig.tables.map(top, 4, kBase, 0x8000'0000, page);
    rig.add_device(kDevice, 0, {.second_table = top});
    REQUIRE(rig.dma(kDevice, kBase, is_write) == R::none);
    for (unsigned level = levels; level <= 4; ++level)
      REQUIRE((rig.tables.word(rig.tables.entry(top, 4, kBase, level)) & 0x300) == 0);
    REQUIRE(rig.iommu.unit().statistics().table_updates == 0);
  }
  SECTION("first") {
    const bool extended = GENERATE(false, true);
    FirstStage first(rig.tables);
    first.map(kBase, 0x8000'0000, page);
    rig.add_device(kDevice, 0, {.type = 1, .first_table = first.top(), .first_flags = extended ? 0x80u : 0u});
    REQUIRE(rig.dma(kDevice, kBase, is_write) == R::none);
    for (unsigned level = levels; level <= 4; ++level) {
      const auto entry = rig.tables.word(first.entry(kBase, level));
      REQUIRE(bit(entry, 5));
      REQUIRE(bit(entry, 6) == (is_write && level == levels));
      REQUIRE(bit(entry, 10) == extended);
    }
  }
}

TEST_CASE("setting a nested first-stage bit makes the page of the table dirty in the second stage") {
  ScalableRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(kBase, 0x7000);
  first.map(kBase + 4096, 0x8000);
  rig.tables.map(second, 4, 0x7000, 0x9000);
  rig.tables.map(second, 4, 0x8000, 0xa000);
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top(), .second_dirty = true});
  const auto mapping = [&](std::uint64_t guest) { return rig.tables.word(rig.tables.entry(second, 4, guest)); };
  const auto table = [&](unsigned level) { return (first.entry(kBase, level) & ~0xfffull) + FirstStage::kGuestOffset; };

  REQUIRE(rig.dma(kDevice, kBase, false, kPasid) == R::none);
  for (unsigned level = 1; level <= 4; ++level) REQUIRE(bit(mapping(table(level)), 9));
  REQUIRE(bit(rig.tables.word(first.entry(kBase)), 5));
  REQUIRE_FALSE(bit(rig.tables.word(first.entry(kBase)), 6));
  REQUIRE_FALSE(bit(mapping(0x7000), 9));
  REQUIRE(bit(mapping(0x7000), 8));

  REQUIRE(rig.dma(kDevice, kBase, true, kPasid) == R::none);
  REQUIRE(rig.address == 0x9000);
  REQUIRE(bit(rig.tables.word(first.entry(kBase)), 6));
  REQUIRE(bit(mapping(0x7000), 9));

  // Where nothing needs to be set in the first stage, its tables stay clean.
  for (unsigned level = 1; level <= 4; ++level) {
    const auto at = rig.tables.entry(second, 4, table(level));
    rig.tables.set_word(at, rig.tables.word(at) & ~(1ull << 9));
  }
  rig.submit(invalidate_domain(1));
  REQUIRE(rig.dma(kDevice, kBase, true, kPasid) == R::none);
  for (unsigned level = 1; level <= 4; ++level) REQUIRE_FALSE(bit(mapping(table(level)), 9));
  REQUIRE_FALSE(bit(mapping(0x8000), 8));
}

TEST_CASE("a nested page becomes dirty in either stage only when the other lets it be written too") {
  ScalableRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(kBase, 0x7000);
  R expected = R::scalable_no_write_permission;
  SECTION("the second stage does not") { rig.tables.map(second, 4, 0x7000, 0x9000, 4096, true, false); }
  SECTION("nor for what it does not map") { expected = R::second_stage_not_present; }
  SECTION("the first stage does not") {
    first.map(kBase, 0x7000, 4096, kFsRead | kFsUser);
    rig.tables.map(second, 4, 0x7000, 0x9000);
  }
  rig.add_device(kDevice, kPasid, {.type = 3, .second_table = second, .first_table = first.top(), .second_dirty = true});
  REQUIRE(rig.dma(kDevice, kBase, true, kPasid) == expected);
  REQUIRE_FALSE(bit(rig.tables.word(first.entry(kBase)), 6));
  if (expected == R::scalable_no_write_permission) REQUIRE_FALSE(bit(rig.tables.word(rig.tables.entry(second, 4, 0x7000)), 9));
}

TEST_CASE("an entry that software changes between the walk's read and its update is read again") {
  Config config;
  config.scalable_mode = true;
  Statistics statistics;
  Translator translator(config, statistics);
  SparseMemory memory;
  IommuTables tables(memory);
  ScalableTables scalable(tables);
  FirstStage first(tables);
  first.map(kBase, 0x5000);
  scalable.set_context(kDevice);
  scalable.set_pasid(kDevice, 0, {.type = 1, .first_table = first.top()});
  translator.set_root(scalable.root() | 0x400);
  Request request;
  request.source = kDevice;
  request.address = kBase + 8;
  request.write = true;

  Walk walk;
  Step step = translator.begin(walk, request);
  bool changed = false;
  unsigned retries = 0;
  while (step == Step::read || step == Step::update) {
    if (step == Step::read) {
      std::uint64_t words[kMaxReadBytes / 8] = {};
      for (unsigned i = 0; i < walk.read_bytes / 8; ++i) words[i] = memory.word(walk.read_address + 8 * i);
      step = translator.resume(walk, true, words);
      continue;
    }
    if (walk.update_address == first.entry(kBase) && !changed) {
      first.map(kBase, 0x6000);  // at this moment
      changed = true;
    }
    if (memory.word(walk.update_address) != walk.update_expected) {
      ++retries;
      step = translator.updated(walk, Updated::changed);
    } else {
      memory.set_word(walk.update_address, walk.update_value);
      step = translator.updated(walk, Updated::done);
    }
  }
  REQUIRE(step == Step::translated);
  REQUIRE(retries == 1);
  REQUIRE(walk.translation.address == 0x6008);
  REQUIRE(memory.word(first.entry(kBase)) == (0x6000 | kFsAll | 0x60));
}
