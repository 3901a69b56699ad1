// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU alone between a trace player and a memory: three IOTLBs under the same trace of eight tenants.

#include <cstdio>
#include <string>

#include <unistd.h>

#include "lib/sim/simulation.h"
#include "models/iommu/iommu_module.h"
#include "models/memory/memory_module.h"
#include "models/platform/translate/player_module.h"
#include "models/platform/translate/tenant_mix.h"

using namespace iovirt;

void play(platform::AccessTrace& trace, std::uint32_t entries) {
  // Every page the trace touches is mapped into its requester's own domain: real tables, in a memory that keeps lines.
  memory::LineStore store(46);
  platform::TenantTables tables(store, {.page_bytes = 4096, .levels = 4, .host_address_bits = 46});
  platform::AccessRecord record;
  trace.rewind();
  while (trace.next(record)) tables.map(record.requester, record.address);
  trace.rewind();

  iommu::Config iommu_config{.walkers = 2, .lookup_ns = 2, .walk_step_ns = 10};
  iommu_config.iotlb = {entries, 4, iommu::Replacement::lru};
  const memory::Config memory_config{.dram_latency_ns = 65, .channel_gbytes_per_s = 12.8, .llc_latency_ns = 20, .device_latency_ns = 90};

  sim::Simulation simulation;
  sim::EventQueue queue("queue");
  sim::TransactionPool pool;
  platform::TracePlayer player("player", trace, tables, 64, queue);
  memory::Memory memory("memory", memory_config, queue, store);
  iommu::Iommu iommu("iommu", iommu_config, queue, pool);
  player.dma_out.bind(iommu.dma_in);
  player.regs_out.bind(iommu.regs);
  iommu.mem_out.bind(memory.dma_in);
  iommu.interrupt_out.bind(player.interrupt_in);
  sc_core::sc_start();

  LatencyHistogram latency;
  for (const auto& tenant : player.tenants()) latency.add(tenant.latency);
  const iommu::Statistics& s = iommu.statistics();
  std::printf("%7u %8llu %8llu %10llu %9.1f %9.1f\n", entries, static_cast<unsigned long long>(s.iotlb_hits),
              static_cast<unsigned long long>(s.iotlb_misses), static_cast<unsigned long long>(s.memory_reads), latency.mean() / 1000,
              static_cast<double>(latency.max()) / 1000);
}

int sc_main(int, char*[]) {
  const std::string path = "/tmp/iovirt_example_" + std::to_string(getpid()) + ".bin";
  platform::AccessTraceWriter writer(path, "example");
  platform::TenantMix mix{.tenants = 8, .requests = 20'000, .pages = 32, .pattern = platform::PagePattern::hot, .interval_ns = 250};
  mix.generate([&](const platform::AccessRecord& record) { writer.add(record); });
  writer.commit();
  platform::AccessTrace trace(path);
  unlink(path.c_str());  // it stays mapped
  std::printf("entries     hits   misses  table reads  mean ns    max ns\n");
  for (const std::uint32_t entries : {16u, 64u, 256u}) play(trace, entries);
  return 0;
}
