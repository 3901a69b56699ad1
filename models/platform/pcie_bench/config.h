// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The machine and the card that pcie-bench was run on, as `iovirt validate pcie-bench` builds them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/config_field.h"
#include "lib/config_reader.h"
#include "models/iommu/config.h"
#include "models/memory/config.h"
#include "models/pcie/config.h"
#include "models/pcie/dma_engine_config.h"

namespace iovirt::platform::pcie_bench {

struct Config {
  std::uint64_t seed = 1;
  std::uint32_t latency_transfers = 10'000;
  std::uint32_t bandwidth_transfers = 10'000;
  memory::Config memory;
  pcie::Config pcie;
  iommu::Config iommu;
  pcie::DmaEngineConfig engine;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("seed", self.seed, {.doc = "of the addresses"});
    visit("latency_transfers", self.latency_transfers, {.unit = "transfers", .doc = "of a latency point, beside a tenth more to warm up", .min = 100, .max = 1e8});
    visit("bandwidth_transfers", self.bandwidth_transfers, {.unit = "transfers", .doc = "of a bandwidth point, beside a tenth more to warm up", .min = 100, .max = 1e8});
    visit("memory", self.memory, {.doc = "memory and last-level cache"});
    visit("pcie", self.pcie, {.doc = "root complex and link"});
    visit("iommu", self.iommu, {.doc = "VT-d"});
    visit("engine", self.engine, {.doc = "the card's DMA engine"});
  }
};

/// The profile of that machine, for what it leaves open the default one, then `assignments` ("path=value"). Throws ConfigError.
class LoadedConfig {
 public:
  explicit LoadedConfig(const std::vector<std::string>& assignments);
  LoadedConfig(const LoadedConfig&) = delete;
  LoadedConfig& operator=(const LoadedConfig&) = delete;

  const Config& config() const { return config_; }
  const ConfigReader& reader() const { return reader_; }

 private:
  Config config_;
  ConfigReader reader_{config_target(config_)};
};

}  // namespace iovirt::platform::pcie_bench
