// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A scalable-mode rig with a device whose reads fault, and what must then be recorded.
#pragma once

#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

namespace iovirt::test {

struct FaultRig : ScalableRig {
  static constexpr std::uint16_t kDevice = 0x0310;
  static constexpr std::uint32_t kPasid = 0x12345;
  static constexpr std::uint64_t kIova = 0x1234'5000;
  using Reason = iommu::FaultReason;

  explicit FaultRig(const iommu::Config& config = {}) : ScalableRig(config), second(tables.new_page()), first(tables) {
    tables.map(second, 4, kIova, 0x5000);
    first.map(kIova, 0x5000);
  }
  PasidFields second_stage() const { return {.type = 2, .second_table = second}; }
  PasidFields first_stage() const { return {.type = 1, .first_table = first.top()}; }

  static iommu::Request request(bool is_write = false) {
    iommu::Request result;
    result.source = kDevice;
    result.address = kIova + 0x123;
    result.write = is_write;
    result.pasid = kPasid;
    return result;
  }
  /// A DMA with kPasid faults so, and its record says what it was.
  void require_fault(Reason reason, bool is_write = false) {
    REQUIRE(dma(request(is_write)) == reason);
    require_recorded(reason, true, is_write);
  }
  void require_recorded(Reason reason, bool with_pasid, bool is_write = false) {
    namespace record = iommu::reg::record;
    REQUIRE(record::F::get(record_high()) == 1);
    REQUIRE(record::FR::get(record_high()) == static_cast<unsigned>(reason));
    REQUIRE(record::SID::get(record_high()) == kDevice);
    REQUIRE(record::T::get(record_high()) == (is_write ? 0u : 1u));
    REQUIRE(record::PP::get(record_high()) == (with_pasid ? 1u : 0u));
    REQUIRE(record::PV::get(record_high()) == (with_pasid ? kPasid : 0u));
    REQUIRE(record_low() == kIova);
    REQUIRE(iommu.unit().statistics().fault(reason) == 1);
  }
  /// FPD, wherever it was set, keeps the fault out of the records.
  void require_suppressed(Reason reason) {
    REQUIRE(dma(request()) == reason);
    REQUIRE(read(iommu::reg::kFSTS) == 0);
    REQUIRE(iommu.unit().statistics().fault(reason) == 1);
  }
  void flip(std::uint64_t at, std::uint64_t bits) { tables.set_word(at, tables.word(at) ^ bits); }

  std::uint64_t second;
  FirstStage first;
};

}  // namespace iovirt::test
