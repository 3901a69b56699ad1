// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One directed test for each fault reason, reached through tables in memory.

#include "models/iommu/structures_spec.h"
#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;  // 03:02.0
constexpr std::uint64_t kIova = 0x1234'5000;

/// The rig's latest fault is recorded with this reason, for kDevice.
void require_recorded(IommuRig& rig, R reason, std::uint64_t iova, bool read) {
  REQUIRE(reg::record::F::get(rig.record_high()) == 1);
  REQUIRE(reg::record::FR::get(rig.record_high()) == static_cast<unsigned>(reason));
  REQUIRE(reg::record::SID::get(rig.record_high()) == kDevice);
  REQUIRE(reg::record::T::get(rig.record_high()) == (read ? 1u : 0u));
  REQUIRE(rig.record_low() == (iova & ~0xfffull));
  REQUIRE(rig.iommu.unit().statistics().fault(reason) == 1);
}

}  // namespace

TEST_CASE("a root entry that is not present faults with reason 1") {
  IommuRig rig;
  REQUIRE(rig.dma(kDevice, kIova + 0x123) == R::root_not_present);
  require_recorded(rig, R::root_not_present, kIova, true);
}

TEST_CASE("a context entry that is not present faults with reason 2, unless its FPD is set") {
  IommuRig rig;
  rig.add_device(kDevice + 1);
  SECTION("recorded") {
    REQUIRE(rig.dma(kDevice, kIova, true) == R::context_not_present);
    require_recorded(rig, R::context_not_present, kIova, false);
  }
  SECTION("suppressed") {
    rig.tables.set_word(rig.tables.context_entry(kDevice), 2);
    REQUIRE(rig.dma(kDevice, kIova) == R::context_not_present);
    REQUIRE(rig.read(reg::kFSTS) == 0);
    REQUIRE(rig.iommu.unit().statistics().fault(R::context_not_present) == 1);
  }
}

TEST_CASE("a context entry that no such hardware supports faults with reason 3") {
  Config config;
  ContextFields fields{.table = 0x20'0000};
  SECTION("an address width that is not in SAGAW") {
    config.three_level = false;
    fields.levels = 3;
  }
  SECTION("a 5-level width") { fields.levels = 5; }
  SECTION("a translation type that needs device-TLBs") { fields.translation_type = 1; }
  SECTION("the reserved translation type") { fields.translation_type = 3; }
  SECTION("pass-through without ECAP.PT") {
    config.pass_through = false;
    fields.translation_type = 2;
  }
  SECTION("pass-through that is not of the largest width") {
    fields.translation_type = 2;
    fields.levels = 3;
  }
  IommuRig rig(config);
  rig.tables.set_context(kDevice, fields);
  REQUIRE(rig.dma(kDevice, kIova) == R::context_invalid);
  require_recorded(rig, R::context_invalid, kIova, true);
}

TEST_CASE("an address beyond the tables' or the hardware's width faults with reason 4") {
  Config config;
  config.guest_address_bits = 40;
  IommuRig rig(config);
  rig.tables.map(rig.add_device(kDevice, 1, 3), 3, kIova, 0x5000);
  rig.tables.map(rig.add_device(kDevice + 1, 2, 4), 4, kIova, 0x5000);
  SECTION("39 bits of a 3-level table") {
    REQUIRE(rig.dma(kDevice, kIova) == R::none);
    REQUIRE(rig.dma(kDevice, (1ull << 39) + kIova) == R::address_beyond_width);
    require_recorded(rig, R::address_beyond_width, (1ull << 39) + kIova, true);
  }
  SECTION("MGAW, though the table reaches further, and though the context is cached") {
    REQUIRE(rig.dma(kDevice + 1, (1ull << 40) + kIova) == R::address_beyond_width);
    REQUIRE(rig.dma(kDevice + 1, kIova) == R::none);
    REQUIRE(rig.dma(kDevice + 1, (1ull << 40) + kIova) == R::address_beyond_width);
  }
}

TEST_CASE("a write through a read-only entry faults with reason 5, at any level and from the IOTLB") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, kIova, 0x5000, 4096, true, false);
  SECTION("a leaf") { REQUIRE(rig.dma(kDevice, kIova, true) == R::no_write_permission); }
  SECTION("a directory") {
    rig.tables.map(top, 4, kIova, 0x5000);
    const auto slot = rig.tables.entry(top, 4, kIova, 3);
    rig.tables.set_word(slot, rig.tables.word(slot) & ~2ull);
    REQUIRE(rig.dma(kDevice, kIova, true) == R::no_write_permission);
  }
  SECTION("nothing mapped") { REQUIRE(rig.dma(kDevice, kIova + 0x1000, true) == R::no_write_permission); }
  SECTION("cached by a read") {
    REQUIRE(rig.dma(kDevice, kIova) == R::none);
    REQUIRE(rig.dma(kDevice, kIova, true) == R::no_write_permission);
    REQUIRE(rig.iommu.unit().statistics().iotlb_hits == 1);
  }
  REQUIRE(reg::record::FR::get(rig.record_high()) == 5);
}

TEST_CASE("a read through a write-only entry faults with reason 6, but a zero-length read does not") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice), 4, kIova, 0x5000, 4096, false, true);
  REQUIRE(rig.dma(kDevice, kIova) == R::no_read_permission);
  require_recorded(rig, R::no_read_permission, kIova, true);
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.zero_length = true;
  REQUIRE(rig.dma(request) == R::none);
}

TEST_CASE("a zero-length read of a write-only page faults without CAP.ZLR") {
  Config config;
  config.zero_length_reads = false;
  IommuRig rig(config);
  rig.tables.map(rig.add_device(kDevice), 4, kIova, 0x5000, 4096, false, true);
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.zero_length = true;
  REQUIRE(rig.dma(request) == R::no_read_permission);
}

TEST_CASE("a paging entry that memory does not answer faults with reason 7") {
  IommuRig rig;
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, kIova, 0x5000);
  rig.memory.break_at(rig.tables.entry(top, 4, kIova));
  REQUIRE(rig.dma(kDevice, kIova) == R::paging_entry_access);
  require_recorded(rig, R::paging_entry_access, kIova, true);
}

TEST_CASE("a root entry that memory does not answer faults with reason 8") {
  IommuRig rig;
  rig.memory.break_at(rig.tables.root());
  REQUIRE(rig.dma(kDevice, kIova) == R::root_access);
  require_recorded(rig, R::root_access, kIova, true);
}

TEST_CASE("a context entry that memory does not answer faults with reason 9") {
  IommuRig rig;
  rig.add_device(kDevice);
  rig.memory.break_at(rig.tables.context_entry(kDevice));
  REQUIRE(rig.dma(kDevice, kIova) == R::context_access);
  require_recorded(rig, R::context_access, kIova, true);
}

TEST_CASE("a reserved bit in a root entry faults with reason A") {
  IommuRig rig;
  rig.add_device(kDevice);
  const auto at = rig.tables.root_entry(kDevice);
  SECTION("low") { rig.tables.set_word(at, rig.tables.word(at) | 1 << 5); }
  SECTION("high") { rig.tables.set_word(at + 8, 1); }
  SECTION("above the host address width") { rig.tables.set_word(at, rig.tables.word(at) | 1ull << 46); }
  REQUIRE(rig.dma(kDevice, kIova) == R::root_reserved);
  require_recorded(rig, R::root_reserved, kIova, true);
}

TEST_CASE("a reserved bit in a context entry faults with reason B, qualified by its FPD") {
  IommuRig rig;
  rig.add_device(kDevice);
  const auto at = rig.tables.context_entry(kDevice);
  bool recorded = true;
  SECTION("low") { rig.tables.set_word(at, rig.tables.word(at) | 1 << 4); }
  SECTION("high, bit 7") { rig.tables.set_word(at + 8, rig.tables.word(at + 8) | 1 << 7); }
  SECTION("high, above the domain id") { rig.tables.set_word(at + 8, rig.tables.word(at + 8) | 1 << 24); }
  SECTION("above the host address width") { rig.tables.set_word(at, rig.tables.word(at) | 1ull << 50); }
  SECTION("with FPD") {
    rig.tables.set_word(at, rig.tables.word(at) | 1 << 4 | 2);
    recorded = false;
  }
  REQUIRE(rig.dma(kDevice, kIova) == R::context_reserved);
  if (recorded)
    require_recorded(rig, R::context_reserved, kIova, true);
  else
    REQUIRE(rig.read(reg::kFSTS) == 0);
}

TEST_CASE("a reserved bit in a paging entry faults with reason C") {
  Config config;
  unsigned level = 1;
  std::uint64_t bits = 0;
  SECTION("above the host address width") { bits = 1ull << 46; }
  SECTION("IW") { bits = 1ull << 62; }
  SECTION("SNP that is no leaf's") { level = GENERATE(2u, 3u, 4u), bits = 1 << 11; }
  SECTION("PS in a level 4 entry") {
    level = 4;
    bits = 0x80;
  }
  SECTION("PS in a level 3 entry without 1 GB pages") {
    config.pages_1g = false;
    level = 3;
    bits = 0x80;
  }
  SECTION("PS in a level 2 entry without 2 MB pages") {
    config.pages_1g = config.pages_2m = false;
    level = 2;
    bits = 0x80;
  }
  SECTION("a 2 MB page that is not aligned") {
    level = 2;
    bits = 0x1080;
  }
  SECTION("a 1 GB page that is not aligned") {
    level = 3;
    bits = 0x20'0080;
  }
  IommuRig rig(config);
  const auto top = rig.add_device(kDevice);
  rig.tables.map(top, 4, kIova, 0x5000);
  const auto at = rig.tables.entry(top, 4, kIova, level);
  rig.tables.set_word(at, rig.tables.word(at) | bits);
  REQUIRE(rig.dma(kDevice, kIova) == R::paging_entry_reserved);
  require_recorded(rig, R::paging_entry_reserved, kIova, true);
}

TEST_CASE("translated and translation requests are blocked with reason D where TT does not allow them") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice), 4, kIova, 0x5000);
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.address_type = 2;
  REQUIRE(rig.dma(request) == R::translation_type_blocked);
  require_recorded(rig, R::translation_type_blocked, kIova, true);
  REQUIRE(reg::record::AT::get(rig.record_high()) == 2);
  request.address_type = 1;
  REQUIRE(rig.dma(request) == R::translation_type_blocked);
}

TEST_CASE("a translation into the interrupt address range faults with reason E") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice), 4, kIova, 0xfee0'1000);
  REQUIRE(rig.dma(kDevice, kIova, true) == R::output_in_interrupt_range);
  require_recorded(rig, R::output_in_interrupt_range, kIova, false);
}

TEST_CASE("a legacy pass-through address beyond the host's width faults with reason 4, one of interrupts with E") {
  IommuRig rig;
  rig.tables.set_context(kDevice, {.levels = 4, .translation_type = 2});
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(rig.dma(kDevice, 1ull << 46) == R::address_beyond_width);
    REQUIRE(rig.dma(kDevice, 0xfee0'1000) == R::output_in_interrupt_range);
    REQUIRE(rig.dma(kDevice, (1ull << 46) - 1) == R::none);
  }
}

TEST_CASE("FPD suppresses faults of the paging entries, whether the context is cached or not") {
  IommuRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.set_context(kDevice, {.table = top, .fault_processing_disabled = true});
  rig.tables.map(top, 4, kIova, 0x5000);
  REQUIRE(rig.dma(kDevice, kIova + 0x1000) == R::no_read_permission);
  REQUIRE(rig.dma(kDevice, kIova) == R::none);
  REQUIRE(rig.dma(kDevice, kIova + 0x1000) == R::no_read_permission);
  REQUIRE(rig.read(reg::kFSTS) == 0);
  REQUIRE(rig.iommu.unit().statistics().fault(R::no_read_permission) == 2);
}

TEST_CASE("FPD of a context entry that cannot be reached suppresses nothing") {
  IommuRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.set_context(kDevice, {.table = top, .fault_processing_disabled = true});
  const auto root = rig.tables.root_entry(kDevice);
  SECTION("root not present") { rig.tables.set_word(root, 0); }
  SECTION("root reserved") { rig.tables.set_word(root, rig.tables.word(root) | 2); }
  SECTION("context not readable") { rig.memory.break_at(rig.tables.context_entry(kDevice)); }
  REQUIRE(rig.dma(kDevice, kIova) != R::none);
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kPPF) != 0);
}

TEST_CASE("every fault reason has a name of its own") {
  unsigned named = 0;
  for (unsigned i = 1; i < kFaultReasons; ++i)
    if (fault_name(static_cast<R>(i)) != "none") ++named;
  REQUIRE(named == 14 + 10 + 50);  // 1 to E, 20 to 29, 30 to 91
}
