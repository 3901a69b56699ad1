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

Llc::Llc(std::uint64_t bytes, unsigned ways, unsigned ddio_ways)
    : sets_(static_cast<unsigned>(bytes / kLineBytes / ways)), ways_(ways), ddio_ways_(ddio_ways) {
  assert(ways >= 1 && ways <= 32 && ddio_ways <= ways && sets_ >= 1);
  shift_ = std::has_single_bit(sets_) ? static_cast<unsigned>(std::countr_zero(sets_)) : kNone;
  blocks_per_set_ = (2 * ways_ + 1 + 15) / 16;
  blocks_.resize(sets_ * blocks_per_set_);
  clear();
}

Llc::Place Llc::place(std::uint64_t address) const {
  const std::uint64_t line = address / kLineBytes;
  if (shift_ != kNone) return {static_cast<std::uint32_t>(line) & (sets_ - 1), static_cast<std::uint32_t>(line >> shift_)};
  return {static_cast<std::uint32_t>(line % sets_), static_cast<std::uint32_t>(line / sets_)};
}

unsigned Llc::find(Place at) const {
  const std::uint32_t* tags = this->tags(at.set);
  unsigned way = 0;
#ifdef __SSE2__  // most lookups go through all ways
  const __m128i wanted = _mm_set1_epi32(static_cast<int>(at.tag));
  for (; way + 4 <= ways_; way += 4) {
    const __m128i here = _mm_loadu_si128(reinterpret_cast<const __m128i*>(tags + way));
    const int found = _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpeq_epi32(here, wanted)));
    if (found != 0) return way + static_cast<unsigned>(std::countr_zero(static_cast<unsigned>(found)));
  }
#endif
  for (; way < ways_; ++way)
    if (tags[way] == at.tag) return way;
  return kNone;
}

void Llc::touch(Place at, unsigned way, bool write) {
  used(at.set)[way] = ++clock_;
  if (write) dirty(at.set) |= 1u << way;
}

Llc::Outcome Llc::fill(Place at, unsigned ways, bool write) {
  std::uint32_t* const tags = this->tags(at.set);
  const std::uint32_t* const used = this->used(at.set);
  unsigned victim = 0;
  std::uint32_t oldest = 0;
  for (unsigned way = 0; way < ways; ++way) {
    if (tags[way] == kInvalid) {
      victim = way;
      break;
    }
    const std::uint32_t age = clock_ - used[way];
    if (age >= oldest) {
      oldest = age;
      victim = way;
    }
  }
  const std::uint32_t bit = 1u << victim;
  std::uint32_t& dirty = this->dirty(at.set);
  const bool wrote_back = tags[victim] != kInvalid && (dirty & bit) != 0;
  tags[victim] = at.tag;
  dirty &= ~bit;
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
    tags(at.set)[way] = kInvalid;
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
    std::fill_n(tags(set), ways_, kInvalid);
    std::fill_n(used(set), ways_, 0);
    dirty(set) = 0;
  }
}

}  // namespace iovirt::memory
