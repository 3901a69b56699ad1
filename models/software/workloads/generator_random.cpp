// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/workloads/generator_random.h"

namespace iovirt::software {

std::uint64_t minus_ln(std::uint64_t x) {
  const unsigned zeros = static_cast<unsigned>(std::countl_zero(x));
  // m in [1, 2) with 31 fractional bits; its log2 one bit at a time, by squaring.
  std::uint64_t m = (x << zeros) >> 32;
  std::uint64_t log2 = 0;
  for (unsigned bit = 0; bit < 32; ++bit) {
    m = (m * m) >> 31;
    log2 <<= 1;
    if (m >> 32) {
      log2 |= 1;
      m >>= 1;
    }
  }
  // x / 2^64 = m * 2^-(zeros + 1)
  const std::uint64_t minus_log2 = (static_cast<std::uint64_t>(zeros + 1) << 32) - log2;
  constexpr std::uint64_t kLn2 = 0xb17217f7;  // ln 2, 32 fractional bits
  return multiply_fixed(minus_log2, kLn2);
}

std::uint64_t Random::exponential(std::uint64_t mean) {
  std::uint64_t x = next();
  while (x == 0) x = next();
  return multiply_fixed(minus_ln(x), mean);
}

}  // namespace iovirt::software
