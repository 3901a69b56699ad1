// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU alone between a trace and a memory: what `iovirt translate` runs, and what comes out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/latency_histogram.h"
#include "lib/time.h"
#include "models/iommu/statistics.h"
#include "models/platform/translate/access_trace.h"
#include "models/platform/translate/config.h"
#include "models/platform/translate/tenant_tables.h"

namespace iovirt::platform {

/// Maps every page that the trace touches. Throws ConfigError for an access that no table can map. False, with the tables
/// half built, at the first PASID when they are not scalable-mode ones.
[[nodiscard]] bool map_trace(AccessTrace& trace, const TranslateConfig& config, TenantTables& tables);
TenantLayout layout_of(const TranslateConfig& config, bool scalable);

struct TranslateResult {
  struct Requester {
    std::uint16_t id = 0;
    std::uint64_t pages = 0;  ///< mapped for it
    std::uint64_t reads = 0, writes = 0, blocked = 0;
    std::uint64_t hits = 0, misses = 0, memory_reads = 0;
    LatencyHistogram latency;
  };
  std::vector<Requester> requesters;  ///< in the order of their first record
  LatencyHistogram latency;           ///< of all; ps
  iommu::Statistics iommu;
  std::uint64_t records = 0, requests = 0, answered = 0, blocked = 0, delayed = 0;
  std::uint64_t pages = 0, page_bytes = 0, table_pages = 0;
  bool scalable = false;  ///< the trace has PASIDs: scalable mode, whatever the configuration said
  Ps simulated = 0;  ///< from the first record's time to the last answer
  struct {
    double wall_s = 0;  ///< reading, mapping and playing
    double map_s = 0;   ///< of it: reading the trace the first time, and mapping
    std::uint64_t events = 0;
    std::uint64_t memory_bytes = 0;  ///< of the simulated memory
    std::uint64_t resident_bytes = 0;  ///< by how much the process grew
  } host;
};

/// Throws ConfigError for a mistake in the trace, std::runtime_error when requests were left without an answer.
TranslateResult translate(const TranslateConfig& config, AccessTrace& trace);

/// A run as results.json has it, and as text for a terminal. The array `requesters` is left empty: there may be 65535,
/// each as requester_json makes it.
nlohmann::ordered_json translate_json(const TranslateConfig& config, const std::string& trace, const TranslateResult& result);
nlohmann::ordered_json requester_json(const TranslateResult::Requester& requester);
std::string translate_report(const std::string& trace, const TranslateResult& result);

}  // namespace iovirt::platform
