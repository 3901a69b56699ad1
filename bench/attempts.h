// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How one figure is measured: three times, each beside ping-pongs of its own.
#pragma once

#include <algorithm>
#include <array>

#include "bench/ping_pong.h"

namespace iovirt::bench {

struct Attempt {
  double ns = 0;     ///< of whatever `ns_of_one_run` tells
  double ratio = 0;  ///< to a ping-pong just before and after
};

/// The median, by ratio. `ns_of_one_run` does the work and returns nanoseconds.
template <class Run>
Attempt median_of_three(Run&& ns_of_one_run) {
  std::array<Attempt, 3> attempts;
  for (Attempt& attempt : attempts) {
    const double before = ping_pong_ns();
    attempt.ns = ns_of_one_run();
    attempt.ratio = attempt.ns / ((before + ping_pong_ns()) / 2);
  }
  std::sort(attempts.begin(), attempts.end(), [](const Attempt& a, const Attempt& b) { return a.ratio < b.ratio; });
  return attempts[1];
}

}  // namespace iovirt::bench
