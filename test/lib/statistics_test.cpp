// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/statistics.h"

#include <stdexcept>

#include "test/support/catch.h"

using iovirt::Statistics;

TEST_CASE("statistics are found by their path and read when asked") {
  std::uint64_t frames = 0, drops = 2;
  Statistics queue("queue0");
  queue.add("frames", "frames received", "frames", frames);
  Statistics nic("nic");
  nic.add("drops", "frames dropped", "frames", drops);
  nic.add("both", "frames seen", "frames", [&] { return frames + drops; });
  nic.add(queue);
  frames = 5;
  CHECK(nic.value("nic.drops") == 2);
  CHECK(nic.value("nic.both") == 7);
  CHECK(nic.value("nic.queue0.frames") == 5);
  REQUIRE(nic.entries().size() == 3);
  CHECK(nic.entries()[2].description == "frames received");
  CHECK(nic.entries()[2].unit == "frames");
}

TEST_CASE("a statistic that exists already, or not at all, is an error") {
  std::uint64_t n = 0;
  Statistics nic("nic");
  nic.add("drops", "", "frames", n);
  CHECK_THROWS_AS(nic.add("drops", "", "frames", n), std::logic_error);
  CHECK_THROWS_AS(nic.value("nic.frames"), std::out_of_range);
}
