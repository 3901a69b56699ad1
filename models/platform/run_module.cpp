// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <chrono>
#include <stdexcept>

#include "lib/sim/simulation.h"
#include "models/iommu/statistics_list.h"
#include "models/platform/rig_module.h"
#include "models/platform/run.h"
#include "models/software/host/dma_mapping.h"

namespace iovirt::platform {

std::vector<MacAddress> nic_macs(Mode mode, unsigned vms) {
  if (mode == Mode::native && vms == 1) return {software::vm_mac(0)};
  if (mode != Mode::assigned) return {MacAddress{0x02, 0, 0, 0, 0x03, 0}};  // the host's own
  std::vector<MacAddress> macs;
  for (unsigned i = 0; i < vms; ++i) macs.push_back(software::vm_mac(i));
  return macs;
}

namespace {

std::unique_ptr<Rig> make_rig(Mode mode, Server& server) {
  switch (mode) {
    case Mode::native: return make_native(server);
    case Mode::emulated: return make_emulated(server);
    case Mode::virtio: return make_virtio(server);
    case Mode::vmdq: return make_vmdq(server);
    case Mode::assigned: return make_assigned(server);
    case Mode::sriov: return make_sriov(server);
  }
  throw std::logic_error("unknown mode");
}

/// What the models have counted so far: taken when the traffic starts and when it has ended; the run is the difference.
RunResult counted(Machine& machine, Server& server, Rig& rig, Ps now) {
  RunResult run;
  for (unsigned i = 0; i < machine.cores.size(); ++i) {
    const cpu::Core& core = machine.cores.core(i);
    const auto totals = core.log().totals_until(now);
    for (std::size_t a = 0; a < kActivities; ++a)
      run.cpu[static_cast<std::size_t>(share_of(static_cast<Activity>(a)))] += totals[a];
    for (unsigned reason = 0; reason < cpu::kExitReasons; ++reason)
      if (core.exits()[reason] != 0)
        run.exits[std::string(cpu::exit_reason_name(static_cast<cpu::ExitReason>(reason)))] += core.exits()[reason];
    run.copied_bytes += core.copied_bytes();
    run.interrupts.injected += core.injected_events();
  }
  for (software::Kernel* kernel : rig.kernels()) {
    const software::Accesses& a = kernel->accesses();
    run.accesses.device_reads += a.device_reads;
    run.accesses.device_writes += a.device_writes;
    run.accesses.eoi += a.eoi;
    run.accesses.tmr_reads += a.tmr_reads;
    run.accesses.hlt += a.hlt;
    run.accesses.timer_writes += a.timer_writes;
    run.accesses.timer_interrupts += a.timer_interrupts;
    run.interrupts.taken += a.interrupts_taken;
  }
  if (rig.vms().empty()) {
    run.accesses.timer_writes += server.scheduler.timer_writes();
    run.accesses.hlt += server.scheduler.idle_sleeps();
  }
  for (auto& nic : machine.nics) run.interrupts.msi += nic->counters().interrupts;
  const iommu::Statistics& s = machine.iommu.statistics();
  run.interrupts.remapped = s.remapped;
  run.interrupts.posted = s.posted;
  run.iommu.requests = s.requests;
  run.iommu.iotlb_hits = s.iotlb_hits;
  run.iommu.iotlb_misses = s.iotlb_misses;
  run.iommu.walks = s.walks;
  run.iommu.memory_reads = s.memory_reads;
  run.iommu.invalidations = s.invalidations;
  for (unsigned reason = 0; reason < s.faults.size(); ++reason)
    if (s.faults[reason] != 0) run.iommu.faults[std::string(iommu::fault_name(static_cast<iommu::FaultReason>(reason)))] = s.faults[reason];
  Statistics described;
  iommu::describe(s, described);
  for (const Statistics::Entry& entry : described.entries()) run.iommu.counters[entry.name] = entry.value();
  machine.iommu.each_requester([&](std::uint16_t id, const iommu::RequesterCounters& c) {
    run.iommu.by_device[id] = {c.requests, c.hits, c.misses, c.memory_reads};
  });
  machine.iommu.each_domain([&](std::uint16_t id, const iommu::DomainCounters& c) {
    run.iommu.by_domain[id] = {c.iotlb_hits, c.iotlb_misses, c.walks, c.memory_reads};
  });
  const auto pcie = machine.root_complex.counters();
  run.pcie = {pcie.up_bytes, pcie.down_bytes, pcie.tlps, pcie.stalled};
  run.host.events = machine.queue.processed();
  run.host.kernel_events = machine.queue.kernel_events();
  return run;
}

template <class Number>
void subtract(Number& total, const Number& before) {
  total -= before;
}

void subtract(std::map<std::string, std::uint64_t>& total, const std::map<std::string, std::uint64_t>& before) {
  for (const auto& [key, value] : before)
    if ((total[key] -= value) == 0) total.erase(key);
}

void subtract_baseline(RunResult& run, const RunResult& before) {
  subtract(run.exits, before.exits);
  for (std::size_t i = 0; i < kShares; ++i) subtract(run.cpu[i], before.cpu[i]);
  subtract(run.copied_bytes, before.copied_bytes);
  subtract(run.interrupts.msi, before.interrupts.msi);
  subtract(run.interrupts.remapped, before.interrupts.remapped);
  subtract(run.interrupts.posted, before.interrupts.posted);
  subtract(run.interrupts.injected, before.interrupts.injected);
  subtract(run.interrupts.taken, before.interrupts.taken);
  subtract(run.accesses.device_reads, before.accesses.device_reads);
  subtract(run.accesses.device_writes, before.accesses.device_writes);
  subtract(run.accesses.eoi, before.accesses.eoi);
  subtract(run.accesses.tmr_reads, before.accesses.tmr_reads);
  subtract(run.accesses.hlt, before.accesses.hlt);
  subtract(run.accesses.timer_writes, before.accesses.timer_writes);
  subtract(run.accesses.timer_interrupts, before.accesses.timer_interrupts);
  subtract(run.iommu.requests, before.iommu.requests);
  subtract(run.iommu.iotlb_hits, before.iommu.iotlb_hits);
  subtract(run.iommu.iotlb_misses, before.iommu.iotlb_misses);
  subtract(run.iommu.walks, before.iommu.walks);
  subtract(run.iommu.memory_reads, before.iommu.memory_reads);
  subtract(run.iommu.invalidations, before.iommu.invalidations);
  subtract(run.iommu.faults, before.iommu.faults);
  auto counted_up = before.iommu.counters;  // a peak stays what it is
  std::erase_if(counted_up, [](const auto& counter) { return counter.first.ends_with("_peak"); });
  subtract(run.iommu.counters, counted_up);
  for (const auto& [id, device] : before.iommu.by_device) {
    auto& total = run.iommu.by_device[id];
    subtract(total.requests, device.requests);
    subtract(total.hits, device.hits);
    subtract(total.misses, device.misses);
    subtract(total.memory_reads, device.memory_reads);
  }
  for (const auto& [id, domain] : before.iommu.by_domain) {
    auto& total = run.iommu.by_domain[id];
    subtract(total.iotlb_hits, domain.iotlb_hits);
    subtract(total.iotlb_misses, domain.iotlb_misses);
    subtract(total.walks, domain.walks);
    subtract(total.memory_reads, domain.memory_reads);
  }
  subtract(run.pcie.up_bytes, before.pcie.up_bytes);
  subtract(run.pcie.down_bytes, before.pcie.down_bytes);
  subtract(run.pcie.tlps, before.pcie.tlps);
  subtract(run.pcie.stalled, before.pcie.stalled);
  subtract(run.host.events, before.host.events);
  subtract(run.host.kernel_events, before.host.kernel_events);
}

void start_trace(Trace& trace, Machine& machine, Ps now) {
  trace.begin(now, machine.cores.size(), [](unsigned reason) { return cpu::exit_reason_name(static_cast<cpu::ExitReason>(reason)); });
  machine.ledger.set_trace(&trace);
  machine.cores.set_trace(&trace);
}

}  // namespace

RunResult run_mode(const Config& config, Mode mode, const software::Traffic& traffic, Progress& progress, const RunOptions& options) {
  sim::Simulation simulation;
  Trace* const trace = options.trace;
  Machine machine(config, nic_macs(mode, config.vms), {.run_ahead = options.run_ahead});
  World world("world", machine, traffic, config.vms, progress);
  Server server(machine, world, config.vms);
  const std::unique_ptr<Rig> rig = make_rig(mode, server);

  RunResult before;
  std::chrono::steady_clock::time_point wall_start = std::chrono::steady_clock::now();
  world.set_on_start([&] {
    before = counted(machine, server, *rig, world.start());
    if (trace) start_trace(*trace, machine, world.start());
    wall_start = std::chrono::steady_clock::now();
  });
  world.set_on_end([&] { server.scheduler.end(); });
  constexpr Ps kBootLimit = 10 * kPsPerSecond;
  sc_core::sc_start(sc_core::sc_time::from_value(kBootLimit));
  if (!world.started()) throw std::runtime_error("the simulated machine did not come up: " + (world.failure().empty() ? "time ran out" : world.failure()));
  if (world.end() == 0) sc_core::sc_start();

  if (trace)
    for (unsigned i = 0; i < machine.cores.size(); ++i) machine.cores.core(i).trace_until(world.end());

  RunResult run = counted(machine, server, *rig, world.end());
  run.host.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - wall_start).count();
  subtract_baseline(run, before);
  Statistics statistics = machine.statistics();
  statistics.add(server.iommu.dma().statistics());
  for (const Statistics::Entry& entry : statistics.entries())
    run.statistics.push_back({entry.name, entry.description, entry.unit, entry.value()});
  run.mode = mode;
  run.vms = config.vms;
  world.report(run);
  for (const software::IntelIommu::FaultReport& fault : server.iommu.faults()) {
    constexpr std::size_t kFaultLog = 64;
    if (run.iommu.fault_log.size() == kFaultLog) break;
    run.iommu.fault_log.push_back({fault.source, fault.reason, fault.address, fault.read});
  }
  return run;
}

}  // namespace iovirt::platform
