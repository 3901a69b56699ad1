// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <set>

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
