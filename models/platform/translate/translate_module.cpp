// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <stdexcept>

#include <unistd.h>

#include <fmt/format.h>

#include "lib/sim/simulation.h"
#include "models/iommu/iommu_module.h"
#include "models/memory/memory_module.h"
#include "models/platform/translate/player_module.h"
#include "models/platform/translate/translate.h"

namespace iovirt::platform {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

std::uint64_t resident_bytes() {
  std::uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

/// An IOMMU between a player and a memory, nothing else.
struct TranslateMachine {
  TranslateMachine(const TranslateConfig& config, AccessTrace& trace, const TenantTables& tables, memory::LineStore& store)
      : player("player", trace, tables, config.translate.outstanding, queue),
        memory("memory", config.machine.memory, queue, store),
        iommu("iommu", config.machine.iommu, queue, pool) {
    player.dma_out.bind(iommu.dma_in);
    player.regs_out.bind(iommu.regs);
    iommu.mem_out.bind(memory.dma_in);
    iommu.interrupt_out.bind(player.interrupt_in);
  }
  sim::EventQueue queue{"queue"};
  sim::TransactionPool pool;
  TracePlayer player;
  memory::Memory memory;
  iommu::Iommu iommu;
};

}  // namespace

TranslateResult translate(const TranslateConfig& asked, AccessTrace& trace) {
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t resident_before = resident_bytes();
  TranslateConfig config = asked;
  std::optional<memory::LineStore> contents;
  std::optional<TenantTables> built;
  for (const bool scalable : {config.machine.iommu.scalable_mode, true}) {
    built.reset();
    contents.emplace(config.machine.iommu.host_address_bits);
    built.emplace(*contents, layout_of(config, scalable));
    if (map_trace(trace, config, *built)) break;
  }
  memory::LineStore& store = *contents;
  const TenantTables& tables = *built;
  config.machine.iommu.scalable_mode = tables.scalable();
  TranslateResult result;
  result.scalable = tables.scalable();
  result.host.map_s = seconds_since(start);

  sim::Simulation simulation;
  TranslateMachine machine(config, trace, tables, store);
  AccessRecord first;
  trace.next(first);
  trace.rewind();
  sc_core::sc_start();
  const TracePlayer& player = machine.player;
  if (player.answered() != player.sent())
    throw std::runtime_error(fmt::format("{} of {} requests were left without an answer", player.sent() - player.answered(), player.sent()));

  result.iommu = machine.iommu.statistics();
  result.requesters.resize(tables.tenants());
  for (std::size_t i = 0; i < tables.tenants(); ++i) {
    TranslateResult::Requester& requester = result.requesters[i];
    const TracePlayer::Tenant& tenant = player.tenants()[i];
    requester.id = tables.requester(i);
    requester.pages = tables.pages(i);
    const iommu::RequesterCounters counters = machine.iommu.counters(requester.id);
    requester.hits = counters.hits;
    requester.misses = counters.misses;
    requester.memory_reads = counters.memory_reads;
    requester.reads = tenant.reads;
    requester.writes = tenant.writes;
    requester.blocked = tenant.blocked;
    requester.latency = tenant.latency;
    result.latency.add(tenant.latency);
    result.blocked += tenant.blocked;
  }
  result.records = player.records();
  result.requests = player.sent();
  result.answered = player.answered();
  result.delayed = player.delayed();
  result.pages = tables.mapped_pages();
  result.page_bytes = layout_of(config, tables.scalable()).page_bytes;
  result.table_pages = tables.table_pages();
  result.simulated = player.last_answer() - first.time;
  result.host.events = machine.queue.processed();
  result.host.memory_bytes = store.host_bytes();
  result.host.resident_bytes = std::max(resident_bytes(), resident_before) - resident_before;
  result.host.wall_s = seconds_since(start);
  return result;
}

}  // namespace iovirt::platform
