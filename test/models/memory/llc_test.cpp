// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/llc.h"

#include <list>
#include <map>
#include <random>

#include "test/support/catch.h"

using namespace iovirt;
using memory::kLineBytes;
using memory::Llc;

namespace {

constexpr std::uint64_t line(std::uint64_t n) { return n * kLineBytes; }

/// The same cache, written naively.
struct Oracle {
  struct Way {
    std::uint64_t line = 0;
    bool valid = false, dirty = false;
    std::uint64_t used = 0;
  };
  Oracle(unsigned sets, unsigned per_set, unsigned ddio) : ways(sets, std::vector<Way>(per_set)), ddio_ways(ddio) {}
  std::vector<std::vector<Way>> ways;
  unsigned ddio_ways;
  std::uint64_t clock = 0;

  Llc::Outcome access(std::uint64_t address, bool write, bool device) {
    const std::uint64_t l = address / kLineBytes;
    auto& set = ways[l % ways.size()];
    for (Way& way : set) {
      if (!way.valid || way.line != l) continue;
      if (device && write && ddio_ways == 0) {
        way = {};
        return {true, true};
      }
      way.used = ++clock;
      way.dirty = way.dirty || write;
      return {true, false};
    }
    if (device && !write) return {};
    if (device && ddio_ways == 0) return {false, true};
    const std::size_t candidates = device ? ddio_ways : set.size();
    Way* victim = &set[0];
    for (std::size_t i = 0; i < candidates; ++i) {
      if (!set[i].valid) {
        victim = &set[i];
        break;
      }
      if (set[i].used < victim->used) victim = &set[i];
    }
    const bool wrote_back = victim->valid && victim->dirty;
    *victim = {l, true, write, ++clock};
    return {false, wrote_back};
  }
};

}  // namespace

TEST_CASE("a device's read does not bring a line in, a core's does") {
  Llc llc(64 << 10, 4, 2);
  REQUIRE_FALSE(llc.device_read(line(5)).hit);
  REQUIRE_FALSE(llc.device_read(line(5)).hit);
  REQUIRE_FALSE(llc.core_access(line(5), false).hit);
  REQUIRE(llc.device_read(line(5)).hit);
}

TEST_CASE("device writes allocate into their share only and sweep out nothing else") {
  Llc llc(64 << 10, 4, 2);  // 256 sets
  const unsigned sets = llc.sets();
  llc.core_access(line(0), false);
  llc.core_access(line(sets), false);
  llc.core_access(line(2 * sets), false);
  llc.core_access(line(3 * sets), false);
  for (unsigned i = 4; i < 100; ++i) llc.device_write(line(std::uint64_t{i} * sets));
  REQUIRE(llc.contains(line(2 * sets)));
  REQUIRE(llc.contains(line(3 * sets)));
  REQUIRE_FALSE(llc.contains(line(0)));
  REQUIRE(llc.contains(line(99ull * sets)));
  REQUIRE(llc.contains(line(98ull * sets)));
  REQUIRE_FALSE(llc.contains(line(97ull * sets)));
}

TEST_CASE("a device's write that hits in any way stays there") {
  Llc llc(64 << 10, 4, 1);
  const unsigned sets = llc.sets();
  for (unsigned i = 0; i < 4; ++i) llc.core_access(line(std::uint64_t{i} * sets), false);
  REQUIRE(llc.device_write(line(3ull * sets)).hit);
  REQUIRE(llc.device_write(line(7ull * sets)).hit == false);
  REQUIRE(llc.contains(line(3ull * sets)));
}

TEST_CASE("only dirty lines are written back") {
  Llc llc(1 << 10, 1, 1);  // direct-mapped, 16 sets
  const unsigned sets = llc.sets();
  llc.core_access(line(0), false);
  REQUIRE_FALSE(llc.core_access(line(sets), true).wrote_back);
  REQUIRE(llc.device_write(line(2ull * sets)).wrote_back);
  REQUIRE(llc.core_access(line(3ull * sets), false).wrote_back);
}

TEST_CASE("without DDIO a device's write drops the cached copy and goes to DRAM") {
  Llc llc(64 << 10, 4, 0);
  llc.core_access(line(9), true);
  const Llc::Outcome outcome = llc.device_write(line(9));
  REQUIRE(outcome.hit);
  REQUIRE(outcome.wrote_back);
  REQUIRE_FALSE(llc.contains(line(9)));
  REQUIRE_FALSE(llc.device_write(line(9)).hit);
}

TEST_CASE("the cache agrees with a naive one under random accesses") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const unsigned sets = GENERATE(16u, 12u);  // a power of two and not
  const unsigned ways = GENERATE(1u, 4u, 19u, 20u, 21u, 32u);  // in one block of the host's, and in two
  const unsigned ddio = std::min(GENERATE(0u, 2u), ways);
  Llc llc(std::uint64_t{sets} * ways * kLineBytes, ways, ddio);
  REQUIRE(llc.sets() == sets);
  Oracle oracle(sets, ways, ddio);
  for (unsigned i = 0; i < 20000; ++i) {
    // From the middle on also lines far away, whose tags differ in their upper halves only, or look like none.
    const std::uint64_t far = i > 10'000 ? random() % 3 : 0;
    const std::uint64_t tag = (far << 16) + (random() % 8 == 0 ? 0xffff : random() % (3 * ways));
    const std::uint64_t address = line((i > 5'000 ? tag : tag % (3 * ways)) * sets + random() % sets) + random() % 64;
    const unsigned kind = random() % 4;
    const bool write = kind & 1;
    const bool device = kind & 2;
    const Llc::Outcome got = device ? write ? llc.device_write(address) : llc.device_read(address) : llc.core_access(address, write);
    const Llc::Outcome want = oracle.access(address, write, device);
    if (got.hit != want.hit || got.wrote_back != want.wrote_back) {
      CAPTURE(i, address, write, device);
      REQUIRE(got.hit == want.hit);
      REQUIRE(got.wrote_back == want.wrote_back);
    }
  }
}
