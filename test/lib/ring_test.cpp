// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/ring.h"

#include <deque>
#include <random>

#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("a ring gives back what was pushed in order, whatever its size does") {
  const unsigned seed = 20261121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Ring<unsigned> ring;
  std::deque<unsigned> oracle;
  unsigned next = 0;
  for (unsigned step = 0; step < 20000; ++step) {
    // Long spells of growing and of shrinking, so that it wraps, grows while wrapped, and runs empty.
    const bool push = random() % 8 < (step / 500 % 2 == 0 ? 5u : 3u);
    if (push) {
      ring.push(next);
      oracle.push_back(next++);
    } else if (!oracle.empty()) {
      REQUIRE(ring.front() == oracle.front());
      ring.pop();
      oracle.pop_front();
    }
    REQUIRE(ring.size() == oracle.size());
    REQUIRE(ring.empty() == oracle.empty());
  }
}
