// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/histogram.h"

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

TEST_CASE("one value is every percentile") {
  Histogram h;
  h.add(7);
  for (std::uint32_t p : {0u, 1u, 500'000u, 999'000u, 1'000'000u}) CHECK(h.percentile(p) == 7);
}
