// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/iommu_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint32_t kMask = reg::event::kIM, kPending = reg::event::kIP;

/// A fault of `source`: its root entry is not there.
void fault(IommuRig& rig, std::uint16_t source) { REQUIRE(rig.dma(source, 0x1000) == FaultReason::root_not_present); }

void unmask(IommuRig& rig) {
  rig.write(reg::kFEDATA, 0x4041);
  rig.write(reg::kFEADDR, 0xfee0'3000);
  rig.write(reg::kFEUADDR, 0x0000'0100);
  rig.write(reg::kFECTL, 0);
}
std::uint32_t fri(IommuRig& rig) { return (rig.read(reg::kFSTS) >> 8) & 0xff; }
void clear_record(IommuRig& rig, unsigned i) { rig.write(reg::kFaultRecords + 16 * i + 12, 0x8000'0000); }

}  // namespace

TEST_CASE("faults fill the records in turn, and FRI names the first of them") {
  IommuRig rig;
  fault(rig, 0x100);
  fault(rig, 0x200);
  REQUIRE(rig.read(reg::kFSTS) == reg::fsts::kPPF);
  REQUIRE(fri(rig) == 0);
  REQUIRE(reg::record::SID::get(rig.record_high(1)) == 0x200);
  clear_record(rig, 0);
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kPPF) != 0);
  clear_record(rig, 1);
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kPPF) == 0);
  fault(rig, 0x300);
  REQUIRE(fri(rig) == 2);
}

TEST_CASE("with remapping off altogether the log begins anew at the first record") {
  IommuRig rig;
  fault(rig, 0x100);
  clear_record(rig, 0);
  rig.write(reg::kGCMD, reg::gcmd::kIRE);
  rig.write(reg::kGCMD, reg::gcmd::kIRE | reg::gcmd::kTE);
  fault(rig, 0x200);  // interrupts were remapped all the time
  REQUIRE(fri(rig) == 1);
  clear_record(rig, 1);
  rig.write(reg::kGCMD, 0);
  rig.write(reg::kGCMD, reg::gcmd::kTE);
  fault(rig, 0x300);
  REQUIRE(fri(rig) == 0);
}

TEST_CASE("faults of a requester that has a pending record collapse into it") {
  IommuRig rig;
  fault(rig, 0x100);
  fault(rig, 0x100);
  REQUIRE(reg::record::F::get(rig.record_high(1)) == 0);
  REQUIRE(rig.iommu.unit().statistics().fault(FaultReason::root_not_present) == 2);
}

TEST_CASE("without collapsing every fault takes a record") {
  Config config;
  config.collapse_faults = false;
  IommuRig rig(config);
  fault(rig, 0x100);
  fault(rig, 0x100);
  REQUIRE(reg::record::F::get(rig.record_high(1)) == 1);
}

TEST_CASE("a full log overflows, and drops faults until PFO is cleared") {
  Config config;
  config.fault_records = 2;
  IommuRig rig(config);
  fault(rig, 0x100);
  fault(rig, 0x200);
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kPFO) == 0);
  fault(rig, 0x300);
  REQUIRE((rig.read(reg::kFSTS) & reg::fsts::kPFO) != 0);
  clear_record(rig, 0);
  fault(rig, 0x400);
  REQUIRE(reg::record::F::get(rig.record_high(0)) == 0);
  rig.write(reg::kFSTS, reg::fsts::kPFO);
  fault(rig, 0x500);
  REQUIRE(reg::record::SID::get(rig.record_high(0)) == 0x500);
}

TEST_CASE("the fault event is a message, sent once until software has serviced everything") {
  IommuRig rig;
  unmask(rig);
  fault(rig, 0x100);
  fault(rig, 0x200);
  REQUIRE(rig.iommu.events().size() == 1);
  REQUIRE(rig.iommu.events()[0] == InterruptMessage{0x0000'0100'fee0'3000, 0x4041});
  clear_record(rig, 0);
  clear_record(rig, 1);
  fault(rig, 0x100);
  REQUIRE(rig.iommu.events().size() == 2);
}

TEST_CASE("a masked fault event stays pending, is sent when unmasked, and vanishes when serviced") {
  IommuRig rig;
  REQUIRE(rig.read(reg::kFECTL) == kMask);
  fault(rig, 0x100);
  REQUIRE(rig.read(reg::kFECTL) == (kMask | kPending));
  REQUIRE(rig.iommu.events().empty());
  SECTION("unmasked") {
    unmask(rig);
    REQUIRE(rig.iommu.events().size() == 1);
    REQUIRE(rig.read(reg::kFECTL) == 0);
  }
  SECTION("serviced") {
    clear_record(rig, 0);
    REQUIRE(rig.read(reg::kFECTL) == kMask);
    unmask(rig);
    REQUIRE(rig.iommu.events().empty());
  }
}

TEST_CASE("fault records and FSTS.PPF cannot be written") {
  IommuRig rig;
  fault(rig, 0x100);
  const auto low = rig.record_low(), high = rig.record_high();
  rig.write(reg::kFaultRecords, 0xdead'beef'0000, 8);
  rig.write(reg::kFaultRecords + 8, 0x7fff'ffff'ffff'ffff, 8);
  rig.write(reg::kFSTS, reg::fsts::kPPF | 0xff00);
  REQUIRE(rig.record_low() == low);
  REQUIRE(rig.record_high() == high);
  REQUIRE(rig.read(reg::kFSTS) == reg::fsts::kPPF);
}
