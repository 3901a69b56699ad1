// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The benchmark's machine: card, link, root complex, IOMMU, memory, and a host thread that runs one point after the
// other on it.
#pragma once

#include <functional>
#include <vector>

#include "models/platform/pcie_bench/config.h"
#include "models/platform/pcie_bench/point.h"

namespace iovirt::platform::pcie_bench {

using PointDone = std::function<void(const Point&)>;

/// All of one Translation, in order, each from its own seed. Throws std::runtime_error when a transfer failed.
std::vector<Outcome> simulate(const Config& config, const std::vector<Point>& points, const PointDone& done = {});

}  // namespace iovirt::platform::pcie_bench
