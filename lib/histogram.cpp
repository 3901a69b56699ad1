// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/histogram.h"

#include <algorithm>

namespace iovirt {

double Histogram::mean() const {
  return values_.empty() ? 0 : static_cast<double>(sum_) / static_cast<double>(values_.size());
}

std::uint64_t Histogram::percentile(std::uint32_t per_million) const {
  if (values_.empty()) return 0;
  const std::uint64_t rank = (values_.size() * static_cast<std::uint64_t>(per_million) + 999'999) / 1'000'000;
  const std::size_t place = std::clamp<std::uint64_t>(rank, 1, values_.size()) - 1;
  // Putting one value in its place takes a fraction of the time that sorting all of them does.
  const auto at = [this](std::size_t i) { return values_.begin() + static_cast<std::ptrdiff_t>(i); };
  if (place < split_)
    std::nth_element(at(0), at(place), at(split_));
  else
    std::nth_element(at(split_), at(place), values_.end());
  split_ = place;
  return values_[place];
}

}  // namespace iovirt
