// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the PF's and the VF's driver say to each other through VMBMEM: the protocol of Linux's igb and igbvf.
// The hardware knows only the bits of P2VMAILBOX and V2PMAILBOX (igb_spec.h).
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::nic::igb::mailbox {

inline constexpr unsigned kDwords = 16;  ///< of VMBMEM, per VF

/// Dword 0: what is asked, 15:0; a number that goes with it, 23:16; the reply's flags.
using Message = Field<15, 0>;
using Info = Field<23, 16>;
inline constexpr std::uint32_t kAck = 0x8000'0000, kNack = 0x4000'0000, kClearToSend = 0x2000'0000;

enum : std::uint32_t {
  kVfReset = 1,         ///< reply: kAck | kVfReset, MAC in dwords 1-2; until then the VF may say nothing else
  kVfSetMac = 2,        ///< MAC in dwords 1-2
  kVfSetMulticast = 3,  ///< Info hashes (12 bits each), two in a dword from dword 1
  kVfSetVlan = 4,       ///< Info: 1 add, 0 remove; dword 1: VLAN id
  kVfSetMaxFrame = 5,   ///< dword 1: bytes, with header and FCS
  kVfSetPromiscuous = 6,
  kPfControl = 0x100    ///< from the PF: the link or the reset state changed
};
inline constexpr unsigned kMaxMulticastHashes = 30;
inline constexpr std::uint32_t kPromiscuousMulticast = 0x02 << 16;

}  // namespace iovirt::nic::igb::mailbox
