// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The unit that speed is told in, since machines differ and are noisy.
#pragma once

#include <chrono>

#include "lib/sim/simulation.h"

namespace iovirt::bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Two SC_THREADs that wake each other without time passing: nanoseconds a hand-over.
inline double ping_pong_ns() {
  constexpr int kRounds = 150'000;
  sim::Simulation simulation;
  sc_core::sc_event ping, pong;
  sc_core::sc_spawn([&] {
    for (int i = 0; i < kRounds; ++i) {
      pong.notify(sc_core::SC_ZERO_TIME);
      sc_core::wait(ping);
    }
  });
  sc_core::sc_spawn([&] {
    for (;;) {
      sc_core::wait(pong);
      ping.notify(sc_core::SC_ZERO_TIME);
    }
  });
  const auto start = std::chrono::steady_clock::now();
  sc_core::sc_start();
  return seconds_since(start) * 1e9 / (2.0 * kRounds);
}

}  // namespace iovirt::bench
