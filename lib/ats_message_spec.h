// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What travels between a device's translation cache and a translation agent (PCI Express 5.0, chapter 10): entries of
// translation completions, and the bodies of messages as the payloads of lib/sim/transaction.h carry them.
#pragma once

#include <bit>
#include <cstdint>

#include "lib/field.h"

namespace iovirt {

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
enum class PageResponseCode : std::uint8_t { success = 0, invalid_request = 1, response_failure = 15 };

/// An address with a size of 2^n pages in its low bits, for the S bit (PCIe 10.2.3.2). REQUIRES: a power of two.
struct AtsRange {
  std::uint64_t address = 0;  ///< bits 63:12 as they travel
  bool size = false;          ///< S
};
constexpr AtsRange ats_range(std::uint64_t first, std::uint64_t bytes) {
  if (bytes <= 4096) return {first & ~0xfffull, false};
  // All ones below the top bit of the size, which is 0.
  return {(first & ~(bytes - 1)) | ((bytes / 2 - 1) & ~0xfffull), true};
}
/// The number of bytes that `address` and S stand for; 0 for all of them. The first one is at address & ~(bytes - 1).
constexpr std::uint64_t ats_range_bytes(std::uint64_t address, bool size) {
  if (!size) return 4096;
  const auto ones = static_cast<unsigned>(std::countr_one(address >> 12));
  return ones >= 51 ? 0 : 4096ull << (ones + 1);
}

}  // namespace iovirt
