// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The time of a look into each cache: swept for each, it moves a request by exactly that, as often as the request, or the
// walk made for it, looks there. Memory takes 100 ns to read.

#include <map>
#include <string>

#include "lib/sim/simulation.h"
#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint64_t kData = 0x2000'0000;
constexpr std::uint64_t kFar = 2 << 20;     // under another level 2 entry
constexpr std::uint64_t kFarther = 1 << 30;  // under another level 3 entry

using Cache = CacheConfig Config::*;
constexpr std::pair<const char*, Cache> kCaches[] = {
    {"context_cache", &Config::context_cache},     {"pasid_cache", &Config::pasid_cache},
    {"iotlb", &Config::iotlb},                     {"paging_cache_l2", &Config::paging_cache_l2},
    {"paging_cache_l3", &Config::paging_cache_l3}, {"paging_cache_l4", &Config::paging_cache_l4},
    {"paging_cache_l5", &Config::paging_cache_l5}, {"interrupt_entry_cache", &Config::interrupt_entry_cache}};

/// How often each step looks into each cache.
using Looks = std::map<std::string, unsigned>;
struct Step {
  std::string name;
  Looks looks;
};

Config timed() {
  Config config;
  config.lookup_ns = 5;
  config.walk_step_ns = 2;
  config.remap_ns = 7;
  config.invalidation_ns = 20;
  return config;
}

using Script = std::function<std::vector<double>(IommuBench&)>;

std::vector<double> took(const Config& config, const Script& script) {
  sim::Simulation simulation;
  std::vector<double> result;
  IommuBench bench("bench", config, [&](IommuBench& b) { result = script(b); });
  bench.run();
  return result;
}

/// For every cache, some times: each of the steps takes what it takes with none, and the cache's time for each look.
void sweep(const Config& base, const Script& script, const std::vector<Step>& steps) {
  const std::vector<double> without = took(base, script);
  REQUIRE(without.size() == steps.size());
  for (const auto& [name, cache] : kCaches) {
    if ((base.*cache).entries == 0) continue;
    for (const double ns : {1.0, 3.25, 40.0}) {
      Config config = base;
      (config.*cache).lookup_ns = ns;
      const std::vector<double> with = took(config, script);
      for (std::size_t i = 0; i < steps.size(); ++i) {
        CAPTURE(name, ns, steps[i].name);
        const auto looks = steps[i].looks.find(name);
        REQUIRE(with[i] == without[i] + ns * (looks == steps[i].looks.end() ? 0 : looks->second));
      }
    }
  }
}

double one(IommuBench& bench, std::uint64_t address, bool write = false) {
  const auto request = bench.send(kDevice, write, address);
  bench.settle();
  REQUIRE(bench.requests[request].status == tlm::TLM_OK_RESPONSE);
  return bench.took_ns(request);
}

Looks plus(Looks looks, const Looks& more) {
  for (const auto& [name, count] : more) looks[name] += count;
  return looks;
}

}  // namespace

TEST_CASE("in legacy mode a request looks into the context cache and the IOTLB, and a walk into the levels until one hits") {
  const Looks hit{{"context_cache", 1}, {"iotlb", 1}};
  sweep(timed(),
        [](IommuBench& bench) {
          const auto top = bench.add_device(kDevice);
          for (const std::uint64_t page : {std::uint64_t{0}, std::uint64_t{0x1000}, kFar, kFarther, kFarther << 9}) bench.tables.map(top, 4, page, kData + 0x1000);
          bench.enable();
          std::vector<double> result{one(bench, 0), one(bench, 0), one(bench, 0x1000), one(bench, kFar), one(bench, kFarther), one(bench, kFarther << 9)};
          bench.submit(invalidate_contexts());
          bench.settle();
          result.push_back(one(bench, 0));
          return result;
        },
        {{"cold", plus(hit, {{"paging_cache_l2", 1}, {"paging_cache_l3", 1}, {"paging_cache_l4", 1}})},
         {"hit", hit},
         {"neighbour", plus(hit, {{"paging_cache_l2", 1}})},
         {"far", plus(hit, {{"paging_cache_l2", 1}, {"paging_cache_l3", 1}})},
         {"farther", plus(hit, {{"paging_cache_l2", 1}, {"paging_cache_l3", 1}, {"paging_cache_l4", 1}})},
         {"farthest", plus(hit, {{"paging_cache_l2", 1}, {"paging_cache_l3", 1}, {"paging_cache_l4", 1}})},
         {"a walk that reads the context entry and finds the page in the IOTLB", hit}});
}

TEST_CASE("five levels have one more to look into") {
  Config config = timed();
  config.five_level = true;
  config.guest_address_bits = 57;
  const Looks all{{"context_cache", 1}, {"iotlb", 1}, {"paging_cache_l2", 1}, {"paging_cache_l3", 1}, {"paging_cache_l4", 1}, {"paging_cache_l5", 1}};
  sweep(config,
        [](IommuBench& bench) {
          const std::uint64_t top = bench.tables.new_page();
          bench.tables.set_context(kDevice, {.domain = 1, .levels = 5, .table = top});
          bench.tables.map(top, 5, 0, kData);
          bench.tables.map(top, 5, kFarther << 9, kData);
          bench.enable();
          return std::vector<double>{one(bench, 0), one(bench, kFarther << 9)};
        },
        {{"cold", all}, {"another 512 GB", all}});
}

TEST_CASE("in scalable mode a request looks into the PASID cache as well") {
  Config config = timed();
  config.scalable_mode = true;
  const Looks hit{{"context_cache", 1}, {"pasid_cache", 1}, {"iotlb", 1}};
  sweep(config,
        [](IommuBench& bench) {
          ScalableTables scalable(bench.tables);
          FirstStage pages(bench.tables);
          pages.map(0, kData);
          pages.map(0x1000, kData);
          scalable.set_context(kDevice);
          scalable.set_pasid(kDevice, 0, {.type = 1, .domain = 1, .first_table = pages.top()});
          bench.write(reg::kRTADDR, scalable.root() | 0x400, 8);
          bench.write(reg::kGCMD, reg::gcmd::kSRTP);
          bench.write(reg::kGCMD, reg::gcmd::kTE);
          return std::vector<double>{one(bench, 0), one(bench, 0), one(bench, 0x1000)};
        },
        {{"cold", plus(hit, {{"paging_cache_l2", 1}, {"paging_cache_l3", 1}, {"paging_cache_l4", 1}})},
         {"hit", hit},
         {"neighbour", plus(hit, {{"paging_cache_l2", 1}})}});
}

TEST_CASE("a nested walk pays for every look it counts") {
  for (const auto& [name, cache] : kCaches) {
    if (cache == &Config::interrupt_entry_cache) continue;
    double without = 0;
    std::uint64_t looks = 0;
    for (const double ns : {0.0, 2.5}) {
      Config config = timed();
      config.scalable_mode = true;
      (config.*cache).lookup_ns = ns;
      const auto result = took(config, [&](IommuBench& bench) {
        ScalableTables scalable(bench.tables);
        const std::uint64_t second = bench.tables.new_page();
        FirstStage pages(bench.tables, 4, second, 4);
        pages.map(0x5000, 0x7'0000'0000);
        bench.tables.map(second, 4, 0x7'0000'0000, kData);
        scalable.set_context(kDevice);
        scalable.set_pasid(kDevice, 0, {.type = 3, .domain = 1, .second_table = second, .first_table = pages.top()});
        bench.write(reg::kRTADDR, scalable.root() | 0x400, 8);
        bench.write(reg::kGCMD, reg::gcmd::kSRTP);
        bench.write(reg::kGCMD, reg::gcmd::kTE);
        const double time = one(bench, 0x5000);
        const Statistics& s = bench.statistics();
        const std::uint64_t counted[] = {s.context_hits + s.context_misses, s.pasid_hits + s.pasid_misses, s.iotlb_hits + s.iotlb_misses};
        const std::string key = name;
        looks = key == "context_cache" ? counted[0] : key == "pasid_cache" ? counted[1] : key == "iotlb" ? counted[2]
                : s.paging_hits[key.back() - '2'] + s.paging_misses[key.back() - '2'];
        return std::vector<double>{time};
      });
      if (ns == 0) without = result[0];
      CAPTURE(name, looks);
      if (ns != 0) REQUIRE(result[0] == without + ns * static_cast<double>(looks));
    }
    if (std::string(name) == "paging_cache_l2") REQUIRE(looks > 4);  // each first-stage table's address, and the page's
  }
}

TEST_CASE("an interrupt looks into the interrupt-entry cache") {
  sweep(timed(),
        [](IommuBench& bench) {
          bench.add_device(kDevice);
          bench.tables.set_remapped(3, 0x41, 0x100);
          bench.enable();
          std::vector<double> result;
          for (int i = 0; i < 2; ++i) {
            const auto request = bench.msi(kDevice, 3);
            bench.settle();
            result.push_back(bench.took_ns(request));
          }
          return result;
        },
        {{"miss", {{"interrupt_entry_cache", 1}}}, {"hit", {{"interrupt_entry_cache", 1}}}});
}

TEST_CASE("an invalidation waits for requests whose lookups take their time, and for walks that end with one") {
  Config config = timed();
  config.iotlb.lookup_ns = 3000;
  took(config, [](IommuBench& bench) {
    const auto top = bench.add_device(kDevice);
    bench.tables.map(top, 4, 0, kData);
    bench.enable();
    bench.settle();
    for (int round = 0; round < 2; ++round) {
      const auto request = bench.send(kDevice, true, 0);
      bench.submit(invalidate_pages(1, 0));
      bench.submit(wait_with_status(kData + 0x8000, 1 + static_cast<unsigned>(round)));
      while ((bench.data.word(kData + 0x8000) & 0xff) != 1u + static_cast<unsigned>(round)) bench.settle(1);
      REQUIRE(bench.requests[request].answered != 0);
      bench.settle();
    }
    return std::vector<double>{};
  });
}

TEST_CASE("a cache's time is refused when negative, and where there is no cache") {
  Config config;
  config.paging_cache_l2.lookup_ns = -1;
  REQUIRE_THROWS_AS(config.validate(), std::invalid_argument);
  config.paging_cache_l2.lookup_ns = 5;
  config.validate();
  config.paging_cache_l2.entries = 0;
  REQUIRE_THROWS_AS(config.validate(), std::invalid_argument);
}
