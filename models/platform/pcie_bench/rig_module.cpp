// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/rig_module.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "lib/histogram.h"
#include "lib/sim/simulation.h"
#include "models/iommu/iommu_module.h"
#include "models/iommu/registers_spec.h"
#include "models/memory/memory_module.h"
#include "models/pcie/dma_engine_module.h"
#include "models/pcie/host_port_module.h"
#include "models/pcie/root_complex_module.h"
#include "models/platform/pcie_bench/address_space.h"

namespace iovirt::platform::pcie_bench {
namespace {

namespace reg = iommu::reg;

pcie::Config with_chipset(pcie::Config config, const iommu::Config& iommu) {
  config.ports = 1;
  config.chipset_base = iommu.register_base;
  return config;
}

/// Nobody takes interrupts on this machine: the tests poll.
struct NoInterrupts : sc_core::sc_module {
  tlm_utils::simple_target_socket<NoInterrupts> in{"in"};
  explicit NoInterrupts(sc_core::sc_module_name name) : sc_module(name) { in.register_b_transport(this, &NoInterrupts::drop); }
  void drop(tlm::tlm_generic_payload& payload, sc_core::sc_time&) { payload.set_response_status(tlm::TLM_OK_RESPONSE); }
};

struct Rig : sc_core::sc_module {
  SC_HAS_PROCESS(Rig);
  Rig(sc_core::sc_module_name name, const Config& c, const std::vector<Point>& p, const PointDone& d)
      : sc_module(name), config(c), points(p), done(d), root("root", with_chipset(c.pcie, c.iommu), queue, pool),
        unit("iommu", c.iommu, queue, pool), memory("memory", c.memory, queue),
        card("card", c.engine, {c.pcie.mps_bytes, c.pcie.generation, c.pcie.width}, queue, pool),
        host("host", queue, c.pcie.ecam_base) {
    host.out.bind(root.mmio_in);
    root.down[0].bind(card.tlp_in);
    card.tlp_out.bind(root.up[0]);
    root.chipset_out.bind(unit.regs);
    root.dma_out.bind(unit.dma_in);
    unit.mem_out.bind(memory.dma_in);
    unit.interrupt_out.bind(interrupts.in);
    SC_THREAD(software);
  }

  void software() {
    try {
      start_card();
      if (points.front().translation != Translation::off) start_iommu();
      for (const Point& point : points) {
        outcomes.push_back(run(point));
        if (done) done(point);
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    sc_core::sc_stop();
  }

  void start_card() {
    pcie::Enumerator enumerator(host, pcie::windows_of(root.config()));
    for (const auto& f : enumerator.scan())
      if (f.vendor == pcie::dma_engine::kVendor && f.device == pcie::dma_engine::kDevice) function = f;
    if (function.bdf == 0) throw std::runtime_error("the card was not found");
    host.write(function.bdf, pcie::spec::kCommand, 2, pcie::spec::kCommandMemoryEnable | pcie::spec::kCommandBusMaster);
  }

  /// As an operating system does: root table, caches flushed through registers, translation on (VT-d 11.4.4 to 11.4.8).
  void start_iommu() {
    const std::uint64_t page = points.front().translation == Translation::superpages ? 2ull << 20 : 4096;
    const std::uint64_t base = config.iommu.register_base;
    const auto command = [&](std::uint32_t bit) {
      host.store(base + reg::kGCMD, 4, bit);
      while ((host.load(base + reg::kGSTS, 4) & bit) == 0) host.sleep(100 * kPsPerNs);
    };
    host.store(base + reg::kRTADDR, 8, build_tables(memory.ram(), function.bdf, page));
    command(reg::gcmd::kSRTP);
    host.store(base + reg::kCCMD, 8, reg::ccmd::ICC::mask | reg::ccmd::CIRG::of(1));
    while (host.load(base + reg::kCCMD, 8) & reg::ccmd::ICC::mask) host.sleep(100 * kPsPerNs);
    host.store(base + reg::kIOTLB, 8, reg::iotlb::IVT::mask | reg::iotlb::IIRG::of(1));
    while (host.load(base + reg::kIOTLB, 8) & reg::iotlb::IVT::mask) host.sleep(100 * kPsPerNs);
    command(reg::gcmd::kTE);
  }

  std::uint64_t card_register(std::uint64_t offset) { return function.bar(0) + offset; }

  void transfers(pcie::dma_engine::Test test, bool random, const Point& point, std::uint64_t count, std::uint64_t seed) {
    namespace de = pcie::dma_engine;
    const bool translated = point.translation != Translation::off;
    host.store(card_register(de::kWindow), 8, translated ? layout::kBusAddress : layout::kBuffer);
    host.store(card_register(de::kWindowBytes), 8, point.window);
    host.store(card_register(de::kTransferBytes), 8, point.bytes);
    host.store(card_register(de::kOffset), 8, 0);
    host.store(card_register(de::kCount), 8, count);
    host.store(card_register(de::kSeed), 8, seed);
    host.store(card_register(de::kControl), 8, static_cast<std::uint64_t>(test) | (random ? de::kRandom : 0));
    std::uint64_t status;
    do {
      host.sleep(20 * kPsPerUs);
      status = host.load(card_register(de::kStatus), 8);
    } while (status & de::kBusy);
    if (status & de::kFailed)
      throw std::runtime_error(fmt::format("{} {} of {} bytes in a window of {} bytes: the card reports a failed transfer",
                                           name_of(point.translation), name_of(point.test), point.bytes, point.window));
  }

  /// The host reads more than its cache holds, then, where the test wants it, writes the window; or the card does.
  void prepare_cache(const Point& point) {
    const std::uint64_t thrash = std::min(config.memory.llc_bytes * 3 / 2, layout::kEnd - layout::kThrash);
    memory.cpu_access(layout::kThrash, thrash, false);
    if (point.cache == Cache::host_warm) memory.cpu_access(layout::kBuffer, point.window, true);
    if (point.cache == Cache::device_warm) {
      Point warm = point;
      warm.bytes = static_cast<std::uint32_t>(std::min<std::uint64_t>(point.window, 4096));
      transfers(pcie::dma_engine::Test::bandwidth_write, false, warm, point.window / warm.bytes, 0);
    }
    host.sleep(10 * kPsPerMs);  // the DRAM channels have then caught up
  }

  Outcome run(const Point& point) {
    static_assert(static_cast<int>(Test::bandwidth_both) == static_cast<int>(pcie::dma_engine::Test::bandwidth_both));
    const auto test = static_cast<pcie::dma_engine::Test>(point.test);
    const std::uint64_t count = is_latency(point.test) ? config.latency_transfers : config.bandwidth_transfers;
    prepare_cache(point);
    transfers(test, true, point, std::max<std::uint64_t>(count / 10, 1), config.seed ^ 0x5eed'0000'0000'0000);
    const auto before = unit.statistics();
    transfers(test, true, point, count, config.seed);
    const auto& after = unit.statistics();

    Outcome outcome;
    const double elapsed = static_cast<double>(host.load(card_register(pcie::dma_engine::kElapsed), 8));
    outcome.misses_per_transfer = static_cast<double>(after.iotlb_misses - before.iotlb_misses) / static_cast<double>(count);
    outcome.walks_per_s = static_cast<double>(after.walks - before.walks) / elapsed * static_cast<double>(kPsPerSecond);
    if (is_latency(point.test)) {
      Histogram latencies;
      for (const Ps latency : card.journal()) latencies.add(latency);
      outcome.value = latencies.mean() / 1000;
      outcome.least = ps_to_ns(latencies.percentile(1));
      outcome.median = ps_to_ns(latencies.percentile(500'000));
      outcome.p95 = ps_to_ns(latencies.percentile(950'000));
    } else {
      outcome.value = static_cast<double>(count) * point.bytes * 8 / elapsed * 1000;
    }
    return outcome;
  }

  const Config& config;
  const std::vector<Point>& points;
  const PointDone& done;
  std::vector<Outcome> outcomes;
  std::string failure;

  sim::TransactionPool pool;
  sim::EventQueue queue{"queue"};
  pcie::RootComplex root;
  iommu::Iommu unit;
  memory::Memory memory;
  pcie::DmaEngine card;
  pcie::HostPort host;
  NoInterrupts interrupts{"interrupts"};
  pcie::FoundFunction function;
};

}  // namespace

std::vector<Outcome> simulate(const Config& config, const std::vector<Point>& points, const PointDone& done) {
  if (points.empty()) return {};
  sim::Simulation simulation;
  Rig rig("bench", config, points, done);
  sc_core::sc_start();
  if (!rig.failure.empty()) throw std::runtime_error(rig.failure);
  return std::move(rig.outcomes);
}

}  // namespace iovirt::platform::pcie_bench
