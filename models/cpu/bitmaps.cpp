// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/bitmaps.h"

namespace iovirt::cpu {

bool io_exits(const VmControls& controls, MemoryPort& memory, std::uint16_t port, unsigned bytes) {
  if (!controls.on(primary::use_io_bitmaps)) return controls.on(primary::unconditional_io_exiting);
  if (port + bytes > 0x1'0000u) return true;
  for (std::uint32_t p = port; p < port + bytes; ++p) {
    const std::uint64_t bitmap = p < 0x8000 ? controls.io_bitmap_a : controls.io_bitmap_b;
    const auto byte = memory.load<std::uint8_t>(bitmap + ((p & 0x7fff) >> 3)).value_or(0xff);
    if (byte >> (p & 7) & 1) return true;
  }
  return false;
}

std::uint32_t msr_bitmap_bit(std::uint32_t index, bool write) {
  const std::uint32_t half = write ? 0x800u * 8 : 0;
  if (index <= 0x1fff) return half + index;
  if (index >= 0xc000'0000 && index <= 0xc000'1fff) return half + 0x400u * 8 + (index & 0x1fff);
  return kNoMsrBit;
}

bool msr_exits(const VmControls& controls, MemoryPort& memory, std::uint32_t index, bool write) {
  if (!controls.on(primary::use_msr_bitmaps)) return true;
  const std::uint32_t bit = msr_bitmap_bit(index, write);
  if (bit == kNoMsrBit) return true;
  const auto byte = memory.load<std::uint8_t>(controls.msr_bitmap + (bit >> 3)).value_or(0xff);
  return byte >> (bit & 7) & 1;
}

}  // namespace iovirt::cpu
