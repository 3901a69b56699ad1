// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Memory that costs host memory by the cache line: for page tables of thousands of tenants, each of which touches a line
// or two of a page. Lines never written read as zeros, and a line of zeros is not kept before it has been otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/memory_port.h"

namespace iovirt::memory {

class LineStore final : public MemoryPort {
 public:
  static constexpr unsigned kAddressBits = 52;

  /// [0, 2^address_bits). REQUIRES: address_bits <= kAddressBits.
  explicit LineStore(unsigned address_bits = kAddressBits) : limit_(std::uint64_t{1} << address_bits) {}

  /// False beyond the end.
  [[nodiscard]] bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  [[nodiscard]] bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;

  /// The next read of the line finds it without going through the directory.
  void expect(std::uint64_t address) override;

  /// One aligned 8-byte word. REQUIRES: it lies within.
  std::uint64_t word(std::uint64_t address) const;
  void set_word(std::uint64_t address, std::uint64_t value);

  /// Lines kept, and what they and the directory cost the host.
  std::uint64_t lines() const { return lines_; }
  std::uint64_t host_bytes() const;

 private:
  static constexpr unsigned kLineBytes = 64;
  struct Line {
    alignas(64) std::array<std::uint8_t, kLineBytes> bytes;
  };
  /// A 4 KB page: the lines it has, in order, in a run of bit_ceil(popcount(present)) lines.
  struct Page {
    std::uint64_t present = 0;
    Line* lines = nullptr;
  };
  using Region = std::array<Page, 512>;                                   // 2 MB
  using Part = std::array<std::unique_ptr<Region>, 1u << 15>;             // 64 GB
  using Directory = std::array<std::unique_ptr<Part>, 1u << 16>;          // all

  /// Where an expected line lies, nullptr when it is not kept.
  struct Known {
    std::uint64_t number = ~0ull;
    const Line* line = nullptr;
  };
  static constexpr unsigned kKnown = 32;

  static std::size_t place_of(std::uint64_t number) { return (number ^ number >> 6) % kKnown; }
  const Line* find(std::uint64_t address) const;
  const Line* known_or_find(std::uint64_t address) const;
  void read_lines(std::uint64_t address, std::span<std::uint8_t> bytes) const;
  Line& make(std::uint64_t address);
  Line* take(unsigned order);

  std::uint64_t limit_;
  std::unique_ptr<Directory> directory_ = std::make_unique<Directory>();
  std::array<Known, kKnown> known_{};
  std::vector<std::unique_ptr<Line[]>> blocks_;
  std::size_t used_in_block_ = 0;
  std::array<std::vector<Line*>, 7> free_;  ///< runs of 1 << order lines
  std::uint64_t lines_ = 0, regions_ = 0, parts_ = 0;
};

}  // namespace iovirt::memory
