// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The benchmark's machine at a few points; `iovirt validate pcie-bench --iommu` does them all.

#include "models/platform/pcie_bench/rig_module.h"

#include "models/platform/pcie_bench/comparison.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform::pcie_bench;

namespace {

constexpr std::uint64_t kKB = 1 << 10, kMB = 1 << 20;

Config short_runs() {
  Config config = LoadedConfig({}).config();
  config.latency_transfers = config.bandwidth_transfers = 2000;
  return config;
}

std::vector<double> values(const Config& config, const std::vector<Point>& points) {
  std::vector<double> result;
  for (const Outcome& outcome : simulate(config, points)) result.push_back(outcome.value);
  return result;
}

}  // namespace

TEST_CASE("a handful of measured points are met") {
  const Measured measured = read_measured(IOVIRT_SOURCE_DIR "/examples/pcie-bench/ivybridge.csv");
  using enum Test;
  for (const Translation t : {Translation::off, Translation::pages_4k, Translation::superpages}) {
    const std::vector<Point> points = {{t, latency_read, Cache::host_warm, 64, 8 * kKB},     {t, latency_read, Cache::host_warm, 64, kMB},
                                       {t, latency_read, Cache::cold, 64, 4 * kMB},          {t, latency_read, Cache::host_warm, 64, 64 * kMB},
                                       {t, latency_write_read, Cache::device_warm, 64, kMB}, {t, bandwidth_read, Cache::host_warm, 64, 4 * kMB},
                                       {t, bandwidth_read, Cache::host_warm, 256, 8 * kMB},  {t, bandwidth_write, Cache::cold, 64, 16 * kMB},
                                       {t, bandwidth_write, Cache::host_warm, 512, 64 * kMB}};
    const auto outcomes = simulate(short_runs(), points);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const Compared c{points[i], measured.at(points[i]), outcomes[i]};
      INFO(name_of(t) << " " << name_of(c.point.test) << " " << c.point.bytes << " B in " << c.point.window << ": measured " << c.measured
                      << ", simulated " << c.simulated.value);
      CHECK(c.within());
    }
  }
}

TEST_CASE("128 IOTLB entries hold 512 KB and half of 1 MB") {
  const Translation t = Translation::pages_4k;
  const auto outcomes = simulate(short_runs(), {{t, Test::latency_read, Cache::host_warm, 64, 512 * kKB}, {t, Test::latency_read, Cache::host_warm, 64, kMB}});
  CHECK(outcomes[0].misses_per_transfer < 0.03);
  CHECK(outcomes[1].misses_per_transfer == Approx(0.5).margin(0.04));
}

TEST_CASE("points are simulated alike each time and by another seed nearly so") {
  const std::vector<Point> points = {{Translation::pages_4k, Test::bandwidth_read, Cache::host_warm, 64, kMB},
                                     {Translation::pages_4k, Test::latency_read, Cache::cold, 64, kMB}};
  Config config = short_runs();
  const auto first = values(config, points);
  CHECK(first == values(config, points));
  config.seed = 2;
  const auto other = values(config, points);
  CHECK(first != other);
  for (std::size_t i = 0; i < points.size(); ++i) CHECK(other[i] == Approx(first[i]).epsilon(0.05));
}

TEST_CASE("fewer walkers and a smaller IOTLB cost what they must") {
  const std::vector<Point> points = {{Translation::pages_4k, Test::bandwidth_write, Cache::host_warm, 256, 16 * kMB},
                                     {Translation::pages_4k, Test::latency_read, Cache::host_warm, 64, 512 * kKB}};
  Config config = short_runs();
  const auto full = values(config, points);
  config.iommu.walkers = 3;
  config.iommu.iotlb.entries = 64;
  const auto reduced = values(config, points);
  CHECK(reduced[0] == Approx(full[0] / 2).epsilon(0.05));
  CHECK(reduced[1] > full[1] + 100);
}

TEST_CASE("a transfer that the IOMMU stops ends the comparison with a message") {
  Config config = short_runs();
  config.iommu.guest_address_bits = 30;  // the buffer's bus address lies beyond
  CHECK_THROWS_WITH(simulate(config, {{Translation::pages_4k, Test::bandwidth_read, Cache::host_warm, 64, 8 * kKB}}),
                    Catch::Matchers::ContainsSubstring("failed transfer"));
}

TEST_CASE("keys of the benchmark's configuration are checked like all others") {
  const auto error_of = [](const std::string& assignment) {
    try {
      LoadedConfig({assignment, "iommu.pages_1g=false"});
    } catch (const ConfigError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(error_of("iommu.iotlb.ways=7").starts_with("--set: $.iommu.iotlb.ways"));
  CHECK(error_of("engine.read_tag=7").starts_with("--set: $.engine.read_tag: unknown key"));
  CHECK(error_of("memory.size_bytes=268435456").starts_with("--set: $.memory.size_bytes: too little RAM"));
  CHECK(error_of("pcie.width=3").starts_with("--set: $.pcie.width"));
  CHECK(error_of("iommu.pages_2m=false").starts_with("--set: $.iommu.pages_2m"));
  CHECK(error_of("iommu.walkers=4").empty());
}
