// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Time-stamp counter ticks to picoseconds and back, exactly, for frequencies in MHz.
#pragma once

#include <cstdint>

#include "lib/time.h"

namespace iovirt::cpu {

inline constexpr Ps kNever = ~0ull;

/// Ticks at `now`. REQUIRES: mhz <= 10'000'000.
constexpr std::uint64_t tsc_at(Ps now, std::uint64_t mhz) {
  return now / kPsPerUs * mhz + now % kPsPerUs * mhz / kPsPerUs;
}

/// The first instant at which the counter shows `tsc`; kNever when that is beyond the end of time.
constexpr Ps tsc_to_ps(std::uint64_t tsc, std::uint64_t mhz) {
  const std::uint64_t us = tsc / mhz;
  if (us >= kNever / kPsPerUs) return kNever;
  return us * kPsPerUs + (tsc % mhz * kPsPerUs + mhz - 1) / mhz;
}

/// The duration of `cycles` at `mhz`, rounded to the nearest picosecond.
constexpr Ps cycles_to_ps(std::uint64_t cycles, std::uint64_t mhz) {
  return cycles / mhz * kPsPerUs + (cycles % mhz * kPsPerUs + mhz / 2) / mhz;
}

}  // namespace iovirt::cpu
