// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An interrupt on its way to a local APIC: the compatibility format of MSIs (Intel SDM volume 3, 11.11), with
// destination[31:8] in address bits 63:40 as the fabric carries it after remapping.
#pragma once

#include <cstdint>

namespace iovirt::cpu {

enum class DeliveryMode : std::uint8_t {
  fixed = 0, lowest_priority = 1, smi = 2, nmi = 4, init = 5, startup = 6, ext_int = 7
};

struct InterruptMessage {
  std::uint32_t destination = 0;  ///< APIC id, or logical destination
  std::uint8_t vector = 0;
  DeliveryMode mode = DeliveryMode::fixed;
  bool logical = false;
  bool level = false;             ///< trigger mode
  bool asserted = true;

  static constexpr InterruptMessage from_msi(std::uint64_t address, std::uint32_t data) {
    InterruptMessage m;
    m.destination = static_cast<std::uint32_t>((address >> 12 & 0xff) | (address >> 40 & 0xff'ffff) << 8);
    m.vector = static_cast<std::uint8_t>(data);
    m.mode = static_cast<DeliveryMode>(data >> 8 & 7);
    m.logical = address >> 2 & 1;
    m.level = data >> 15 & 1;
    m.asserted = !m.level || (data >> 14 & 1);
    return m;
  }
  constexpr std::uint64_t address() const {
    return 0xfee0'0000ull | (destination & 0xffull) << 12 | (mode == DeliveryMode::lowest_priority ? 8u : 0u) |
           (logical ? 4u : 0u) | static_cast<std::uint64_t>(destination >> 8) << 40;
  }
  constexpr std::uint32_t data() const {
    return vector | static_cast<std::uint32_t>(mode) << 8 | (level && asserted ? 1u << 14 : 0u) |
           (level ? 1u << 15 : 0u);
  }
  /// An address in the interrupt range is never memory.
  static constexpr bool is_msi(std::uint64_t address) { return (address & 0xfff0'0000ull) == 0xfee0'0000ull; }
};

}  // namespace iovirt::cpu
