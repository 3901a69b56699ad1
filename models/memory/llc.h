// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The last-level cache: tags only (the bytes are RAM's), one 64-byte line at a time.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/huge_area.h"

namespace iovirt::memory {

inline constexpr unsigned kLineBytes = 64;

/// Set-associative, least recently used. A device write that misses allocates into the first `ddio_ways` ways only, so
/// that traffic nobody reads does not sweep out the cores' lines; a core's access allocates anywhere.
class Llc {
 public:
  struct Outcome {
    bool hit = false;
    bool wrote_back = false;  ///< a line leaves for DRAM
  };

  /// REQUIRES: 1 <= ways <= 32, ddio_ways <= ways, bytes at least one line a way, addresses below 2^32 lines times sets.
  Llc(std::uint64_t bytes, unsigned ways, unsigned ddio_ways);

  /// A hit in any way; a miss does not allocate.
  Outcome device_read(std::uint64_t address);
  /// The whole line, or part of it, is written. With ddio_ways 0 a cached copy is dropped and the line goes to DRAM.
  Outcome device_write(std::uint64_t address);
  Outcome core_access(std::uint64_t address, bool write);

  bool contains(std::uint64_t address) const;
  unsigned sets() const { return sets_; }
  /// Everything invalid; dirty lines are forgotten.
  void clear();

 private:
  static constexpr std::uint32_t kInvalid = 0xffff'ffff;
  static constexpr unsigned kNone = ~0u;
  static constexpr unsigned kBlockWords = 16;

  struct Place {
    std::uint32_t set, tag;
  };
  Place place(std::uint64_t address) const;
  unsigned find(Place at) const;
  std::uint32_t holding(const std::uint32_t* set, std::uint32_t tag, std::uint32_t ways) const;
  void put(std::uint32_t* set, unsigned way, std::uint32_t tag);
  void touch(Place at, unsigned way, bool write);
  Outcome fill(Place at, unsigned ways, bool write);

  // Of a set, side by side, since a simulated cache is larger than the host's. A tag (line / sets) is in two halves: a
  // lookup that misses needs no more than the lower ones, which lie in one block with the ways that are dirty, a bit each.
  // Then the upper halves, and when each way was last used.
  struct alignas(64) Block {
    std::uint32_t words[kBlockWords];
  };
  std::uint32_t* words(std::uint32_t set) { return blocks_[std::size_t{set} * blocks_per_set_].words; }
  const std::uint32_t* words(std::uint32_t set) const { return blocks_[std::size_t{set} * blocks_per_set_].words; }
  std::uint32_t* used(std::uint32_t set) { return words(set) + used_at_; }
  std::uint32_t& dirty(std::uint32_t set) { return words(set)[dirty_at_]; }

  unsigned sets_, ways_, ddio_ways_;
  unsigned shift_;  // log2 of sets_, or kNone
  unsigned used_at_, dirty_at_;
  std::size_t blocks_per_set_;
  std::optional<HugeArea> area_;
  Block* blocks_;  ///< blocks_per_set_ for each set, in area_
  std::uint32_t clock_ = 0;
};

}  // namespace iovirt::memory
