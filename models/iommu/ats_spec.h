// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Page requests as they lie in memory (VT-d 7.4.1), beside the messages they come from.
#pragma once

#include <cstdint>

#include "lib/ats_message_spec.h"
#include "lib/field.h"

namespace iovirt::iommu {

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
