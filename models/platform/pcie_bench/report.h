// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A comparison as text for a terminal, at most 118 columns.
#pragma once

#include <string>

#include "models/platform/pcie_bench/comparison.h"

namespace iovirt::platform::pcie_bench {

/// "8 KB", "1.5 MB"
std::string window_name(std::uint64_t bytes);

/// Each window with a warm cache, measured beside simulated; then the errors of every series; then the verdict.
std::string report(const Comparison& comparison);

/// Read latency and bandwidth over the window, in characters: o measured, x simulated, * both.
std::string text_charts(const Comparison& comparison);

/// The same as an SVG document of its own: lines simulated, circles measured.
std::string svg_charts(const Comparison& comparison);

}  // namespace iovirt::platform::pcie_bench
