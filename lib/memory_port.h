// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Untimed access to an address space: what a table walk or a ring needs of memory.
// A model's core takes a MemoryPort; the SystemC shell implements it over a socket or DMI and adds time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lib/little_endian.h"

namespace iovirt {

class MemoryPort {
 public:
  virtual ~MemoryPort() = default;

  /// False when the range is not backed by memory; `bytes` is then unspecified.
  [[nodiscard]] virtual bool read(std::uint64_t address, std::span<std::uint8_t> bytes) = 0;
  /// False when the range is not backed by memory; nothing is then written.
  [[nodiscard]] virtual bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) = 0;

  /// A hint: what lies there will be asked for soon, so that it may be brought near the host's processor.
  virtual void expect(std::uint64_t /*address*/) {}

  /// One little-endian integer.
  template <class Word>
  [[nodiscard]] std::optional<Word> load(std::uint64_t address) {
    std::uint8_t raw[sizeof(Word)];
    if (!read(address, raw)) return std::nullopt;
    return load_little_endian<Word>(raw);
  }
  template <class Word>
  [[nodiscard]] bool store(std::uint64_t address, Word word) {
    std::uint8_t raw[sizeof(Word)];
    store_little_endian(raw, word);
    return write(address, raw);
  }
};

}  // namespace iovirt
