// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Whether a port or MSR access exits: the I/O and MSR bitmaps (Intel SDM volume 3, 25.6.4, 25.6.9, 26.1.3).
#pragma once

#include <cstdint>

#include "lib/memory_port.h"
#include "models/cpu/vm_controls.h"

namespace iovirt::cpu {

/// IN or OUT of `bytes` (1, 2, 4) at `port`. With I/O bitmaps in use unconditional I/O exiting is ignored; any set
/// bit among the ports touched, or a wrap past 0xffff, exits. A bitmap outside memory reads as all ones.
bool io_exits(const VmControls& controls, MemoryPort& memory, std::uint16_t port, unsigned bytes);

/// RDMSR or WRMSR. Always without MSR bitmaps, and for an index outside 0..1FFF and C0000000..C0001FFF.
bool msr_exits(const VmControls& controls, MemoryPort& memory, std::uint32_t index, bool write);

/// Where a bit lies in an MSR bitmap page: byte * 8 + bit, or kNoMsrBit outside the two ranges. For software that
/// builds one.
inline constexpr std::uint32_t kNoMsrBit = ~0u;
std::uint32_t msr_bitmap_bit(std::uint32_t index, bool write);

}  // namespace iovirt::cpu
