// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/report.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "models/platform/pcie_bench/series.h"

namespace iovirt::platform::pcie_bench {
namespace {

/// "LAT 64", "RD 64", "WR 512"
std::string short_name(const Series& s) {
  const char* test = s.first.test == Test::latency_read ? "LAT" : s.first.test == Test::bandwidth_read ? "RD" : "WR";
  return fmt::format("{} {} B", test, s.first.bytes);
}

std::string window_table(const Comparison& comparison, Translation translation) {
  std::vector<Series> lines = series_of(comparison, translation, Cache::host_warm);
  std::erase_if(lines, [](const Series& s) { return s.first.test == Test::latency_write_read; });
  if (lines.empty()) return "";
  std::map<std::uint64_t, std::vector<const Compared*>> rows;
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (const Compared* c : lines[i].points) {
      auto& row = rows[c->point.window];
      row.resize(lines.size());
      row[i] = c;
    }
  std::string text = fmt::format("{}, host-warm cache: measured | simulated; latency in ns, bandwidth in Gb/s\n{:>7} ",
                                 name_of(translation), "window");
  for (const Series& line : lines) text += fmt::format("{:>12}", short_name(line));
  text += "\n";
  for (auto& [window, row] : rows) {
    row.resize(lines.size());
    text += fmt::format("{:>7} ", window_name(window));
    for (const Compared* c : row)
      text += c ? fmt::format("{:>12}", fmt::format("{:.1f}|{:.1f}", c->measured, c->simulated.value)) : fmt::format("{:>12}", "");
    text += "\n";
  }
  return text + "\n";
}

std::string error_table(const Comparison& comparison) {
  std::string text = fmt::format("{:<14}{:<14}{:>5}  {:<6}{:>7}{:>13}{:>13}  {:<9}{:>7}\n", "iommu", "test", "bytes", "cache", "points",
                                 "mean |error|", "worst error", "at", "bound");
  for (const Series& s : all_series(comparison)) {
    double sum = 0;
    const Compared* worst = s.points.front();
    for (const Compared* c : s.points) {
      sum += std::abs(c->error());
      if (std::abs(c->error()) > std::abs(worst->error())) worst = c;
    }
    text += fmt::format("{:<14}{:<14}{:>5}  {:<6}{:>7}{:>12.1f}%{:>+12.1f}%  {:<9}{:>6.0f}%{}\n", name_of(s.first.translation),
                        name_of(s.first.test), s.first.bytes, name_of(s.first.cache), s.points.size(),
                        100 * sum / static_cast<double>(s.points.size()), 100 * worst->error(), window_name(worst->point.window),
                        100 * worst->bound(), worst->within() ? "" : "  outside");
  }
  return text;
}

std::string verdict(const Comparison& comparison) {
  const auto outside = std::count_if(comparison.points.begin(), comparison.points.end(), [](const Compared& c) { return !c.within(); });
  std::string text = fmt::format("\n{} points, {} outside their bounds", comparison.points.size(), outside);
  const auto slower = comparison.superpages();
  if (!slower.empty()) {
    const auto worst = std::max_element(slower.begin(), slower.end(), [](const auto& a, const auto& b) { return a.slower < b.slower; });
    text += fmt::format("; with superpages at most {:.1f} % slower than with the IOMMU off (bound {:.0f} %)",
                        100 * std::max(worst->slower, 0.0), 100 * kSuperpageBound);
  }
  return text + (comparison.within() ? "\nvalidated\n" : "\nNOT validated\n");
}

}  // namespace

std::string window_name(std::uint64_t bytes) {
  if (bytes < 1 << 20) return fmt::format("{} KB", bytes >> 10);
  return fmt::format("{:g} MB", static_cast<double>(bytes) / (1 << 20));
}

std::string report(const Comparison& comparison) {
  std::string text;
  for (const Translation t : {Translation::off, Translation::pages_4k, Translation::superpages}) text += window_table(comparison, t);
  return text + error_table(comparison) + verdict(comparison);
}

}  // namespace iovirt::platform::pcie_bench
