// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <algorithm>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "models/iommu/set_associative.h"
#include "test/support/catch.h"

using namespace iovirt::iommu;

TEST_CASE("a full set gives up the least recently used, the first in, or some entry") {
  const auto replacement = GENERATE(Replacement::lru, Replacement::fifo, Replacement::random);
  SetAssociative<int> cache({4, 4, replacement});
  for (int i = 1; i <= 4; ++i) cache.insert(i, 0, i * 10);
  REQUIRE(*cache.find(1, 0) == 10);
  cache.insert(5, 0, 50);
  REQUIRE(*cache.find(5, 0) == 50);
  REQUIRE(cache.used() == 4);
  if (replacement == Replacement::lru) REQUIRE(cache.find(2, 0) == nullptr);
  if (replacement == Replacement::fifo) REQUIRE(cache.find(1, 0) == nullptr);
}

TEST_CASE("sets are apart, and an entry is replaced in place") {
  SetAssociative<int> cache({8, 2, Replacement::lru});
  for (int i = 1; i <= 8; ++i) cache.insert(i, i % 4, i);
  REQUIRE(cache.used() == 8);
  cache.insert(3, 3, 33);
  REQUIRE(cache.used() == 8);
  REQUIRE(*cache.find(3, 3) == 33);
  REQUIRE(*cache.find(7, 3) == 7);
  REQUIRE(cache.find(3, 2) == nullptr);
}

TEST_CASE("entries are erased one by one, by a predicate, or all at once, and make room first") {
  SetAssociative<int> cache({4, 4, Replacement::lru});
  for (int i = 1; i <= 4; ++i) cache.insert(i, 0, i);
  cache.erase(2, 0);
  cache.insert(5, 0, 5);
  for (int i : {1, 3, 4, 5}) REQUIRE(cache.find(i, 0) != nullptr);
  cache.erase_if([](std::uint64_t tag, int) { return tag >= 4; });
  REQUIRE(cache.used() == 2);
  cache.clear();
  REQUIRE(cache.used() == 0);
  REQUIRE(cache.find(1, 0) == nullptr);
}

TEST_CASE("a cache without entries finds nothing and takes nothing") {
  SetAssociative<int> cache({0, 0, Replacement::lru});
  cache.insert(1, 5, 1);
  REQUIRE(cache.find(1, 5) == nullptr);
}

TEST_CASE("random replacement reaches every way, the same in every run") {
  std::set<std::uint64_t> gone;
  for (int run = 0; run < 2; ++run) {
    SetAssociative<int> cache({4, 4, Replacement::random});
    for (std::uint64_t i = 1; i <= 200; ++i) cache.insert(i, 0, 0);
    std::set<std::uint64_t> left;
    for (std::uint64_t i = 1; i <= 200; ++i)
      if (cache.find(i, 0)) left.insert(i);
    if (run == 0) gone = left;
    REQUIRE(left == gone);
  }
}

TEST_CASE("the tree of pseudo-LRU leads away from what was used, and never to the latest") {
  SetAssociative<int> cache({4, 4, Replacement::plru});
  for (int i = 1; i <= 4; ++i) cache.insert(i, 0, i);
  // The tree points to the half and way used longest ago: of 1 2 | 3 4 that is 1.
  cache.insert(5, 0, 5);
  REQUIRE(cache.find(1, 0) == nullptr);
  REQUIRE(cache.find(4, 0) != nullptr);
  cache.insert(6, 0, 6);  // 4 was used last: the other half, and there not 5
  REQUIRE(cache.find(2, 0) == nullptr);
  REQUIRE(cache.find(5, 0) != nullptr);
  std::uint64_t state = 5;
  for (int i = 7; i < 2000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const auto latest = static_cast<std::uint64_t>(i - 1 - static_cast<int>(state >> 62));
    const bool there = cache.find(latest, 0) != nullptr;
    cache.insert(static_cast<std::uint64_t>(i), 0, i);
    if (there) REQUIRE(cache.find(latest, 0) != nullptr);
    REQUIRE(cache.used() == 4);
  }
}

TEST_CASE("partitions by sets and by ways hold apart what has the same tag") {
  for (const auto partitioning : {Partitioning::sets, Partitioning::ways}) {
    SetAssociative<int> cache({16, 4, Replacement::lru}, partitioning, 2);
    const auto any = [](int) { return true; };
    for (int part : {0, 1})
      for (std::uint64_t tag = 1; tag <= 8; ++tag) cache.insert(tag, tag, 100 * part + static_cast<int>(tag), any, static_cast<std::uint32_t>(part));
    REQUIRE(cache.used() == 16);
    for (int part : {0, 1})
      for (std::uint64_t tag = 1; tag <= 8; ++tag)
        REQUIRE(*cache.find(tag, tag, any, static_cast<std::uint32_t>(part)) == 100 * part + static_cast<int>(tag));
    for (std::uint64_t tag = 100; tag < 200; ++tag) cache.insert(tag, tag, 1, any, 1);
    for (std::uint64_t tag = 1; tag <= 8; ++tag) REQUIRE(cache.find(tag, tag, any, 0) != nullptr);
    cache.erase_if([](std::uint64_t tag, int) { return tag == 3; });
    REQUIRE(cache.find(3, 3, any, 0) == nullptr);
  }
}

namespace {

/// One set, as a list with the least recently used, or first in, at its front.
struct NaiveSet {
  std::size_t ways;
  Replacement replacement;
  std::vector<std::pair<std::uint64_t, int>> entries;

  const int* find(std::uint64_t tag) {
    for (auto at = entries.begin(); at != entries.end(); ++at)
      if (at->first == tag) {
        if (replacement == Replacement::lru) std::rotate(at, at + 1, entries.end());
        return replacement == Replacement::lru ? &entries.back().second : &at->second;
      }
    return nullptr;
  }
  void insert(std::uint64_t tag, int value) {
    std::erase_if(entries, [&](const auto& entry) { return entry.first == tag; });
    if (entries.size() == ways) entries.erase(entries.begin());
    entries.emplace_back(tag, value);
  }
};

}  // namespace

TEST_CASE("a set of any number of ways agrees with a list of its entries, tags that look alike included") {
  const unsigned seed = 20'261;
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (const auto replacement : {Replacement::lru, Replacement::fifo})
    for (const std::uint32_t ways : {1u, 2u, 3u, 4u, 6u, 8u, 16u, 20u, 32u, 33u, 70u}) {
      SetAssociative<int> cache({2 * ways, ways, replacement});
      NaiveSet naive[] = {{ways, replacement, {}}, {ways, replacement, {}}};
      const auto some_tag = [&] {
        const std::uint64_t n = random() % (ways + ways / 2 + 2) + 1;
        return random() % 2 ? n : n << 31 | n >> 1;
      };
      for (int step = 0; step < 3000; ++step) {
        const std::uint64_t tag = some_tag(), set = random() % 2;
        if (random() % 2) {
          cache.insert(tag, set, step);
          naive[set].insert(tag, step);
        } else if (random() % 16 == 0) {
          cache.erase(tag, set);
          std::erase_if(naive[set].entries, [&](const auto& entry) { return entry.first == tag; });
        } else {
          const int* expected = naive[set].find(tag);
          const int* found = cache.find(tag, set);
          REQUIRE((found == nullptr) == (expected == nullptr));
          if (found) REQUIRE(*found == *expected);
        }
        REQUIRE(cache.used() == naive[0].entries.size() + naive[1].entries.size());
      }
    }
}
