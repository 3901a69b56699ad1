// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Caching mode (CAP.CM, 6.1): what is not present is cached, each cache on its own, until software invalidates it.

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0108;

Config caching(bool on = true) {
  Config config;
  config.caching_mode = on;
  return config;
}

}  // namespace

TEST_CASE("without caching mode an entry works as soon as it is made present") {
  IommuRig rig(caching(false));
  REQUIRE(rig.dma(kDevice, 0x5000) == R::root_not_present);
  const auto top = rig.add_device(kDevice);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::no_read_permission);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a context entry stays absent until its device, domain 0 or everything is invalidated") {
  IommuRig rig(caching());
  const bool root = GENERATE(true, false);
  CAPTURE(root);
  if (!root) {
    rig.add_device(kDevice + 1);  // the same bus: its root entry is present
    REQUIRE(rig.dma(kDevice, 0x5000) == R::context_not_present);
  } else {
    REQUIRE(rig.dma(kDevice, 0x5000) == R::root_not_present);
  }
  const R absent = root ? R::root_not_present : R::context_not_present;
  const auto reads = rig.iommu.unit().statistics().memory_reads;
  const auto top = rig.add_device(kDevice, 5);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == absent);
  REQUIRE(rig.iommu.unit().statistics().memory_reads == reads);
  rig.submit(invalidate_domain_contexts(5));
  rig.submit(invalidate_device_context(0, kDevice + 1));
  rig.submit(invalidate_iotlb());
  REQUIRE(rig.dma(kDevice, 0x5000) == absent);
  SECTION("its device") { rig.submit(invalidate_device_context(0, kDevice)); }
  SECTION("domain 0") { rig.submit(invalidate_domain_contexts(0)); }
  SECTION("everything") { rig.submit(invalidate_contexts()); }
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a page stays absent until it, its domain or everything is invalidated, and its neighbour is not") {
  IommuRig rig(caching());
  const auto top = rig.add_device(kDevice, 5);
  rig.tables.map(top, 4, 0x7000, 0xb000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::no_read_permission);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  rig.tables.map(top, 4, 0x6000, 0xc000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::no_read_permission);
  REQUIRE(rig.dma(kDevice, 0x5000, true) == R::no_write_permission);
  REQUIRE(rig.dma(kDevice, 0x6000) == R::none);
  REQUIRE(rig.dma(kDevice, 0x7000) == R::none);
  rig.submit(invalidate_pages(5, 0x6000));
  rig.submit(invalidate_domain(4));
  rig.submit(invalidate_contexts());
  REQUIRE(rig.dma(kDevice, 0x5000) == R::no_read_permission);
  SECTION("the page") { rig.submit(invalidate_pages(5, 0x5000)); }
  SECTION("the page, leaf only") { rig.submit(invalidate_pages(5, 0x5000, 0, true)); }
  SECTION("its domain") { rig.submit(invalidate_domain(5)); }
  SECTION("everything") { rig.submit(invalidate_iotlb()); }
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a page without the right to write is no absent page") {
  IommuRig rig(caching());
  const auto top = rig.add_device(kDevice, 5);
  rig.tables.map(top, 4, 0x5000, 0xa000, 4096, true, false);
  REQUIRE(rig.dma(kDevice, 0x5000, true) == R::no_write_permission);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a PASID stays absent until it or everything is invalidated") {
  ScalableRig rig(caching());
  constexpr std::uint32_t kPasid = 0x12345;
  const bool directory = GENERATE(true, false);
  CAPTURE(directory);
  rig.scalable_tables.set_context(kDevice, {});
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, 0x5000, 0xa000);
  if (!directory) rig.scalable_tables.set_pasid(kDevice, kPasid + 1, {.domain = 5, .second_table = top});
  const R absent = directory ? R::pasid_directory_not_present : R::pasid_not_present;
  REQUIRE(rig.dma(kDevice, 0x5000, false, kPasid) == absent);
  rig.scalable_tables.set_pasid(kDevice, kPasid, {.domain = 5, .second_table = top});
  REQUIRE(rig.dma(kDevice, 0x5000, false, kPasid) == absent);
  rig.submit(invalidate_domain_pasids(5));
  rig.submit(invalidate_pasid(5, kPasid + 1));
  REQUIRE(rig.dma(kDevice, 0x5000, false, kPasid) == absent);
  SECTION("it") { rig.submit(invalidate_pasid(5, kPasid)); }
  SECTION("everything") { rig.submit(invalidate_pasids()); }
  REQUIRE(rig.dma(kDevice, 0x5000, false, kPasid) == R::none);
}

TEST_CASE("in caching mode a scalable-mode context entry stays absent too, but a first-stage page does not") {
  ScalableRig rig(caching());
  REQUIRE(rig.dma(kDevice, 0x5000) == R::scalable_root_not_present);
  FirstStage pages(rig.tables);
  rig.add_device(kDevice, 0, {.type = 1, .domain = 5, .first_table = pages.top()});
  REQUIRE(rig.dma(kDevice, 0x5000) == R::scalable_root_not_present);
  rig.submit(invalidate_device_context(0, kDevice));
  REQUIRE(rig.dma(kDevice, 0x5000) == R::first_stage_not_present);
  pages.map(0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a nested page stays absent where the second stage lacks it") {
  ScalableRig rig(caching());
  const auto second = rig.tables.new_page();
  FirstStage pages(rig.tables, 4, second, 4);
  rig.add_device(kDevice, 0, {.type = 3, .domain = 5, .second_table = second, .first_table = pages.top()});
  pages.map(0x5000, 0x7'8000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::second_stage_not_present);
  rig.tables.map(second, 4, 0x7'8000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::second_stage_not_present);
  rig.submit(invalidate_domain(5));
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
}

TEST_CASE("in caching mode a walk that an invalidation overtakes remembers no absence") {
  Config config = caching();
  Statistics statistics;
  Translator translator(config, statistics);
  SparseMemory memory;
  IommuTables tables(memory);
  const auto top = tables.new_page();
  tables.set_context(kDevice, {.domain = 1, .table = top});
  translator.set_root(tables.root());
  Request request;
  request.source = kDevice;
  request.address = 0x5000;
  Walk walk;
  static_cast<void>(translator.begin(walk, request));
  for (int i = 0; i < 2; ++i) {
    const std::uint64_t words[] = {memory.word(walk.read_address), memory.word(walk.read_address + 8)};
    REQUIRE(translator.resume(walk, true, words) == Step::read);
  }
  const std::uint64_t stale[] = {memory.word(walk.read_address), 0};
  tables.map(top, 4, 0x5000, 0xa000);
  translator.invalidate(IotlbInvalidation{.granularity = Granularity::selective, .domain = 1, .address = 0x5000});
  REQUIRE(translator.resume(walk, true, stale) == Step::faulted);
  Translation translation;
  Fault fault;
  REQUIRE(translator.lookup(request, translation, fault) == Translator::Answer::miss);
}
