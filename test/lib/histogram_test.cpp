// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/histogram.h"

#include <algorithm>
#include <random>
#include <vector>

#include "test/support/catch.h"

using iovirt::Histogram;

TEST_CASE("an empty histogram is all zero") {
  const Histogram h;
  CHECK(h.count() == 0);
  CHECK(h.mean() == 0);
  CHECK(h.max() == 0);
  CHECK(h.percentile(500'000) == 0);
}

TEST_CASE("percentiles are exact, by nearest rank") {
  Histogram h;
  for (std::uint64_t i = 1000; i >= 1; --i) h.add(i);
  CHECK(h.sum() == 500'500);
  CHECK(h.mean() == 500.5);
  CHECK(h.percentile(500'000) == 500);
  CHECK(h.percentile(990'000) == 990);
  CHECK(h.percentile(999'000) == 999);
  CHECK(h.percentile(0) == 1);
  CHECK(h.max() == 1000);
  h.add(5000);
  CHECK(h.max() == 5000);
  CHECK(h.percentile(500'000) == 501);
}

TEST_CASE("percentiles are those of the sorted values, asked for in any order") {
  const unsigned seed = 20261121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 50; ++round) {
    Histogram h;
    std::vector<std::uint64_t> sorted;
    for (int query = 0; query < 20; ++query) {
      for (unsigned more = random() % 40 + (query == 0); more != 0; --more) {
        sorted.push_back(random() % 100);
        h.add(sorted.back());
      }
      std::sort(sorted.begin(), sorted.end());
      const std::uint32_t per_million = random() % 1'000'001;
      const std::uint64_t rank = (sorted.size() * std::uint64_t{per_million} + 999'999) / 1'000'000;
      REQUIRE(h.percentile(per_million) == sorted[std::max<std::uint64_t>(rank, 1) - 1]);
    }
  }
}

TEST_CASE("one value is every percentile") {
  Histogram h;
  h.add(7);
  for (std::uint32_t p : {0u, 1u, 500'000u, 999'000u, 1'000'000u}) CHECK(h.percentile(p) == 7);
}
