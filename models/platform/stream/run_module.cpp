// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/run.h"

#include <stdexcept>

#include "lib/sim/simulation.h"
#include "models/platform/protection/host_rig_module.h"
#include "models/platform/stream/fast_and_safe.h"
#include "models/platform/stream/nic_module.h"
#include "models/platform/stream/receiver.h"
#include "models/software/host/dma_mapping.h"

namespace iovirt::platform::stream {
namespace {

/// What is counted from the first measured packet to the last.
struct Counts {
  Ps at = 0, idle = 0;
  std::uint64_t packets = 0, acks = 0, driver_packets = 0, polls = 0, merged = 0;
  iommu::Statistics iommu;
  software::DmaCost map, unmap;
};

}  // namespace

Result run(const platform::Config& given, const Config& config) {
  sim::Simulation simulation;
  Machine machine(given, {}, {.free_ports = 1});
  HostRig rig(machine);
  Nic nic("stream_nic", config, rig.machine.cores.size(), given.nic.pcie_generation, given.nic.pcie_width, rig.machine.queue,
          rig.machine.pool);
  rig.plug(nic);
  Receivers receivers(rig.kernel, config);
  rig.kernel.set_irq_affinity([&](software::Bdf, unsigned entry) { return entry; });
  std::unique_ptr<Driver> driver;

  const auto count = [&] {
    Counts counts;
    counts.at = rig.kernel.cpu().now();
    for (unsigned i = 0; i < rig.machine.cores.size(); ++i)
      counts.idle += rig.machine.cores.core(i).log().totals_until(counts.at)[static_cast<std::size_t>(Activity::idle)];
    counts.packets = receivers.read();
    counts.acks = receivers.acks();
    counts.driver_packets = driver->counters().packets;
    counts.polls = driver->counters().polls;
    counts.merged = driver->counters().merged;
    counts.iommu = rig.machine.iommu.statistics();
    counts.map = rig.iommu.dma().map_cost();
    counts.unmap = rig.iommu.dma().unmap_cost();
    return counts;
  };
  Counts first, last;
  receivers.when_read(config.warm_up_packets, [&] { first = count(); });
  receivers.when_read(config.warm_up_packets + config.packets, [&] {
    last = count();
    rig.stop();
  });
  rig.run([&] {
    if (rig.devices.empty()) throw std::runtime_error("the stream NIC was not found");
    driver = std::make_unique<Driver>(rig.kernel, rig.devices[0].bdf, config, rig.machine.cores.size(), receivers);
    driver->open();
    receivers.start(*driver);
  }, 10 * kPsPerSecond);

  Result result;
  result.flows = config.flows;
  result.packets = last.packets - first.packets;
  const auto pages = static_cast<double>(result.packets);
  const auto per_page = [&](std::uint64_t end, std::uint64_t begin) { return static_cast<double>(end - begin) / pages; };
  const Ps time = last.at - first.at;
  result.gbps = pages * config.payload_bytes * 8 * 1000 / static_cast<double>(time);
  result.misses = per_page(last.iommu.walks, first.iommu.walks);
  result.memory_reads = per_page(last.iommu.memory_reads, first.iommu.memory_reads);
  const auto cache_misses = [&](unsigned level) {
    return per_page(last.iommu.paging_misses[level - 2], first.iommu.paging_misses[level - 2]);
  };
  result.l3_misses = cache_misses(2);
  result.l2_misses = cache_misses(3);
  result.l1_misses = cache_misses(4);
  result.acks = per_page(last.acks, first.acks);
  result.invalidations = per_page(last.iommu.invalidations, first.iommu.invalidations);
  const auto ratio = [](std::uint64_t a, std::uint64_t b) { return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b); };
  result.packets_per_poll = ratio(last.driver_packets - first.driver_packets, last.polls - first.polls);
  result.packets_per_segment = ratio(last.driver_packets - first.driver_packets, last.merged - first.merged);
  result.cpu_busy = 1 - (static_cast<double>(last.idle) - static_cast<double>(first.idle)) / static_cast<double>(time) / rig.machine.cores.size();
  result.map_ns = ratio(last.map.total - first.map.total, last.map.calls - first.map.calls) / 1000;
  result.unmap_ns = ratio(last.unmap.total - first.unmap.total, last.unmap.calls - first.unmap.calls) / 1000;
  result.starved = nic.counters().starved;
  result.errors = nic.counters().errors + receivers.misplaced();
  for (const std::uint64_t faults : last.iommu.faults) result.faults += faults;
  return result;
}

std::vector<ComparedPoint> compare_with_measured(const Scenario& scenario) {
  std::vector<ComparedPoint> points;
  for (const Measured& measured : kMeasured) {
    ComparedPoint& point = points.emplace_back(ComparedPoint{measured, {}, {}});
    Config stream = scenario.stream();
    stream.flows = measured.flows;
    platform::Config machine = scenario.machine();
    machine.software.iommu_mode = software::IommuMode::off;
    point.off = run(machine, stream);
    machine.software.iommu_mode = software::IommuMode::strict;
    point.on = run(machine, stream);
  }
  return points;
}

}  // namespace iovirt::platform::stream
