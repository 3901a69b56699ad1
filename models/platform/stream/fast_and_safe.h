// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// "Fast & Safe IO Memory Protection for Networked Systems" (SOSP 2024): its points of 5 and 10 flows beside simulated ones.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/platform/stream/run.h"
#include "models/platform/stream/scenario.h"

namespace iovirt::platform::stream {

/// What the paper measured on a Xeon Gold 6234 with a 100 Gbit/s ConnectX-5, Linux 6.0 in strict mode, DDIO off.
struct Measured {
  std::uint32_t flows;
  double off_gbps, on_gbps;
  double misses;                ///< of the IOTLB, for each page; the following too
  double l1_misses, l3_misses;  ///< of the caches of entries that cover 512 GB and 2 MB
};
inline constexpr std::array kMeasured = {Measured{5, 98, 78, 1.30, 0.05, 0.36}, Measured{10, 91, 61, 1.45, 0.16, 0.57}};
inline constexpr double kBound = 0.10;  ///< of throughput and IOTLB misses, each way; the paging-structure caches have none

struct ComparedPoint {
  Measured measured;
  Result off, on;

  double error_off() const { return off.gbps / measured.off_gbps - 1; }
  double error_on() const { return on.gbps / measured.on_gbps - 1; }
  double error_misses() const { return on.misses / measured.misses - 1; }
  bool within() const;
};

/// Runs every point with the IOMMU off and strict.
std::vector<ComparedPoint> compare_with_measured(const Scenario& scenario);
bool within(const std::vector<ComparedPoint>& points);
std::string fast_and_safe_report(const std::vector<ComparedPoint>& points);
nlohmann::ordered_json fast_and_safe_json(const std::vector<ComparedPoint>& points, const nlohmann::ordered_json& config);

}  // namespace iovirt::platform::stream
