// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/llc.h"

#include <algorithm>
#include <bit>
#include <cassert>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace iovirt::memory {
namespace {

/// Halves of words, the lower one first.
constexpr std::uint32_t half(const std::uint32_t* words, unsigned i) { return words[i / 2] >> 16 * (i % 2) & 0xffff; }
constexpr void set_half(std::uint32_t* words, unsigned i, std::uint32_t value) {
  const unsigned shift = 16 * (i % 2);
  words[i / 2] = (words[i / 2] & ~(0xffffu << shift)) | value << shift;
}

constexpr std::uint32_t first_ways(unsigned ways) { return ~0u >> (32 - ways); }

/// Which of the 32 halves of a block equal `wanted`, a bit each.
std::uint32_t equal_halves(const std::uint32_t* block, std::uint32_t wanted) {
#ifdef __SSE2__
  const __m128i all = _mm_set1_epi16(static_cast<short>(wanted));
  const auto* eights = reinterpret_cast<const __m128i*>(block);
  const auto sixteen = [&](unsigned i) {
    const __m128i low = _mm_cmpeq_epi16(_mm_load_si128(eights + i), all), high = _mm_cmpeq_epi16(_mm_load_si128(eights + i + 1), all);
    return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
  };
  return sixteen(0) | sixteen(2) << 16;
#else
  std::uint32_t equal = 0;
  for (unsigned i = 0; i < 32; ++i) equal |= static_cast<std::uint32_t>(half(block, i) == wanted) << i;
  return equal;
#endif
}

}  // namespace

Llc::Llc(std::uint64_t bytes, unsigned ways, unsigned ddio_ways)
    : sets_(static_cast<unsigned>(bytes / kLineBytes / ways)), ways_(ways), ddio_ways_(ddio_ways) {
  assert(ways >= 1 && ways <= 32 && ddio_ways <= ways && sets_ >= 1);
  shift_ = std::has_single_bit(sets_) ? static_cast<unsigned>(std::countr_zero(sets_)) : kNone;
  used_at_ = kBlockWords + (ways_ + 1) / 2;
  dirty_at_ = ways_ < 2 * kBlockWords - 1 ? kBlockWords - 1 : used_at_ + ways_;
  blocks_per_set_ = (std::max(used_at_ + ways_, dirty_at_ + 1) + kBlockWords - 1) / kBlockWords;
  area_.emplace(sets_ * blocks_per_set_ * sizeof(Block));
  blocks_ = static_cast<Block*>(area_->data());
  clear();
}

Llc::Place Llc::place(std::uint64_t address) const {
  const std::uint64_t line = address / kLineBytes;
  if (shift_ != kNone) return {static_cast<std::uint32_t>(line) & (sets_ - 1), static_cast<std::uint32_t>(line >> shift_)};
  return {static_cast<std::uint32_t>(line % sets_), static_cast<std::uint32_t>(line / sets_)};
}

/// Those of `ways` that hold `tag`, a bit each.
inline std::uint32_t Llc::holding(const std::uint32_t* set, std::uint32_t tag, std::uint32_t ways) const {
  ways &= equal_halves(set, tag & 0xffff);
  for (std::uint32_t left = ways; left != 0; left &= left - 1)
    if (half(set + kBlockWords, static_cast<unsigned>(std::countr_zero(left))) != tag >> 16) ways &= ~(left & (0 - left));
  return ways;
}

inline unsigned Llc::find(Place at) const {
  const std::uint32_t ways = holding(words(at.set), at.tag, first_ways(ways_));
  return ways == 0 ? kNone : static_cast<unsigned>(std::countr_zero(ways));
}

void Llc::put(std::uint32_t* set, unsigned way, std::uint32_t tag) {
  set_half(set, way, tag & 0xffff);
  set_half(set + kBlockWords, way, tag >> 16);
}

void Llc::touch(Place at, unsigned way, bool write) {
  used(at.set)[way] = ++clock_;
  if (write) dirty(at.set) |= 1u << way;
}

Llc::Outcome Llc::fill(Place at, unsigned ways, bool write) {
  std::uint32_t* const set = words(at.set);
  const std::uint32_t* const used = this->used(at.set);
  const std::uint32_t free = holding(set, kInvalid, first_ways(ways));
  std::uint32_t& dirty = this->dirty(at.set);
  unsigned victim = 0;
  bool wrote_back = false;
  if (free != 0) {
    victim = static_cast<unsigned>(std::countr_zero(free));
  } else {
    std::uint32_t oldest = 0;
    for (unsigned way = 0; way < ways; ++way) {
      const std::uint32_t age = clock_ - used[way];
      const bool older = age >= oldest;
      oldest = older ? age : oldest;
      victim = older ? way : victim;
    }
    wrote_back = (dirty & 1u << victim) != 0;
  }
  put(set, victim, at.tag);
  dirty &= ~(1u << victim);
  touch(at, victim, write);
  return {false, wrote_back};
}

Llc::Outcome Llc::device_read(std::uint64_t address) {
  const Place at = place(address);
  const unsigned way = find(at);
  if (way == kNone) return {};
  touch(at, way, false);
  return {true, false};
}

Llc::Outcome Llc::device_write(std::uint64_t address) {
  const Place at = place(address);
  const unsigned way = find(at);
  if (ddio_ways_ == 0) {
    if (way == kNone) return {false, true};
    put(words(at.set), way, kInvalid);
    dirty(at.set) &= ~(1u << way);
    return {true, true};
  }
  if (way == kNone) return fill(at, ddio_ways_, true);
  touch(at, way, true);
  return {true, false};
}

Llc::Outcome Llc::core_access(std::uint64_t address, bool write) {
  const Place at = place(address);
  const unsigned way = find(at);
  if (way == kNone) return fill(at, ways_, write);
  touch(at, way, write);
  return {true, false};
}

bool Llc::contains(std::uint64_t address) const { return find(place(address)) != kNone; }

void Llc::clear() {
  for (std::uint32_t set = 0; set < sets_; ++set) {
    std::fill_n(words(set), used_at_, kInvalid);
    std::fill_n(words(set) + used_at_, ways_, 0);
    dirty(set) = 0;
  }
}

}  // namespace iovirt::memory
