// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Every register against one table: offset, width, reset value, writable bits, write-1-to-clear bits (11.4).

#include <string_view>

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint64_t kHost = 0x3fff'ffff'f000;  // 46 address bits

struct Row {
  std::string_view name;
  std::uint32_t offset;
  unsigned bytes;
  std::uint64_t reset;
  std::uint64_t writable;
  std::uint64_t write1_clear;
};

/// With everything that can be configured. VER, CAP and ECAP are constant: their values are tested elsewhere.
constexpr Row kTable[] = {
    {"VER", 0x00, 4, 0x10, 0, 0},
    {"GCMD", 0x18, 4, 0, 0, 0},
    {"GSTS", 0x1c, 4, 0, 0, 0},
    {"RTADDR", 0x20, 8, 0, kHost | 0xc00, 0},
    {"CCMD", 0x28, 8, 0, 0xe000'0003'ffff'ffff, 0},
    {"FSTS", 0x34, 4, 0, 0, 0x71},
    {"FECTL", 0x38, 4, 0x8000'0000, 0x8000'0000, 0},
    {"FEDATA", 0x3c, 4, 0, 0xffff, 0},
    {"FEADDR", 0x40, 4, 0, 0xffff'fffc, 0},
    {"FEUADDR", 0x44, 4, 0, 0xffff'ffff, 0},
    {"PMEN", 0x64, 4, 0, 0x8000'0000, 0},
    {"PLMBASE", 0x68, 4, 0, 0xffe0'0000, 0},
    {"PLMLIMIT", 0x6c, 4, 0, 0xffe0'0000, 0},
    {"PHMBASE", 0x70, 8, 0, 0x3fff'ffe0'0000, 0},
    {"PHMLIMIT", 0x78, 8, 0, 0x3fff'ffe0'0000, 0},
    {"IQH", 0x80, 8, 0, 0, 0},
    {"IQT", 0x88, 8, 0, 0x7'fff0, 0},
    {"IQA", 0x90, 8, 0, kHost | 0x807, 0},
    {"ICS", 0x9c, 4, 0, 0, 1},
    {"IECTL", 0xa0, 4, 0x8000'0000, 0x8000'0000, 0},
    {"IEDATA", 0xa4, 4, 0, 0xffff, 0},
    {"IEADDR", 0xa8, 4, 0, 0xffff'fffc, 0},
    {"IEUADDR", 0xac, 4, 0, 0xffff'ffff, 0},
    {"IQER", 0xb0, 8, 0, 0, 0},
    {"IRTA", 0xb8, 8, 0, kHost | 0x80f, 0},
    {"PQH", 0xc0, 8, 0, 0x7'ffe0, 0},
    {"PQT", 0xc8, 8, 0, 0x7'ffe0, 0},
    {"PQA", 0xd0, 8, 0, kHost | 7, 0},
    {"PRS", 0xdc, 4, 0, 0, 3},
    {"PECTL", 0xe0, 4, 0x8000'0000, 0x8000'0000, 0},
    {"PEDATA", 0xe4, 4, 0, 0xffff, 0},
    {"PEADDR", 0xe8, 4, 0, 0xffff'fffc, 0},
    {"PEUADDR", 0xec, 4, 0, 0xffff'ffff, 0},
    {"IVA", 0xf0, 8, 0, 0xffff'ffff'ffff'f07f, 0},
    {"IOTLB", 0xf8, 8, 0, 0xb003'ffff'0000'0000, 0},
    {"FRCD0_LO", 0x220, 8, 0, 0, 0},
    {"FRCD0_HI", 0x228, 8, 0, 0, 0x8000'0000'0000'0000},
};

Config everything() {
  Config config;
  config.scalable_mode = config.device_tlbs = config.page_requests = config.caching_mode = true;
  config.fault_records = 1;
  return config;
}

/// Registers that act when written: what they do is tested where it belongs.
bool is_command(std::string_view name) { return name == "CCMD" || name == "IOTLB" || name == "PMEN" || name == "IQT"; }

/// A page and an interrupt of a device that have been used, and then changed in memory without a word to the IOMMU.
struct Stale : IommuRig {
  explicit Stale(const Config& config) : IommuRig(config) {
    const auto top = add_device(kDevice);
    tables.map(top, 4, kPage, 0xa000);
    tables.set_remapped(kHandle, 0x41, kDevice);
    REQUIRE(forgot_page() == false);
    REQUIRE(forgot_interrupt() == false);
    tables.map(top, 4, kPage, 0xb000);
    tables.set_remapped(kHandle, 0x42, kDevice);
  }
  /// Whether a use now finds what is in memory.
  bool forgot_page() {
    REQUIRE(dma(kDevice, kPage) == FaultReason::none);
    return address == 0xb000;
  }
  bool forgot_interrupt() {
    REQUIRE(msi(kDevice, msi_address(kHandle)) == FaultReason::none);
    return message->data == 0x42;
  }
  /// Switches off what `enable` is, and on again.
  void toggle(std::uint32_t enable) {
    const auto status = static_cast<std::uint32_t>(read(reg::kGSTS)) & ~(reg::gcmd::kSRTP | reg::gcmd::kSIRTP);
    write(reg::kGCMD, status & ~enable);
    REQUIRE((read(reg::kGSTS) & enable) == 0);
    write(reg::kGCMD, status);
  }

  static constexpr std::uint16_t kDevice = 0x100;
  static constexpr std::uint64_t kPage = 0x5000;
  static constexpr unsigned kHandle = 3;
};

}  // namespace

TEST_CASE("every register has its offset, width, reset value and masks, and there are no others") {
  IommuRig rig(everything(), false);
  std::size_t constants = 0;
  for (const auto* r : rig.iommu.unit().registers().registers()) {
    if (r->spec.name == "CAP" || r->spec.name == "ECAP") {
      ++constants;
      REQUIRE((r->spec.writable | r->spec.write1_clear) == 0);
      continue;
    }
    const Row* found = nullptr;
    for (const Row& row : kTable)
      if (row.name == r->spec.name) found = &row;
    INFO(r->spec.name);
    REQUIRE(found);
    REQUIRE(r->spec.offset == found->offset);
    REQUIRE(r->spec.bytes == found->bytes);
    REQUIRE(r->spec.reset == found->reset);
    REQUIRE(r->spec.writable == found->writable);
    REQUIRE(r->spec.write1_clear == found->write1_clear);
  }
  REQUIRE(rig.iommu.unit().registers().registers().size() == std::size(kTable) + constants);
}

TEST_CASE("writing ones, zeros and halves changes the writable bits and nothing else") {
  for (const Row& row : kTable) {
    if (is_command(row.name)) continue;
    CAPTURE(row.offset);
    const std::uint64_t ones = row.bytes == 8 ? ~0ull : 0xffff'ffffull;
    {
      IommuRig rig(everything(), false);
      rig.write(row.offset, ones, row.bytes);
      REQUIRE((rig.read(row.offset, row.bytes) & ~row.write1_clear) == ((row.reset & ~row.writable) | row.writable));
      rig.write(row.offset, 0, row.bytes);
      REQUIRE((rig.read(row.offset, row.bytes) & row.writable) == 0);
    }
    if (row.bytes == 8) {
      IommuRig rig(everything(), false);
      rig.write(row.offset + 4, 0xffff'ffff);
      REQUIRE(rig.read(row.offset, 8) == (row.writable & 0xffff'ffff'0000'0000));
      REQUIRE(rig.read(row.offset + 4) == row.writable >> 32);
      rig.write(row.offset, 0xffff'ffff);
      REQUIRE(rig.read(row.offset, 8) == row.writable);
    }
    for (const auto& [offset, bytes] : {std::pair{row.offset, 1u}, {row.offset, 2u}, {row.offset + 1, 4u}, {row.offset + 2, 2u}}) {
      IommuRig rig(everything(), false);
      rig.write(offset, ones, bytes);
      REQUIRE(rig.read(row.offset, row.bytes) == row.reset);
      REQUIRE(rig.read(offset, bytes) == 0);
    }
  }
}

TEST_CASE("registers of features that are not configured read as zero and ignore writes") {
  Config config;
  config.interrupt_remapping = config.extended_interrupt_mode = config.posted_interrupts = false;
  config.protected_low_range = config.protected_high_range = false;
  IommuRig rig(config, false);
  for (const std::uint32_t offset : {reg::kPMEN, reg::kPLMBASE, reg::kPLMLIMIT, reg::kPHMBASE, reg::kPHMLIMIT, reg::kIRTA,
                                     reg::kPQH, reg::kPQT, reg::kPQA, reg::kPRS, reg::kPECTL}) {
    rig.write(offset, 0xffff'ffff);
    REQUIRE(rig.read(offset) == 0);
  }
  rig.write(reg::kRTADDR, 0xc00, 8);
  REQUIRE(rig.read(reg::kRTADDR, 8) == 0);
}

TEST_CASE("capability bits follow the configuration, one by one") {
  const auto changes = [](auto change) {
    Config before, after;
    change(after);
    return std::pair{before.capability() ^ after.capability(), before.extended_capability() ^ after.extended_capability()};
  };
  using Bits = std::pair<std::uint64_t, std::uint64_t>;
  REQUIRE(changes([](Config& c) { c.write_buffer_flush = true; }) == Bits{1ull << 4, 0});
  REQUIRE(changes([](Config& c) { c.protected_low_range = false; }) == Bits{1ull << 5, 0});
  REQUIRE(changes([](Config& c) { c.protected_high_range = false; }) == Bits{1ull << 6, 0});
  REQUIRE(changes([](Config& c) { c.caching_mode = true; }) == Bits{1ull << 7, 0});
  REQUIRE(changes([](Config& c) { c.zero_length_reads = false; }) == Bits{1ull << 22, 0});
  REQUIRE(changes([](Config& c) { c.posted_interrupts = false; }) == Bits{1ull << 59, 0});
  REQUIRE(changes([](Config& c) { c.flush_on_interrupt_pointer = true; }) == Bits{1ull << 62, 0});
  REQUIRE(changes([](Config& c) { c.flush_on_root_pointer = true; }) == Bits{1ull << 63, 0});
  REQUIRE(changes([](Config& c) { c.coherent_walks = false; }) == Bits{0, 1ull << 0});
  REQUIRE(changes([](Config& c) { c.device_tlbs = true; }) == Bits{0, 1ull << 2 | 1ull << 33});
  REQUIRE(changes([](Config& c) { c.extended_interrupt_mode = false; }) == Bits{0, 1ull << 4});
  REQUIRE(changes([](Config& c) { c.pass_through = false; }) == Bits{0, 1ull << 6});
  Config page_requests;
  page_requests.device_tlbs = page_requests.scalable_mode = page_requests.page_requests = page_requests.device_tlb_throttle = true;
  const std::uint64_t ecap = page_requests.extended_capability();
  REQUIRE(((ecap >> 29 & 1) && (ecap >> 41 & 1) && (ecap >> 42 & 1) && (ecap >> 43 & 1) && (ecap >> 58 & 1)));
  REQUIRE((ecap >> 53 & 1) == (ecap >> 31 & 1));  // RPRIVS with SRS
}

TEST_CASE("features that need others are refused without them") {
  const auto refused = [](auto change, const char* key) {
    Config config;
    change(config);
    REQUIRE_THROWS_WITH(config.validate(), Catch::Matchers::ContainsSubstring(key));
  };
  refused([](Config& c) { c.page_requests = true; }, "page_requests");
  refused([](Config& c) { c.page_requests = c.device_tlbs = true; }, "page_requests");
  refused([](Config& c) { c.device_tlb_throttle = true; }, "device_tlb_throttle");
  refused([](Config& c) { c.device_tlb_timeout_ns = -1; }, "device_tlb_timeout_ns");
  refused([](Config& c) {
    c.interrupt_remapping = c.extended_interrupt_mode = c.posted_interrupts = false;
    c.flush_on_interrupt_pointer = true;
  }, "flush_on_interrupt_pointer");
}

TEST_CASE("PMEN.PRS follows EPM, and the ranges cannot be moved while it is set") {
  IommuRig rig({}, false);
  const ProtectedRanges& ranges = rig.iommu.unit().protected_ranges();
  rig.write(reg::kPLMBASE, 0x40'0000);
  rig.write(reg::kPLMLIMIT, 0x60'0000);
  rig.write(reg::kPHMBASE, 0x1'0000'0000, 8);
  rig.write(reg::kPHMLIMIT, 0x1'0000'0000, 8);
  REQUIRE_FALSE(ranges.blocks(0x40'0000, 0x40'003f));
  rig.write(reg::kPMEN, 0x8000'0000);
  REQUIRE(rig.read(reg::kPMEN) == 0x8000'0001);
  REQUIRE(ranges.blocks(0x40'0000, 0x40'003f));
  REQUIRE(ranges.blocks(0x7f'ffff, 0x80'0000));  // the limit's low bits count as ones
  REQUIRE(ranges.blocks(0x3f'ffff, 0x40'0000));
  REQUIRE_FALSE(ranges.blocks(0x3f'0000, 0x3f'ffff));
  REQUIRE_FALSE(ranges.blocks(0x80'0000, 0x80'003f));
  REQUIRE(ranges.blocks(0x1'0010'0000, 0x1'0010'003f));
  REQUIRE_FALSE(ranges.blocks(0x1'0020'0000, 0x1'0020'003f));
  rig.write(reg::kPLMBASE, 0xff00'0000);
  REQUIRE(rig.read(reg::kPLMBASE) == 0x40'0000);
  rig.write(reg::kPMEN, 0);
  REQUIRE(rig.read(reg::kPMEN) == 0);
  REQUIRE_FALSE(ranges.blocks(0x40'0000, 0x40'003f));
  SECTION("a base above its limit is no range") {
    rig.write(reg::kPLMBASE, 0x80'0000);
    rig.write(reg::kPMEN, 0x8000'0000);
    REQUIRE_FALSE(ranges.blocks(0x60'0000, 0x80'0000));
    REQUIRE(ranges.blocks(0x1'0000'0000, 0x1'0000'0000));
  }
}

TEST_CASE("a new root table empties the caches where CAP.ESRTPS says so, and else leaves them") {
  Config config;
  config.flush_on_root_pointer = GENERATE(false, true);
  Stale rig(config);
  set_iommu_root([&](auto o, auto v, auto b) { rig.write(o, v, b); }, rig.tables, rig.read(reg::kGSTS));
  REQUIRE(rig.forgot_page() == config.flush_on_root_pointer);
}

TEST_CASE("switching translation off empties the caches where there is scalable mode, and else leaves them") {
  Config config;
  config.scalable_mode = GENERATE(false, true);
  Stale rig(config);
  rig.toggle(reg::gcmd::kTE);
  REQUIRE(rig.forgot_page() == config.scalable_mode);
}

TEST_CASE("switching interrupt remapping off empties its cache where CAP.ESIRTPS says so, and else leaves it") {
  Config config;
  config.flush_on_interrupt_pointer = GENERATE(false, true);
  Stale rig(config);
  rig.toggle(reg::gcmd::kIRE);
  REQUIRE(rig.forgot_interrupt() == config.flush_on_interrupt_pointer);
}

TEST_CASE("invalidation through registers is refused but in legacy mode") {
  Config config;
  config.scalable_mode = true;
  IommuRig rig(config, false);
  const bool scalable = GENERATE(false, true);
  rig.write(reg::kRTADDR, rig.tables.root() | (scalable ? 0x400u : 0u), 8);
  rig.write(reg::kGCMD, reg::gcmd::kSRTP);
  rig.write(reg::kCCMD, reg::ccmd::ICC::of(1) | reg::ccmd::CIRG::of(1), 8);
  REQUIRE(reg::ccmd::ICC::get(rig.read(reg::kCCMD, 8)) == 0);
  REQUIRE(reg::ccmd::CAIG::get(rig.read(reg::kCCMD, 8)) == (scalable ? 0u : 1u));
  rig.write(reg::kIOTLB, reg::iotlb::IVT::of(1) | reg::iotlb::IIRG::of(1), 8);
  REQUIRE(reg::iotlb::IVT::get(rig.read(reg::kIOTLB, 8)) == 0);
  REQUIRE(reg::iotlb::IAIG::get(rig.read(reg::kIOTLB, 8)) == (scalable ? 0u : 1u));
}

TEST_CASE("a new interrupt-remapping table empties its cache where CAP.ESIRTPS says so, and else leaves it") {
  Config config;
  config.flush_on_interrupt_pointer = GENERATE(false, true);
  Stale rig(config);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSIRTP);
  REQUIRE(rig.forgot_interrupt() == config.flush_on_interrupt_pointer);
}
