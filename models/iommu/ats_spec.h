// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Address translation services: what travels between a device's translation cache and the IOMMU (PCI Express 5.0,
// chapter 10), and page requests as they lie in memory (VT-d 7.4.1).
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::iommu {

/// One entry of a translation completion (PCIe 10.2.3), as a little-endian word.
namespace translation_completion {
inline constexpr unsigned kBytes = 8;
using R = Field<0>;
using W = Field<1>;
using U = Field<2>;     ///< untranslated access only
using Exe = Field<3>;
using Priv = Field<4>;
using Global = Field<5>;
using N = Field<10>;    ///< non-snooped accesses
using S = Field<11>;    ///< larger than 4 KB: the lowest 0 bit from 12 upwards gives the size
using Address = Field<63, 12>;
}  // namespace translation_completion

/// Body of an invalidate request (PCIe 10.3.1).
namespace invalidate_request {
using Global = Field<0>;
using S = Field<11>;
using Address = Field<63, 12>;
}  // namespace invalidate_request

/// Of an invalidate completion (PCIe 10.3.2): a bit per ITag, and of how many completions this is one (0: eight).
namespace invalidate_completion {
using Tags = Field<31, 0>;
using Count = Field<34, 32>;
}  // namespace invalidate_completion

/// Body of a page-request message (PCIe 10.4.1).
namespace page_request_message {
using R = Field<0>;
using W = Field<1>;
using L = Field<2>;
using PRGI = Field<11, 3>;
using Address = Field<63, 12>;
}  // namespace page_request_message

/// Body of a page-group response (PCIe 10.4.2).
namespace page_response_message {
using PRGI = Field<8, 0>;
using Code = Field<15, 12>;
}  // namespace page_response_message

/// Page-request descriptor, 32 bytes (VT-d 7.4.1.1); words 2 and 3 are zero.
namespace page_request_entry {
inline constexpr unsigned kBytes = 32;
inline constexpr std::uint8_t kPageRequest = 1;
using Type = Field<7, 0>;
using PP = Field<8>;
using RID = Field<31, 16>;
using PASID = Field<51, 32>;
using EXE = Field<52>;
using PRIV = Field<53>;
using RD = Field<0>;  // second word
using WR = Field<1>;
using LPIG = Field<2>;
using PRGI = Field<11, 3>;
using Address = Field<63, 12>;
}  // namespace page_request_entry

}  // namespace iovirt::iommu
