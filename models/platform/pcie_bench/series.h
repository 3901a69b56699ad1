// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The points of a comparison as lines over the window: what charts and tables are drawn from.
#pragma once

#include <string>
#include <vector>

#include "models/platform/pcie_bench/comparison.h"

namespace iovirt::platform::pcie_bench {

struct Series {
  Point first;  ///< all but the window is the same in all of them
  std::vector<const Compared*> points;

  std::string name() const;  ///< "LAT_DMA_RD 64 B"
};

/// Every line of `comparison`, in order of Point.
std::vector<Series> all_series(const Comparison& comparison);
/// Those of one translation and cache state.
std::vector<Series> series_of(const Comparison& comparison, Translation translation, Cache cache);

/// One chart: lines that share both axes.
struct Chart {
  std::string title;
  std::string unit;
  std::vector<Series> lines;

  double highest() const;
  double lowest() const;
  std::vector<std::uint64_t> windows() const;  ///< ascending
};
/// Read latency, read bandwidth, write bandwidth: with 4 KB pages where they were compared, else without IOMMU;
/// those that have points.
std::vector<Chart> charts_of(const Comparison& comparison);

}  // namespace iovirt::platform::pcie_bench
