// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A VM that attacks: what the IOMMU stops, what it records, and that the others do not notice.
#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kFirstVf = 0x0180;   // 01:10.0, routing id of the PF 01:00.0 plus VF offset 80h
constexpr std::uint16_t kPf = 0x0100;
constexpr std::uint64_t kVmBytes = 64ull << 20;

Settings attack(const char* kind) {
  return {"vms=2", "traffic.source=udp_stream", "traffic.packets=800", "traffic.rate_pps=50000", "traffic.direction=both",
          std::string("software.rogue=") + kind};
}

}  // namespace

TEST_CASE("without a rogue VM there is no fault") {
  const auto result = run(Mode::sriov, attack("none"));
  CHECK(result.iommu.faults.empty());
  CHECK(result.iommu.fault_log.empty());
  CHECK(result.packets.dropped == 0);
}

TEST_CASE("DMA outside the VM is blocked, recorded with reason, source and address, and the run goes on") {
  for (Mode mode : {Mode::sriov, Mode::assigned}) {
    INFO(command_of(mode, attack("dma")));
    const auto result = run(mode, attack("dma"));
    REQUIRE(result.iommu.faults.size() == 1);
    const std::uint64_t faults = result.iommu.faults.begin()->second;
    CHECK(result.iommu.faults.begin()->first == "no_write_permission");
    CHECK(faults > 10);
    REQUIRE_FALSE(result.iommu.fault_log.empty());
    for (const auto& fault : result.iommu.fault_log) {
      CHECK(fault.reason == 0x05);
      CHECK(fault.source == (mode == Mode::sriov ? kFirstVf : kPf));
      CHECK(fault.address >= kVmBytes);
      CHECK(fault.address < 2 * kVmBytes);
      CHECK_FALSE(fault.read);
    }
    // The attacker loses the frames it misdirected and nothing else; nobody gets a wrong byte.
    CHECK(result.packets.dropped > 0);
    CHECK(result.packets.dropped <= faults);
    CHECK(result.packets.received + result.packets.transmitted + result.packets.dropped == 800);
    CHECK(result.packets.corrupted == 0);
  }
}

TEST_CASE("an interrupt with a forged index is blocked by source, by absence and by range, and nobody is interrupted") {
  const auto quiet = run(Mode::sriov, attack("none"));
  const auto result = run(Mode::sriov, attack("msi"));
  CHECK(result.iommu.faults.at("interrupt_source_invalid") == 2);
  CHECK(result.iommu.faults.at("irte_not_present") == 1);
  CHECK(result.iommu.faults.at("interrupt_index_too_large") == 1);
  REQUIRE(result.iommu.fault_log.size() == 4);
  const std::uint8_t reasons[] = {0x26, 0x26, 0x22, 0x21};
  const std::uint64_t indices[] = {0, 1, 0x3ff, 0x7fff};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(result.iommu.fault_log[i].reason == reasons[i]);
    CHECK(result.iommu.fault_log[i].source == kFirstVf);
    CHECK(result.iommu.fault_log[i].address >> 48 == indices[i]);
  }
  CHECK(result.packets.dropped == 0);
  CHECK(result.packets.received == quiet.packets.received);
  CHECK(result.packets.transmitted == quiet.packets.transmitted);
}
