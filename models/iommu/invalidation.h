// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Invalidation requests, whether they came through a descriptor or a register (6.5).
#pragma once

#include <cstdint>
#include <variant>

#include "models/iommu/config.h"
#include "models/iommu/fault_reasons_spec.h"

namespace iovirt::iommu {

enum class Granularity : std::uint8_t { global = 1, domain = 2, selective = 3 };

struct ContextInvalidation {
  Granularity granularity = Granularity::global;
  std::uint16_t domain = 0;
  std::uint16_t source = 0;  ///< selective: one device
  std::uint8_t function_mask = 0;

  /// FM masks 0, 1, 2 or 3 low bits of the function number (6.5.2.1).
  bool covers(std::uint16_t source_id) const {
    constexpr std::uint16_t masked[4] = {0, 4, 6, 7};
    return ((source_id ^ source) & ~masked[function_mask & 3]) == 0;
  }
};

struct IotlbInvalidation {
  Granularity granularity = Granularity::global;
  std::uint16_t domain = 0;
  std::uint64_t address = 0;  ///< selective: 2^address_mask pages, aligned
  std::uint8_t address_mask = 0;
  bool leaf_only = false;  ///< IH: paging-structure caches may stay
  bool drain_reads = false;
  bool drain_writes = false;

  std::uint64_t first() const { return address & ~(bytes() - 1); }
  std::uint64_t bytes() const { return 4096ull << address_mask; }
};

struct InterruptInvalidation {
  bool global = true;
  std::uint16_t index = 0;
  std::uint8_t index_mask = 0;

  bool covers(std::uint32_t i) const { return global || (i >> index_mask) == (std::uint32_t{index} >> index_mask); }
};

struct InvalidationWait {
  bool interrupt = false;
  bool status_write = false;
  bool fence = false;
  std::uint32_t status_data = 0;
  std::uint64_t status_address = 0;
};

/// A descriptor, or what is wrong with it.
using Descriptor =
    std::variant<QueueError, ContextInvalidation, IotlbInvalidation, InterruptInvalidation, InvalidationWait>;
Descriptor decode_descriptor(const Config& config, std::uint64_t low, std::uint64_t high);

}  // namespace iovirt::iommu
