// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host/iova_allocator.h"

#include <map>
#include <random>
#include <stdexcept>
#include <vector>

#include "test/support/catch.h"

using iovirt::software::IovaAllocator;

namespace {

constexpr std::uint64_t kLimit = 1 << 20;

}  // namespace

TEST_CASE("fresh I/O virtual addresses lie side by side, from the limit down") {
  IovaAllocator allocator(kLimit, 1);
  for (std::uint64_t i = 1; i <= 300; ++i) REQUIRE(allocator.allocate(0, 1).page == kLimit - i);
}

TEST_CASE("a core gets back first what it freed last, without a look at the tree") {
  IovaAllocator allocator(kLimit, 1);
  std::vector<std::uint64_t> pages;
  for (int i = 0; i < 64; ++i) pages.push_back(allocator.allocate(0, 1).page);
  for (const std::uint64_t page : pages) CHECK(allocator.free(0, page, 1) == 0);
  for (std::size_t i = pages.size(); i-- > 0;) {
    const auto range = allocator.allocate(0, 1);
    CHECK(range.page == pages[i]);
    CHECK(range.visited == 0);
  }
}

TEST_CASE("what one core frees reaches another only through the depot, a magazine at a time") {
  IovaAllocator allocator(kLimit, 2);
  std::vector<std::uint64_t> pages;
  for (unsigned i = 0; i < 3 * IovaAllocator::kMagazine; ++i) pages.push_back(allocator.allocate(0, 1).page);
  for (unsigned i = 0; i < 2 * IovaAllocator::kMagazine; ++i) allocator.free(0, pages[i], 1);
  const std::uint64_t fresh = allocator.allocate(1, 1).page;
  CHECK(fresh == kLimit - 3 * IovaAllocator::kMagazine - 1);  // both magazines are core 0's own
  allocator.free(1, fresh, 1);
  allocator.free(0, pages[2 * IovaAllocator::kMagazine], 1);  // the third: one of the full ones goes to the depot
  CHECK(allocator.allocate(1, 1).page == fresh);
  const auto taken = allocator.allocate(1, 1);
  CHECK(taken.visited == 0);
  CHECK(taken.page >= pages[2 * IovaAllocator::kMagazine - 1]);
}

TEST_CASE("when the depot is full a magazine's addresses go back to the tree") {
  IovaAllocator allocator(kLimit, 1);
  constexpr unsigned kHeld = (IovaAllocator::kDepot + 2) * IovaAllocator::kMagazine;
  std::vector<std::uint64_t> pages;
  for (unsigned i = 0; i <= kHeld; ++i) pages.push_back(allocator.allocate(0, 1).page);
  for (unsigned i = 0; i < kHeld; ++i) allocator.free(0, pages[i], 1);
  CHECK(allocator.in_tree() == kHeld + 1);
  CHECK(allocator.free(0, pages[kHeld], 1) > 0);
  CHECK(allocator.in_tree() == kHeld + 1 - IovaAllocator::kMagazine);
}

TEST_CASE("a range is aligned to its size rounded up") {
  IovaAllocator allocator(kLimit, 1);
  CHECK(allocator.allocate(0, 1).page == kLimit - 1);
  CHECK(allocator.allocate(0, 3).page == kLimit - 8);
  CHECK(allocator.allocate(0, 64).page == kLimit - 128);
  CHECK(allocator.allocate(0, 512).page == kLimit - 1024);
}

TEST_CASE("without magazines every address is looked for in the tree") {
  IovaAllocator allocator(kLimit, 1, false);
  const std::uint64_t first = allocator.allocate(0, 1).page, second = allocator.allocate(0, 1).page;
  CHECK(allocator.free(0, first, 1) > 0);
  const auto again = allocator.allocate(0, 1);
  CHECK(again.visited > 0);
  CHECK(again.page == first);  // the search begins at the last range freed
  CHECK(allocator.free(0, second, 1) > 0);
  CHECK(allocator.in_tree() == 1);
}

TEST_CASE("the search passes ranges that are too small") {
  IovaAllocator allocator(kLimit, 1, false);
  std::vector<std::uint64_t> pages;
  for (int i = 0; i < 100; ++i) pages.push_back(allocator.allocate(0, 1).page);
  for (std::size_t i = 0; i < pages.size(); i += 2) allocator.free(0, pages[i], 1);
  const auto far = allocator.allocate(0, 8);  // none of the holes is wide enough
  CHECK(far.page + 8 <= pages.back());
  CHECK(far.visited > 50);
}

TEST_CASE("an exhausted address space is reported") {
  IovaAllocator allocator(4, 1, false);
  allocator.allocate(0, 1);
  allocator.allocate(0, 1);
  allocator.allocate(0, 1);
  CHECK_THROWS_AS(allocator.allocate(0, 1), std::runtime_error);  // page 0 is nobody's
}

TEST_CASE("addresses in use never overlap, with several cores and sizes") {
  const unsigned seed = GENERATE(1u, 2u, 3u);
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const bool cached : {true, false}) {
    IovaAllocator allocator(1 << 16, 3, cached);
    std::map<std::uint64_t, std::uint64_t> used;  // first page, pages
    for (int step = 0; step < 20'000; ++step) {
      const unsigned core = random() % 3;
      if (used.size() < 600 && random() % 2 == 0) {
        const std::uint64_t pages = random() % 8 == 0 ? 1 + random() % 20 : 1;
        const std::uint64_t page = allocator.allocate(core, pages).page;
        const auto above = used.lower_bound(page);
        REQUIRE((above == used.end() || page + pages <= above->first));
        REQUIRE((above == used.begin() || std::prev(above)->first + std::prev(above)->second <= page));
        used.emplace(page, pages);
      } else if (!used.empty()) {
        auto gone = used.begin();
        std::advance(gone, random() % used.size());
        allocator.free(core, gone->first, gone->second);
        used.erase(gone);
      }
    }
  }
}
