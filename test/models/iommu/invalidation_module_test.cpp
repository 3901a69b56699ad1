// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint64_t kData = 0x2000'0000, kStatus = 0x3000'0000;

Config timed() {
  Config config;
  config.lookup_ns = 5;
  config.invalidation_ns = 20;
  return config;
}

}  // namespace

TEST_CASE("a wait descriptor writes its status after what was queued before it") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable();
    bench.send(kDevice, false, 0x5000);
    bench.settle();
    bench.tables.map(bench.tables.word(bench.tables.context_entry(kDevice)) & ~0xfffull, 4, 0x5000, kData + 0x1000);
    bench.tables.set_word(bench.tables.queue(), invalidate_pages(1, 0x5000).low);
    bench.tables.set_word(bench.tables.queue() + 8, invalidate_pages(1, 0x5000).high);
    bench.tables.set_word(bench.tables.queue() + 16, wait_with_status(kStatus, 99).low);
    bench.tables.set_word(bench.tables.queue() + 24, wait_with_status(kStatus, 99).high);
    const Ps before = bench.queue.now();
    bench.write(reg::kIQT, 32, 8);
    while (bench.data.word(kStatus) != 99) sc_core::wait(1, sc_core::SC_NS);
    // Two fetches, one invalidation, one status write.
    REQUIRE(bench.queue.now() - before == (100 + 20 + 100 + 50) * kPsPerNs);
    const auto read = bench.send(kDevice, false, 0x5000);
    bench.settle();
    REQUIRE(bench.requests[read].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.data_accesses().back().address == kData + 0x1000);
    REQUIRE(bench.read(reg::kIQH, 8) == 32);
    REQUIRE(bench.statistics().invalidations == 1);
    REQUIRE(bench.statistics().queue_reads == 2);
  });
}

TEST_CASE("an invalidation waits for requests that may use what it invalidates") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable();
    bench.send(kDevice, false, 0x5000);
    bench.settle();
    bench.memory.write_latency = 5000 * kPsPerNs;
    const auto slow = bench.send(kDevice, true, 0x5000, 64, 1);
    bench.submit(invalidate_pages(1, 0x5000));
    bench.settle(1000);
    REQUIRE(bench.read(reg::kIQH, 8) == 0);
    // New requests do not prolong the wait.
    bench.send(kDevice, true, 0x5000, 64, 2);
    while (bench.read(reg::kIQH, 8) == 0) sc_core::wait(1, sc_core::SC_NS);
    REQUIRE(bench.requests[slow].answered == bench.queue.now());
  });
}

TEST_CASE("draining waits for what the invalidation covers, reads with DR and writes with DW") {
  constexpr std::uint64_t kDrainReads = 0x80, kDrainWrites = 0x40;
  struct Case {
    const char* what;
    DescriptorWords descriptor;
    bool write;
    bool waits;
  };
  const auto pages = [](std::uint64_t drain, std::uint64_t address, unsigned mask = 0) {
    DescriptorWords words = invalidate_pages(1, address, mask);
    words.low = (words.low & ~(kDrainReads | kDrainWrites)) | drain;
    return words;
  };
  const Case cases[] = {{"its page, a write", pages(kDrainWrites, 0x5000), true, true},
                        {"its page, a read", pages(kDrainReads, 0x5000), false, true},
                        {"a write, reads only", pages(kDrainReads, 0x5000), true, false},
                        {"a read, writes only", pages(kDrainWrites, 0x5000), false, false},
                        {"neither", pages(0, 0x5000), true, false},
                        {"the next page", pages(kDrainWrites | kDrainReads, 0x6000), true, false},
                        {"two pages", pages(kDrainWrites | kDrainReads, 0x4000, 1), true, true},
                        {"the domain", invalidate_domain(1), true, true},
                        {"everything", invalidate_iotlb(), false, true}};
  run(timed(), [&cases](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable();
    for (const Case& c : cases) {
      CAPTURE(c.what);
      bench.memory.write_latency = bench.memory.read_latency = 5000 * kPsPerNs;
      const auto slow = bench.send(kDevice, c.write, 0x5ffc, 4, 1);
      while (bench.data_accesses().size() <= slow) sc_core::wait(1, sc_core::SC_NS);  // translated
      bench.memory.write_latency = bench.memory.read_latency = 10 * kPsPerNs;
      const std::uint64_t head = bench.read(reg::kIQH, 8);
      bench.submit(c.descriptor);
      bench.settle(1000);
      REQUIRE((bench.read(reg::kIQH, 8) == head) == c.waits);
      bench.settle(40'000);
      REQUIRE(bench.read(reg::kIQH, 8) == head + 16);
    }
  });
}

namespace {

/// Enables what GCMD's `bit` says while a write is under way; `address` must be kept out from then on.
void enabled_in_flight(std::uint32_t bit, std::uint64_t address) {
  run(timed(), [bit, address](IommuBench& bench) {
    bench.memory.write_latency = 5000 * kPsPerNs;
    const auto before = bench.send(kDevice, true, kData, 64, 1);
    bench.write(reg::kGCMD, bit);
    // It is in force for what comes now, and says so when the other one has landed.
    const auto after = bench.send(kDevice + 1, true, address, 4, 2);
    bench.settle(1000);
    REQUIRE(bench.requests[after].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE((bench.read(reg::kGSTS) & bit) == 0);
    while ((bench.read(reg::kGSTS) & bit) == 0) sc_core::wait(1, sc_core::SC_NS);
    REQUIRE(bench.requests[before].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.queue.now() - bench.requests[before].answered <= 1 * kPsPerNs);
    bench.write(reg::kGCMD, 0);
    REQUIRE((bench.read(reg::kGSTS) & bit) == 0);
  });
}

}  // namespace

TEST_CASE("translation is enabled when what was in flight before has landed") { enabled_in_flight(reg::gcmd::kTE, kData); }

TEST_CASE("interrupt remapping is enabled when what was in flight before has landed") {
  enabled_in_flight(reg::gcmd::kIRE, 0xfee0'3000);
}

TEST_CASE("a bad descriptor stops the queue and raises the fault event, and clearing IQE goes on") {
  run(timed(), [](IommuBench& bench) {
    bench.enable();
    bench.write(reg::kFEDATA, 0x39);
    bench.write(reg::kFEADDR, 0xfee0'2000);
    bench.write(reg::kFECTL, 0);
    bench.submit({0x7f, 0});
    bench.submit(wait_with_status(kStatus, 5));
    bench.settle();
    REQUIRE(bench.messages.size() == 1);
    REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kIQE) != 0);
    REQUIRE(bench.data.word(kStatus) == 0);
    bench.tables.set_word(bench.tables.queue(), invalidate_contexts().low);
    bench.write(reg::kFSTS, reg::fsts::kIQE);
    bench.settle();
    REQUIRE(bench.data.word(kStatus) == 5);
  });
}

TEST_CASE("a wait with an interrupt sends the completion message") {
  run(timed(), [](IommuBench& bench) {
    bench.enable();
    bench.write(reg::kIEDATA, 0x3a);
    bench.write(reg::kIEADDR, 0xfee0'1000);
    bench.write(reg::kIECTL, 0);
    bench.submit(wait_with_interrupt());
    bench.settle();
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].data == 0x3a);
    REQUIRE(bench.read(reg::kICS) == 1);
  });
}

TEST_CASE("register-based invalidation holds its bit until it is done") {
  run(timed(), [](IommuBench& bench) {
    bench.write(reg::kIOTLB, reg::iotlb::IVT::of(1) | reg::iotlb::IIRG::of(1), 8);
    REQUIRE(reg::iotlb::IVT::get(bench.read(reg::kIOTLB, 8)) == 1);
    bench.settle(30);
    REQUIRE(reg::iotlb::IVT::get(bench.read(reg::kIOTLB, 8)) == 0);
    REQUIRE(reg::iotlb::IAIG::get(bench.read(reg::kIOTLB, 8)) == 1);
  });
}

TEST_CASE("disabling the queue waits for the descriptor in work") {
  run(timed(), [](IommuBench& bench) {
    bench.enable();
    bench.submit(wait_with_status(kStatus, 5));
    bench.write(reg::kGCMD, 0);
    REQUIRE((bench.read(reg::kGSTS) & reg::gcmd::kQIE) != 0);
    bench.settle();
    REQUIRE((bench.read(reg::kGSTS) & reg::gcmd::kQIE) == 0);
    REQUIRE(bench.data.word(kStatus) == 5);
    REQUIRE(bench.read(reg::kIQH, 8) == 0);
  });
}

namespace {

/// How long three invalidations, each with a wait of its own, take from the tail's write to the last status, in ns.
double three_waits(bool pipelined) {
  Config config = timed();
  config.queue_pipelined = pipelined;
  double took = 0;
  run(config, [&took](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable();
    bench.send(kDevice, false, 0x5000);
    bench.settle();
    bench.tables.map(bench.tables.word(bench.tables.context_entry(kDevice)) & ~0xfffull, 4, 0x5000, kData + 0x1000);
    const DescriptorWords words[] = {invalidate_pages(1, 0x5000), wait_with_status(kStatus, 1), invalidate_pages(1, 0x6000),
                                     wait_with_status(kStatus + 8, 2), invalidate_pages(1, 0x7000), wait_with_status(kStatus + 16, 3)};
    for (std::size_t i = 0; i < 6; ++i) {
      bench.tables.set_word(bench.tables.queue() + 16 * i, words[i].low);
      bench.tables.set_word(bench.tables.queue() + 16 * i + 8, words[i].high);
    }
    const Ps before = bench.queue.now();
    bench.write(reg::kIQT, 96, 8);
    while (bench.data.word(kStatus + 16) != 3) sc_core::wait(1, sc_core::SC_NS);
    took = ps_to_ns(bench.queue.now() - before);
    CHECK(bench.data.word(kStatus) == 1);
    CHECK(bench.data.word(kStatus + 8) == 2);
    CHECK(bench.statistics().invalidations == 3);
    CHECK(bench.read(reg::kIQH, 8) == 96);
    const auto read = bench.send(kDevice, false, 0x5000);
    bench.settle();
    CHECK(bench.requests[read].status == tlm::TLM_OK_RESPONSE);
    CHECK(bench.data_accesses().back().address == kData + 0x1000);
  });
  return took;
}

}  // namespace

TEST_CASE("a queue that is not pipelined takes one descriptor at a time, status writes included") {
  CHECK(three_waits(false) == 6 * 100 + 3 * 20 + 3 * 50);
}

TEST_CASE("a pipelined queue fetches a cache line of descriptors at once and goes on while a status is written") {
  CHECK(three_waits(true) == 2 * 100 + 3 * 20 + 50);
}
