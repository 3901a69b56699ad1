// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Scalable mode: one directed test for each fault reason of first-stage, second-stage and nested translation.

#include "test/support/catch.h"
#include "test/support/iommu_fault_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr auto kDevice = FaultRig::kDevice;
constexpr auto kPasid = FaultRig::kPasid;
constexpr auto kIova = FaultRig::kIova;

/// kIova is at kGuest for the guest and at 0x5000 for the host.
struct NestedRig : FaultRig {
  static constexpr std::uint64_t kGuest = 0x7'8000;
  explicit NestedRig(const Config& config = {}) : FaultRig(config), guest_first(tables, 4, second, 4) {
    guest_first.map(kIova, kGuest);
    tables.map(second, 4, kGuest, 0x5000);
  }
  PasidFields nested() const { return {.type = 3, .second_table = second, .first_table = guest_first.top()}; }
  /// The second-stage entry that maps the table with the first-stage entry of `level`.
  std::uint64_t entry_of_table(unsigned level) {
    const auto host = guest_first.entry(kIova, level) & ~0xfffull;
    return tables.entry(second, 4, host + FirstStage::kGuestOffset);
  }
  FirstStage guest_first;
};

}  // namespace

TEST_CASE("the rigs of this file translate while nothing is wrong") {
  NestedRig rig;
  const auto type = GENERATE(1, 2, 3);
  rig.add_device(kDevice, kPasid, type == 1 ? rig.first_stage() : type == 2 ? rig.second_stage() : rig.nested());
  REQUIRE(rig.dma(FaultRig::request(true)) == R::none);
  REQUIRE(rig.address == 0x5123);
}

// -- 70 to 77: first-stage entries --------------------------------------------------------------------------------------

TEST_CASE("a first-stage entry that memory does not answer faults with reason 70, one of the top table with 73") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.first_stage());
  const auto level = GENERATE(1u, 2u, 3u, 4u);
  rig.memory.break_at(rig.first.entry(kIova, level));
  rig.require_fault(level == 4 ? R::first_stage_root_access : R::first_stage_access);
}

TEST_CASE("a first-stage entry that is not present faults with reason 71, qualified by FPD") {
  FaultRig rig;
  const bool suppressed = GENERATE(false, true);
  auto fields = rig.first_stage();
  fields.fault_processing_disabled = suppressed;
  rig.add_device(kDevice, kPasid, fields);
  rig.flip(rig.first.entry(kIova, GENERATE(1u, 2u, 3u, 4u)), 1);
  if (suppressed)
    rig.require_suppressed(R::first_stage_not_present);
  else
    rig.require_fault(R::first_stage_not_present, true);
}

TEST_CASE("a reserved bit in a first-stage entry faults with reason 72") {
  Config config;
  unsigned level = 1;
  std::uint64_t bits = 0;
  const bool nested = GENERATE(false, true);
  SECTION("above the host address width") { bits = 1ull << 46; }
  SECTION("PS at level 4") { level = 4, bits = 0x80; }
  SECTION("PS at level 3 without 1 GB pages") { config.first_stage_1g = false, level = 3, bits = 0x80; }
  SECTION("a 1 GB page that is not aligned") { level = 3, bits = 0x80 | 1 << 29; }
  SECTION("a 2 MB page that is not aligned") { level = 2, bits = 0x80 | 1 << 13; }
  NestedRig rig(config);
  const FirstStage& first = nested ? rig.guest_first : rig.first;
  rig.add_device(kDevice, kPasid, nested ? rig.nested() : rig.first_stage());
  if (level > 1 && level < 4) rig.tables.set_word(first.entry(kIova, level), 0x4000'0000 | kFsAll);
  rig.flip(first.entry(kIova, level), bits);
  rig.require_fault(R::first_stage_reserved);
}

TEST_CASE("PAT of a large first-stage page is no part of its address, and PAT of a small one no page size") {
  FaultRig rig;
  rig.first.map(0x4000'0000, 0x8000'0000 | 1 << 12, 1 << 30);
  rig.first.map(0x8000'0000, 0x5000 | 0x80);
  rig.add_device(kDevice, kPasid, rig.first_stage());
  REQUIRE(rig.dma(kDevice, 0x4000'0040, false, kPasid) == R::none);
  REQUIRE(rig.address == 0x8000'0040);
  REQUIRE(rig.dma(kDevice, 0x8000'0040, false, kPasid) == R::none);
  REQUIRE(rig.address == 0x5040);
}

TEST_CASE("an address in a nested first-stage entry beyond the second stage's width faults with reason 74") {
  Config config;
  config.guest_address_bits = 45;
  NestedRig rig(config);
  rig.flip(rig.guest_first.entry(kIova, GENERATE(1u, 2u, 3u, 4u)), 1ull << 45);
  rig.add_device(kDevice, kPasid, rig.nested());
  rig.require_fault(R::nested_table_beyond_width);
}

TEST_CASE("a nested first-stage table that the second stage lets nobody read faults with reason 76, the top one with 75") {
  NestedRig rig;
  rig.add_device(kDevice, kPasid, rig.nested());
  const auto level = GENERATE(1u, 2u, 3u, 4u);
  rig.flip(rig.entry_of_table(level), 1);  // write-only
  rig.require_fault(level == 4 ? R::nested_root_no_read_permission : R::nested_table_no_read_permission);
}

TEST_CASE("with dirty tracking a nested first-stage table has to be writable to be read") {
  NestedRig rig;
  auto fields = rig.nested();
  fields.second_dirty = true;
  rig.add_device(kDevice, kPasid, fields);
  const auto level = GENERATE(1u, 2u, 3u, 4u);
  for (unsigned l = 1; l <= 4; ++l) rig.tables.set_word(rig.guest_first.entry(kIova, l), rig.tables.word(rig.guest_first.entry(kIova, l)) | 0x20);
  rig.flip(rig.entry_of_table(level), 2);  // read-only
  rig.require_fault(level == 4 ? R::nested_root_no_read_permission : R::nested_table_no_read_permission);
}

TEST_CASE("a nested first-stage entry whose accessed bit the second stage forbids to set faults with reason 77") {
  NestedRig rig;
  rig.add_device(kDevice, kPasid, rig.nested());
  const auto level = GENERATE(1u, 2u, 3u, 4u);
  rig.flip(rig.entry_of_table(level), 2);  // read-only
  SECTION("clear") { rig.require_fault(R::nested_table_no_write_permission); }
  SECTION("set by software in advance") {
    for (unsigned l = 1; l <= 4; ++l) rig.tables.set_word(rig.guest_first.entry(kIova, l), rig.tables.word(rig.guest_first.entry(kIova, l)) | 0x20);
    REQUIRE(rig.dma(FaultRig::request()) == R::none);
  }
}

// -- 78 to 7D: second-stage entries -------------------------------------------------------------------------------------

TEST_CASE("a second-stage entry that memory does not answer faults with reason 78, one of the top table with 7B") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  const auto level = GENERATE(1u, 2u, 3u, 4u);
  rig.memory.break_at(rig.tables.entry(rig.second, 4, kIova, level));
  rig.require_fault(level == 4 ? R::second_stage_root_access : R::second_stage_access);
}

TEST_CASE("a second-stage path without any right faults with reason 79") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  SECTION("of one entry") { rig.flip(rig.tables.entry(rig.second, 4, kIova, GENERATE(1u, 2u, 3u, 4u)), 3); }
  SECTION("of two together") {
    rig.flip(rig.tables.entry(rig.second, 4, kIova, 3), 1);
    rig.flip(rig.tables.entry(rig.second, 4, kIova, 1), 2);
  }
  rig.require_fault(R::second_stage_not_present);
}

TEST_CASE("a nested translation to a page that the second stage does not map faults with reason 79") {
  NestedRig rig;
  rig.add_device(kDevice, kPasid, rig.nested());
  SECTION("of a table") { rig.tables.set_word(rig.entry_of_table(2), 0); }
  SECTION("of the page") { rig.tables.set_word(rig.tables.entry(rig.second, 4, NestedRig::kGuest), 0); }
  rig.require_fault(R::second_stage_not_present);
}

TEST_CASE("a reserved bit in a second-stage entry faults with reason 7A") {
  Config config;
  unsigned level = 1;
  std::uint64_t bits = 0;
  SECTION("above the host address width") { bits = 1ull << 46; }
  SECTION("IW") { bits = 1ull << 62; }
  SECTION("SNP without snoop control") { config.snoop_control = false, bits = 1 << 11; }
  SECTION("SNP that is no leaf's") { level = GENERATE(2u, 3u, 4u), bits = 1 << 11; }
  SECTION("PS at level 4") { level = 4, bits = 0x80; }
  SECTION("PS without 2 MB pages") { config.pages_1g = config.pages_2m = false, level = 2, bits = 0x80; }
  SECTION("a 2 MB page that is not aligned") { level = 2, bits = 0x1080; }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, rig.second_stage());
  rig.flip(rig.tables.entry(rig.second, 4, kIova, level), bits);
  rig.require_fault(R::second_stage_reserved);
}

TEST_CASE("a second-stage accessed or dirty bit to be set by a walk that does not snoop faults with reason 7C") {
  FaultRig rig;
  auto fields = rig.second_stage();
  fields.second_dirty = true;
  fields.walk_snoop = false;
  rig.add_device(kDevice, kPasid, fields);
  for (unsigned level = 1; level <= 4; ++level) rig.flip(rig.tables.entry(rig.second, 4, kIova, level), 1 << 8);
  SECTION("accessed, of any level") {
    rig.flip(rig.tables.entry(rig.second, 4, kIova, GENERATE(1u, 2u, 3u, 4u)), 1 << 8);
    rig.require_fault(R::second_stage_update_without_snoop);
  }
  SECTION("dirty") {
    REQUIRE(rig.dma(FaultRig::request()) == R::none);
    rig.require_fault(R::second_stage_update_without_snoop, true);
  }
  SECTION("set by software in advance") {
    rig.flip(rig.tables.entry(rig.second, 4, kIova), 1 << 9);
    REQUIRE(rig.dma(FaultRig::request(true)) == R::none);
  }
}

TEST_CASE("an accessed bit that memory does not take faults with reason 7D in the second stage, with 91 in the first") {
  FaultRig rig;
  auto fields = rig.second_stage();
  fields.second_dirty = true;
  R expected = R::second_stage_update_failed;
  SECTION("second") { rig.memory.protect(rig.tables.entry(rig.second, 4, kIova, GENERATE(1u, 4u))); }
  SECTION("first") {
    fields = rig.first_stage();
    rig.memory.protect(rig.first.entry(kIova, GENERATE(1u, 4u)));
    expected = R::first_stage_update_failed;
  }
  rig.add_device(kDevice, kPasid, fields);
  rig.require_fault(expected);
}

// -- 80 to 87: addresses and rights ---------------------------------------------------------------------------------------

TEST_CASE("an address that is not canonical for the first-stage tables faults with reason 80, cached or not") {
  Config config;
  config.first_stage_five_level = true;
  FaultRig rig(config);
  auto fields = rig.first_stage();
  std::uint64_t address = 0;
  SECTION("4 levels, bit 47") { address = 1ull << 47; }
  SECTION("4 levels, bit 63") { address = 1ull << 63; }
  SECTION("5 levels") {
    FirstStage five(rig.tables, 5);
    five.map(kIova, 0x5000);
    fields.first_table = five.top();
    fields.first_levels = 5;
    address = 1ull << 56;
  }
  rig.add_device(kDevice, kPasid, fields);
  REQUIRE(rig.dma(kDevice, address | kIova, false, kPasid) == R::address_not_canonical);
  REQUIRE(rig.dma(FaultRig::request()) == R::none);
  REQUIRE(rig.dma(kDevice, address | kIova, false, kPasid) == R::address_not_canonical);
  REQUIRE(rig.record_low() == (address | kIova));
}

TEST_CASE("a user request to a supervisor page faults with reason 81, an execute request to a page without with 82") {
  FaultRig rig;
  auto fields = rig.first_stage();
  fields.first_flags = 0x2 | 0x20;  // ERE, NXE
  rig.add_device(kDevice, kPasid, fields);
  SECTION("user") {
    rig.first.map(kIova, 0x5000, 4096, kFsRead | kFsWrite);
    rig.require_fault(R::user_access_denied);
  }
  SECTION("execute") {
    rig.first.map(kIova, 0x5000, 4096, kFsAll | kFsNoExecute);
    auto request = FaultRig::request();
    request.execute = true;
    REQUIRE(rig.dma(request) == R::execute_denied);
    rig.require_recorded(R::execute_denied, true);
    REQUIRE(reg::record::EXE::get(rig.record_high()) == 1);
  }
}

TEST_CASE("an address beyond the host's width that passes through faults with reason 83") {
  Config config;
  config.device_tlbs = true;
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, {.type = 4}, {.device_tlb = true});
  auto request = FaultRig::request();
  request.address |= 1ull << 46;
  SECTION("by the PASID-table entry") {}
  SECTION("as translated already") { request.address_type = 2; }
  REQUIRE(rig.dma(request) == R::address_beyond_host);
  REQUIRE(reg::record::FR::get(rig.record_high()) == 0x83);
}

TEST_CASE("an address beyond the second stage's or the hardware's width faults with reason 84") {
  Config config;
  config.guest_address_bits = 40;
  NestedRig rig(config);
  auto request = FaultRig::request();
  SECTION("39 bits of 3-level tables") {
    const auto top = rig.tables.new_page();
    rig.add_device(kDevice, kPasid, {.second_table = top, .second_levels = 3});
    request.address |= 1ull << 39;
  }
  SECTION("MGAW") {
    rig.add_device(kDevice, kPasid, rig.second_stage());
    request.address |= 1ull << 40;
  }
  REQUIRE(rig.dma(request) == R::second_stage_address_beyond_width);
  REQUIRE(reg::record::FR::get(rig.record_high()) == 0x84);
}

TEST_CASE("a write without the right faults with reason 85, from tables and from the IOTLB") {
  const bool cached = GENERATE(false, true);
  NestedRig rig;
  SECTION("second stage") {
    rig.tables.map(rig.second, 4, kIova, 0x5000, 4096, true, false);
    rig.add_device(kDevice, kPasid, rig.second_stage());
  }
  SECTION("first stage") {
    rig.first.map(kIova, 0x5000, 4096, kFsRead | kFsUser);
    rig.add_device(kDevice, kPasid, rig.first_stage());
  }
  SECTION("nested, the first stage's") {
    rig.guest_first.map(kIova, NestedRig::kGuest, 4096, kFsRead | kFsUser);
    rig.add_device(kDevice, kPasid, rig.nested());
  }
  SECTION("nested, the second stage's") {
    rig.tables.map(rig.second, 4, NestedRig::kGuest, 0x5000, 4096, true, false);
    rig.add_device(kDevice, kPasid, rig.nested());
  }
  if (cached) REQUIRE(rig.dma(FaultRig::request()) == R::none);
  rig.require_fault(R::scalable_no_write_permission, true);
}

TEST_CASE("a read without the right faults with reason 86, a zero-length read does not") {
  const bool cached = GENERATE(false, true);
  NestedRig rig;
  SECTION("second stage") {
    rig.tables.map(rig.second, 4, kIova, 0x5000, 4096, false, true);
    rig.add_device(kDevice, kPasid, rig.second_stage());
  }
  SECTION("nested") {
    rig.tables.map(rig.second, 4, NestedRig::kGuest, 0x5000, 4096, false, true);
    rig.add_device(kDevice, kPasid, rig.nested());
  }
  if (cached) REQUIRE(rig.dma(FaultRig::request(true)) == R::none);
  rig.require_fault(R::scalable_no_read_permission);
  auto request = FaultRig::request();
  request.zero_length = true;
  REQUIRE(rig.dma(request) == R::none);
}

TEST_CASE("an output in the interrupt address range faults with reason 87") {
  Config config;
  config.device_tlbs = true;
  NestedRig rig(config);
  auto request = FaultRig::request();
  SECTION("second stage") {
    rig.tables.map(rig.second, 4, kIova, 0xfee0'1000);
    rig.add_device(kDevice, kPasid, rig.second_stage());
  }
  SECTION("first stage") {
    rig.first.map(kIova, 0xfee0'1000);
    rig.add_device(kDevice, kPasid, rig.first_stage());
  }
  SECTION("nested") {
    rig.tables.map(rig.second, 4, NestedRig::kGuest, 0xfee0'1000);
    rig.add_device(kDevice, kPasid, rig.nested());
  }
  SECTION("pass-through") {
    rig.add_device(kDevice, kPasid, {.type = 4});
    request.address = 0xfee0'1000;
  }
  SECTION("translated already") {
    rig.add_device(kDevice, kPasid, {.type = 4}, {.device_tlb = true});
    request.address = 0xfee0'1000;
    request.address_type = 2;
  }
  REQUIRE(rig.dma(request) == R::scalable_interrupt_range);
  REQUIRE(reg::record::FR::get(rig.record_high()) == 0x87);
}

TEST_CASE("a large page that reaches into the interrupt address range is blocked there only") {
  FaultRig rig;
  rig.tables.map(rig.second, 4, 0x4000'0000, 0xfee0'0000, 1 << 21);
  rig.add_device(kDevice, kPasid, rig.second_stage());
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE(rig.dma(kDevice, 0x4010'0000, false, kPasid) == R::none);
    REQUIRE(rig.address == 0xfef0'0000);
    REQUIRE(rig.dma(kDevice, 0x4000'0000, false, kPasid) == R::scalable_interrupt_range);
  }
}

TEST_CASE("a request with PASID to the interrupt address range is translated like any other") {
  FaultRig rig;
  rig.first.map(0xfee0'0000, 0x6000);
  rig.add_device(kDevice, kPasid, rig.first_stage());
  REQUIRE(rig.dma(kDevice, 0xfee0'0010, true, kPasid) == R::none);
  REQUIRE(rig.address == 0x6010);
}

// -- 90, 91 ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a first-stage accessed or dirty bit to be set by a walk that does not snoop faults with reason 90") {
  Config config;
  config.page_walk_snoop = GENERATE(true, false);
  FaultRig rig(config);
  auto fields = rig.first_stage();
  fields.walk_snoop = false;
  rig.add_device(kDevice, kPasid, fields);
  for (unsigned level = 1; level <= 4; ++level) rig.flip(rig.first.entry(kIova, level), 0x20);
  SECTION("accessed, of any level") {
    rig.flip(rig.first.entry(kIova, GENERATE(1u, 2u, 3u, 4u)), 0x20);
    rig.require_fault(R::first_stage_update_without_snoop);
  }
  SECTION("extended accessed") {
    fields.first_flags = 0x80;
    rig.add_device(kDevice, kPasid, fields);
    rig.require_fault(R::first_stage_update_without_snoop);
  }
  SECTION("dirty") {
    REQUIRE(rig.dma(FaultRig::request()) == R::none);
    rig.require_fault(R::first_stage_update_without_snoop, true);
  }
  SECTION("set by software in advance") {
    rig.flip(rig.first.entry(kIova), 0x40);
    REQUIRE(rig.dma(FaultRig::request(true)) == R::none);
  }
}
