// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A set-associative cache of anything with a 64-bit tag; flat arrays, no allocation after construction.
#pragma once

#include <cstdint>
#include <vector>

#include "models/iommu/config.h"

namespace iovirt::iommu {

template <class Value>
class SetAssociative {
 public:
  /// REQUIRES: a valid configuration (Config::validate). Without entries nothing is ever found.
  explicit SetAssociative(const CacheConfig& config)
      : ways_(config.entries ? config.ways : 0),
        set_mask_(config.entries ? config.entries / config.ways - 1 : 0),
        replacement_(config.replacement),
        tags_(config.entries, 0),
        ages_(config.entries, 0),
        values_(config.entries) {}

  /// The entry, or nullptr. REQUIRES: tag != 0. `index` selects the set; its low bits count.
  const Value* find(std::uint64_t tag, std::uint64_t index) {
    return find(tag, index, [](const Value&) { return true; });
  }
  /// Where the tag alone does not tell values apart: the one for which same(value) holds.
  template <class Same>
  const Value* find(std::uint64_t tag, std::uint64_t index, Same&& same) {
    const std::size_t first = first_of(index);
    for (std::size_t i = first; i < first + ways_; ++i)
      if (tags_[i] == tag && same(values_[i])) {
        if (replacement_ == Replacement::lru) ages_[i] = ++clock_;
        return &values_[i];
      }
    return nullptr;
  }

  void insert(std::uint64_t tag, std::uint64_t index, const Value& value) {
    insert(tag, index, value, [](const Value&) { return true; });
  }
  template <class Same>
  void insert(std::uint64_t tag, std::uint64_t index, const Value& value, Same&& same) {
    if (ways_ == 0) return;
    const std::size_t slot = place(tag, first_of(index), same);
    if (tags_[slot] == 0) ++used_;
    tags_[slot] = tag;
    values_[slot] = value;
    ages_[slot] = ++clock_;
  }

  /// Drops every entry for which predicate(tag, value) holds.
  template <class Predicate>
  void erase_if(Predicate&& predicate) {
    if (used_ == 0) return;
    for (std::size_t i = 0; i < tags_.size(); ++i)
      if (tags_[i] != 0 && predicate(tags_[i], values_[i])) drop(i);
  }
  void erase(std::uint64_t tag, std::uint64_t index) {
    const std::size_t first = first_of(index);
    for (std::size_t i = first; i < first + ways_; ++i)
      if (tags_[i] == tag) drop(i);
  }
  void clear() {
    if (used_ == 0) return;
    for (auto& tag : tags_) tag = 0;
    used_ = 0;
  }

  std::size_t used() const { return used_; }
  std::size_t capacity() const { return tags_.size(); }

 private:
  std::size_t first_of(std::uint64_t index) const { return static_cast<std::size_t>(index & set_mask_) * ways_; }

  template <class Same>
  std::size_t place(std::uint64_t tag, std::size_t first, Same&& same) {
    std::size_t free = ~std::size_t{0};
    std::size_t oldest = first;
    for (std::size_t i = first; i < first + ways_; ++i) {
      if (tags_[i] == tag && same(values_[i])) return i;
      if (tags_[i] == 0 && free == ~std::size_t{0}) free = i;
      if (ages_[i] < ages_[oldest]) oldest = i;
    }
    if (free != ~std::size_t{0}) return free;
    if (replacement_ != Replacement::random) return oldest;
    random_ ^= random_ << 13;  // xorshift64: the same victims in every run
    random_ ^= random_ >> 7;
    random_ ^= random_ << 17;
    return first + static_cast<std::size_t>(random_ % ways_);
  }

  void drop(std::size_t i) {
    tags_[i] = 0;
    --used_;
  }

  std::size_t ways_;
  std::uint64_t set_mask_;
  Replacement replacement_;
  std::uint64_t clock_ = 0;
  std::uint64_t random_ = 0x9e37'79b9'7f4a'7c15;
  std::size_t used_ = 0;
  std::vector<std::uint64_t> tags_;  ///< 0: empty
  std::vector<std::uint64_t> ages_;
  std::vector<Value> values_;
};

}  // namespace iovirt::iommu
