// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Field<Hi, Lo> reads like a specification's [Hi:Lo]; no macros, no C++ bit-fields.
#pragma once

#include <cstdint>

namespace iovirt {

template <unsigned Hi, unsigned Lo = Hi>
struct Field {
  static_assert(Hi >= Lo && Hi < 64);
  static constexpr unsigned width = Hi - Lo + 1;
  static constexpr std::uint64_t ones = width == 64 ? ~0ull : (1ull << width) - 1;
  static constexpr std::uint64_t mask = ones << Lo;
  /// The field's value, shifted down to bit 0.
  static constexpr std::uint64_t get(std::uint64_t word) { return (word >> Lo) & ones; }
  /// `word` with the field replaced; bits of `value` that do not fit are dropped.
  static constexpr std::uint64_t set(std::uint64_t word, std::uint64_t value) {
    return (word & ~mask) | ((value & ones) << Lo);
  }
  /// A word that is zero but for this field.
  static constexpr std::uint64_t of(std::uint64_t value) { return set(0, value); }
  /// The bits in place, not shifted (an address field).
  static constexpr std::uint64_t in_place(std::uint64_t word) { return word & mask; }
};

}  // namespace iovirt
