// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Runs side by side, as text for a terminal.
#pragma once

#include <string>
#include <vector>

#include "models/platform/results.h"

namespace iovirt::platform {

/// `iovirt run --statistics`: a line a counter.
std::string statistics_report(const RunResult& run);

/// What happened to the packets, the exits by reason, and where the time went; at most 118 columns.
std::string report(const std::vector<RunResult>& runs);

}  // namespace iovirt::platform
