// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A page walker of the IOMMU, and which pages all of them are at.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/equal_words.h"
#include "models/iommu/flight_module.h"
#include "models/iommu/walk.h"

namespace iovirt::iommu {

struct Walker {
  Walk walk;
  Flight* own = nullptr;   ///< its accesses to memory, one at a time
  Step step = Step::read;  ///< the access it waits for
  Flight* flight = nullptr;          ///< nullptr: prefetching
  Requester* requester = nullptr;
  FlightList merged;                 ///< others that wait for the same page
  std::uint32_t index = 0;
};

class Walkers {
 public:
  explicit Walkers(std::uint32_t count) : all_(count), marks_(count, 0) {
    for (std::uint32_t i = count; i-- > 0;) {
      all_[i].index = i;
      idle_.push_back(&all_[i]);
    }
  }
  std::vector<Walker>& all() { return all_; }
  std::size_t idle() const { return idle_.size(); }

  /// One that has been idle begins a walk for `request`. REQUIRES: idle() != 0.
  Walker& take(const Request& request, Requester& requester, Flight* flight) {
    Walker& walker = *idle_.back();
    idle_.pop_back();
    walker.flight = flight;
    walker.requester = &requester;
    marks_[walker.index] = mark_of(request);
    return walker;
  }
  void put_back(Walker& walker) {
    marks_[walker.index] = 0;
    idle_.push_back(&walker);
  }
  /// The one that walks for the same page of the same address space, or nullptr.
  Walker* at_page_of(const Request& request) {
    constexpr std::size_t kAtOnce = 32;
    for (std::size_t from = 0; from < marks_.size(); from += kAtOnce) {
      std::uint32_t same = equal_words(marks_.data() + from, std::min(kAtOnce, marks_.size() - from), mark_of(request));
      for (; same != 0; same &= same - 1) {
        Walker& walker = all_[from + static_cast<std::size_t>(std::countr_zero(same))];
        const Request& its = walker.walk.request;
        if (its.source == request.source && its.pasid == request.pasid && its.address >> 12 == request.address >> 12) return &walker;
      }
    }
    return nullptr;
  }

 private:
  /// Not 0, which is an idle one's.
  static std::uint32_t mark_of(const Request& request) {
    const std::uint64_t page = request.address >> 12;
    return (static_cast<std::uint32_t>(page ^ page >> 32) ^ request.source * 0x9e37'79b1u) | 1;
  }
  std::vector<Walker> all_;
  std::vector<Walker*> idle_;
  std::vector<std::uint32_t> marks_;  ///< of the pages they are at
};

}  // namespace iovirt::iommu
