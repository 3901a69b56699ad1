// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "models/platform/pcie_bench/report.h"
#include "models/platform/pcie_bench/series.h"

namespace iovirt::platform::pcie_bench {
namespace {

constexpr int kHeight = 16, kStep = 7;  // rows; columns between two windows

/// Rows of a chart, the top one first. Windows are evenly spaced: they are nearly powers of two.
std::string draw(const Chart& chart) {
  const auto windows = chart.windows();
  const int width = static_cast<int>(windows.size()) * kStep;
  const double bottom = chart.lowest() * 0.95, top = chart.highest() * 1.02;
  std::vector<std::string> canvas(kHeight, std::string(static_cast<std::size_t>(width), ' '));
  const auto plot = [&](std::size_t window, double value, char mark) {
    const int row = kHeight - 1 - std::clamp(static_cast<int>(std::floor((value - bottom) / (top - bottom) * kHeight)), 0, kHeight - 1);
    char& cell = canvas[static_cast<std::size_t>(row)][window * kStep + kStep / 2];
    cell = cell == ' ' || cell == mark ? mark : '*';
  };
  for (const Series& line : chart.lines)
    for (const Compared* c : line.points) {
      const auto at = static_cast<std::size_t>(std::find(windows.begin(), windows.end(), c->point.window) - windows.begin());
      plot(at, c->measured, 'o');
      plot(at, c->simulated.value, 'x');
    }
  std::string sizes;
  if (chart.lines.size() > 1) {
    for (const Series& line : chart.lines) sizes += fmt::format("{}{}", sizes.empty() ? "; from below " : ", ", line.first.bytes);
    sizes += " B";
  }
  std::string text = fmt::format("{} in {}: o measured, x simulated, * both{}\n", chart.title, chart.unit, sizes);
  for (int row = 0; row < kHeight; ++row) {
    const bool labelled = row % 5 == 0 || row == kHeight - 1;
    const double value = bottom + (top - bottom) * (kHeight - row - 0.5) / kHeight;
    std::string line = fmt::format("{:>6} |{}", labelled ? fmt::format("{:.0f}", value) : "", canvas[static_cast<std::size_t>(row)]);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  text += fmt::format("{:>7}+{:-<{}}\n{:>8}", "", "", width, "");
  for (const std::uint64_t window : windows) text += fmt::format("{:^{}}", window_name(window), kStep);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

}  // namespace

std::string text_charts(const Comparison& comparison) {
  std::string text;
  for (const Chart& chart : charts_of(comparison)) text += draw(chart) + "\n";
  return text;
}

}  // namespace iovirt::platform::pcie_bench
