// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Invalidation requests, whether they came through a descriptor or a register (6.5).
#pragma once

#include <cstdint>
#include <variant>

#include "models/iommu/config.h"
#include "models/iommu/fault_reasons_spec.h"
#include "models/iommu/invalidation_spec.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// Requests in flight that have to land before an invalidation is complete (6.5.4, 6.5.5).
struct Drain {
  bool reads = false;
  bool writes = false;
  bool interrupts = false;
  std::uint64_t first = 0;  ///< of reads and writes: those that touch first to last
  std::uint64_t last = ~0ull;

  bool touches(std::uint64_t address, std::uint64_t bytes) const { return address <= last && address + (bytes - 1) >= first; }
};
constexpr Drain kDrainAll{true, true, true};
constexpr Drain kDrainInterrupts{false, false, true};

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
  /// `nested`: behind a first stage, requests cannot be told by their addresses.
  Drain drain(bool nested) const {
    if (granularity != Granularity::selective || nested) return {drain_reads, drain_writes};
    return {drain_reads, drain_writes, false, first(), first() + (bytes() - 1)};
  }
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
  bool drain_page_requests = false;
  std::uint32_t status_data = 0;
  std::uint64_t status_address = 0;
};

/// G of a PASID-cache invalidation (6.5.2.2).
enum class PasidCacheGranularity : std::uint8_t { domain = 0, pasid = 1, global = 3 };

struct PasidCacheInvalidation {
  PasidCacheGranularity granularity = PasidCacheGranularity::global;
  std::uint16_t domain = 0;
  std::uint32_t pasid = 0;  ///< granularity pasid: of that domain
};

/// G of a PASID-based IOTLB invalidation (6.5.2.4): everything of a PASID in a domain, or some pages of it.
enum class PasidIotlbGranularity : std::uint8_t { pasid = 2, page = 3 };

struct PasidIotlbInvalidation {
  PasidIotlbGranularity granularity = PasidIotlbGranularity::pasid;
  std::uint16_t domain = 0;
  std::uint32_t pasid = 0;
  std::uint64_t address = 0;  ///< page: 2^address_mask pages, aligned
  std::uint8_t address_mask = 0;  ///< any: CAP.MAMV is about the second stage
  bool leaf_only = false;  ///< IH: paging-structure caches may stay

  std::uint64_t first() const { return address & ~(bytes() - 1); }
  std::uint64_t bytes() const { return 4096ull << address_mask; }  ///< 0: all there are
  /// Always (6.5.2.4).
  Drain drain() const {
    if (granularity == PasidIotlbGranularity::pasid) return {true, true};
    return {true, true, false, first(), first() + (bytes() - 1)};
  }
};

/// To be sent to a device, and answered by it.
struct DeviceTlbInvalidation {
  std::uint16_t source = 0;
  std::uint16_t physical_function = 0;  ///< the one whose limit counts: `source` itself unless ECAP.DIT
  std::uint8_t at_once = 32;            ///< invalidations the device takes before it has completed some
  bool has_pasid = false;
  std::uint32_t pasid = 0;
  bool global = false;        ///< of every PASID
  std::uint64_t address = 0;  ///< with `size`, the lowest 0 bit from 12 upwards gives the range (ATS 10.2.3.2)
  bool size = false;
};

/// To be sent to a device that asked for pages.
struct PageGroupResponse {
  std::uint16_t destination = 0;
  bool has_pasid = false;
  std::uint32_t pasid = 0;
  std::uint16_t group = 0;
  std::uint8_t code = 0;  ///< PageResponseCode (page_requests.h)
};

/// A descriptor, or what is wrong with it.
using Descriptor = std::variant<QueueError, ContextInvalidation, IotlbInvalidation, InterruptInvalidation, InvalidationWait,
                                PasidCacheInvalidation, PasidIotlbInvalidation, DeviceTlbInvalidation, PageGroupResponse>;

/// What the registers say about the queue.
struct QueueFormat {
  bool wide = false;                   ///< IQA.DW: descriptors of 32 bytes
  TableMode mode = TableMode::legacy;  ///< in force since the latest SRTP
};
Descriptor decode_descriptor(const Config& config, QueueFormat format, const descriptor::Words& words);

}  // namespace iovirt::iommu
