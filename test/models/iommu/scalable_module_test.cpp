// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Scalable mode in time: longer walks, atomic updates of accessed and dirty bits. Memory takes 100 ns to read, 50 to write.

#include "lib/sim/simulation.h"
#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint64_t kIova = 0x5000, kData = 0x2000'0000;

Config timed() {
  Config config;
  config.scalable_mode = true;
  config.lookup_ns = 5;
  config.walk_step_ns = 2;
  return config;
}

/// A device without PASIDs whose requests go through first-stage tables.
struct Device {
  explicit Device(IommuBench& bench, std::uint64_t data = kData) : scalable(bench.tables), first(bench.tables) {
    first.map(kIova, data);
    scalable.set_context(kDevice);
    scalable.set_pasid(kDevice, 0, {.type = 1, .first_table = first.top()});
    bench.write(reg::kRTADDR, scalable.root() | 0x400, 8);
    bench.write(reg::kGCMD, reg::gcmd::kSRTP);
    bench.write(reg::kGCMD, reg::gcmd::kTE);
  }
  ScalableTables scalable;
  FirstStage first;
};

void check_waits_for_a_write_in_flight(const DescriptorWords& invalidation) {
  run(timed(), [&](IommuBench& bench) {
    const Device device(bench);
    bench.write(reg::kIQA, bench.tables.queue() | reg::iqa::DW::of(1), 8);
    bench.write(reg::kGCMD, reg::gcmd::kTE | reg::gcmd::kQIE);
    bench.send(kDevice, false, kIova);
    bench.settle();
    bench.memory.write_latency = 5000 * kPsPerNs;
    const auto slow = bench.send(kDevice, true, kIova, 64, 1);
    bench.submit(invalidation);
    while (bench.read(reg::kIQH, 8) == 0) sc_core::wait(1, sc_core::SC_NS);
    REQUIRE(bench.requests[slow].answered == bench.queue.now());
  });
}

}  // namespace

TEST_CASE("each accessed bit that a walk sets takes an access of its own, a bit that is set takes none") {
  run(timed(), [](IommuBench& bench) {
    const Device device(bench);
    const auto cold = bench.send(kDevice, true, kIova, 64, 77);
    bench.settle();
    REQUIRE(bench.requests[cold].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.data.word(kData) == 77);
    // root, context, directory, PASID, four entries; four updates
    REQUIRE(bench.took_ns(cold) == 5 + 8 * (2 + 100) + 4 * (2 + 100) + 50);
    REQUIRE((bench.data.word(device.first.entry(kIova)) & 0x60) == 0x60);
    REQUIRE(bench.statistics().table_updates == 4);
    const auto hit = bench.send(kDevice, true, kIova, 64, 78);
    bench.settle();
    REQUIRE(bench.took_ns(hit) == 5 + 50);
    REQUIRE(bench.statistics().table_updates == 4);
  });
}

TEST_CASE("an invalidation of a PASID waits for what is in flight, unasked") {
  check_waits_for_a_write_in_flight(invalidate_pasid_iotlb(1, 0));
}

TEST_CASE("an invalidation of a second-stage page waits for whatever may have come to it through a first stage") {
  check_waits_for_a_write_in_flight(invalidate_pages(1, 0x7000));
}

TEST_CASE("memory that offers no debug access gets a write after the update's read") {
  run(timed(), [](IommuBench& bench) {
    bench.memory.offers_debug = false;
    const Device device(bench);
    const auto cold = bench.send(kDevice, true, kIova, 64, 77);
    bench.settle();
    REQUIRE(bench.took_ns(cold) == 5 + 8 * (2 + 100) + 4 * (2 + 100 + 50) + 50);
    REQUIRE((bench.data.word(device.first.entry(kIova)) & 0x60) == 0x60);
  });
}

TEST_CASE("an entry that software replaces while its update is under way is walked anew") {
  run(timed(), [](IommuBench& bench) {
    const Device device(bench);
    const auto leaf = device.first.entry(kIova);
    const auto request = bench.send(kDevice, true, kIova, 64, 77);
    // The leaf has been read after 8 reads and 3 updates; its own update ends 102 ns later.
    sc_core::wait(5 + 11 * 102 + 50, sc_core::SC_NS);
    REQUIRE((bench.data.word(leaf) & 0x60) == 0);
    bench.data.set_word(leaf, (kData + 0x1000) | kFsAll);
    bench.settle();
    REQUIRE(bench.requests[request].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.data.word(kData) == 0);
    REQUIRE(bench.data.word(kData + 0x1000) == 77);
    REQUIRE(bench.data.word(leaf) == ((kData + 0x1000) | kFsAll | 0x60));
    REQUIRE(bench.took_ns(request) == 5 + 8 * (2 + 100) + 4 * (2 + 100) + 2 * (2 + 100) + 50);
  });
}

TEST_CASE("a write that waits for a read's walk of its page then sets the dirty bit itself") {
  run(timed(), [](IommuBench& bench) {
    const Device device(bench);
    const auto read = bench.send(kDevice, false, kIova);
    const auto write = bench.send(kDevice, true, kIova + 64, 64, 77);
    bench.settle();
    REQUIRE(bench.requests[read].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.requests[write].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.data.word(kData + 64) == 77);
    REQUIRE((bench.data.word(device.first.entry(kIova)) & 0x40) != 0);
    REQUIRE(bench.statistics().walks == 2);
  });
}
