// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Measured beside simulated, and whether that is near enough.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/platform/pcie_bench/measured.h"

namespace iovirt::platform::pcie_bench {

/// How far a simulated value may lie from the measured one, of it.
inline constexpr double kReadLatencyBound = 0.05;
inline constexpr double kWriteReadLatencyBound = 0.10;
inline constexpr double kBandwidthBound = 0.10;
/// How much slower a point may be simulated with superpages than with the IOMMU off.
inline constexpr double kSuperpageBound = 0.02;

struct Compared {
  Point point;
  double measured = 0;
  Outcome simulated;

  /// Of the measured value: +0.1 is a tenth too much.
  double error() const { return simulated.value / measured - 1; }
  double bound() const;
  bool within() const;
};

/// Against the same point with the IOMMU off, both simulated.
struct Degradation {
  Point point;
  double slower = 0;  ///< more latency, or less bandwidth, than without translation: +0.02 is 2 %
  bool within() const { return slower <= kSuperpageBound; }
};

struct Comparison {
  std::vector<Compared> points;  ///< in order of Point

  std::vector<Degradation> superpages() const;
  bool within() const;
};

/// {"schema": "iovirt-validation/1", "benchmark": "pcie-bench", ...}
nlohmann::ordered_json comparison_json(const Comparison& comparison, const nlohmann::ordered_json& config, const std::string& data);

}  // namespace iovirt::platform::pcie_bench
