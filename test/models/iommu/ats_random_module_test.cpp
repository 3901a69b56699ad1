// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device with a translation cache under random traffic while software moves its pages: once a wait has ended, nothing
// reaches a page that was invalidated before it.

#include <random>

#include "test/support/ats_endpoint_module.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint64_t kStatus = 0x1800'0000, kFrames = 0x2000'0000;
constexpr unsigned kPages = 6, kMoves = 150;

struct Retired {
  std::uint64_t frame;
  std::uint32_t wait;  ///< the value of the wait's status
};

void random_traffic(unsigned seed) {
  CAPTURE(seed);
  Config config;
  config.device_tlbs = true;
  config.lookup_ns = 2;
  config.walk_step_ns = 15;
  config.invalidation_ns = 20;
  config.iotlb = {4, 4, Replacement::lru};
  AtsBench bench("bench", config, [seed](AtsBench& b) {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    enable_iommu([&](auto o, auto v, auto w) { b.write(o, v, w); }, b.tables);
    const std::uint64_t top = b.tables.new_page();
    b.tables.set_context(AtsBench::kFunction, {.domain = 1, .levels = 4, .table = top, .translation_type = 1});
    std::uint64_t next_frame = kFrames, frame[kPages];
    for (unsigned page = 0; page < kPages; ++page) {
      frame[page] = next_frame;
      b.tables.map(top, 4, page << 12, next_frame);
      next_frame += 0x1000;
    }
    std::vector<Retired> retired;
    for (unsigned move = 1; move <= kMoves; ++move) {
      b.memory.read_latency = (20 + pick(300)) * kPsPerNs;
      b.memory.write_latency = (20 + pick(300)) * kPsPerNs;
      b.device.invalidation_time = (5 + pick(200)) * kPsPerNs;
      for (unsigned n = pick(6); n-- > 0;) {
        b.device.transfer(pick(2) == 0, (pick(kPages) << 12) + 8 * pick(500), move);
        sc_core::wait(pick(60), sc_core::SC_NS);
      }
      const unsigned page = pick(kPages);
      retired.push_back({frame[page], move});
      frame[page] = next_frame;
      b.tables.map(top, 4, page << 12, next_frame);
      next_frame += 0x1000;
      b.submit(invalidate_pages(1, page << 12));
      b.submit({0x3 | std::uint64_t{AtsBench::kFunction} << 32, page << 12});
      b.submit(wait_with_status(kStatus + 8 * move, move));
      if (pick(3) == 0) sc_core::wait(pick(2000), sc_core::SC_NS);
      while (((b.read(reg::kIQT, 8) - b.read(reg::kIQH, 8)) & 0xfff) > 0x800) sc_core::wait(100, sc_core::SC_NS);
    }
    b.settle(100'000);

    unsigned served = 0;
    for (const auto& transfer : b.device.transfers) {
      REQUIRE(transfer.state == AtsEndpoint::Transfer::State::done);
      served += transfer.hit;
    }
    REQUIRE(served > 0);
    REQUIRE(b.read(reg::kFSTS) == 0);
    for (const Retired& r : retired) {
      REQUIRE((b.data.word(kStatus + 8 * r.wait) & 0xffff'ffff) == r.wait);
      bool over = false;
      for (const auto& access : b.memory.accesses) {
        if (access.write && access.address == kStatus + 8 * r.wait) over = true;
        if (access.address >= r.frame && access.address < r.frame + 0x1000) REQUIRE_FALSE(over);
      }
      REQUIRE(over);
    }
  });
  bench.run();
}

}  // namespace

TEST_CASE("nothing reaches a page of which the wait has ended, whatever was on its way") { random_traffic(1); }
TEST_CASE("nothing reaches a page of which the wait has ended, with other traffic") { random_traffic(2); }
TEST_CASE("nothing reaches a page of which the wait has ended, with yet other traffic") { random_traffic(3); }
