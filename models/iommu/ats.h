// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Answers to translation requests (4.2.3; PCIe 10.2), and ranges as ATS writes them.
#pragma once

#include <cstdint>

#include "models/iommu/fault_reasons_spec.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// The entry of the translation completion. A request that passed through gets its own address back, a page of it.
std::uint64_t translation_completion_of(const Request& request, const Translation& translation);

/// For the interrupt range: a device has to ask with untranslated requests (U), where they are interrupts.
std::uint64_t untranslated_only_completion();

/// How a translation request that met a fault condition is answered (7.1.3).
enum class AtsAnswer : std::uint8_t {
  no_rights,         ///< Success with R = W = 0: what the tables say; no fault is recorded
  unsupported,       ///< UR: this device may not have translations; the fault is recorded
  completer_abort    ///< CA: the structures in memory are broken; the fault is recorded
};
AtsAnswer ats_answer(FaultReason reason);

/// An address with a size of 2^n pages in its low bits, for the S bit (PCIe 10.2.3.2). REQUIRES: a power of two.
struct AtsRange {
  std::uint64_t address = 0;  ///< bits 63:12 as they travel
  bool size = false;          ///< S
};
AtsRange ats_range(std::uint64_t first, std::uint64_t bytes);
/// The number of bytes that `address` and S stand for; 0 for all of them. The first one is at address & ~(bytes - 1).
std::uint64_t ats_range_bytes(std::uint64_t address, bool size);

}  // namespace iovirt::iommu
