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
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
  const std::uint64_t rank = (values_.size() * static_cast<std::uint64_t>(per_million) + 999'999) / 1'000'000;
  return values_[std::clamp<std::uint64_t>(rank, 1, values_.size()) - 1];
}

}  // namespace iovirt
