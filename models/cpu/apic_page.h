// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A 4 KiB page of APIC registers, each 32 bits at a multiple of 16: the local APIC's own, or a virtual-APIC page.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "models/cpu/apic_spec.h"

namespace iovirt::cpu {

inline constexpr std::size_t kApicPageBytes = 4096;

/// A view; the page must outlive it.
class ApicPage {
 public:
  explicit ApicPage(std::span<std::uint8_t, kApicPageBytes> page) : page_(page.data()) {}

  std::uint32_t get(std::uint32_t offset) const {
    std::uint32_t value;
    std::memcpy(&value, page_ + offset, sizeof value);
    return value;
  }
  void set(std::uint32_t offset, std::uint32_t value) { std::memcpy(page_ + offset, &value, sizeof value); }

  // -- 256-bit registers: IRR, ISR, TMR, by the offset of their first word ---------------------------------------
  bool bit(std::uint32_t base, std::uint8_t vector) const { return get(word(base, vector)) >> (vector & 31) & 1; }
  void set_bit(std::uint32_t base, std::uint8_t vector) {
    set(word(base, vector), get(word(base, vector)) | 1u << (vector & 31));
  }
  void clear_bit(std::uint32_t base, std::uint8_t vector) {
    set(word(base, vector), get(word(base, vector)) & ~(1u << (vector & 31)));
  }
  /// The highest vector set, or -1.
  int highest(std::uint32_t base) const {
    for (int i = 7; i >= 0; --i)
      if (std::uint32_t bits = get(base + static_cast<std::uint32_t>(i) * 16))
        return i * 32 + 31 - std::countl_zero(bits);
    return -1;
  }

  std::uint8_t* data() { return page_; }

 private:
  static std::uint32_t word(std::uint32_t base, std::uint8_t vector) { return base + (vector >> 5) * 16u; }

  std::uint8_t* page_;
};

}  // namespace iovirt::cpu
