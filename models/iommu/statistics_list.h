// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The counters by name.
#pragma once

#include "lib/statistics.h"
#include "models/iommu/statistics.h"

namespace iovirt::iommu {

/// Lists every counter but the faults, with description and unit. `statistics` must outlive `list`.
void describe(const Statistics& statistics, iovirt::Statistics& list);

}  // namespace iovirt::iommu
