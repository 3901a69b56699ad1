// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Cached EPT translations, tagged by EP4TA and VPID (Intel SDM volume 3, 29.4).
//
// Set-associative, LRU; pages of all sizes share it. A small table of way hints makes a repeated hit one compare; it
// only says where to look first, so capacity and replacement are those of the configured geometry.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/cpu/ept.h"

namespace iovirt::cpu {

/// EP4TA in [47:12], VPID in [63:48].
using EptContext = std::uint64_t;
constexpr EptContext ept_context(std::uint64_t eptp, std::uint16_t vpid) {
  return (eptp & 0x0000'ffff'ffff'f000ull) | static_cast<std::uint64_t>(vpid) << 48;
}

class EptTlb {
 public:
  struct Entry {
    EptContext context = 0;
    std::uint64_t guest_page = 1;  ///< aligned to the page; 1: invalid (never equal to a masked address)
    std::uint64_t page_mask = ~0xfffull;  ///< ~(page_bytes - 1)
    std::uint64_t host_page = 0;
    std::uint64_t used = 0;        ///< LRU clock
    std::uint8_t rights = 0;

    std::uint64_t translate(std::uint64_t guest_physical) const {
      return host_page | (guest_physical & ~page_mask);
    }
  };

  /// Throws std::invalid_argument unless `ways` divides `entries` and entries / ways is a power of two.
  EptTlb(std::uint32_t entries, std::uint32_t ways);

  /// The translation, or null: walk, then insert. A hit without the right for `access` drops the entry, as an EPT
  /// violation does (29.4.3.1), and is a miss. The pointer is valid until the next non-const call.
  const Entry* lookup(EptContext context, std::uint64_t guest_physical, EptAccess access) {
    Entry& hinted = entries_[hints_[hint_index(guest_physical)]];
    if (hinted.guest_page == (guest_physical & hinted.page_mask) && hinted.context == context &&
        (hinted.rights & static_cast<unsigned>(access))) {
      hinted.used = ++clock_;
      ++hits_;
      return &hinted;
    }
    return search(context, guest_physical, access);
  }
  /// For instrumentation: the translation if cached, whatever its rights; nothing counts or changes.
  const Entry* peek(EptContext context, std::uint64_t guest_physical) const;
  const Entry& insert(EptContext context, std::uint64_t guest_physical, const EptTranslation& translation);

  void invept_all();
  /// Single-context INVEPT: every VPID of this EP4TA.
  void invept(std::uint64_t eptp);
  /// INVVPID single context. The processor does this for VPID 0 at every entry and exit while VPIDs are off.
  void invvpid(std::uint16_t vpid);
  /// One page of one context, as an EPT violation or INVVPID of an address does.
  void invalidate(EptContext context, std::uint64_t guest_physical);

  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  static constexpr std::size_t kHints = 256;
  static std::size_t hint_index(std::uint64_t guest_physical) {
    return (guest_physical >> 12 ^ guest_physical >> 20) & (kHints - 1);
  }
  std::size_t set_of(std::uint64_t guest_physical, unsigned shift) const;
  Entry* find(EptContext context, std::uint64_t guest_physical);
  const Entry* search(EptContext context, std::uint64_t guest_physical, EptAccess access);

  std::vector<Entry> entries_;
  std::array<std::uint32_t, kHints> hints_{};
  std::array<std::uint32_t, 3> live_{};  ///< valid entries of 4 KiB, 2 MiB, 1 GiB: sizes worth searching
  std::uint32_t ways_;
  std::uint32_t sets_;
  std::uint64_t clock_ = 0, hits_ = 0, misses_ = 0;
};

}  // namespace iovirt::cpu
