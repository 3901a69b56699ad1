// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

#include "models/platform/pcie_bench/report.h"
#include "models/platform/pcie_bench/series.h"

namespace iovirt::platform::pcie_bench {
namespace {

constexpr double kWidth = 640, kHeight = 320, kLeft = 60, kRight = 120, kTop = 40, kBottom = 50;
constexpr const char* kColours[] = {"#1f4e8c", "#b5442e", "#2f7d4f", "#7a4a9e"};

/// 1, 2 or 5 times a power of ten, so that about five lines fit below `highest`.
double grid_step(double highest) {
  const double power = std::pow(10, std::floor(std::log10(highest / 5)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (highest / (factor * power) <= 6) return factor * power;
  return 10 * power;
}

struct Frame {
  double y0;  ///< of the chart in the document
  double top;
  double first, last;  ///< log2 of the windows

  double x(std::uint64_t window) const {
    const double span = std::max(last - first, 1.0);
    return kLeft + (std::log2(static_cast<double>(window)) - first) / span * (kWidth - kLeft - kRight);
  }
  double y(double value) const { return y0 + kTop + (1 - value / top) * (kHeight - kTop - kBottom); }
};

std::string axes(const Chart& chart, const Frame& f) {
  std::string text = fmt::format("<text x=\"{}\" y=\"{:.1f}\" font-weight=\"bold\">{}</text>\n", kLeft, f.y0 + 22, chart.title);
  text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", kLeft - 8, f.y0 + 22, chart.unit);
  const double step = grid_step(f.top);
  for (double value = 0; value <= f.top; value += step) {
    text += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n", kLeft, kWidth - kRight, f.y(value));
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n", kLeft - 8, f.y(value) + 4, value);
  }
  double free_from = 0;
  for (const std::uint64_t window : chart.windows()) {
    if (f.x(window) < free_from || !std::has_single_bit(window)) continue;
    free_from = f.x(window) + 44;
    text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", f.x(window), f.y(0) + 18, window_name(window));
  }
  text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">window</text>\n", (kLeft + kWidth - kRight) / 2, f.y(0) + 36);
  return text;
}

std::string line_of(const Series& series, const Frame& f, const char* colour) {
  std::string text = fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"", colour);
  for (const Compared* c : series.points) text += fmt::format("{:.1f},{:.1f} ", f.x(c->point.window), f.y(c->simulated.value));
  text += "\"/>\n";
  for (const Compared* c : series.points)
    text += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"white\" fill-opacity=\"0.7\" stroke=\"{}\"/>\n", f.x(c->point.window),
                        f.y(c->measured), colour);
  return text;
}

std::string draw(const Chart& chart, double y0) {
  const auto windows = chart.windows();
  const Frame frame{y0, chart.highest() * 1.05, std::log2(static_cast<double>(windows.front())), std::log2(static_cast<double>(windows.back()))};
  std::string text = axes(chart, frame);
  unsigned n = 0;
  for (const Series& line : chart.lines) {
    const char* colour = kColours[n % std::size(kColours)];
    text += line_of(line, frame, colour);
    const double y = y0 + kTop + 16 * static_cast<double>(chart.lines.size() - n++);  // the larger, the higher
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" fill=\"{}\">{} B</text>\n", kWidth - kRight + 14, y, colour, line.first.bytes);
  }
  text += fmt::format("<text x=\"{0}\" y=\"{1:.1f}\">o measured</text>\n<text x=\"{0}\" y=\"{2:.1f}\">- simulated</text>\n", kWidth - kRight + 14,
                      y0 + kTop + 16 * (n + 2), y0 + kTop + 16 * (n + 3));
  return text;
}

}  // namespace

std::string svg_charts(const Comparison& comparison) {
  const auto charts = charts_of(comparison);
  std::string text = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
                                 "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
                                 kWidth, kHeight * static_cast<double>(charts.size()));
  double y0 = 0;
  for (const Chart& chart : charts) {
    text += draw(chart, y0);
    y0 += kHeight;
  }
  return text + "</svg>\n";
}

}  // namespace iovirt::platform::pcie_bench
