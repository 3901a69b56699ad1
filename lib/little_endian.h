// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Little-endian integers in bytes, at any alignment: descriptors, completions and whatever else a device keeps in memory.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace iovirt {

static_assert(std::endian::native == std::endian::little, "the bytes of an integer are copied as they lie");

/// REQUIRES: sizeof(Word) bytes at `at`.
template <class Word>
[[nodiscard]] Word load_little_endian(const std::uint8_t* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

template <class Word>
void store_little_endian(std::uint8_t* at, Word word) {
  std::memcpy(at, &word, sizeof word);
}

}  // namespace iovirt
