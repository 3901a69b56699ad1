// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What mapping and unmapping a page for DMA costs a core, by the mode of the host's driver.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "models/platform/config.h"

namespace iovirt::platform {

/// Means over the pages measured, in cycles of the core.
struct CallCost {
  double addresses = 0, tables = 0, submitting = 0, waiting = 0;
  double total = 0;        ///< all of the call
  double entries = 0;      ///< paging entries written
  double descriptors = 0;  ///< queued, waits apart
};

struct MapCost {
  std::string name;         ///< of the mode, and what else is different
  Config config;            ///< effective
  CallCost map, unmap;
  std::uint64_t pages = 0;  ///< mapped and unmapped
};

/// One variant of the machine: a driver that keeps a ring of `kRing` pages mapped and, `kBatch` at a time, unmaps the
/// oldest and maps others, `kPages` in all. Nothing else runs. REQUIRES: a checked configuration.
MapCost measure_map_cost(const std::string& name, const Config& config);

inline constexpr unsigned kMapCostRing = 256, kMapCostBatch = 64, kMapCostPages = 16'384;

/// The variants `iovirt validate protection` compares, from `base`.
std::vector<std::pair<std::string, Config>> map_cost_variants(const Config& base);

/// What others measured, to print beside; (memory): not re-read, so nothing is judged by it.
struct PublishedMapCost {
  double map = 4618, unmap = 2999, invalidation = 2100;  ///< cycles
  static constexpr const char* kSource = "rIOMMU (ASPLOS 2015), strict mode of Linux before 4.7; quoted from memory, nothing is judged by it";
};

std::string map_cost_report(const std::vector<MapCost>& costs);
nlohmann::ordered_json map_cost_json(const std::vector<MapCost>& costs);

}  // namespace iovirt::platform
