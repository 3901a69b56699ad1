// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Cycles of map and unmap: from what they are made, and in which order the modes come.

#include "models/platform/protection/map_cost.h"

#include <map>

#include <nlohmann/json.hpp>

#include "models/platform/config_loader.h"
#include "test/support/catch.h"

using namespace iovirt;
using platform::MapCost;
using software::IommuMode;

namespace {

platform::Config machine(const std::vector<std::string>& settings = {}) {
  platform::ConfigRequest request;
  for (const std::string& setting : settings) request.assignments.emplace_back(setting, "the test");
  return platform::LoadedConfig(request).config();
}

MapCost strict(const std::vector<std::string>& settings) {
  platform::Config config = machine(settings);
  config.software.iommu_mode = IommuMode::strict;
  return platform::measure_map_cost("strict", config);
}

double cycles(double ns, const MapCost& cost) { return ns * static_cast<double>(cost.config.cpu.frequency_mhz) / 1000; }

}  // namespace

TEST_CASE("the modes of the host's driver cost in the order of what they do") {
  std::map<std::string, MapCost> of;
  for (const auto& [name, config] : platform::map_cost_variants(machine())) of[name] = platform::measure_map_cost(name, config);
  REQUIRE(of.size() == 7);
  for (const char* name : {"off", "passthrough"}) {
    CHECK(of[name].map.total == 0);
    CHECK(of[name].unmap.total == 0);
  }
  const auto both = [&](const char* name) { return of[name].map.total + of[name].unmap.total; };
  CHECK(both("contiguous") > 0);
  CHECK(both("contiguous") < both("deferred"));
  CHECK(both("huge_pages") < both("deferred"));
  CHECK(both("deferred") < both("strict"));
  CHECK(both("strict") < both("strict, no address cache"));
  CHECK(of["strict"].unmap.waiting > of["strict"].unmap.total / 2);
  CHECK(of["strict"].unmap.descriptors == Approx(1));
  CHECK(of["deferred"].unmap.descriptors == Approx(1 / 250.0).epsilon(0.05));
  CHECK(of["contiguous"].unmap.descriptors == Approx(1 / 64.0).epsilon(0.05));
  CHECK(of["huge_pages"].unmap.descriptors == 0);
  CHECK(of["contiguous"].map.entries == Approx(1));
  CHECK(of["huge_pages"].map.entries < 0.01);
}

TEST_CASE("a call's cycles are the sum of its parts, timers apart") {
  for (const auto& [name, config] : platform::map_cost_variants(machine())) {
    INFO(name);
    const MapCost cost = platform::measure_map_cost(name, config);
    for (const auto& call : {cost.map, cost.unmap})
      CHECK(call.total == Approx(call.addresses + call.tables + call.submitting + call.waiting).epsilon(1e-3));
  }
}

TEST_CASE("a strict unmapping waits as long as the IOMMU takes to invalidate") {
  const MapCost cost = strict({"iommu.invalidation_ns=250"}), slower = strict({"iommu.invalidation_ns=750"});
  CHECK(slower.unmap.waiting - cost.unmap.waiting == Approx(cycles(500, cost)).epsilon(0.03));
  CHECK(slower.unmap.submitting == Approx(cost.unmap.submitting));
  CHECK(slower.map.total == Approx(cost.map.total));

  // The tail register's write, two descriptors read, the invalidation, the status written; the core looks every so often.
  const auto& config = cost.config;
  const double memory = config.memory.device_latency_ns + config.memory.llc_latency_ns;
  const double latency = config.pcie.mmio_accept_ns + config.iommu.invalidation_ns + 3 * memory;
  CHECK(cost.unmap.waiting > cycles(latency, cost) * 0.95);
  CHECK(cost.unmap.waiting < cycles(latency + config.iommu.register_ns + 100, cost));
}

TEST_CASE("paging entries cost what the cache they are in costs") {
  const MapCost fast = strict({"memory.llc_latency_ns=10"}), slow = strict({"memory.llc_latency_ns=40"});
  CHECK(slow.map.tables > fast.map.tables * 2);
  CHECK(slow.map.addresses == Approx(fast.map.addresses));
}

TEST_CASE("an IOMMU that does not look into processors' caches has what is written flushed (ECAP.C)") {
  const MapCost coherent = strict({}), flushed = strict({"iommu.coherent_walks=false"});
  const auto flush = static_cast<double>(coherent.config.software.costs.cache_flush_cycles);
  REQUIRE(flush > 0);
  CHECK(flushed.map.tables - coherent.map.tables == Approx(flush).epsilon(0.01));
  CHECK(flushed.unmap.tables - coherent.unmap.tables == Approx(flush).epsilon(0.01));
  CHECK(flushed.unmap.waiting == Approx(coherent.unmap.waiting).epsilon(0.01));
}

TEST_CASE("an IOMMU that caches what is absent is told of mappings too (CAP.CM)") {
  const MapCost cost = strict({"iommu.caching_mode=true"});
  CHECK(cost.map.descriptors == Approx(1));
  CHECK(cost.unmap.descriptors == Approx(1));
  CHECK(cost.map.waiting == Approx(cost.unmap.waiting).epsilon(0.01));
  CHECK(strict({}).map.descriptors == 0);
}

TEST_CASE("the report of map costs names every mode and the published figures") {
  std::vector<MapCost> costs;
  for (const auto& [name, config] : platform::map_cost_variants(machine())) costs.push_back(MapCost{name, config, {}, {}, 1});
  const std::string report = platform::map_cost_report(costs);
  const auto json = platform::map_cost_json(costs);
  CHECK(json["schema"] == "iovirt-validate-protection/1");
  REQUIRE(json["modes"].size() == costs.size());
  for (const MapCost& cost : costs) CHECK(report.find("\n" + cost.name + " ") != std::string::npos);
  CHECK(report.find("4618") != std::string::npos);
  CHECK(json["published"]["unmap_cycles"] == 2999);
}
