// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <deque>

#include "lib/sim/simulation.h"
#include "models/platform/protection/host_rig_module.h"
#include "models/platform/protection/map_cost.h"
#include "models/software/host/dma_mapping.h"

namespace iovirt::platform {
namespace {

constexpr software::Bdf kFunction = 0x0100;  // a device that does nothing but have its buffers mapped
constexpr std::size_t kPage = software::IntelIommu::kPage;

/// The cost of pages after the first.
CallCost mean(const software::DmaCost& all, const software::DmaCost& before, std::uint64_t pages, std::uint64_t mhz) {
  const auto cycles = [&](Ps end, Ps begin) {
    return static_cast<double>(end - begin) * static_cast<double>(mhz) / 1e6 / static_cast<double>(pages);
  };
  const auto each = [&](std::uint64_t end, std::uint64_t begin) { return static_cast<double>(end - begin) / static_cast<double>(pages); };
  return {.addresses = cycles(all.addresses, before.addresses),
          .tables = cycles(all.tables, before.tables),
          .submitting = cycles(all.submitting, before.submitting),
          .waiting = cycles(all.waiting, before.waiting),
          .total = cycles(all.total, before.total),
          .entries = each(all.entries, before.entries),
          .descriptors = each(all.requests, before.requests)};
}

class Ring {
 public:
  explicit Ring(HostRig& rig) : rig_(rig) {}

  void map(unsigned pages) {
    for (unsigned i = 0; i < pages; ++i) {
      const std::uint64_t page = rig_.kernel.allocate_page();
      mapped_.push_back({page, rig_.kernel.dma_map(kFunction, page, kPage)});
    }
  }
  void unmap(unsigned pages) {
    std::vector<std::uint64_t> addresses;
    for (unsigned i = 0; i < pages; ++i) addresses.push_back(mapped_[i].bus);
    rig_.kernel.dma_unmap_all(kFunction, addresses, kPage);
    for (unsigned i = 0; i < pages; ++i) {
      rig_.kernel.free_page(mapped_.front().page);
      mapped_.pop_front();
    }
  }
  void turn(unsigned pages) {
    for (unsigned done = 0; done < pages; done += kMapCostBatch) {
      unmap(kMapCostBatch);
      map(kMapCostBatch);
    }
  }

 private:
  struct Mapped {
    std::uint64_t page, bus;
  };
  HostRig& rig_;
  std::deque<Mapped> mapped_;
};

}  // namespace

MapCost measure_map_cost(const std::string& name, const Config& config) {
  sim::Simulation simulation;
  Machine machine(config, {}, {.free_ports = 1});
  HostRig rig(machine);
  MapCost cost{name, rig.config, {}, {}, kMapCostPages};
  rig.run([&] {
    Ring ring(rig);
    ring.map(kMapCostRing);
    ring.turn(8 * kMapCostRing);  // until every cache of addresses has what it will have
    const software::DmaMapping& dma = rig.iommu.dma();
    const software::DmaCost map = dma.map_cost(), unmap = dma.unmap_cost();
    ring.turn(kMapCostPages);
    const std::uint64_t mhz = rig.config.cpu.frequency_mhz;
    cost.map = mean(dma.map_cost(), map, kMapCostPages, mhz);
    cost.unmap = mean(dma.unmap_cost(), unmap, kMapCostPages, mhz);
    rig.stop();
  }, 10 * kPsPerSecond);
  return cost;
}

}  // namespace iovirt::platform
