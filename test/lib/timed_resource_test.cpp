// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/timed_resource.h"

#include <random>
#include <vector>

#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("a free resource starts at once, a busy one when it is through") {
  TimedResource wire;
  CHECK(wire.free_at() == 0);
  CHECK(wire.claim(100, 50) == 100);
  CHECK(wire.free_at() == 150);
  CHECK(wire.claim(100, 10) == 150);  // of two that ask at once, the first called
  CHECK(wire.claim(155, 5) == 160);
  CHECK(wire.claim(165, 5) == 165);   // just through
  CHECK(wire.claim(1000, 0) == 1000);
  CHECK(wire.free_at() == 1000);
}

TEST_CASE("services never overlap, start in order and never before they were asked for") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  TimedResource resource;
  Ps now = 0, free = 0;
  for (int i = 0; i < 10000; ++i) {
    now += random() % 100;
    const Ps service = random() % 90;
    const Ps start = resource.claim(now, service);
    REQUIRE(start >= now);
    REQUIRE(start >= free);
    REQUIRE((start == now || start == free));  // nor later than needed
    free = start + service;
    REQUIRE(resource.free_at() == free);
  }
}
