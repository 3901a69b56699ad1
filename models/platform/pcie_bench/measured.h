// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What pcie-bench measured on a real machine, from a table in CSV.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "models/platform/pcie_bench/point.h"

namespace iovirt::platform::pcie_bench {

/// ns (average) of a latency test, Gb/s of a bandwidth test.
using Measured = std::map<Point, double>;

/// The rows that are compared: random access without offsets; LAT_DMA_RD and LAT_DMA_WRRD of 64 bytes, BW_DMA_RD and
/// BW_DMA_WR of 64, 128, 256 and 512 bytes; windows of 8 KB to 64 MB; caches HWarm, DWarm and Cold. The columns are
/// found by their names. Others of the benchmark's tests are passed over; what it does not know is a ConfigError
/// naming `origin`, line and column.
Measured parse_measured(std::string_view csv, const std::string& origin);
Measured read_measured(const std::string& path);

}  // namespace iovirt::platform::pcie_bench
