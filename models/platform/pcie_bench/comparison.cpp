// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

namespace iovirt::platform::pcie_bench {

using Json = nlohmann::ordered_json;

double Compared::bound() const {
  if (point.test == Test::latency_read) return kReadLatencyBound;
  return point.test == Test::latency_write_read ? kWriteReadLatencyBound : kBandwidthBound;
}

bool Compared::within() const { return std::abs(error()) <= bound(); }

std::vector<Degradation> Comparison::superpages() const {
  std::map<Point, double> off;
  for (const Compared& c : points)
    if (c.point.translation == Translation::off) off[c.point] = c.simulated.value;
  std::vector<Degradation> result;
  for (const Compared& c : points) {
    if (c.point.translation != Translation::superpages) continue;
    Point without = c.point;
    without.translation = Translation::off;
    const auto found = off.find(without);
    if (found == off.end()) continue;
    const double ratio = is_latency(c.point.test) ? c.simulated.value / found->second : found->second / c.simulated.value;
    result.push_back({c.point, ratio - 1});
  }
  return result;
}

bool Comparison::within() const {
  const auto slower = superpages();
  return std::all_of(points.begin(), points.end(), [](const Compared& c) { return c.within(); }) &&
         std::all_of(slower.begin(), slower.end(), [](const Degradation& d) { return d.within(); });
}

Json comparison_json(const Comparison& comparison, const Json& config, const std::string& data) {
  Json points = Json::array();
  for (const Compared& c : comparison.points) {
    Json point = {{"iommu", std::string(name_of(c.point.translation))},
                  {"test", std::string(name_of(c.point.test))},
                  {"pattern", "Rand"},
                  {"cache", std::string(name_of(c.point.cache))},
                  {"window_bytes", c.point.window},
                  {"size_bytes", c.point.bytes},
                  {"unit", is_latency(c.point.test) ? "ns" : "Gb/s"},
                  {"measured", c.measured},
                  {"simulated", c.simulated.value},
                  {"error", c.error()},
                  {"bound", c.bound()},
                  {"within", c.within()}};
    if (is_latency(c.point.test)) {
      point["simulated_median"] = c.simulated.median;
      point["simulated_p95"] = c.simulated.p95;
      point["simulated_min"] = c.simulated.least;
    }
    if (c.point.translation != Translation::off) {
      point["iotlb_misses_per_transfer"] = c.simulated.misses_per_transfer;
      point["walks_per_s"] = c.simulated.walks_per_s;
    }
    points.push_back(std::move(point));
  }
  Json slower = Json::array();
  for (const Degradation& d : comparison.superpages())
    slower.push_back({{"test", std::string(name_of(d.point.test))},
                      {"cache", std::string(name_of(d.point.cache))},
                      {"window_bytes", d.point.window},
                      {"size_bytes", d.point.bytes},
                      {"slower_than_off", d.slower},
                      {"within", d.within()}});
  return {{"schema", "iovirt-validation/1"},
          {"benchmark", "pcie-bench"},
          {"data", data},
          {"config", config},
          {"bounds",
           {{"LAT_DMA_RD", kReadLatencyBound},
            {"LAT_DMA_WRRD", kWriteReadLatencyBound},
            {"BW_DMA_RD", kBandwidthBound},
            {"BW_DMA_WR", kBandwidthBound},
            {"superpages_slower_than_off", kSuperpageBound}}},
          {"within", comparison.within()},
          {"points", std::move(points)},
          {"superpages", std::move(slower)}};
}

}  // namespace iovirt::platform::pcie_bench
