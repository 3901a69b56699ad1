// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/ept_tlb.h"

#include <bit>
#include <stdexcept>
#include <string>

namespace iovirt::cpu {

namespace {

constexpr unsigned kShifts[3] = {12, 21, 30};
constexpr std::uint64_t kInvalidPage = 1;

std::size_t size_index(std::uint64_t page_mask) {
  const int shift = std::countr_zero(page_mask);
  return shift == 12 ? 0 : shift == 21 ? 1 : 2;
}

}  // namespace

EptTlb::EptTlb(std::uint32_t entries, std::uint32_t ways) : ways_(ways), sets_(ways ? entries / ways : 0) {
  if (ways == 0 || entries == 0 || entries % ways != 0 || !std::has_single_bit(sets_))
    throw std::invalid_argument("cpu.ept_tlb_entries: " + std::to_string(entries) + " entries in " +
                                std::to_string(ways) + " ways (expected a power of two of sets)");
  entries_.resize(entries);
}

std::size_t EptTlb::set_of(std::uint64_t gpa, unsigned shift) const {
  return (gpa >> shift) & (sets_ - 1);
}

const EptTlb::Entry* EptTlb::peek(EptContext context, std::uint64_t gpa) const {
  for (unsigned size = 0; size < 3; ++size) {
    if (live_[size] == 0) continue;
    const std::uint64_t mask = ~((1ull << kShifts[size]) - 1);
    const Entry* set = &entries_[set_of(gpa, kShifts[size]) * ways_];
    for (std::uint32_t way = 0; way < ways_; ++way)
      if (set[way].guest_page == (gpa & mask) && set[way].page_mask == mask && set[way].context == context)
        return &set[way];
  }
  return nullptr;
}

EptTlb::Entry* EptTlb::find(EptContext context, std::uint64_t gpa) {
  return const_cast<Entry*>(peek(context, gpa));
}

const EptTlb::Entry* EptTlb::search(EptContext context, std::uint64_t gpa, EptAccess access) {
  Entry* e = find(context, gpa);
  if (e && !(e->rights & static_cast<unsigned>(access))) {
    --live_[size_index(e->page_mask)];
    e->guest_page = kInvalidPage;
    e = nullptr;
  }
  if (!e) {
    ++misses_;
    return nullptr;
  }
  e->used = ++clock_;
  ++hits_;
  hints_[hint_index(gpa)] = static_cast<std::uint32_t>(e - entries_.data());
  return e;
}

const EptTlb::Entry& EptTlb::insert(EptContext context, std::uint64_t gpa, const EptTranslation& t) {
  invalidate(context, gpa);
  const auto shift = static_cast<unsigned>(std::countr_zero(t.page_bytes));
  Entry* set = &entries_[set_of(gpa, shift) * ways_];
  Entry* victim = set;
  for (std::uint32_t way = 0; way < ways_; ++way) {
    if (set[way].guest_page == kInvalidPage) {
      victim = &set[way];
      break;
    }
    if (set[way].used < victim->used) victim = &set[way];
  }
  if (victim->guest_page != kInvalidPage) --live_[size_index(victim->page_mask)];
  const std::uint64_t mask = ~(t.page_bytes - 1);
  *victim = {context, gpa & mask, mask, t.host_physical & mask, ++clock_, t.cacheable_rights};
  ++live_[size_index(mask)];
  hints_[hint_index(gpa)] = static_cast<std::uint32_t>(victim - entries_.data());
  return *victim;
}

void EptTlb::invept_all() {
  for (Entry& e : entries_) e.guest_page = kInvalidPage;
  live_ = {};
}

void EptTlb::invept(std::uint64_t eptp_value) {
  const EptContext wanted = ept_context(eptp_value, 0);
  for (Entry& e : entries_)
    if (e.guest_page != kInvalidPage && ept_context(e.context, 0) == wanted) {
      --live_[size_index(e.page_mask)];
      e.guest_page = kInvalidPage;
    }
}

void EptTlb::invvpid(std::uint16_t vpid) {
  if (live_[0] + live_[1] + live_[2] == 0) return;
  for (Entry& e : entries_)
    if (e.guest_page != kInvalidPage && e.context >> 48 == vpid) {
      --live_[size_index(e.page_mask)];
      e.guest_page = kInvalidPage;
    }
}

void EptTlb::invalidate(EptContext context, std::uint64_t gpa) {
  while (Entry* e = find(context, gpa)) {
    --live_[size_index(e->page_mask)];
    e->guest_page = kInvalidPage;
  }
}

}  // namespace iovirt::cpu
