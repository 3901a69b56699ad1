// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Invalidation descriptors in memory (6.5.2): 16 bytes, or 32 with IQA.DW, whose upper 16 are reserved.
#pragma once

#include <array>
#include <cstdint>

#include "lib/field.h"

namespace iovirt::iommu::descriptor {

inline constexpr unsigned kBytes = 16, kWideBytes = 32;
using Words = std::array<std::uint64_t, 4>;  ///< 2 and 3 are zero for one of 16 bytes

using TypeLow = Field<3, 0>;
using TypeHigh = Field<11, 9>;
/// {TypeHigh, TypeLow}. From pasid_iotlb on: of 32 bytes, in scalable mode.
enum Type : std::uint8_t {
  context_cache = 1, iotlb = 2, device_tlb = 3, interrupt_entry_cache = 4, wait = 5,
  pasid_iotlb = 6, pasid_cache = 7, pasid_device_tlb = 8, page_group_response = 9
};

using G = Field<5, 4>;  ///< context cache, IOTLB: 1 global, 2 domain, 3 device or page
using DID = Field<31, 16>;
using SID = Field<47, 32>;
using FM = Field<49, 48>;

using DW = Field<6>;  // IOTLB
using DR = Field<7>;
using AM = Field<5, 0>;  // second word
using IH = Field<6>;
using Address = Field<63, 12>;

using InterruptG = Field<4>;  // interrupt-entry cache: 0 global, 1 index
using IM = Field<31, 27>;
using IIDX = Field<47, 32>;

using IF = Field<4>;  // wait
using SW = Field<5>;
using FN = Field<6>;
using PD = Field<7>;
using StatusData = Field<63, 32>;
using StatusAddress = Field<63, 2>;  // second word

using PASID = Field<51, 32>;  // types 6 to 9

using MIP = Field<20, 16>;  // device-TLB: invalidations the device takes at once, 0: 32
using PFSIDLow = Field<15, 12>;
using PFSIDHigh = Field<63, 52>;
using Size = Field<0>;            // second word
using PasidMIP = Field<8, 4>;     // PASID-based device-TLB
using PasidSID = Field<31, 16>;
using PasidGlobal = Field<0>;     // second word
using PasidSize = Field<11>;

using PP = Field<4>;  // page-group response: a PASID is present
using ResponseCode = Field<15, 12>;
using ResponseDestination = Field<31, 16>;
using LPIG = Field<2>;  // second word
using PRGI = Field<11, 3>;

}  // namespace iovirt::iommu::descriptor
