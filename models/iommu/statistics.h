// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What an IOMMU counted.
#pragma once

#include <array>
#include <cstdint>

#include "models/iommu/fault_reasons_spec.h"

namespace iovirt::iommu {

struct Statistics {
  std::uint64_t requests = 0;         ///< upstream requests, interrupts included
  std::uint64_t untranslated = 0;     ///< of them: while translation was off, or passed through by their context entry
  std::uint64_t context_hits = 0;
  std::uint64_t context_misses = 0;
  std::uint64_t pasid_hits = 0;       ///< PASID cache, scalable mode
  std::uint64_t pasid_misses = 0;
  std::uint64_t iotlb_hits = 0;
  std::uint64_t iotlb_misses = 0;
  std::uint64_t merged_misses = 0;    ///< misses that another request's walk answered
  std::uint64_t paging_cache_hits = 0;  ///< walks that did not have to begin at the top table
  std::array<std::uint64_t, 4> paging_hits{};    ///< by level, 2 to 5; lookups begin at level 2 and end with a hit
  std::array<std::uint64_t, 4> paging_misses{};
  std::uint64_t stalled_lookups = 0;  ///< requests that had to wait before they could be looked up
  std::uint64_t prefetches = 0;       ///< walks that no request had asked for
  std::uint64_t walks = 0;
  std::uint64_t memory_reads = 0;     ///< of root, context, PASID, paging and interrupt-remapping entries
  std::uint64_t table_updates = 0;    ///< atomic updates of accessed and dirty bits; those that must be repeated count too
  std::uint64_t queue_reads = 0;      ///< of invalidation descriptors
  std::uint64_t queue_occupancy = 0;  ///< descriptors in the queue, summed over these reads: the mean is the quotient
  std::uint64_t queue_occupancy_peak = 0;
  std::uint64_t invalidations = 0;    ///< context, IOTLB and interrupt-entry; queued or through registers
  std::uint64_t waits = 0;            ///< invalidation wait descriptors
  std::uint64_t interrupts = 0;       ///< interrupt requests
  std::uint64_t remapped = 0;         ///< of them: through a remapped-format IRTE
  std::uint64_t posted = 0;           ///< of them: into a posted-interrupt descriptor
  std::uint64_t notifications = 0;    ///< sent because of a posted one
  std::uint64_t compatibility = 0;    ///< of them: passed unremapped
  std::uint64_t interrupt_entry_hits = 0;
  std::uint64_t interrupt_entry_misses = 0;
  std::uint64_t events = 0;           ///< the IOMMU's own messages: fault and invalidation completion
  std::uint64_t translation_requests = 0;  ///< of devices with a translation cache (ATS)
  std::uint64_t translated_requests = 0;   ///< that came with a host address
  std::uint64_t device_invalidations = 0;  ///< invalidate requests sent to devices
  std::uint64_t device_timeouts = 0;       ///< of them: not completed in time
  std::uint64_t page_requests = 0;         ///< that came
  std::uint64_t page_requests_dropped = 0; ///< of them: not put into the queue
  std::uint64_t page_queue_occupancy_peak = 0;
  std::uint64_t page_responses = 0;        ///< sent, automatic ones included
  std::array<std::uint64_t, kFaultReasons> faults{};  ///< by reason; suppressed and unrecorded ones included

  std::uint64_t& fault(FaultReason reason) { return faults[static_cast<unsigned>(reason)]; }
  std::uint64_t fault(FaultReason reason) const { return faults[static_cast<unsigned>(reason)]; }
};

}  // namespace iovirt::iommu
