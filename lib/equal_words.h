// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Looking for a word among the ways of a set without a branch that depends on where it is.
#pragma once

#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace iovirt {

/// Bit i is set when words[i] == wanted. REQUIRES: count <= 32.
[[gnu::always_inline]] inline std::uint32_t equal_words(const std::uint32_t* words, std::size_t count, std::uint32_t wanted) {
  std::uint32_t equal = 0;
  std::size_t i = 0;
#ifdef __SSE2__
  const __m128i all = _mm_set1_epi32(static_cast<int>(wanted));
  const auto four = [&](std::size_t at) { return _mm_cmpeq_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words + at)), all); };
  for (; i + 16 <= count; i += 16) {  // all ones stay so when they are packed
    const __m128i low = _mm_packs_epi32(four(i), four(i + 4)), high = _mm_packs_epi32(four(i + 8), four(i + 12));
    equal |= static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high))) << i;
  }
  for (; i + 4 <= count; i += 4) equal |= static_cast<std::uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(four(i)))) << i;
#endif
  for (; i < count; ++i) equal |= static_cast<std::uint32_t>(words[i] == wanted) << i;
  return equal;
}

}  // namespace iovirt
