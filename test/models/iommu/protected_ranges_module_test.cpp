// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Which DMA protected memory keeps out (11.4.8.1).

#include "test/support/ats_endpoint_module.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint64_t kProtected = 0x2000'0000, kFree = 0x3000'0000;
constexpr std::uint16_t kDevice = 0x0108;

template <class Bench>
void protect(Bench& bench) {
  bench.write(reg::kPLMBASE, kProtected);
  bench.write(reg::kPLMLIMIT, kProtected);
  bench.write(reg::kPMEN, reg::pmen::kEPM);
}

tlm::tlm_response_status access(IommuBench& bench, std::uint64_t address, bool write) {
  const auto request = bench.send(kDevice, write, address, 64, 1);
  bench.settle();
  return bench.requests[request].status;
}

}  // namespace

TEST_CASE("while translation is off no DMA reaches protected memory, and no fault is recorded") {
  run({}, [](IommuBench& bench) {
    REQUIRE(access(bench, kProtected, true) == tlm::TLM_OK_RESPONSE);
    protect(bench);
    REQUIRE(access(bench, kProtected, true) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(access(bench, kProtected, false) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(access(bench, kFree, true) == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.read(reg::kFSTS) == 0);
    bench.write(reg::kPMEN, 0);
    REQUIRE(access(bench, kProtected, false) == tlm::TLM_OK_RESPONSE);
  });
}

TEST_CASE("DMA that passes through is kept out too, DMA that tables lead there is not") {
  run({}, [](IommuBench& bench) {
    bench.enable();
    const auto top = bench.add_device(kDevice);
    bench.tables.map(top, 4, 0x5000, kProtected);
    bench.tables.set_context(kDevice + 1, {.domain = 2, .levels = 4, .table = 0, .translation_type = 2});
    protect(bench);
    REQUIRE(access(bench, 0x5000, true) == tlm::TLM_OK_RESPONSE);
    const auto passing = bench.send(kDevice + 1, true, kProtected, 64, 1), elsewhere = bench.send(kDevice + 1, true, kFree, 64, 1);
    bench.settle();
    REQUIRE(bench.requests[passing].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[elsewhere].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.read(reg::kFSTS) == 0);
  });
}

TEST_CASE("without time the same DMA is kept out of protected memory") {
  Config config;
  config.device_tlbs = true;
  IommuRig rig(config, false);
  const auto protect_it = [&] { protect(rig); };
  const auto refused = [&](std::uint16_t source, std::uint64_t address, std::uint8_t type = 0) {
    Request request;
    request.source = source;
    request.address = address;
    request.address_type = type;
    const auto answer = rig.iommu.translate(request);
    const Fault* fault = std::get_if<Fault>(&answer);
    if (fault) REQUIRE(fault->reason == FaultReason::none);  // no fault is recorded
    return fault != nullptr;
  };
  REQUIRE_FALSE(refused(kDevice, kProtected));
  protect_it();
  REQUIRE(refused(kDevice, kProtected));
  REQUIRE_FALSE(refused(kDevice, kFree));
  REQUIRE(refused(kDevice, kFree, 1));  // translation requests while translation is off
  enable_iommu([&](auto o, auto v, auto b) { rig.write(o, v, b); }, rig.tables);
  const auto top = rig.tables.new_page();
  rig.tables.map(top, 4, 0x5000, kProtected);
  rig.tables.set_context(kDevice, {.domain = 1, .levels = 4, .table = top, .translation_type = 1});
  rig.tables.set_context(kDevice + 1, {.domain = 2, .levels = 4, .table = 0, .translation_type = 2});
  for (int cached = 0; cached < 2; ++cached) {
    REQUIRE_FALSE(refused(kDevice, 0x5000));
    REQUIRE(refused(kDevice, kProtected, 2));
    REQUIRE(refused(kDevice + 1, kProtected));
    REQUIRE_FALSE(refused(kDevice + 1, kFree));
  }
  REQUIRE(rig.read(reg::kFSTS) == 0);
}

TEST_CASE("a translated request to protected memory is kept out") {
  Config config;
  config.device_tlbs = true;
  AtsBench bench("bench", config, [](AtsBench& b) {
    enable_iommu([&](auto o, auto v, auto w) { b.write(o, v, w); }, b.tables);
    const std::uint64_t top = b.tables.new_page();
    b.tables.set_context(AtsBench::kFunction, {.domain = 1, .levels = 4, .table = top, .translation_type = 1});
    b.tables.map(top, 4, 0x5000, kProtected);
    b.tables.map(top, 4, 0x6000, kFree);
    protect(b);
    for (const std::uint64_t address : {0x5000, 0x6000}) b.device.transfer(true, address, 1);
    b.settle();
    REQUIRE(b.device.transfers[0].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(b.device.transfers[1].status == tlm::TLM_OK_RESPONSE);
  });
  bench.run();
}
