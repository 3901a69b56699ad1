// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Exact percentiles: keeps every value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace iovirt {

class Histogram {
 public:
  void add(std::uint64_t value) {
    values_.push_back(value);
    sum_ += value;
    split_ = 0;
  }

  std::uint64_t count() const { return values_.size(); }
  std::uint64_t sum() const { return sum_; }
  /// 0 when empty, as are the others.
  double mean() const;
  std::uint64_t max() const { return percentile(1'000'000); }
  /// Nearest rank: the smallest value that at least `per_million` / 1e6 of all values do not exceed.
  std::uint64_t percentile(std::uint32_t per_million) const;

 private:
  mutable std::vector<std::uint64_t> values_;
  mutable std::size_t split_ = 0;  ///< no value before this place is above one from here on
  std::uint64_t sum_ = 0;
};

}  // namespace iovirt
