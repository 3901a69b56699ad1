// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/protection/map_cost.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_reader.h"

namespace iovirt::platform {

using Json = nlohmann::ordered_json;
using software::IommuMode;

std::vector<std::pair<std::string, Config>> map_cost_variants(const Config& base) {
  std::vector<std::pair<std::string, Config>> variants;
  const auto add = [&](std::string name, IommuMode mode, bool iova_cache = true) {
    Config config = base;
    config.software.iommu_mode = mode;
    config.software.iova_cache = iova_cache && base.software.iova_cache;
    variants.emplace_back(std::move(name), config);
  };
  add("off", IommuMode::off);
  add("passthrough", IommuMode::passthrough);
  add("strict", IommuMode::strict);
  add("strict, no address cache", IommuMode::strict, false);
  add("deferred", IommuMode::deferred);
  add("contiguous", IommuMode::contiguous);
  add("huge_pages", IommuMode::huge_pages);
  return variants;
}

std::string map_cost_report(const std::vector<MapCost>& costs) {
  const PublishedMapCost published;
  std::string text = fmt::format(
      "Cycles of the core for a page of 4 KB ({} MHz), ring of {}, {} at a time\n{:<26}{:>8}  {:>9}{:>8}{:>8}  |{:>8}  {:>9}{:>8}{:>8}{:>8}{:>12}\n",
      costs.empty() ? 0 : costs.front().config.cpu.frequency_mhz, kMapCostRing, kMapCostBatch, "", "map", "addresses", "tables",
      "queue", "unmap", "addresses", "tables", "queue", "wait", "descriptors");
  text += std::string(120, '-') + "\n";
  for (const MapCost& cost : costs)
    text += fmt::format("{:<26}{:>8.0f}  {:>9.0f}{:>8.0f}{:>8.0f}  |{:>8.0f}  {:>9.0f}{:>8.0f}{:>8.0f}{:>8.0f}{:>12.3f}\n", cost.name,
                        cost.map.total, cost.map.addresses, cost.map.tables, cost.map.submitting + cost.map.waiting, cost.unmap.total,
                        cost.unmap.addresses, cost.unmap.tables, cost.unmap.submitting, cost.unmap.waiting, cost.unmap.descriptors);
  text += fmt::format("{:<26}{:>8.0f}{:>27}  |{:>8.0f}{:>27}{:>8.0f}\n", "published", published.map, "", published.unmap, "queue and wait",
                      published.invalidation);
  return text + fmt::format("published: {}\n", PublishedMapCost::kSource);
}

namespace {

Json to_json(const CallCost& cost) {
  return {{"total", cost.total},           {"addresses", cost.addresses}, {"tables", cost.tables},     {"submitting", cost.submitting},
          {"waiting", cost.waiting},       {"entries", cost.entries},     {"descriptors", cost.descriptors}};
}

}  // namespace

Json map_cost_json(const std::vector<MapCost>& costs) {
  const PublishedMapCost published;
  Json modes = Json::array();
  for (const MapCost& cost : costs)
    modes.push_back({{"name", cost.name}, {"pages", cost.pages}, {"map_cycles", to_json(cost.map)}, {"unmap_cycles", to_json(cost.unmap)}});
  Json config = costs.empty() ? Json() : dump_config(config_target(costs.front().config));
  return {{"schema", "iovirt-validate-protection/1"},
          {"config", std::move(config)},
          {"modes", std::move(modes)},
          {"published", {{"map_cycles", published.map}, {"unmap_cycles", published.unmap}, {"invalidation_cycles", published.invalidation},
                         {"source", PublishedMapCost::kSource}}}};
}

}  // namespace iovirt::platform
