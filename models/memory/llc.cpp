// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/llc.h"

#include <algorithm>
#include <array>
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

/// A lower half that stands for no line, as long as all upper halves are 0.
constexpr std::uint32_t kNoTag = 0xffff;

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
  dirty_bytes_ = (ways_ + 7) / 8;
  ages_at_ = (ways_ + 1) / 2 * sizeof(std::uint32_t);
  const bool fits = ages_at_ + dirty_bytes_ + 1 + ways_ <= sizeof(Block);
  if (!fits) ages_at_ = sizeof(Block);
  blocks_per_set_ = fits ? 1 : 2;
  area_.emplace((sets_ + kSpread - 1) / kSpread * kSpread * blocks_per_set_ * sizeof(Block));
  blocks_ = static_cast<Block*>(area_->data());
  clear();
}

Llc::Place Llc::place(std::uint64_t address) const {
  const std::uint64_t line = address / kLineBytes;
  if (shift_ != kNone) return {static_cast<std::uint32_t>(line) & (sets_ - 1), static_cast<std::uint32_t>(line >> shift_)};
  return {static_cast<std::uint32_t>(line % sets_), static_cast<std::uint32_t>(line / sets_)};
}

/// Those of `ways` that hold the tag, a bit each.
inline std::uint32_t Llc::holding(Place at, std::uint32_t ways) const {
  if (wide()) __builtin_prefetch(upper(at.set));
  ways &= equal_halves(words(at.set), at.tag & 0xffff);
  if (wide())
    for (std::uint32_t left = ways; left != 0; left &= left - 1)
      if (upper(at.set)[std::countr_zero(left)] != at.tag >> 16) ways &= ~(left & (0 - left));
  return ways;
}

inline unsigned Llc::find(Place at) const {
  if (at.tag >= kNoTag && !wide()) return kNone;
  const std::uint32_t ways = holding(at, first_ways(ways_));
  return ways == 0 ? kNone : static_cast<unsigned>(std::countr_zero(ways));
}

void Llc::put(Place at, unsigned way) {
  if (at.tag >= kNoTag && at.tag != kInvalid && !wide()) widen();
  set_half(words(at.set), way, at.tag & 0xffff);
  if (wide()) upper(at.set)[way] = static_cast<std::uint16_t>(at.tag >> 16);
}

void Llc::widen() {
  upper_area_.emplace(sets_ * sizeof(Block));  // zero
  upper_ = static_cast<std::uint16_t*>(upper_area_->data());
  for (std::uint32_t set = 0; set < sets_; ++set)
    for (unsigned way = 0; way < ways_; ++way)
      if (half(words(set), way) == kNoTag) upper(set)[way] = kInvalid >> 16;
}

void Llc::touch(Place at, unsigned way, bool write) {
  Ages set = ages(at.set);
  if (set.used[way] != *set.clock) {
    if (*set.clock == 0xff) rewind(at.set);
    set.used[way] = ++*set.clock;
  }
  if (write) set.set_dirty(way);
}

/// The set's clock is over: its ways' times become their ranks.
void Llc::rewind(std::uint32_t set) {
  const Ages ages = this->ages(set);
  std::array<unsigned char, 32> ranks{};
  for (unsigned way = 0; way < ways_; ++way)
    for (unsigned other = 0; other < ways_; ++other) ranks[way] = static_cast<unsigned char>(ranks[way] + (ages.used[other] < ages.used[way]));
  std::copy_n(ranks.begin(), ways_, ages.used);
  *ages.clock = *std::max_element(ages.used, ages.used + ways_);
}

Llc::Outcome Llc::fill(Place at, unsigned ways, bool write) {
  const std::uint32_t free = holding({at.set, kInvalid}, first_ways(ways));
  Ages set = ages(at.set);
  unsigned victim = 0;
  bool wrote_back = false;
  if (free != 0) {
    victim = static_cast<unsigned>(std::countr_zero(free));
  } else {
    for (unsigned way = 1; way < ways; ++way) victim = set.used[way] < set.used[victim] ? way : victim;
    wrote_back = set.is_dirty(victim);
  }
  put(at, victim);
  set.set_clean(victim);
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
    put({at.set, kInvalid}, way);
    ages(at.set).set_clean(way);
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
  upper_ = nullptr;
  upper_area_.reset();
  for (std::uint32_t set = 0; set < sets_; ++set) {
    std::fill_n(words(set), (ways_ + 1) / 2, kInvalid);
    const Ages ages = this->ages(set);
    std::fill_n(ages.dirty, dirty_bytes_ + 1 + ways_, 0);
    *ages.clock = 1;  // nothing was used now
  }
}

}  // namespace iovirt::memory
