// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Caches really cache: what software forgets to invalidate stays, what it invalidates goes, and nothing else does.

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;

/// Misses that a request to each page causes: bit i for page i.
unsigned missing(IommuRig& rig, std::uint16_t source, std::initializer_list<std::uint64_t> pages) {
  unsigned result = 0, i = 0;
  for (const auto page : pages) {
    const auto before = rig.iommu.unit().statistics().iotlb_misses;
    REQUIRE(rig.dma(source, page) == R::none);
    if (rig.iommu.unit().statistics().iotlb_misses != before) result |= 1u << i;
    ++i;
  }
  return result;
}

}  // namespace

TEST_CASE("a remapped page is stale until its IOTLB entry is invalidated") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  rig.tables.map(top, 4, 0x5000, 0xb000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  REQUIRE(rig.address == 0xa000);
  SECTION("page") { rig.submit(invalidate_pages(1, 0x5000)); }
  SECTION("page, leaves only") { rig.submit(invalidate_pages(1, 0x5000, 0, true)); }
  SECTION("domain") { rig.submit(invalidate_domain(1)); }
  SECTION("global") { rig.submit(invalidate_iotlb()); }
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  REQUIRE(rig.address == 0xb000);
}

TEST_CASE("a moved page table is stale in the paging-structure caches until they are invalidated") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  rig.tables.map(top, 4, 0x6000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  rig.tables.set_word(rig.tables.entry(top, 4, 0x5000, 2), rig.tables.new_page() | 3);
  rig.tables.map(top, 4, 0x6000, 0xb000);
  SECTION("forgotten") {
    REQUIRE(rig.dma(kDevice, 0x6000) == R::none);
    REQUIRE(rig.address == 0xa000);
  }
  SECTION("invalidated with the hint that only leaves changed") {
    rig.submit(invalidate_pages(1, 0x6000, 0, true));
    REQUIRE(rig.dma(kDevice, 0x6000) == R::none);
    REQUIRE(rig.address == 0xa000);
  }
  SECTION("invalidated") {
    rig.submit(invalidate_pages(1, 0x6000));
    REQUIRE(rig.dma(kDevice, 0x6000) == R::none);
    REQUIRE(rig.address == 0xb000);
  }
}

TEST_CASE("a changed context entry is stale until the context cache is invalidated") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice, 1), 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  const auto other = rig.tables.new_page();
  rig.tables.map(other, 4, 0x5000, 0xb000);
  rig.tables.set_context(kDevice, {.domain = 2, .table = other});
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  REQUIRE(rig.address == 0xa000);
  bool gone = true;
  SECTION("device") { rig.submit(invalidate_device_context(1, kDevice)); }
  SECTION("device, by a mask that covers its function") { rig.submit(invalidate_device_context(1, kDevice + 7, 3)); }
  SECTION("the old domain") { rig.submit(invalidate_domain_contexts(1)); }
  SECTION("global") { rig.submit(invalidate_contexts()); }
  SECTION("not by another device's") {
    rig.submit(invalidate_device_context(1, kDevice + 1));
    gone = false;
  }
  SECTION("not by another domain's") {
    rig.submit(invalidate_domain_contexts(2));
    gone = false;
  }
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  REQUIRE(rig.address == (gone ? 0xb000u : 0xa000u));
}

TEST_CASE("a changed IRTE is stale until the interrupt-entry cache is invalidated") {
  IommuRig rig({}, true, true);
  rig.tables.set_remapped(5, 0x41, 1);
  REQUIRE(rig.msi(kDevice, msi_address(5)) == R::none);
  REQUIRE(rig.message->data == 0x41);
  rig.tables.set_remapped(5, 0x42, 1);
  REQUIRE(rig.msi(kDevice, msi_address(5)) == R::none);
  REQUIRE(rig.message->data == 0x41);
  std::uint32_t expected = 0x42;
  SECTION("index") { rig.submit(invalidate_interrupt(5)); }
  SECTION("a mask that covers it") { rig.submit(invalidate_interrupt(4, 1)); }
  SECTION("global") { rig.submit(invalidate_interrupts()); }
  SECTION("not by another index") {
    rig.submit(invalidate_interrupt(4));
    expected = 0x41;
  }
  REQUIRE(rig.msi(kDevice, msi_address(5)) == R::none);
  REQUIRE(rig.message->data == expected);
}

TEST_CASE("a new root table is not seen while the context cache holds on") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice), 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  rig.write(reg::kRTADDR, rig.tables.new_page(), 8);
  rig.submit(invalidate_contexts());
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);  // written, not yet set
  rig.submit(invalidate_contexts());
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSRTP);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::root_not_present);
}

TEST_CASE("page-selective invalidation takes the pages of its mask and its domain, and no other") {
  IommuRig rig;
  for (std::uint16_t domain : {std::uint16_t{1}, std::uint16_t{2}}) {
    const auto top = rig.add_device(static_cast<std::uint16_t>(0x100 + domain), domain);
    for (std::uint64_t page = 4; page < 10; ++page) rig.tables.map(top, 4, page << 12, page << 12);
  }
  const std::initializer_list<std::uint64_t> pages = {0x4000, 0x5000, 0x6000, 0x7000, 0x8000, 0x9000};
  missing(rig, 0x101, pages);
  missing(rig, 0x102, pages);
  rig.submit(invalidate_pages(1, 0x4000, 2));
  REQUIRE(missing(rig, 0x102, pages) == 0);
  REQUIRE(missing(rig, 0x101, pages) == 0b001111);
  rig.submit(invalidate_pages(1, 0x8000));
  REQUIRE(missing(rig, 0x101, pages) == 0b010000);
}

TEST_CASE("page-selective invalidation takes a large page that it only touches") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, 0x20'0000, 0x20'0000, 1 << 21);
  rig.tables.map(top, 4, 0x4000'0000, 0x4000'0000, 1 << 30);
  missing(rig, kDevice, {0x20'0000, 0x4000'0000});
  rig.submit(invalidate_pages(1, 0x21'3000));
  REQUIRE(missing(rig, kDevice, {0x20'0000, 0x4000'0000}) == 0b01);
  rig.submit(invalidate_pages(1, 0x5678'0000, 2));
  REQUIRE(missing(rig, kDevice, {0x20'0000, 0x4000'0000}) == 0b10);
}

TEST_CASE("a bad descriptor stops the queue with IQE until software clears it") {
  Config config;
  config.max_address_mask = 9;
  IommuRig rig(config);
  rig.write(reg::kFECTL, 0);
  QueueError expected = QueueError::reserved_field;
  DescriptorWords bad;
  SECTION("type 0") { bad = {0, 0}, expected = QueueError::invalid_type; }
  SECTION("a device-TLB descriptor without device-TLBs") { bad = {3, 0}, expected = QueueError::invalid_type; }
  SECTION("a scalable-mode descriptor") { bad = {6 | 2 << 4, 0}, expected = QueueError::invalid_type; }
  SECTION("a high type bit") { bad = {0x211, 0}, expected = QueueError::invalid_type; }
  SECTION("context cache without granularity") { bad = {0x1, 0}; }
  SECTION("context cache with a reserved bit") { bad = {0x11 | 1ull << 60, 0}; }
  SECTION("IOTLB without granularity") { bad = {0x2, 0}; }
  SECTION("IOTLB with a mask above MAMV") { bad = invalidate_pages(1, 0, 10); }
  SECTION("IOTLB with a reserved bit") { bad = {0xd2 | 1ull << 40, 0}; }
  SECTION("interrupt entries with a reserved bit") { bad = {0x4 | 1 << 5, 0}; }
  SECTION("wait with a reserved bit") { bad = {0x5 | 1 << 8, 0}; }
  rig.submit(bad);
  rig.submit(wait_with_status(0x9000, 77));
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kIQE) != 0);
  REQUIRE(rig.read(reg::kIQH, 8) == 0);
  REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(expected));
  REQUIRE(rig.memory.word(0x9000) == 0);
  REQUIRE(rig.iommu.events().size() == 1);
  // Software repairs the descriptor, then clears the error.
  rig.tables.set_word(rig.tables.queue(), invalidate_contexts().low);
  rig.tables.set_word(rig.tables.queue() + 8, 0);
  rig.write(reg::kFSTS, reg::fsts::kIQE);
  REQUIRE(rig.read(reg::kIQH, 8) == 0x20);
  REQUIRE(rig.memory.word(0x9000) == 77);
}

TEST_CASE("a queue that memory does not answer, or a tail beyond its end, is an IQE") {
  IommuRig rig;
  SECTION("memory") {
    rig.memory.break_at(rig.tables.queue());
    rig.submit(invalidate_contexts());
    REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(QueueError::fetch_error));
  }
  SECTION("tail") {
    rig.write(reg::kIQT, 0x1000, 8);
    REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(QueueError::invalid_tail));
  }
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kIQE) != 0);
}

TEST_CASE("a queue of 32-byte descriptors holds half as many, and its tail must be aligned to them") {
  Config config;
  config.scalable_mode = true;
  IommuRig rig(config, false);
  enable_iommu([&](auto o, auto v, auto b) { rig.write(o, v, b); }, rig.tables, false, reg::iqa::DW::mask);
  const auto submit = [&](const DescriptorWords& words, std::uint64_t upper = 0) {
    const std::uint64_t tail = rig.read(reg::kIQT, 8);
    for (unsigned i = 0; i < 4; ++i)
      rig.tables.set_word(rig.tables.queue() + tail + 8 * i, i == 0 ? words.low : i == 1 ? words.high : upper);
    rig.write(reg::kIQT, (tail + 32) & 0xfff, 8);
  };
  SECTION("it wraps after 128") {
    for (unsigned i = 0; i < 130; ++i) submit(wait_with_status(0x9000, i + 1));
    REQUIRE(rig.read(reg::kIQH, 8) == 2 * 32);
    REQUIRE(rig.memory.word(0x9000) == 130);
  }
  SECTION("a set bit in the upper half is an error") {
    submit(wait_with_status(0x9000, 1), 1);
    REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(QueueError::reserved_field));
  }
  SECTION("a tail between two descriptors is an error") {
    rig.write(reg::kIQT, 0x10, 8);
    REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(QueueError::misaligned_tail));
    REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kIQE) != 0);
  }
}

TEST_CASE("a width that the hardware does not have is an IQE and is not taken") {
  IommuRig rig({}, false);
  rig.write(reg::kIQA, rig.tables.queue() | reg::iqa::DW::mask, 8);
  REQUIRE(rig.read(reg::kIQA, 8) == rig.tables.queue());
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kIQE) != 0);
  REQUIRE((rig.read(reg::kIQER, 8) & 0xf) == static_cast<unsigned>(QueueError::invalid_width));
}

TEST_CASE("the queue wraps round, and larger queues are longer") {
  IommuRig rig;
  for (unsigned i = 0; i < 300; ++i) rig.submit(wait_with_status(0x9000, i + 1));
  REQUIRE(rig.read(reg::kIQH, 8) == (300 - 256) * 16);
  REQUIRE(rig.memory.word(0x9000) == 300);
  REQUIRE(rig.iommu.unit().statistics().waits == 300);
}

TEST_CASE("a wait with IF raises the completion event once until IWC is cleared") {
  IommuRig rig;
  rig.write(reg::kIEDATA, 0x55);
  rig.write(reg::kIEADDR, 0xfee0'2000);
  SECTION("unmasked") {
    rig.write(reg::kIECTL, 0);
    rig.submit(wait_with_interrupt());
    rig.submit(wait_with_interrupt());
    REQUIRE(rig.read(reg::kICS) == 1);
    REQUIRE(rig.iommu.events().size() == 1);
    REQUIRE(rig.iommu.events()[0] == InterruptMessage{0xfee0'2000, 0x55});
    rig.write(reg::kICS, 1);
    rig.submit(wait_with_interrupt());
    REQUIRE(rig.iommu.events().size() == 2);
  }
  SECTION("masked, then unmasked") {
    rig.submit(wait_with_interrupt());
    REQUIRE(rig.read(reg::kIECTL) == (reg::event::kIM | reg::event::kIP));
    rig.write(reg::kIECTL, 0);
    REQUIRE(rig.iommu.events().size() == 1);
  }
  SECTION("masked, then serviced") {
    rig.submit(wait_with_interrupt());
    rig.write(reg::kICS, 1);
    rig.write(reg::kIECTL, 0);
    REQUIRE(rig.iommu.events().empty());
  }
}

TEST_CASE("invalidation works through CCMD and IOTLB while the queue is off") {
  IommuRig rig({}, false);
  set_iommu_root([&](auto o, auto v, auto b) { rig.write(o, v, b); }, rig.tables);
  rig.write(reg::kGCMD, reg::gcmd::kTE);
  const auto top = rig.add_device(kDevice, 3);
  rig.tables.map(top, 4, 0x5000, 0xa000);
  REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
  SECTION("IOTLB, page-selective, in two halves") {
    rig.tables.map(top, 4, 0x5000, 0xb000);
    rig.write(reg::kIVA, 0x5000, 8);
    rig.write(reg::kIOTLB, 0);
    rig.write(reg::kIOTLB + 4, 0x8000'0000 | 3u << 28 | 3);
    REQUIRE(rig.read(reg::kIOTLB + 4) == (3u << 28 | 3u << 25 | 3));  // IVT clear, IAIG = page
    REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
    REQUIRE(rig.address == 0xb000);
  }
  SECTION("CCMD, device-selective") {
    rig.tables.set_word(rig.tables.context_entry(kDevice), 0);
    REQUIRE(rig.dma(kDevice, 0x5000) == R::none);
    rig.write(reg::kCCMD, reg::ccmd::ICC::of(1) | reg::ccmd::CIRG::of(3) | reg::ccmd::SID::of(kDevice) | reg::ccmd::DID::of(3), 8);
    REQUIRE(reg::ccmd::ICC::get(rig.read(reg::kCCMD, 8)) == 0);
    REQUIRE(reg::ccmd::CAIG::get(rig.read(reg::kCCMD, 8)) == 3);
    REQUIRE(rig.dma(kDevice, 0x5000) == R::context_not_present);
  }
  SECTION("refused while the queue is on") {
    rig.write(reg::kGCMD, reg::gcmd::kTE | reg::gcmd::kQIE);
    rig.write(reg::kCCMD, reg::ccmd::ICC::of(1) | reg::ccmd::CIRG::of(1), 8);
    REQUIRE(reg::ccmd::ICC::get(rig.read(reg::kCCMD, 8)) == 0);
    REQUIRE(reg::ccmd::CAIG::get(rig.read(reg::kCCMD, 8)) == 0);
  }
}

TEST_CASE("a walk that an invalidation overtakes leaves nothing in the caches") {
  Config config;
  Statistics statistics;
  Translator translator(config, statistics);
  SparseMemory memory;
  IommuTables tables(memory);
  const auto top = tables.new_page();
  tables.set_context(kDevice, {.domain = 1, .table = top});
  tables.map(top, 4, 0x5000, 0xa000);
  translator.set_root(tables.root());
  Request request;
  request.source = kDevice;
  request.address = 0x5000;
  const auto read = [&](Walk& walk) {
    std::uint64_t words[kMaxReadBytes / 8] = {};
    for (unsigned i = 0; i < walk.read_bytes / 8; ++i) words[i] = memory.word(walk.read_address + 8 * i);
    return translator.resume(walk, true, words);
  };
  Walk walk;
  Step step = translator.begin(walk, request);
  for (int i = 0; i < 5; ++i) step = read(walk);  // all but the last entry
  bool cached = false;
  IotlbInvalidation invalidation{.granularity = Granularity::selective, .domain = 1, .address = 0x5000};
  SECTION("of its page") {}
  SECTION("of its domain") { invalidation.granularity = Granularity::domain; }
  SECTION("but one of another page or domain leaves it alone") {
    invalidation.address = 0x6000;
    translator.invalidate(invalidation);
    invalidation = {.granularity = Granularity::domain, .domain = 2};
    cached = true;
  }
  SECTION("nor do those of the pages on both sides of it") {
    invalidation.address = 0x4000;
    translator.invalidate(invalidation);
    invalidation.address = 0x6000;
    cached = true;
  }
  const auto stale = memory.word(walk.read_address);
  translator.invalidate(invalidation);
  step = translator.resume(walk, true, &stale);
  REQUIRE(step == Step::translated);
  Translation translation;
  Fault fault;
  const auto again = translator.lookup(request, translation, fault);
  REQUIRE(again == (cached ? Translator::Answer::translated : Translator::Answer::miss));
}
