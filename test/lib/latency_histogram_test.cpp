// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/latency_histogram.h"

#include <random>

#include "lib/histogram.h"
#include "test/support/catch.h"

using iovirt::Histogram;
using iovirt::LatencyHistogram;

TEST_CASE("a latency histogram is empty at first and exact for small values") {
  LatencyHistogram histogram;
  REQUIRE(histogram.count() == 0);
  REQUIRE(histogram.mean() == 0);
  REQUIRE(histogram.min() == 0);
  REQUIRE(histogram.max() == 0);
  REQUIRE(histogram.percentile(500'000) == 0);
  REQUIRE(histogram.nonempty().empty());
  for (std::uint64_t value = 0; value < 32; ++value) histogram.add(value);
  REQUIRE(histogram.percentile(500'000) == 15);
  REQUIRE(histogram.percentile(0) == 0);
  REQUIRE(histogram.nonempty().size() == 32);
}

TEST_CASE("what is asked of a latency histogram before its percentiles is as exact as after") {
  LatencyHistogram histogram, sum;
  for (const std::uint64_t value : {700, 90, 700, 41}) histogram.add(value);
  sum.add(histogram);
  sum.add(5);
  for (unsigned asked = 0; asked < 2; ++asked) {
    REQUIRE(histogram.count() == 4);
    REQUIRE(histogram.sum() == 1531);
    REQUIRE(histogram.min() == 41);
    REQUIRE(histogram.max() == 700);
    REQUIRE(sum.count() == 5);
    REQUIRE(sum.sum() == 1536);
    REQUIRE(sum.min() == 5);
    REQUIRE(sum.max() == 700);
    REQUIRE(histogram.percentile(1'000'000) == 700);
    REQUIRE(sum.percentile(0) == 5);
  }
}

TEST_CASE("its percentiles are within a class of the exact ones, its mean and extremes exact") {
  constexpr unsigned kSeed = 3;
  INFO("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  LatencyHistogram whole, halves[2];
  Histogram exact;
  for (unsigned i = 0; i < 50'000; ++i) {
    const std::uint64_t value = random() >> (random() % 64);
    const std::uint64_t bounded = value >> 20;  // sums stay within 64 bits
    whole.add(bounded);
    halves[i % 2].add(bounded);
    exact.add(bounded);
  }
  halves[0].add(halves[1]);
  for (const LatencyHistogram& histogram : {whole, halves[0]}) {
    REQUIRE(histogram.count() == exact.count());
    REQUIRE(histogram.sum() == exact.sum());
    REQUIRE(histogram.max() == exact.max());
    std::uint64_t total = 0, last = 0;
    for (const auto& [upper, count] : histogram.nonempty()) {
      REQUIRE((total == 0 || upper > last));
      total += count;
      last = upper;
    }
    REQUIRE(total == exact.count());
    for (std::uint32_t p : {0u, 1u, 10'000u, 250'000u, 500'000u, 900'000u, 999'000u, 1'000'000u}) {
      const auto got = static_cast<double>(histogram.percentile(p)), wanted = static_cast<double>(exact.percentile(p));
      REQUIRE(got >= wanted);
      REQUIRE(got <= wanted * (1 + 1.0 / 32) + 1);
    }
  }
}
