// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0310;

void require_recorded(IommuRig& rig, R reason, unsigned index) {
  REQUIRE(reg::record::FR::get(rig.record_high()) == static_cast<unsigned>(reason));
  REQUIRE(reg::record::SID::get(rig.record_high()) == kDevice);
  REQUIRE(reg::record::InterruptIndex::get(rig.record_low()) == index);
}

}  // namespace

TEST_CASE("a remapped interrupt goes where its IRTE says") {
  IommuRig rig;
  rig.tables.set_irte(9, 1 | 1 << 2 | 1 << 3 | 1 << 4 | 4 << 5 | 0x31 << 16 | 0x5ull << 40, 0);
  REQUIRE(rig.msi(kDevice, msi_address(9), 0xffff'ffff) == R::none);
  // logical, redirection hint, level, NMI, vector 31, destination 5
  REQUIRE(rig.message == InterruptMessage{0xfee0'500c, 0xc000u | 4 << 8 | 0x31});
  REQUIRE(rig.iommu.unit().statistics().remapped == 1);
}

TEST_CASE("in extended mode the destination has 32 bits, else 8 and the rest is reserved") {
  const bool extended = GENERATE(true, false);
  IommuRig rig({}, true, extended);
  rig.tables.set_remapped(9, 0x31, 0x0012'3405);
  if (extended) {
    REQUIRE(rig.msi(kDevice, msi_address(9)) == R::none);
    REQUIRE(rig.message == InterruptMessage{0x0012'3400'fee0'5000, 0x31});
  } else {
    REQUIRE(rig.msi(kDevice, msi_address(9)) == R::irte_reserved);
  }
}

TEST_CASE("the index is the handle, plus the subhandle where SHV says so") {
  IommuRig rig;
  rig.tables.set_remapped(12, 0x71, 0);
  REQUIRE(rig.msi(kDevice, msi_address(10, true), 2) == R::none);
  REQUIRE(rig.message->data == 0x71);
  REQUIRE(rig.msi(kDevice, msi_address(10), 2) == R::irte_not_present);
}

TEST_CASE("with a subhandle, data above bit 15 faults with reason 20") {
  IommuRig rig;
  rig.tables.set_remapped(10, 0x71, 0);
  REQUIRE(rig.msi(kDevice, msi_address(10, true), 0x1'0000) == R::interrupt_request_reserved);
  require_recorded(rig, R::interrupt_request_reserved, 10);
}

TEST_CASE("an index beyond the table faults with reason 21") {
  IommuRig rig;
  unsigned index = 256;
  SECTION("the handle") { REQUIRE(rig.msi(kDevice, msi_address(256)) == R::interrupt_index_too_large); }
  SECTION("the handle's highest bit") {
    index = 0x8000;
    REQUIRE(rig.msi(kDevice, msi_address(0x8000)) == R::interrupt_index_too_large);
  }
  SECTION("handle and subhandle") { REQUIRE(rig.msi(kDevice, msi_address(255, true), 1) == R::interrupt_index_too_large); }
  require_recorded(rig, R::interrupt_index_too_large, index);
}

TEST_CASE("an IRTE that is not present faults with reason 22, unless its FPD is set") {
  IommuRig rig;
  SECTION("recorded") {
    REQUIRE(rig.msi(kDevice, msi_address(7)) == R::irte_not_present);
    require_recorded(rig, R::irte_not_present, 7);
  }
  SECTION("suppressed") {
    rig.tables.set_irte(7, 2, 0);
    REQUIRE(rig.msi(kDevice, msi_address(7)) == R::irte_not_present);
    REQUIRE(rig.read(reg::kFSTS) == 0);
  }
}

TEST_CASE("an IRTE that memory does not answer faults with reason 23") {
  IommuRig rig;
  rig.memory.break_at(rig.tables.interrupts());
  REQUIRE(rig.msi(kDevice, msi_address(7)) == R::irte_access);
  require_recorded(rig, R::irte_access, 7);
}

TEST_CASE("a reserved bit in an IRTE faults with reason 24") {
  Config config;
  std::uint64_t low = 1 | 0x31 << 16, high = 0;
  SECTION("remapped, low") { low |= 1 << 12; }
  SECTION("remapped, above the vector") { low |= 1 << 24; }
  SECTION("remapped, high") { high = 1 << 20; }
  SECTION("posted, low") { low |= 1 << 15 | 1 << 4; }
  SECTION("posted, high") { low |= 1 << 15, high = 1 << 20; }
  SECTION("posted, above the host address width") { low |= 1 << 15, high = 1ull << (46); }
  SECTION("posted, without CAP.PI") {
    low |= 1 << 15;
    config.posted_interrupts = false;
  }
  IommuRig rig(config);
  rig.tables.set_irte(7, low, high);
  REQUIRE(rig.msi(kDevice, msi_address(7)) == R::irte_reserved);
  require_recorded(rig, R::irte_reserved, 7);
}

TEST_CASE("compatibility format is blocked with reason 25, or passes where CFI allows it") {
  const bool extended = GENERATE(false, true);
  IommuRig rig({}, true, extended);
  REQUIRE(rig.msi(kDevice, 0xfee0'3000, 0x4055) == R::compatibility_format_blocked);
  REQUIRE(reg::record::FR::get(rig.record_high()) == 0x25);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kCFI);
  if (extended) {
    REQUIRE(rig.msi(kDevice, 0xfee0'3000, 0x4055) == R::compatibility_format_blocked);
  } else {
    REQUIRE(rig.msi(kDevice, 0xfee0'3000, 0x4055) == R::none);
    REQUIRE(rig.message == InterruptMessage{0xfee0'3000, 0x4055});
  }
}

TEST_CASE("while remapping is off every interrupt passes in compatibility format") {
  IommuRig rig({}, false);
  REQUIRE(rig.msi(kDevice, 0xfee0'700c, 0xc155) == R::none);
  REQUIRE(rig.message == InterruptMessage{0xfee0'700c, 0xc155});
}

TEST_CASE("the source id is checked as SVT and SQ say, a mismatch faults with reason 26") {
  struct Case {
    std::uint16_t source;
    unsigned svt, sq;
    std::uint16_t sid;
    bool allowed;
  };
  const Case cases[] = {
      {0x310, 0, 0, 0xffff, true},   // not checked
      {0x310, 1, 0, 0x310, true},    // all 16 bits
      {0x311, 1, 0, 0x310, false},
      {0x314, 1, 1, 0x310, true},    // but function bit 2
      {0x311, 1, 1, 0x310, false},
      {0x316, 1, 2, 0x310, true},    // but function bits 2 and 1
      {0x311, 1, 2, 0x310, false},
      {0x317, 1, 3, 0x310, true},    // but the function
      {0x318, 1, 3, 0x310, false},
      {0x310, 2, 0, 0x0305, false},  // a range of buses, first in the low byte
      {0x310, 2, 0, 0x0503, true},
      {0x5ff, 2, 0, 0x0503, true},
      {0x600, 2, 0, 0x0503, false},
      {0x2ff, 2, 0, 0x0503, false},
      {0x310, 3, 0, 0x310, false},   // reserved
  };
  for (const Case& c : cases) {
    IommuRig rig;
    INFO("source " << std::hex << c.source << " svt " << c.svt << " sq " << c.sq << " sid " << c.sid);
    rig.tables.set_irte(3, 1 | 0x31 << 16, c.sid | c.sq << 16 | c.svt << 18);
    for (int again = 0; again < 2; ++again)  // from memory, then where allowed from the cache
      REQUIRE(rig.msi(c.source, msi_address(3)) == (c.allowed ? R::none : R::interrupt_source_invalid));
    REQUIRE(rig.iommu.unit().statistics().interrupt_entry_hits == (c.allowed ? 1 : 0));  // what faults is not cached
  }
}

TEST_CASE("the source id is checked before what the entry says") {
  IommuRig rig;
  rig.tables.set_irte(3, 1 | 0x31 << 16 | 1 << 12, 0x311 | 1 << 18);  // reserved bits, and not this device's
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::interrupt_source_invalid);
  REQUIRE(rig.msi(0x311, msi_address(3)) == R::irte_reserved);
}

TEST_CASE("an entry whose descriptor faults does not stay in the cache") {
  IommuRig rig;
  rig.memory.set_word(0x4'0020, 1 << 24);
  rig.tables.set_posted(3, 0x61, 0x4'0000);
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::posted_descriptor_reserved);
  rig.tables.set_remapped(3, 0x41, 0);
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::none);
  REQUIRE(rig.message->data == 0x41);
}

TEST_CASE("a posted interrupt sets its bit and notifies as ON, SN and URG say") {
  constexpr std::uint64_t kDescriptor = 0x2'0004'0040;
  struct Case {
    bool outstanding, suppressed, urgent, notifies;
  };
  const Case cases[] = {{false, false, false, true}, {true, false, false, false}, {false, true, false, false},
                        {false, true, true, true},   {true, true, true, false},   {true, false, true, false}};
  for (const Case& c : cases) {
    IommuRig rig({}, true, true);
    INFO("ON " << c.outstanding << " SN " << c.suppressed << " URG " << c.urgent);
    const std::uint64_t control = (c.outstanding ? 1 : 0) | (c.suppressed ? 2 : 0) | 0xf2 << 16 | 0x107ull << 32;
    rig.memory.set_word(kDescriptor + 8, 1);
    rig.memory.set_word(kDescriptor + 32, control);
    rig.tables.set_posted(3, 0x61, kDescriptor, c.urgent, kDevice);
    REQUIRE(rig.msi(kDevice, msi_address(3)) == R::none);
    REQUIRE(rig.memory.word(kDescriptor + 8) == (1 | 1ull << (0x61 - 64)));
    REQUIRE(rig.memory.word(kDescriptor + 32) == (control | (c.notifies ? 1 : 0)));
    REQUIRE(rig.message.has_value() == c.notifies);
    if (c.notifies) REQUIRE(rig.message == InterruptMessage{0x0000'0100'fee0'7000, 0xf2});
    REQUIRE(rig.iommu.unit().statistics().posted == 1);
  }
}

TEST_CASE("outside extended mode NDST holds an 8-bit APIC id in bits 15:8") {
  IommuRig rig;
  rig.memory.set_word(0x4'0020, 0xf2 << 16 | 0x0700ull << 32);
  rig.tables.set_posted(3, 0x61, 0x4'0000);
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::none);
  REQUIRE(rig.message == InterruptMessage{0xfee0'7000, 0xf2});
}

TEST_CASE("a posted-interrupt descriptor that memory does not answer faults with reason 27") {
  IommuRig rig;
  rig.memory.break_at(0x4'0000);
  rig.tables.set_posted(3, 0x61, 0x4'0000);
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::posted_descriptor_access);
  require_recorded(rig, R::posted_descriptor_access, 3);
  REQUIRE(rig.iommu.unit().statistics().posted == 0);
}

TEST_CASE("a reserved bit in a posted-interrupt descriptor faults with reason 28 and changes nothing") {
  IommuRig rig;
  SECTION("beside SN") { rig.memory.set_word(0x4'0020, 4); }
  SECTION("beside NV") { rig.memory.set_word(0x4'0020, 1 << 24); }
  SECTION("NDST outside extended mode") { rig.memory.set_word(0x4'0020, 1ull << 32); }
  SECTION("the last quarter") { rig.memory.set_word(0x4'0038, 1); }
  rig.tables.set_posted(3, 0x61, 0x4'0000);
  REQUIRE(rig.msi(kDevice, msi_address(3)) == R::posted_descriptor_reserved);
  require_recorded(rig, R::posted_descriptor_reserved, 3);
  REQUIRE(rig.memory.word(0x4'0008) == 0);
}
