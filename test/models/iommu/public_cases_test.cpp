// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the public tests of VT-d check, in our own words: kvm-unit-tests' intel-iommu, QEMU's intel-iommu-test and
// iommu-intel-test. Their expectations, not their code; where QEMU departs from the specification, the specification's.

#include <array>
#include <map>
#include <string>

#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr std::uint16_t kDevice = 0x0018;  // 00:03.0, where such tests put their device
constexpr std::uint16_t kIoapic = 0xf0f8;

/// Enables one thing after the other as kvm-unit-tests does: each command is GSTS with one more bit, the queue's base is 0
/// when it is switched on, nothing is ever flushed.
struct BareMetal {
  void command(std::uint32_t bit) { rig.write(reg::kGCMD, rig.read(reg::kGSTS) | bit); }
  bool status(std::uint32_t bit) { return (rig.read(reg::kGSTS) & bit) != 0; }
  void start() {
    command(reg::gcmd::kQIE);
    rig.write(reg::kRTADDR, rig.tables.root(), 8);
    command(reg::gcmd::kSRTP);
    rig.write(reg::kIRTA, rig.tables.interrupts() | IommuTables::kInterruptBits, 8);
    command(reg::gcmd::kSIRTP);
    command(reg::gcmd::kTE);
    command(reg::gcmd::kIRE);
  }
  /// The device copies between its buffer and what an IOVA leads to.
  void device_reads(std::uint64_t iova) {
    REQUIRE(rig.dma(kDevice, iova) == R::none);
    buffer = *rig.memory.load<std::uint32_t>(rig.address);
  }
  void device_writes(std::uint64_t iova) {
    REQUIRE(rig.dma(kDevice, iova, true) == R::none);
    REQUIRE(rig.memory.store(rig.address, buffer));
  }
  IommuRig rig{Config{}, false};
  std::uint32_t buffer = 0;
};

/// A DMA write of a pattern through `iova`, which must land at `expected` and nowhere else.
template <class Rig>
void require_lands(Rig& rig, std::uint16_t source, std::uint64_t iova, std::uint64_t expected, std::uint32_t pasid = kNoPasid) {
  Request request;
  request.source = source;
  request.address = iova;
  request.write = true;
  request.pasid = pasid;
  REQUIRE(rig.dma(request) == R::none);
  REQUIRE(rig.memory.store(rig.address, std::uint64_t{0x88776655'44332211}));
  REQUIRE(rig.memory.word(expected) == 0x88776655'44332211);
  if (iova != expected) REQUIRE(rig.memory.word(iova) == 0);
}

}  // namespace

// -- kvm-unit-tests, x86/intel-iommu ------------------------------------------------------------------------------------

TEST_CASE("kvm-unit-tests: no fault is pending at the start") {
  BareMetal machine;
  REQUIRE(machine.rig.read(reg::kFSTS) == 0);
}

TEST_CASE("kvm-unit-tests: queue, root table, interrupt table, translation and remapping are enabled one by one") {
  using namespace reg::gcmd;
  BareMetal machine;
  std::uint32_t expected = 0;
  for (const std::uint32_t bit : {kQIE, kSRTP, kSIRTP, kTE, kIRE}) {
    machine.command(bit);
    expected |= bit;
    REQUIRE(machine.rig.read(reg::kGSTS) == expected);  // and none of the earlier ones is lost
  }
  REQUIRE(machine.rig.read(reg::kFSTS) == 0);
}

TEST_CASE("kvm-unit-tests: 39-bit tables and both sizes of large pages are supported") {
  BareMetal machine;
  const auto cap = machine.rig.read(reg::kCAP, 8);
  REQUIRE((reg::cap::SAGAW::get(cap) & 2) != 0);
  REQUIRE(reg::cap::SLLPS::get(cap) == 3);
  REQUIRE((machine.rig.read(reg::kECAP, 8) & 0xf) == 0xb);  // coherent, queued invalidation, interrupt remapping
}

TEST_CASE("kvm-unit-tests: a device copies four bytes from IOVA 0 to IOVA 4") {
  BareMetal machine;
  machine.start();
  IommuTables& tables = machine.rig.tables;
  const auto page = tables.new_page(), top = tables.new_page();
  tables.set_word(page, 0x12345678);
  tables.set_context(kDevice, {.domain = kDevice, .levels = 3, .table = top});
  tables.map(top, 3, 0, page);
  machine.device_reads(0);
  machine.device_writes(4);
  REQUIRE(machine.rig.memory.word(page) == 0x12345678'12345678);
  REQUIRE(machine.rig.read(reg::kFSTS) == 0);
}

TEST_CASE("kvm-unit-tests: interrupts of the I/O APIC and of a device are delivered through verified entries") {
  BareMetal machine;
  machine.start();
  IommuTables& tables = machine.rig.tables;
  tables.set_remapped(1, 0xf0, 0 << 8, kIoapic);
  tables.set_remapped(2, 0xee, 0 << 8, kDevice);
  REQUIRE(machine.rig.msi(kIoapic, msi_address(1)) == R::none);
  REQUIRE(machine.rig.message);
  REQUIRE((machine.rig.message->data & 0xff) == 0xf0);
  REQUIRE(machine.rig.msi(kDevice, msi_address(2)) == R::none);
  REQUIRE((machine.rig.message->data & 0xff) == 0xee);
  REQUIRE(machine.rig.read(reg::kFSTS) == 0);
  REQUIRE(machine.rig.msi(kDevice, msi_address(1)) == R::interrupt_source_invalid);  // not its entry
}

// -- QEMU, intel-iommu-test ---------------------------------------------------------------------------------------------

TEST_CASE("QEMU intel-iommu-test: the fixed bits of both capability registers") {
  Config config;
  config.scalable_mode = config.device_tlbs = true;
  IommuRig rig(config, false);
  const auto cap = rig.read(reg::kCAP, 8), ecap = rig.read(reg::kECAP, 8);
  REQUIRE(reg::cap::ND::get(cap) == 6);
  REQUIRE(reg::cap::PSI::get(cap) == 1);
  REQUIRE(reg::cap::DRD::get(cap) == 1);
  REQUIRE(reg::cap::DWD::get(cap) == 1);
  REQUIRE(reg::cap::FL1GP::get(cap) == 1);
  REQUIRE(reg::cap::MGAW::get(cap) == 47);
  REQUIRE(reg::cap::FRO::get(cap) * 16 == reg::kFaultRecords);
  REQUIRE(reg::ecap::QI::get(ecap) == 1);
  REQUIRE(reg::ecap::IR::get(ecap) == 1);
  REQUIRE(reg::ecap::PT::get(ecap) == 1);
  REQUIRE(reg::ecap::IRO::get(ecap) * 16 == reg::kIVA);
  REQUIRE(reg::ecap::DT::get(ecap) == 1);
  REQUIRE(reg::ecap::SMTS::get(ecap) == 1);
  REQUIRE(reg::ecap::FSTS::get(ecap) == 1);
  REQUIRE(reg::ecap::SSTS::get(ecap) == 1);
}

TEST_CASE("QEMU intel-iommu-test: every register reads the same when a used unit starts anew") {
  const auto snapshot = [](IommuRig& rig) {
    std::map<std::string, std::uint64_t> values;
    for (const auto* r : rig.iommu.unit().registers().registers()) values[r->spec.name] = rig.read(r->spec.offset, r->spec.bytes);
    return values;
  };
  IommuRig first({}, false);
  const auto fresh = snapshot(first);
  enable_iommu([&](auto o, auto v, auto b) { first.write(o, v, b); }, first.tables);
  static_cast<void>(first.dma(kDevice, 0x1000));  // a fault is on record
  REQUIRE(snapshot(first) != fresh);
  IommuRig second({}, false);
  REQUIRE(snapshot(second) == fresh);
}

// -- QEMU, iommu-intel-test: a DMA write through an IOVA lands where the mode says ------------------------------------------

TEST_CASE("QEMU iommu-intel-test: legacy pass-through") {
  IommuRig rig;
  rig.tables.set_context(kDevice, {.levels = 4, .translation_type = 2});
  require_lands(rig, kDevice, 0x50'1000, 0x50'1000);
}

TEST_CASE("QEMU iommu-intel-test: legacy translation") {
  IommuRig rig;
  rig.tables.map(rig.add_device(kDevice), 4, 0x10'0850'1000, 0x70'1000);
  require_lands(rig, kDevice, 0x10'0850'1010, 0x70'1010);
}

TEST_CASE("QEMU iommu-intel-test: scalable pass-through") {
  ScalableRig rig;
  rig.add_device(kDevice, 0, {.type = 4});
  require_lands(rig, kDevice, 0x50'1000, 0x50'1000);
}

TEST_CASE("QEMU iommu-intel-test: scalable second-stage translation") {
  ScalableRig rig;
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, 0x10'0850'1000, 0x70'1000);
  rig.add_device(kDevice, 0, {.second_table = top});
  require_lands(rig, kDevice, 0x10'0850'1010, 0x70'1010);
}

TEST_CASE("QEMU iommu-intel-test: scalable first-stage translation") {
  ScalableRig rig;
  FirstStage first(rig.tables);
  first.map(0x10'0850'1000, 0x70'1000);
  rig.add_device(kDevice, 0, {.type = 1, .first_table = first.top()});
  require_lands(rig, kDevice, 0x10'0850'1010, 0x70'1010);
}

TEST_CASE("nested translation, which those tests leave out, lands there too") {
  ScalableRig rig;
  const auto second = rig.tables.new_page();
  FirstStage first(rig.tables, 4, second, 4);
  first.map(0x10'0850'1000, 0x60'1000);
  rig.tables.map(second, 4, 0x60'1000, 0x70'1000);
  rig.add_device(kDevice, 0, {.type = 3, .second_table = second, .first_table = first.top()});
  require_lands(rig, kDevice, 0x10'0850'1010, 0x70'1010);
}
