// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What each timing parameter does: caches' geometry and replacement, partitions, walkers, the walk queue, hits under
// misses, prefetching, invalidation. Memory takes 100 ns to read and 50 ns to write.

#include <set>

#include "lib/sim/simulation.h"
#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310, kOther = 0x0411;
constexpr std::uint64_t kData = 0x2000'0000;
constexpr double kStep = 2 + 100;

Config timed() {
  Config config;
  config.lookup_ns = 5;
  config.walk_step_ns = 2;
  config.invalidation_ns = 20;
  return config;
}

struct Outcome {
  Statistics statistics;
  std::vector<double> took_ns;
  std::vector<double> accepted_ns;    ///< END_REQ, after the script's wish to send
  std::vector<std::uint64_t> writes;  ///< data addresses as they reached memory
};

/// Two devices with 64 pages each, the walk's upper levels warm; then `script`.
Outcome outcome_of(const Config& config, const std::function<void(IommuBench&)>& script) {
  sim::Simulation simulation;
  Outcome outcome;
  IommuBench bench("bench", config, [&](IommuBench& b) {
    const auto top = b.add_device(kDevice, 1), other = b.add_device(kOther, 2);
    for (std::uint64_t page = 0; page < 64; ++page) {
      b.tables.map(top, 4, page << 12, kData + (page << 12));
      b.tables.map(other, 4, page << 12, kData + 0x10'0000 + (page << 12));
    }
    b.enable();
    b.send(kDevice, false, 63 << 12);
    b.send(kOther, false, 63 << 12);
    b.settle();
    const std::size_t first = b.requests.size();
    b.memory.accesses.clear();
    const Statistics before = b.statistics();
    script(b);
    b.settle(100'000);
    outcome.statistics = b.statistics();
    outcome.statistics.iotlb_hits -= before.iotlb_hits;
    outcome.statistics.iotlb_misses -= before.iotlb_misses;
    outcome.statistics.walks -= before.walks;
    outcome.statistics.prefetches -= before.prefetches;
    for (std::size_t i = first; i < b.requests.size(); ++i) {
      REQUIRE(b.requests[i].status == tlm::TLM_OK_RESPONSE);
      outcome.took_ns.push_back(b.took_ns(i));
      outcome.accepted_ns.push_back(ps_to_ns(b.requests[i].accepted - b.requests[i].sent));
    }
    for (const auto& access : b.data_accesses())
      if (access.write) outcome.writes.push_back(access.address);
  });
  bench.run();
  return outcome;
}

/// `rounds` times over pages 0 to pages - 1, one request after the other.
std::function<void(IommuBench&)> rounds_over(std::uint64_t pages, unsigned rounds = 4) {
  return [=](IommuBench& b) {
    for (unsigned round = 0; round < rounds; ++round)
      for (std::uint64_t page = 0; page < pages; ++page) {
        b.send(kDevice, false, page << 12);
        b.settle(2'000);
      }
  };
}
void together(IommuBench& b, std::initializer_list<std::uint64_t> pages) {
  for (std::uint64_t page : pages) b.send(kDevice, false, page << 12);
}

}  // namespace

TEST_CASE("more IOTLB entries and more ways hit more often") {
  std::uint64_t last = 0;
  for (std::uint32_t entries : {8u, 16u, 32u, 64u}) {
    Config config = timed();
    config.iotlb = {entries, entries, Replacement::lru};
    const auto hits = outcome_of(config, rounds_over(32)).statistics.iotlb_hits;
    REQUIRE(hits == (entries >= 32 ? 3u * 32 : 0u));  // least recently used is gone when it comes round
    REQUIRE(hits >= last);
    last = hits;
  }
  // Pages 0, 16, 32, 48 meet in one set of a direct-mapped cache, and fit where a set has four ways.
  for (std::uint32_t ways : {1u, 4u}) {
    Config config = timed();
    config.iotlb = {16, ways, Replacement::lru};
    config.iotlb_index = SetIndex::page;
    const Outcome outcome = outcome_of(config, [](IommuBench& b) {
      for (unsigned i = 0; i < 12; ++i) {
        b.send(kDevice, false, std::uint64_t{i % 4 * 16} << 12);
        b.settle(2'000);
      }
    });
    REQUIRE(outcome.statistics.iotlb_hits == (ways == 4 ? 8u : 0u));
  }
}

TEST_CASE("each replacement keeps other pages of a working set that is too large") {
  const auto hits = [](Replacement replacement, bool loop, std::uint64_t seed = 1) {
    Config config = timed();
    config.iotlb = {8, 8, replacement, seed};
    if (loop) return outcome_of(config, rounds_over(12, 8)).statistics.iotlb_hits;
    return outcome_of(config, [](IommuBench& b) {
      std::uint64_t state = 7;
      for (unsigned i = 0; i < 200; ++i) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        b.send(kDevice, false, (state >> 33) % 12 << 12);
        b.settle(2'000);
      }
    }).statistics.iotlb_hits;
  };
  REQUIRE(hits(Replacement::lru, true) == 0);
  REQUIRE(hits(Replacement::fifo, true) == 0);
  REQUIRE(hits(Replacement::random, true) > 0);
  const std::set<std::uint64_t> different = {hits(Replacement::lru, false), hits(Replacement::fifo, false), hits(Replacement::plru, false),
                                             hits(Replacement::random, false)};
  REQUIRE(different.size() == 4);
  REQUIRE(hits(Replacement::random, true, 1) == hits(Replacement::random, true, 1));
  REQUIRE(hits(Replacement::random, true, 1) != hits(Replacement::random, true, 2));
}

TEST_CASE("a paging-structure cache of each level saves its read") {
  const auto reads = [](std::uint32_t l2, std::uint32_t l3, std::uint32_t l4) {
    Config config = timed();
    config.paging_cache_l2.entries = l2;
    config.paging_cache_l3.entries = l3;
    config.paging_cache_l4.entries = l4;
    return outcome_of(config, rounds_over(1, 1)).took_ns[0];
  };
  REQUIRE(reads(32, 16, 4) == 5 + kStep + 100);
  REQUIRE(reads(0, 16, 4) == 5 + 2 * kStep + 100);
  REQUIRE(reads(0, 0, 4) == 5 + 3 * kStep + 100);
  REQUIRE(reads(0, 0, 0) == 5 + 4 * kStep + 100);
}

TEST_CASE("a full walk queue stalls every later lookup, hits included, until there is room") {
  const auto outcome = [](std::uint32_t queue) {
    Config config = timed();
    config.walkers = 1;
    config.walk_queue = queue;
    return outcome_of(config, [](IommuBench& b) {
      together(b, {0, 1, 2, 3});
      b.send(kOther, false, 63 << 12);  // a hit
    });
  };
  const Outcome open = outcome(0);
  REQUIRE(open.took_ns == std::vector<double>{5 + kStep + 100, 5 + 2 * kStep + 100, 5 + 3 * kStep + 100, 5 + 4 * kStep + 100, 5 + 100});
  REQUIRE(open.accepted_ns == std::vector<double>(5, 0));
  REQUIRE(open.statistics.stalled_lookups == 0);
  const Outcome one = outcome(1);
  REQUIRE(one.statistics.stalled_lookups == 3);
  // One walks, one waits. The third is looked up when the second gets the walker, the hit when the fourth has a place.
  REQUIRE(one.took_ns[0] == 5 + kStep + 100);
  REQUIRE(one.took_ns[1] == 5 + 2 * kStep + 100);
  REQUIRE(one.took_ns[2] == 5 + 3 * kStep + 100);
  REQUIRE(one.took_ns[3] == 5 + 4 * kStep + 100);
  REQUIRE(one.took_ns[4] == 5 + 3 * kStep + 5 + 100);
  // So long the request phase of each lasts, and of whoever comes behind it.
  REQUIRE(one.accepted_ns == std::vector<double>{0, 0, 5 + kStep, 5 + 2 * kStep, 5 + 3 * kStep});
  const Outcome wide = outcome(16);
  REQUIRE(wide.took_ns == open.took_ns);
}

TEST_CASE("without hits under misses a hit waits for the miss before it") {
  Config config = timed();
  const auto script = [](IommuBench& b) {
    together(b, {0, 1});
    b.send(kOther, false, 63 << 12);
  };
  REQUIRE(outcome_of(config, script).took_ns == std::vector<double>{5 + kStep + 100, 5 + kStep + 100, 5 + 100});
  config.hit_under_miss = false;
  const Outcome outcome = outcome_of(config, script);
  REQUIRE(outcome.took_ns ==
          std::vector<double>{5 + kStep + 100, 5 + kStep + 5 + kStep + 100, 5 + kStep + 5 + kStep + 5 + 100});
  REQUIRE(outcome.accepted_ns == std::vector<double>{0, 5 + kStep, 5 + kStep + 5 + kStep});
}

TEST_CASE("stalled requests of one requester keep PCIe order") {
  for (const bool under : {true, false})
    for (std::uint32_t queue : {1u, 2u, 4u}) {
      Config config = timed();
      config.walkers = 2;
      config.walk_queue = queue;
      config.hit_under_miss = under;
      const Outcome outcome = outcome_of(config, [](IommuBench& b) {
        for (unsigned i = 0; i < 40; ++i) {
          b.send(kDevice, i % 3 != 0, (i * 7 % 16) << 12, 4, i);
          if (i % 5 == 0) sc_core::wait(30, sc_core::SC_NS);
        }
      });
      std::vector<std::uint64_t> wanted;
      for (unsigned i = 0; i < 40; ++i)
        if (i % 3 != 0) wanted.push_back(kData + ((i * 7 % 16) << 12));
      REQUIRE(outcome.writes == wanted);
      REQUIRE(outcome.took_ns.size() == 40);
    }
}

TEST_CASE("prefetching brings the next pages before they are asked for") {
  const auto outcome = [](Prefetch prefetch, std::uint32_t pages, std::uint32_t walkers = 6) {
    Config config = timed();
    config.prefetch = prefetch;
    config.prefetch_pages = pages;
    config.walkers = walkers;
    return outcome_of(config, rounds_over(32, 1));
  };
  const Outcome none = outcome(Prefetch::none, 1);
  REQUIRE(none.statistics.iotlb_misses == 32);
  REQUIRE(none.statistics.prefetches == 0);
  const Outcome one = outcome(Prefetch::miss, 1), three = outcome(Prefetch::miss, 3), access = outcome(Prefetch::access, 1);
  REQUIRE(one.statistics.iotlb_misses == 16);
  REQUIRE(three.statistics.iotlb_misses == 8);
  REQUIRE(access.statistics.iotlb_misses == 1);
  REQUIRE(one.statistics.prefetches == 16);
  REQUIRE(one.took_ns[1] == 5 + 100);
  // Walkers serve requests first: with one walker, two misses at once leave none for the next page.
  Config config = timed();
  config.prefetch = Prefetch::miss;
  config.walkers = 1;
  REQUIRE(outcome_of(config, [](IommuBench& b) { together(b, {0, 8}); }).took_ns == std::vector<double>{5 + kStep + 100, 5 + 2 * kStep + 100});
}

TEST_CASE("a request to a page that is being prefetched waits for that walk") {
  Config config = timed();
  config.prefetch = Prefetch::miss;
  const Outcome outcome = outcome_of(config, [](IommuBench& b) {
    b.send(kDevice, false, 10 << 12);
    sc_core::wait(5 + kStep + 42, sc_core::SC_NS);  // page 11 is under way since the walk of page 10 ended
    b.send(kDevice, false, 11 << 12);
    b.settle();
  });
  REQUIRE(outcome.took_ns[1] == kStep - 42 + 100);
  REQUIRE(outcome.statistics.walks == 2);
}

TEST_CASE("a prefetch that faults tells nobody") {
  Config config = timed();
  config.prefetch = Prefetch::access;
  const Outcome outcome = outcome_of(config, [](IommuBench& b) {
    b.send(kOther, false, 62 << 12);
    b.settle();
    b.send(kOther, false, 63 << 12);  // the last page that is mapped
    b.settle();
    REQUIRE(b.read(reg::kFSTS) == 0);
  });
  REQUIRE(outcome.statistics.prefetches == 1);
  REQUIRE(outcome.statistics.faults == std::array<std::uint64_t, kFaultReasons>{});
}

TEST_CASE("partitions of the IOTLB keep one device's pages from those of another") {
  const auto hits_beside_a_stream = [](Partitioning partitioning, PartitionOwner owner) {
    Config config = timed();
    config.iotlb = {16, 8, Replacement::lru};
    config.iotlb_partitioning = partitioning;
    config.iotlb_partition_owner = owner;
    config.iotlb_partitions = partitioning == Partitioning::none ? 1 : 2;
    const Outcome outcome = outcome_of(config, [](IommuBench& b) {
      for (unsigned i = 0; i < 120; ++i) {
        b.send(kDevice, false, std::uint64_t{i % 2} << 12);  // two pages, again and again
        for (unsigned k = 0; k < 8; ++k) b.send(kOther, false, std::uint64_t{(i * 8 + k) % 60} << 12);
        b.settle(3'000);
      }
    });
    std::uint64_t hits = 0;
    for (std::size_t i = 0; i < outcome.took_ns.size(); i += 9) hits += outcome.took_ns[i] == 5 + 100;
    return hits;
  };
  REQUIRE(hits_beside_a_stream(Partitioning::none, PartitionOwner::requester) < 20);
  for (const auto partitioning : {Partitioning::sets, Partitioning::ways})
    for (const auto owner : {PartitionOwner::requester, PartitionOwner::domain}) REQUIRE(hits_beside_a_stream(partitioning, owner) == 118);
}

TEST_CASE("an invalidation reaches every partition") {
  for (const auto partitioning : {Partitioning::sets, Partitioning::ways}) {
    Config config = timed();
    config.iotlb = {16, 4, Replacement::lru};
    config.iotlb_partitioning = partitioning;
    config.iotlb_partitions = 4;
    const Outcome outcome = outcome_of(config, [](IommuBench& b) {
      b.send(kDevice, false, 3 << 12);
      b.settle();
      b.submit(invalidate_pages(1, 3 << 12));
      b.settle();
      b.send(kDevice, false, 3 << 12);
    });
    REQUIRE(outcome.statistics.iotlb_misses == 2);
  }
}

TEST_CASE("invalidations take their time one after the other") {
  const auto done_ns = [](double each) {
    Config config = timed();
    config.invalidation_ns = each;
    double took = 0;
    outcome_of(config, [&](IommuBench& b) {
      const Ps start = b.queue.now();
      for (unsigned i = 0; i < 8; ++i) b.submit(invalidate_domain(1));
      while ((b.read(reg::kIQH, 8) & 0xffff0) != (b.read(reg::kIQT, 8) & 0xffff0)) sc_core::wait(1, sc_core::SC_NS);
      took = ps_to_ns(b.queue.now() - start);
    });
    return took;
  };
  const double fast = done_ns(20), slow = done_ns(200);
  REQUIRE(slow - fast >= 8 * 180 - 10);
  REQUIRE(slow - fast <= 8 * 180 + 10);
}
