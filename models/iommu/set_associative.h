// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A set-associative cache of anything with a 64-bit tag; flat arrays, no allocation after construction. It may be divided
// into partitions, by sets or by ways, each of which finds and replaces only what is in it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/equal_words.h"
#include "models/iommu/config.h"

namespace iovirt::iommu {

template <class Value>
class SetAssociative {
 public:
  /// REQUIRES: a valid configuration (Config::validate). Without entries nothing is ever found.
  explicit SetAssociative(const CacheConfig& config, Partitioning partitioning = Partitioning::none, std::uint32_t partitions = 1)
      : ways_(config.entries ? config.ways : 0),
        row_(ways_),
        set_mask_(config.entries ? config.entries / config.ways - 1 : 0),
        replacement_(config.replacement),
        random_(config.seed * 0x9e37'79b9'7f4a'7c15),
        free_(config.entries),
        marks_(config.entries, 0),
        ages_(config.replacement == Replacement::plru ? 0 : config.entries, 0),
        trees_(config.replacement == Replacement::plru ? config.entries : 0, 0),
        slots_(std::max(config.entries, 1u)) {
    if (partitioning == Partitioning::ways) {
      ways_ /= partitions;
      stride_ = ways_;
    } else if (partitioning == Partitioning::sets) {
      set_mask_ = (set_mask_ + 1) / partitions - 1;
      stride_ = (set_mask_ + 1) * row_;
    }
  }

  /// The entry, or nullptr. REQUIRES: tag != 0. `index` selects the set; its low bits count.
  const Value* find(std::uint64_t tag, std::uint64_t index) {
    return find(tag, index, [](const Value&) { return true; });
  }
  /// Where the tag alone does not tell values apart: the one for which same(value) holds.
  template <class Same>
  const Value* find(std::uint64_t tag, std::uint64_t index, Same&& same, std::uint32_t partition = 0) {
    const std::size_t first = first_of(index, partition);
    const std::size_t way = way_of(tag, first, same);
    if (way == kNone) return nullptr;
    if (replacement_ == Replacement::plru)
      point_away(first, way);
    else
      touch(static_cast<std::uint32_t>(first + way));
    return &slots_[first + way].value;
  }

  /// Where `found`, which a find gave, lies.
  std::uint32_t place_of(const Value* found) const {
    return static_cast<std::uint32_t>(reinterpret_cast<const Slot*>(reinterpret_cast<const char*>(found) - offsetof(Slot, value)) - slots_.data());
  }
  /// What lies at `place`, if it has this tag; the replacement state knows nothing of it before touch(place).
  /// REQUIRES: place_of gave it, or 0; replacement is not plru.
  const Value* at(std::uint32_t place, std::uint64_t tag) const {
    const Slot& slot = slots_[place];
    return slot.tag == tag ? &slot.value : nullptr;
  }
  void touch(std::uint32_t place) {
    if (replacement_ == Replacement::lru) ages_[place] = ++clock_;
  }

  void insert(std::uint64_t tag, std::uint64_t index, const Value& value) {
    insert(tag, index, value, [](const Value&) { return true; });
  }
  template <class Same>
  void insert(std::uint64_t tag, std::uint64_t index, const Value& value, Same&& same, std::uint32_t partition = 0) {
    if (ways_ == 0) return;
    const std::size_t first = first_of(index, partition);
    const std::size_t way = place(tag, first, same);
    const std::size_t slot = first + way;
    if (marks_[slot] == 0) --free_;
    marks_[slot] = mark_of(tag);
    slots_[slot].tag = tag;
    slots_[slot].value = value;
    if (replacement_ == Replacement::plru)
      point_away(first, way);
    else
      ages_[slot] = ++clock_;
  }

  /// Drops every entry for which predicate(tag, value) holds.
  template <class Predicate>
  void erase_if(Predicate&& predicate) {
    if (used() == 0) return;
    for (std::size_t i = 0; i < marks_.size(); ++i)
      if (marks_[i] != 0 && predicate(slots_[i].tag, slots_[i].value)) drop(i);
  }
  void erase(std::uint64_t tag, std::uint64_t index, std::uint32_t partition = 0) {
    const std::size_t first = first_of(index, partition);
    for (std::size_t i = first; i < first + ways_; ++i)
      if (marks_[i] == mark_of(tag) && slots_[i].tag == tag) drop(i);
  }
  void clear() {
    if (used() == 0) return;
    for (std::size_t i = 0; i < marks_.size(); ++i)
      if (marks_[i] != 0) drop(i);
  }

  std::size_t used() const { return marks_.size() - free_; }
  std::size_t capacity() const { return marks_.size(); }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  static constexpr std::size_t kAtOnce = 32;
  struct Slot {
    std::uint64_t tag = 0;  ///< 0: empty
    Value value{};
  };

  std::size_t first_of(std::uint64_t index, std::uint32_t partition) const {
    return static_cast<std::size_t>(index & set_mask_) * row_ + partition * stride_;
  }
  static std::uint32_t mark_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag ^ tag >> 31) | 1; }

  /// Among the ways of `candidates`, a bit each, counted from `from` on.
  template <class Same>
  std::size_t same_of(std::uint32_t candidates, std::uint64_t tag, std::size_t first, std::size_t from, Same&& same) const {
    for (; candidates != 0; candidates &= candidates - 1) {
      const std::size_t way = from + static_cast<std::size_t>(std::countr_zero(candidates));
      const Slot& slot = slots_[first + way];
      if (slot.tag == tag && same(slot.value)) return way;
    }
    return kNone;
  }
  template <class Same>
  std::size_t way_of(std::uint64_t tag, std::size_t first, Same&& same) const {
    if (ways_ > kAtOnce) return way_of_many(tag, first, same);
    return same_of(equal_words(marks_.data() + first, ways_, mark_of(tag)), tag, first, 0, same);
  }
  std::size_t free_of(std::size_t first) const {
    if (ways_ > kAtOnce) return free_of_many(first);
    const std::uint32_t free = equal_words(marks_.data() + first, ways_, 0);
    return free == 0 ? kNone : static_cast<std::size_t>(std::countr_zero(free));
  }
  std::uint32_t marked(std::size_t first, std::size_t from, std::uint32_t mark) const {
    return equal_words(marks_.data() + first + from, std::min(kAtOnce, ways_ - from), mark);
  }
  template <class Same>
  [[gnu::noinline]] std::size_t way_of_many(std::uint64_t tag, std::size_t first, Same&& same) const {
    for (std::size_t from = 0; from < ways_; from += kAtOnce)
      if (const std::size_t way = same_of(marked(first, from, mark_of(tag)), tag, first, from, same); way != kNone) return way;
    return kNone;
  }
  [[gnu::noinline]] std::size_t free_of_many(std::size_t first) const {
    for (std::size_t from = 0; from < ways_; from += kAtOnce)
      if (const std::uint32_t free = marked(first, from, 0); free != 0) return from + static_cast<std::size_t>(std::countr_zero(free));
    return kNone;
  }

  /// The way of the same entry, or of a free one, or the victim.
  template <class Same>
  std::size_t place(std::uint64_t tag, std::size_t first, Same&& same) {
    if (const std::size_t way = way_of(tag, first, same); way != kNone) return way;
    if (free_ != 0)
      if (const std::size_t way = free_of(first); way != kNone) return way;
    return victim(first);
  }
  std::size_t victim(std::size_t first) {
    switch (replacement_) {
      case Replacement::lru:
      case Replacement::fifo: {
        const std::uint64_t* ages = ages_.data() + first;
        std::size_t oldest = 0;
        std::uint64_t age = ages[0];
        for (std::size_t way = 1; way < ways_; ++way) {
          const bool older = ages[way] < age;
          oldest = older ? way : oldest;
          age = older ? ages[way] : age;
        }
        return oldest;
      }
      case Replacement::plru: {
        // trees_[first + node]: whether the colder half is the upper one. Node 1 is the root.
        std::size_t node = 1;
        while (node < ways_) node = 2 * node + trees_[first + node];
        return node - ways_;
      }
      case Replacement::random: break;
    }
    random_ ^= random_ << 13;  // xorshift64: the same victims in every run
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return static_cast<std::size_t>(random_ % ways_);
  }
  /// Every node above `way` points to the other half.
  void point_away(std::size_t first, std::size_t way) {
    for (std::size_t node = way + ways_; node > 1; node /= 2) trees_[first + node / 2] = (node & 1) == 0;
  }

  void drop(std::size_t i) {
    marks_[i] = 0;
    slots_[i].tag = 0;
    ++free_;
  }

  std::size_t ways_;          ///< of a set of one partition
  std::size_t row_;           ///< entries from one set to the next
  std::size_t stride_ = 0;    ///< entries from one partition to the next
  std::uint64_t set_mask_;    ///< of a partition
  Replacement replacement_;
  std::uint64_t clock_ = 0;
  std::uint64_t random_;
  std::size_t free_;  ///< entries that hold nothing
  std::vector<std::uint32_t> marks_;  ///< what of a tag is compared first; 0: empty
  std::vector<std::uint64_t> ages_;
  std::vector<std::uint8_t> trees_;
  std::vector<Slot> slots_;
};

}  // namespace iovirt::iommu
