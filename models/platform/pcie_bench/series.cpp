// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/series.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace iovirt::platform::pcie_bench {

std::string Series::name() const { return fmt::format("{} {} B", name_of(first.test), first.bytes); }

std::vector<Series> all_series(const Comparison& comparison) {
  std::vector<Series> all;
  for (const Compared& c : comparison.points) {
    const auto same = [&](const Series& s) {
      Point a = s.first, b = c.point;
      a.window = b.window = 0;
      return a == b;
    };
    auto found = std::find_if(all.begin(), all.end(), same);
    if (found == all.end()) found = all.insert(all.end(), {c.point, {}});
    found->points.push_back(&c);
  }
  return all;
}

std::vector<Series> series_of(const Comparison& comparison, Translation translation, Cache cache) {
  std::vector<Series> all = all_series(comparison);
  std::erase_if(all, [&](const Series& s) { return s.first.translation != translation || s.first.cache != cache; });
  return all;
}

double Chart::highest() const {
  double highest = 0;
  for (const Series& line : lines)
    for (const Compared* c : line.points) highest = std::max({highest, c->measured, c->simulated.value});
  return highest;
}

double Chart::lowest() const {
  double lowest = highest();
  for (const Series& line : lines)
    for (const Compared* c : line.points) lowest = std::min({lowest, c->measured, c->simulated.value});
  return lowest;
}

std::vector<std::uint64_t> Chart::windows() const {
  std::set<std::uint64_t> windows;
  for (const Series& line : lines)
    for (const Compared* c : line.points) windows.insert(c->point.window);
  return {windows.begin(), windows.end()};
}

std::vector<Chart> charts_of(const Comparison& comparison) {
  const bool translated = std::any_of(comparison.points.begin(), comparison.points.end(),
                                      [](const Compared& c) { return c.point.translation == Translation::pages_4k; });
  const auto lines = series_of(comparison, translated ? Translation::pages_4k : Translation::off, Cache::host_warm);
  const char* state = translated ? "4 KB pages" : "IOMMU off";
  std::vector<Chart> charts = {{fmt::format("average read latency, {}", state), "ns", {}},
                               {fmt::format("read bandwidth, {}", state), "Gb/s", {}},
                               {fmt::format("write bandwidth, {}", state), "Gb/s", {}}};
  for (const Series& line : lines) {
    if (line.first.test == Test::latency_read) charts[0].lines.push_back(line);
    if (line.first.test == Test::bandwidth_read) charts[1].lines.push_back(line);
    if (line.first.test == Test::bandwidth_write) charts[2].lines.push_back(line);
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.lines.empty(); });
  return charts;
}

}  // namespace iovirt::platform::pcie_bench
