// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU's time: hits, misses, walkers, order. Memory takes 100 ns to read and 50 ns to write.

#include "lib/sim/simulation.h"
#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310, kOther = 0x0400;
constexpr std::uint64_t kData = 0x2000'0000;

Config timed() {
  Config config;
  config.lookup_ns = 5;
  config.walk_step_ns = 2;
  config.remap_ns = 7;
  config.invalidation_ns = 20;
  config.register_ns = 30;
  return config;
}

}  // namespace

TEST_CASE("a hit takes the lookup and the memory's time, a miss each entry's read besides") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.data.set_word(kData + 64, 0x1234'5678);
    bench.enable();
    const auto miss = bench.send(kDevice, false, 0x5040);
    bench.settle();
    const auto hit = bench.send(kDevice, false, 0x5040);
    const auto write_hit = bench.send(kDevice, true, 0x5080, 64, 77);
    bench.settle();
    REQUIRE(bench.took_ns(miss) == 5 + 6 * (2 + 100) + 100);
    REQUIRE(bench.took_ns(hit) == 5 + 100);
    REQUIRE(bench.took_ns(write_hit) == 5 + 50);
    REQUIRE(bench.requests[hit].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.requests[hit].data == 0x1234'5678);
    REQUIRE(bench.data.word(kData + 0x80) == 77);
    REQUIRE(bench.statistics().iotlb_hits == 2);
    REQUIRE(bench.statistics().iotlb_misses == 1);
    REQUIRE(bench.statistics().memory_reads == 6);
  });
}

TEST_CASE("while translation is off requests pass at once") {
  run(timed(), [](IommuBench& bench) {
    const auto read = bench.send(kDevice, false, kData);
    bench.settle();
    REQUIRE(bench.took_ns(read) == 100);
    REQUIRE(bench.memory.accesses.back().address == kData);
  });
}

TEST_CASE("a request across a page boundary is unsupported and no fault, whether translation is on or off") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    const auto off = bench.send(kDevice, true, kData + 0xfe0, 64);
    bench.settle();
    bench.enable();
    const auto on = bench.send(kDevice, false, 0x5fe0, 64), whole = bench.send(kDevice, false, 0x5fc0, 64);
    bench.settle();
    REQUIRE(bench.requests[off].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[on].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[whole].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.data_accesses().size() == 1);
    for (const std::uint64_t faults : bench.statistics().faults) REQUIRE(faults == 0);
  });
}

TEST_CASE("walks overlap as far as there are walkers") {
  Config config = timed();
  config.walkers = 2;
  config.paging_cache_l2.entries = 0;
  config.paging_cache_l3.entries = 0;
  config.paging_cache_l4.entries = 0;
  run(config, [](IommuBench& bench) {
    const auto top = bench.add_device(kDevice);
    for (std::uint64_t page = 0; page < 9; ++page) bench.tables.map(top, 4, page << 12, kData + (page << 12));
    bench.enable();
    bench.send(kDevice, false, 8 << 12);  // warms the context cache: a walk is then 4 reads
    bench.settle();
    std::vector<std::size_t> sent;
    for (std::uint64_t page = 0; page < 8; ++page) sent.push_back(bench.send(kDevice, false, page << 12));
    bench.settle();
    const double walk = 4 * (2 + 100);
    for (std::size_t i = 0; i < sent.size(); ++i)
      REQUIRE(bench.took_ns(sent[i]) == 5 + walk * static_cast<double>(i / 2 + 1) + 100);
    REQUIRE(bench.statistics().walks == 9);
  });
}

TEST_CASE("misses to one page share a walk") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable();
    std::vector<std::size_t> sent;
    for (unsigned i = 0; i < 20; ++i) sent.push_back(bench.send(kDevice, i % 2 == 0, 0x5000 + 64 * i));
    bench.settle();
    for (const auto request : sent) REQUIRE(bench.requests[request].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.statistics().walks == 1);
    REQUIRE(bench.statistics().memory_reads == 6);
    REQUIRE(bench.statistics().merged_misses == 19);
  });
}

TEST_CASE("misses to one page that faults fault one by one") {
  run(timed(), [](IommuBench& bench) {
    bench.add_device(kDevice);
    bench.enable();
    std::vector<std::size_t> sent;
    for (unsigned i = 0; i < 20; ++i) sent.push_back(bench.send(kDevice, i % 2 == 0, 0x5000 + 64 * i));
    bench.settle(100'000);
    for (const auto request : sent) REQUIRE(bench.requests[request].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.statistics().fault(FaultReason::no_write_permission) == 10);
    REQUIRE(bench.statistics().fault(FaultReason::no_read_permission) == 10);
    REQUIRE(bench.data_accesses().empty());
  });
}

TEST_CASE("writes of a requester stay in order, reads do not pass them, others are not held up") {
  run(timed(), [](IommuBench& bench) {
    const auto top = bench.add_device(kDevice, 1), other = bench.add_device(kOther, 2);
    for (std::uint64_t page = 0; page < 4; ++page) {
      bench.tables.map(top, 4, page << 12, kData + (page << 12));
      bench.tables.map(other, 4, page << 12, kData + 0x10'0000 + (page << 12));
    }
    bench.enable();
    for (const auto source : {kDevice, kOther}) bench.send(source, false, 0x1000);
    bench.settle();
    bench.memory.accesses.clear();
    const auto read_before = bench.send(kDevice, false, 0x1000);  // hit
    const auto miss = bench.send(kDevice, true, 0x2000);          // miss
    const auto write_behind = bench.send(kDevice, true, 0x1040);  // hit, waits
    const auto read_behind = bench.send(kDevice, false, 0x1080);  // hit, waits
    const auto read_miss = bench.send(kDevice, false, 0x3000);    // miss, waits too
    const auto read_other = bench.send(kOther, false, 0x1000);    // hit, goes
    bench.settle();
    REQUIRE(bench.took_ns(read_before) == 105);
    REQUIRE(bench.took_ns(read_other) == 105);
    std::vector<std::uint64_t> order;
    for (const auto& access : bench.data_accesses()) order.push_back(access.address);
    REQUIRE(order == std::vector<std::uint64_t>{kData + 0x1000, kData + 0x10'1000, kData + 0x2000, kData + 0x1040, kData + 0x1080, kData + 0x3000});
    // One read with the paging caches warm.
    REQUIRE(bench.took_ns(miss) == 5 + 102 + 50);
    REQUIRE(bench.took_ns(write_behind) == bench.took_ns(miss));
    REQUIRE(bench.took_ns(read_behind) == 5 + 102 + 100);
    REQUIRE(bench.took_ns(read_miss) == 5 + 102 + 100);
  });
}

TEST_CASE("a faulted write holds its place in the order and is answered as unsupported") {
  run(timed(), [](IommuBench& bench) {
    const auto top = bench.add_device(kDevice);
    bench.tables.map(top, 4, 0x1000, kData);
    bench.enable();
    bench.send(kDevice, true, 0x1000);
    bench.settle();
    const auto fault = bench.send(kDevice, true, 0x7000);
    const auto behind = bench.send(kDevice, true, 0x1000);
    bench.settle();
    REQUIRE(bench.requests[fault].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.took_ns(fault) == 5 + 102);
    REQUIRE(bench.took_ns(behind) == 5 + 102 + 50);
    REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kPPF) != 0);
    REQUIRE(bench.read(reg::kFaultRecords, 8) == 0x7000);
  });
}

TEST_CASE("register accesses take their time") {
  run(timed(), [](IommuBench& bench) {
    const auto before = bench.queue.now();
    bench.read(reg::kCAP, 8);
    REQUIRE(bench.queue.now() - before == 30 * kPsPerNs);
  });
}

TEST_CASE("random traffic keeps PCIe order, reads what was written, and loses nothing") {
  Config config = timed();
  config.iotlb = {8, 2, Replacement::lru};
  config.context_cache = {2, 2, Replacement::lru};
  config.walkers = 3;
  run(config, [](IommuBench& bench) {
    constexpr unsigned kDevices = 5, kPages = 24;
    for (unsigned d = 0; d < kDevices; ++d) {
      const auto top = bench.add_device(static_cast<std::uint16_t>(0x100 + d), static_cast<std::uint16_t>(d + 1));
      for (std::uint64_t page = 0; page < kPages; ++page)
        if (page % 8 != 7) bench.tables.map(top, 4, page << 12, kData + (std::uint64_t{d} << 24) + (page << 12));
    }
    bench.enable();
    std::uint64_t state = 12345;
    const auto random = [&](std::uint64_t below) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      return (state >> 33) % below;
    };
    struct Sent {
      unsigned device;
      bool write;
      std::uint64_t physical;
      bool faults;
    };
    std::vector<Sent> sent;
    for (unsigned i = 0; i < 3000; ++i) {
      const auto device = static_cast<unsigned>(random(kDevices));
      const std::uint64_t page = random(kPages);
      const bool write = random(2) == 0;
      // Unique offsets make each access recognizable.
      const std::uint64_t offset = (i % 512) * 8;
      bench.send(static_cast<std::uint16_t>(0x100 + device), write, (page << 12) + offset, 8, i);
      sent.push_back({device, write, kData + (std::uint64_t{device} << 24) + (page << 12) + offset, page % 8 == 7});
      if (random(3) == 0) sc_core::wait(static_cast<double>(random(60)), sc_core::SC_NS);
    }
    bench.settle(1'000'000);
    const auto accesses = bench.data_accesses();
    std::size_t expected = 0;
    std::vector<Ps> last_write(kDevices, 0);
    for (std::size_t i = 0; i < sent.size(); ++i) {
      REQUIRE(bench.requests[i].status == (sent[i].faults ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_OK_RESPONSE));
      if (!sent[i].faults) ++expected;
      // Forwarded at the answer less the memory's time: never before an older write of the same device.
      const Ps forwarded = bench.requests[i].answered - (sent[i].faults ? 0 : sent[i].write ? bench.memory.write_latency : bench.memory.read_latency);
      if (!(sent[i].faults && !sent[i].write)) REQUIRE(forwarded >= last_write[sent[i].device]);
      if (sent[i].write) last_write[sent[i].device] = forwarded;
    }
    REQUIRE(accesses.size() == expected);
    const auto& s = bench.statistics();
    REQUIRE(s.requests == 3000);
    REQUIRE(s.context_hits + s.context_misses == 3000);
    REQUIRE(s.iotlb_hits + s.iotlb_misses <= 3000);
  });
}

TEST_CASE("a hit passes as many waiting reads of its requester as configured") {
  for (const std::uint32_t passed : {0u, 1u, 2u, Config::kUnordered}) {
    sim::Simulation simulation;
    Config config = timed();
    config.reads_passed = passed;
    run(config, [&](IommuBench& bench) {
      const auto table = bench.add_device(kDevice);
      for (std::uint64_t page = 5; page < 8; ++page) bench.tables.map(table, 4, page << 12, kData + (page << 12));
      bench.enable();
      bench.send(kDevice, false, 0x5000);
      bench.settle();
      const auto first_miss = bench.send(kDevice, false, 0x6000);
      const auto hit_behind_one = bench.send(kDevice, false, 0x5040);
      const auto second_miss = bench.send(kDevice, false, 0x7000);
      const auto hit_behind_two = bench.send(kDevice, false, 0x5080);
      bench.settle();
      INFO("reads_passed " << passed);
      REQUIRE(bench.took_ns(first_miss) == 5 + 102 + 100);
      REQUIRE(bench.took_ns(second_miss) == 5 + 102 + 100);
      REQUIRE(bench.took_ns(hit_behind_one) == (passed >= 1 ? 5 + 100 : 5 + 102 + 100));
      REQUIRE(bench.took_ns(hit_behind_two) == (passed >= 2 ? 5 + 100 : 5 + 102 + 100));
    });
  }
}

TEST_CASE("reads kept in order still wait for the writes before them and pass other requesters") {
  Config config = timed();
  config.reads_passed = 0;
  run(config, [](IommuBench& bench) {
    const auto table = bench.add_device(kDevice);
    bench.add_device(kOther, 2);
    for (std::uint64_t page = 5; page < 8; ++page) bench.tables.map(table, 4, page << 12, kData + (page << 12));
    bench.enable();
    bench.send(kDevice, false, 0x5000);
    bench.settle();
    const auto miss = bench.send(kDevice, false, 0x6000);
    const auto write_hit = bench.send(kDevice, true, 0x5000, 64, 1);
    const auto read_hit = bench.send(kDevice, false, 0x5040);
    const auto blocked = bench.send(kOther, false, 0x9000);  // not mapped
    const auto write_miss = bench.send(kDevice, true, 0x7000, 64, 1);
    const auto last = bench.send(kDevice, false, 0x5080);
    bench.settle();
    REQUIRE(bench.took_ns(miss) == 5 + 102 + 100);
    REQUIRE(bench.took_ns(write_hit) == 5 + 50);            // posted writes pass reads
    REQUIRE(bench.took_ns(read_hit) == 5 + 102 + 100);
    REQUIRE(bench.took_ns(write_miss) == 5 + 102 + 50);
    REQUIRE(bench.took_ns(last) == 5 + 102 + 100);
    REQUIRE(bench.requests[blocked].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
  });
}
