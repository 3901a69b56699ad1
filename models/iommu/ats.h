// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Answers to translation requests (4.2.3; PCIe 10.2).
#pragma once

#include <cstdint>

#include "models/iommu/fault_reasons_spec.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// The entry of the translation completion (4.2.3). A request that passed through gets its own address back, with the
/// region of `pass_through_bytes` around it.
std::uint64_t translation_completion_of(const Request& request, const Translation& translation, std::uint64_t pass_through_bytes);

/// How a translation request that met a fault condition is answered (7.1.3, table 30).
enum class AtsAnswer : std::uint8_t {
  no_rights,         ///< Success with R = W = 0; the fault is not recorded, but for `ats_records`
  unsupported,       ///< UR: this device may not have translations; the fault is recorded
  completer_abort    ///< CA: structures in memory are broken, or lead to interrupts; the fault is recorded
};
AtsAnswer ats_answer(FaultReason reason);
/// Whether the fault is recorded besides.
bool ats_records(FaultReason reason);

}  // namespace iovirt::iommu
