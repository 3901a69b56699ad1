// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Random numbers in integer arithmetic only: std::*_distribution and std::log differ between libraries and machines.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace iovirt::software {

/// xoshiro256** 1.0 (Blackman, Vigna), seeded through splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }
  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }
  /// Uniform in [0, bound). REQUIRES: 0 < bound <= 2^32. (Bias below 2^-32.)
  std::uint64_t below(std::uint64_t bound) { return ((next() >> 32) * bound) >> 32; }
  /// Exponentially distributed with this mean.
  std::uint64_t exponential(std::uint64_t mean);

 private:
  std::array<std::uint64_t, 4> state_{};
};

/// -ln(x / 2^64) as a fixed-point number with 32 fractional bits, within 2^-28. REQUIRES: x > 0.
std::uint64_t minus_ln(std::uint64_t x);
/// a * b / 2^32, rounded down; the low bits are exact. REQUIRES: the result fits.
constexpr std::uint64_t multiply_fixed(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t ah = a >> 32, al = a & 0xffff'ffff, bh = b >> 32, bl = b & 0xffff'ffff;
  return ((ah * bh) << 32) + ah * bl + al * bh + ((al * bl) >> 32);
}

}  // namespace iovirt::software
