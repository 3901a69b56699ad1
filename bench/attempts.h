// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How one figure is measured: several times, each beside ping-pongs of its own.
#pragma once

#include <algorithm>
#include <vector>

#include "bench/ping_pong.h"

namespace iovirt::bench {

struct Attempt {
  double ns = 0;     ///< of whatever `ns_of_one_run` tells
  double ratio = 0;  ///< to a ping-pong just before and after
};

/// `ns_of_one_run` does the work and returns nanoseconds.
template <class Run>
Attempt attempt(Run&& ns_of_one_run) {
  const double before = ping_pong_ns();
  const double ns = ns_of_one_run();
  return {ns, ns / ((before + ping_pong_ns()) / 2)};
}

/// By ratio. REQUIRES: an odd number.
inline Attempt median(std::vector<Attempt> attempts) {
  std::sort(attempts.begin(), attempts.end(), [](const Attempt& a, const Attempt& b) { return a.ratio < b.ratio; });
  return attempts[attempts.size() / 2];
}

}  // namespace iovirt::bench
