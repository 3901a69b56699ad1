// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Host RAM: real bytes behind host-physical addresses, committed by the operating system as they are touched.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lib/huge_area.h"
#include "lib/memory_port.h"

namespace iovirt::memory {

/// RAM lies at [0, hole base) and, when it is larger than that, goes on behind the hole that is left for devices.
class Ram final : public MemoryPort {
 public:
  /// `bytes` of RAM. Throws std::invalid_argument when a size is no multiple of 4096, std::runtime_error when the
  /// operating system refuses the address space.
  explicit Ram(std::uint64_t bytes, std::uint64_t hole_base = 0xc000'0000, std::uint64_t hole_bytes = 0x4000'0000);

  [[nodiscard]] bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  [[nodiscard]] bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;

  /// All of [address, address + bytes) is RAM.
  bool contains(std::uint64_t address, std::uint64_t bytes) const {
    const std::uint64_t end = address + bytes;
    if (end < address) return false;
    return end <= low_end_ || (address >= high_begin_ && end <= high_end_);
  }
  /// Indexed by host-physical address; only what contains() says may be touched.
  std::uint8_t* data() { return data_; }
  /// The part of RAM that `address` lies in: [begin, end), empty when it is not RAM.
  struct Region {
    std::uint64_t begin = 0, end = 0;
  };
  Region region(std::uint64_t address) const;
  std::uint64_t bytes() const { return bytes_; }
  /// One past the highest address.
  std::uint64_t end() const { return high_end_ > high_begin_ ? high_end_ : low_end_; }

 private:
  std::uint64_t bytes_;
  std::uint64_t low_end_, high_begin_, high_end_;
  std::optional<HugeArea> area_;
  std::uint8_t* data_ = nullptr;
};

}  // namespace iovirt::memory
