// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a core needs of the memory behind it: bytes at once (DMI), and what touching them costs.
// The platform implements it over its memory model; a user's platform over theirs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/time.h"

namespace iovirt::cpu {

class MemorySystem {
 public:
  virtual ~MemorySystem() = default;
  /// RAM lies at physical [0, ram_bytes()).
  virtual std::uint8_t* ram() = 0;
  virtual std::uint64_t ram_bytes() const = 0;
  /// Time for core `core` to touch [address, address + bytes), through its caches; updates them.
  virtual Ps access(unsigned core, std::uint64_t address, std::size_t bytes, bool write) = 0;
};

}  // namespace iovirt::cpu
