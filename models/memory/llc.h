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
  std::uint32_t holding(Place at, std::uint32_t ways) const;
  void put(Place at, unsigned way);
  void touch(Place at, unsigned way, bool write);
  Outcome fill(Place at, unsigned ways, bool write);
  [[gnu::noinline]] void widen();
  [[gnu::noinline]] void rewind(std::uint32_t set);

  // A set of up to 20 ways is one line of the host's, since a simulated cache is larger than the host's: of each way the tag's
  // lower half (a tag is line / sets), a bit whether it is dirty, and when it was last used, by a clock of the set's own. The
  // upper halves, which memory of less than 2^16 times the cache's reach does not need, lie apart.
  struct alignas(64) Block {
    std::uint32_t words[kBlockWords];
  };
  /// Buffers lie at multiples of 2 KB. Were their sets in order, they would all share the same few sets of the host's caches.
  static constexpr std::uint32_t kSpread = 32;
  std::size_t block_of(std::uint32_t set) const { return (set ^ (set / kSpread % kSpread)) * blocks_per_set_; }
  std::uint32_t* words(std::uint32_t set) { return blocks_[block_of(set)].words; }
  const std::uint32_t* words(std::uint32_t set) const { return blocks_[block_of(set)].words; }
  struct Ages {
    unsigned char *dirty, *clock, *used;
    bool is_dirty(unsigned way) const { return (dirty[way / 8] & 1u << way % 8) != 0; }
    void set_dirty(unsigned way) { dirty[way / 8] = static_cast<unsigned char>(dirty[way / 8] | 1u << way % 8); }
    void set_clean(unsigned way) { dirty[way / 8] = static_cast<unsigned char>(dirty[way / 8] & ~(1u << way % 8)); }
  };
  Ages ages(std::uint32_t set) {
    unsigned char* const at = reinterpret_cast<unsigned char*>(words(set)) + ages_at_;
    return {at, at + dirty_bytes_, at + dirty_bytes_ + 1};
  }
  std::uint16_t* upper(std::uint32_t set) const { return upper_ + std::size_t{set} * 2 * kBlockWords; }
  bool wide() const { return upper_ != nullptr; }

  unsigned sets_, ways_, ddio_ways_;
  unsigned shift_;  // log2 of sets_, or kNone
  unsigned dirty_bytes_, ages_at_;
  std::size_t blocks_per_set_;
  std::optional<HugeArea> area_;
  Block* blocks_;  ///< blocks_per_set_ for each set, in area_
  std::optional<HugeArea> upper_area_;
  std::uint16_t* upper_ = nullptr;  ///< of all ways, a block for each set, once one of them is not 0
};

}  // namespace iovirt::memory
