// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Time inside the models is an integer count of picoseconds; sc_time only at the edge (lib/sim).
#pragma once

#include <cstdint>

namespace iovirt {

/// A point in simulated time, or a duration, in picoseconds.
using Ps = std::uint64_t;

inline constexpr Ps kPsPerNs = 1'000;
inline constexpr Ps kPsPerUs = 1'000'000;
inline constexpr Ps kPsPerMs = 1'000'000'000;
inline constexpr Ps kPsPerSecond = 1'000'000'000'000;

constexpr Ps ns_to_ps(double ns) { return static_cast<Ps>(ns * 1000.0 + 0.5); }
constexpr double ps_to_ns(Ps ps) { return static_cast<double>(ps) / 1000.0; }

}  // namespace iovirt
