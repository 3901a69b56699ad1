// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/statistics_list.h"

#include <string>

namespace iovirt::iommu {

void describe(const Statistics& s, iovirt::Statistics& list) {
  list.add("requests", "upstream requests, interrupts included", "requests", s.requests);
  list.add("untranslated", "of them not translated", "requests", s.untranslated);
  list.add("context_hits", "context entries found cached", "lookups", s.context_hits);
  list.add("context_misses", "context entries read from memory", "lookups", s.context_misses);
  list.add("pasid_hits", "PASID-table entries found cached", "lookups", s.pasid_hits);
  list.add("pasid_misses", "PASID-table entries read from memory", "lookups", s.pasid_misses);
  list.add("iotlb_hits", "translations found cached", "lookups", s.iotlb_hits);
  list.add("iotlb_misses", "translations walked for", "lookups", s.iotlb_misses);
  list.add("merged_misses", "misses that another request's walk answered", "lookups", s.merged_misses);
  list.add("stalled_lookups", "requests that waited to be looked up", "requests", s.stalled_lookups);
  list.add("prefetches", "walks that no request had asked for", "walks", s.prefetches);
  list.add("paging_cache_hits", "walks that began below the top table", "walks", s.paging_cache_hits);
  for (unsigned level = 2; level <= 5; ++level) {
    const std::string name = "paging_cache_l" + std::to_string(level);
    const std::string what = "level " + std::to_string(level) + " paging entries ";
    list.add(name + "_hits", what + "found cached", "lookups", s.paging_hits[level - 2]);
    list.add(name + "_misses", what + "looked for and not found", "lookups", s.paging_misses[level - 2]);
  }
  list.add("walks", "page walks", "walks", s.walks);
  list.add("memory_reads", "table entries read", "reads", s.memory_reads);
  list.add("table_updates", "accessed and dirty bits set in memory", "updates", s.table_updates);
  list.add("queue_reads", "invalidation descriptors read", "reads", s.queue_reads);
  list.add("queue_occupancy", "descriptors that were in the queue, summed over those reads", "descriptors", s.queue_occupancy);
  list.add("queue_occupancy_peak", "most descriptors in the queue", "descriptors", s.queue_occupancy_peak);
  list.add("invalidations", "context, PASID, IOTLB and interrupt-entry invalidations", "commands", s.invalidations);
  list.add("waits", "invalidation wait descriptors", "descriptors", s.waits);
  list.add("interrupts", "interrupt requests", "requests", s.interrupts);
  list.add("remapped", "of them through a remapped-format entry", "requests", s.remapped);
  list.add("posted", "of them into a posted-interrupt descriptor", "requests", s.posted);
  list.add("notifications", "notification interrupts of those", "interrupts", s.notifications);
  list.add("compatibility", "of them passed unremapped", "requests", s.compatibility);
  list.add("interrupt_entry_hits", "interrupt-remapping entries found cached", "lookups", s.interrupt_entry_hits);
  list.add("interrupt_entry_misses", "interrupt-remapping entries read from memory", "lookups", s.interrupt_entry_misses);
  list.add("events", "fault, invalidation and page-request events sent", "interrupts", s.events);
  list.add("translation_requests", "of devices with a translation cache", "requests", s.translation_requests);
  list.add("translated_requests", "that came with a host address", "requests", s.translated_requests);
  list.add("device_invalidations", "invalidate requests sent to devices", "messages", s.device_invalidations);
  list.add("device_timeouts", "of them not completed in time", "messages", s.device_timeouts);
  list.add("page_requests", "of devices for pages", "messages", s.page_requests);
  list.add("page_requests_dropped", "of them not put into the queue", "messages", s.page_requests_dropped);
  list.add("page_queue_occupancy_peak", "most requests in the page-request queue", "requests", s.page_queue_occupancy_peak);
  list.add("page_responses", "page-group responses sent to devices", "messages", s.page_responses);
}

}  // namespace iovirt::iommu
