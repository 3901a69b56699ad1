// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Descriptors of the 82576, datasheet 7.1.5 (receive) and 7.2.2 (transmit): 16 bytes, two little-endian quadwords.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::nic::igb {

inline constexpr unsigned kDescriptorBytes = 16;

struct Descriptor {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

/// Advanced receive descriptor, read format: low is the packet buffer's address, high the header buffer's; bit 0 of
/// high is where DD will appear, so software clears it.
/// Write-back format: the high quadword.
namespace rx_adv {
inline constexpr std::uint64_t kDd = 1ull << 0, kEop = 1ull << 1, kVp = 1ull << 3, kUdpCs = 1ull << 4, kL4Cs = 1ull << 5,
                               kIpCs = 1ull << 6, kPif = 1ull << 7, kLoopback = 1ull << 18;
using Status = Field<19, 0>;
using Errors = Field<31, 20>;
inline constexpr std::uint64_t kRxe = 1ull << 31;
using Length = Field<47, 32>;
using Vlan = Field<63, 48>;
}  // namespace rx_adv

/// Legacy receive descriptor (SRRCTL.DESCTYPE 0), write-back: the high quadword.
namespace rx_legacy {
using Length = Field<15, 0>;
using Status = Field<39, 32>;  ///< DD 0, EOP 1, VP 3, PIF 7
using Errors = Field<47, 40>;
using Vlan = Field<63, 48>;
}  // namespace rx_legacy

/// Transmit: DEXT tells advanced from legacy, DTYP data from context. The high quadword.
namespace tx {
using Length = Field<15, 0>;
using Type = Field<23, 20>;
inline constexpr unsigned kTypeContext = 2, kTypeData = 3;
inline constexpr std::uint64_t kEop = 1ull << 24, kIfcs = 1ull << 25, kRs = 1ull << 27, kDext = 1ull << 29, kVle = 1ull << 30,
                               kTse = 1ull << 31;
inline constexpr std::uint64_t kDd = 1ull << 32;
using Index = Field<38, 36>;          ///< advanced data: which context
inline constexpr std::uint64_t kCheckContext = 1ull << 39;
using Options = Field<45, 40>;        ///< POPTS: IXSM 0, TXSM 1
using PayloadLength = Field<63, 46>;  ///< advanced data: the whole frame
using LegacyVlan = Field<63, 48>;
using ContextVlan = Field<31, 16>;    ///< of a context's low quadword
using ContextIndex = Field<38, 36>;
/// The high quadword of an advanced data descriptor for a frame that lies in one buffer.
constexpr std::uint64_t whole_frame(std::uint32_t bytes, bool report_status = true) {
  return Length::of(bytes) | Type::of(kTypeData) | kEop | kIfcs | (report_status ? kRs : 0) | kDext |
         PayloadLength::of(bytes);
}
}  // namespace tx

}  // namespace iovirt::nic::igb
