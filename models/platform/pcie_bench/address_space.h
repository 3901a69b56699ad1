// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Where things lie in the benchmark's memory, and the tables through which the IOMMU finds its buffer: what the kernel
// and its VT-d driver set up before the benchmark starts.
#pragma once

#include <cstdint>

#include "lib/memory_port.h"

namespace iovirt::platform::pcie_bench {

namespace layout {
inline constexpr std::uint64_t kTables = 0x0100'0000;        ///< root table first
inline constexpr std::uint64_t kBuffer = 0x1000'0000;        ///< physical
inline constexpr std::uint64_t kBufferBytes = 64ull << 20;
inline constexpr std::uint64_t kBusAddress = 0x6000'0000;    ///< of the buffer while the IOMMU translates
inline constexpr std::uint64_t kThrash = 0x2000'0000;        ///< what the host reads to sweep out its cache
inline constexpr std::uint64_t kEnd = 0x8000'0000;
}  // namespace layout

/// Root, context and second-stage tables (VT-d 9.1, 9.3, 9.10) that map [kBusAddress, + kBufferBytes) to the buffer
/// for one requester, in pages of 4 KB or 2 MB. Gives the root table's address. The driver flushes what it writes:
/// nothing of it is left in a cache.
std::uint64_t build_tables(MemoryPort& memory, std::uint16_t requester, std::uint64_t page_bytes);

}  // namespace iovirt::platform::pcie_bench
