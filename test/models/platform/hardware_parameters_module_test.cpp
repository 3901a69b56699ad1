// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Moving a parameter of IOMMU, link, memory or NIC moves the results it should, in the direction it should, and leaves
// alone what it has no part in.

#include "test/support/platform_run.h"

#include <fmt/format.h>

using namespace iovirt;
using namespace iovirt::test;
using platform::RunResult;

namespace {

std::vector<RunResult> sweep(Mode mode, const Settings& settings, const std::string& key, const std::vector<std::string>& values) {
  std::vector<RunResult> results;
  for (const std::string& value : values) results.push_back(run(mode, settings + Settings{key + "=" + value}));
  return results;
}

/// What is measured falls with every step. An equal value is not a fall.
template <class Measure>
void check_falls(const std::vector<RunResult>& results, const char* what, Measure&& measure) {
  for (std::size_t i = 1; i < results.size(); ++i) {
    INFO(what << ", step " << i << ": " << measure(results[i - 1]) << ", then " << measure(results[i]));
    CHECK(measure(results[i]) < measure(results[i - 1]));
  }
}

template <class Measure>
void check_rises(const std::vector<RunResult>& results, const char* what, Measure&& measure) {
  check_falls({results.rbegin(), results.rend()}, what, measure);
}

double rx_stage(const RunResult& result, Stage stage) { return result.rx.stage_mean_ns(stage); }
double tx_stage(const RunResult& result, Stage stage) { return result.tx.stage_mean_ns(stage); }
double hit_rate(const RunResult& result) {
  return static_cast<double>(result.iommu.iotlb_hits) / static_cast<double>(result.iommu.iotlb_hits + result.iommu.iotlb_misses);
}

const Settings kLarge = stream(400) + Settings{"traffic.size_bytes=1514"};
/// A frame is one TLP: what delays that delays the frame. (A large frame's first TLP waits while its others travel.)
const Settings kSmall = stream(600);
const Settings kSmallPages = {"software.page_size=4k"};

}  // namespace

// -- IOMMU ---------------------------------------------------------------------------------------------------------------

TEST_CASE("a larger IOTLB misses less, walks less and holds packets up less") {
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    const auto results = sweep(mode, kSmall + kSmallPages, "iommu.iotlb.entries", {"64", "128", "512"});
    check_falls(results, "misses", [](const RunResult& r) { return r.iommu.iotlb_misses; });
    check_falls(results, "walks", [](const RunResult& r) { return r.iommu.walks; });
    check_falls(results, "reads of tables", [](const RunResult& r) { return r.iommu.memory_reads; });
    check_rises(results, "hit rate", hit_rate);
    check_falls(results, "stage iommu", [](const RunResult& r) { return rx_stage(r, Stage::iommu); });
    for (const RunResult& result : results) CHECK(result.packets.received == 600);
  }
}

TEST_CASE("more VMs press harder on one IOTLB") {
  // One VM's ring and buffers fit.
  for (const char* vms : {"3", "7"})
    check_falls(sweep(Mode::sriov, stream(700) + kSmallPages + Settings{"traffic.size_bytes=1514", "iommu.iotlb.entries=256"}, "vms", {"1", vms}),
                "hit rate", hit_rate);
}

TEST_CASE("larger pages miss less and read fewer tables") {
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    const auto results = sweep(mode, kLarge, "software.page_size", {"4k", "2m"});
    check_falls(results, "misses", [](const RunResult& r) { return r.iommu.iotlb_misses; });
    check_falls(results, "reads of tables", [](const RunResult& r) { return r.iommu.memory_reads; });
    check_falls(results, "latency", [](const RunResult& r) { return r.rx.mean_ns(); });
    // EPT is built of the same pages, on first touch.
    check_falls(results, "EPT violations", [](const RunResult& r) { return exits_of(r, "EPT_VIOLATION"); });
  }
}

TEST_CASE("without paging caches a walk reads every level") {
  const Settings none = {"iommu.paging_cache_l4.entries=0", "iommu.paging_cache_l3.entries=0", "iommu.paging_cache_l2.entries=0"};
  const RunResult with = run(Mode::sriov, kSmall + kSmallPages);
  const RunResult without = run(Mode::sriov, kSmall + kSmallPages + none);
  REQUIRE(with.iommu.walks > 0);
  CHECK(with.iommu.memory_reads < 2 * with.iommu.walks);
  CHECK(without.iommu.memory_reads >= 3 * without.iommu.walks);
  CHECK(rx_stage(with, Stage::iommu) < rx_stage(without, Stage::iommu));
}

TEST_CASE("a slower walker delays reception where the IOMMU translates, and nowhere else") {
  const Settings settings = kSmall + kSmallPages + Settings{"iommu.iotlb.entries=8"};
  for (Mode mode : {Mode::assigned, Mode::sriov})
    check_rises(sweep(mode, settings, "iommu.walk_step_ns", {"0", "100", "1000"}), "stage iommu",
                [](const RunResult& r) { return rx_stage(r, Stage::iommu); });
  // The latency as a whole, where no moderation hides it.
  check_rises(sweep(Mode::sriov, settings + Settings{"software.moderation_us=0", "traffic.rate_pps=10000"}, "iommu.walk_step_ns",
                    {"0", "100", "1000"}),
              "latency", [](const RunResult& r) { return r.rx.mean_ns(); });
  for (Mode mode : {Mode::native, Mode::virtio}) {  // the host's own driver is passed through
    const auto untouched = sweep(mode, settings, "iommu.walk_step_ns", {"0", "1000"});
    CHECK(untouched[0].iommu.walks == 0);
    CHECK(rx_stage(untouched[0], Stage::iommu) == Approx(rx_stage(untouched[1], Stage::iommu)));
    CHECK(untouched[0].rx.mean_ns() == Approx(untouched[1].rx.mean_ns()).epsilon(1e-4));
  }
}

TEST_CASE("a slower IOTLB look-up is paid by every translated request") {
  const Settings settings = stream(300) + Settings{"software.moderation_us=0", "traffic.rate_pps=10000"};
  const auto results = sweep(Mode::sriov, settings, "iommu.lookup_ns", {"0", "100", "400"});
  check_rises(results, "stage iommu", [](const RunResult& r) { return rx_stage(r, Stage::iommu); });
  CHECK(rx_stage(results[2], Stage::iommu) - rx_stage(results[0], Stage::iommu) >= 395);
}

TEST_CASE("a root port whose IOMMU takes one miss at a time holds the link up and loses nothing") {
  const Settings settings = stream(400, "both") + Settings{"vms=7", "traffic.rate_pps=200000", "iommu.walkers=1", "iommu.iotlb.entries=4", "iommu.iotlb.ways=4"} + kSmallPages;
  const RunResult open = run(Mode::sriov, settings);
  CHECK(open.iommu.counters.count("stalled_lookups") == 0);
  for (const char* setting : {"iommu.walk_queue=1", "iommu.hit_under_miss=false"}) {
    INFO(setting);
    const RunResult held = run(Mode::sriov, settings + Settings{setting});
    CHECK(held.iommu.counters.at("stalled_lookups") > 0);
    CHECK(held.packets.received == open.packets.received);
    CHECK(held.packets.transmitted == open.packets.transmitted);
  }
}

TEST_CASE("the host's own translation costs what its mode says") {
  // Linux: intel_iommu=off, iommu=pt, iommu.strict=0, iommu.strict=1.
  const Settings settings = stream(400) + Settings{"traffic.rate_pps=20000"};
  const auto results = sweep(Mode::native, settings, "software.iommu_mode", {"off", "passthrough", "deferred", "strict"});
  const RunResult &off = results[0], &passthrough = results[1], &deferred = results[2], &strict = results[3];

  CHECK(rx_stage(off, Stage::iommu) == 0);
  CHECK(off.iommu.memory_reads == 0);
  for (const RunResult* untranslated : {&off, &passthrough}) {
    CHECK(untranslated->iommu.iotlb_hits + untranslated->iommu.iotlb_misses == 0);
    CHECK(untranslated->iommu.invalidations == 0);
  }
  CHECK(deferred.iommu.iotlb_misses >= 400);  // every buffer has a fresh address
  CHECK(strict.iommu.iotlb_misses >= 400);
  CHECK(strict.iommu.invalidations >= 400);  // one an unmapping
  CHECK(deferred.iommu.invalidations < 40);  // one a batch
  CHECK(deferred.iommu.invalidations > 0);

  check_rises(results, "stage iommu", [](const RunResult& r) { return rx_stage(r, Stage::iommu); });
  const auto kernel = [](const RunResult& r) { return r.cpu_fraction(Share::host_kernel); };
  CHECK(kernel(passthrough) == Approx(kernel(off)).epsilon(0.01));
  CHECK(kernel(deferred) > kernel(passthrough) * 1.02);
  CHECK(kernel(strict) > kernel(deferred) * 1.1);
}

TEST_CASE("strict mapping for the host's own driver reaches the modes that go through it, not those that do not") {
  const Settings settings = stream(200) + Settings{"software.iommu_mode=strict"};
  for (Mode mode : {Mode::native, Mode::emulated, Mode::virtio, Mode::vmdq}) {
    INFO(platform::name_of(mode));
    CHECK(run(mode, settings).iommu.invalidations >= 200);
  }
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    INFO(platform::name_of(mode));
    CHECK(run(mode, settings).iommu.invalidations == 0);
  }
}

// -- PCIe ----------------------------------------------------------------------------------------------------------------

TEST_CASE("a faster or wider link shortens the time on it, both ways") {
  const Settings device = {"nic.pcie_generation=5", "nic.pcie_width=16", "traffic.size_bytes=1514", "traffic.rate_pps=5000"};
  for (Mode mode : {Mode::native, Mode::sriov}) {
    const auto generations = sweep(mode, stream(100, "both") + device, "pcie.generation", {"1", "2", "3", "4", "5"});
    const auto widths = sweep(mode, stream(100, "both") + device, "pcie.width", {"1", "2", "4", "8", "16"});
    for (const auto* results : {&generations, &widths}) {
      check_falls(*results, "stage pcie of reception", [](const RunResult& r) { return rx_stage(r, Stage::pcie); });
      check_falls(*results, "stage pcie of transmission", [](const RunResult& r) { return tx_stage(r, Stage::pcie); });
    }
    CHECK(generations[0].pcie.tlps > 0);
  }
}

TEST_CASE("a link trains to what both ends can do") {
  const Settings settings = stream(50) + Settings{"traffic.size_bytes=1514", "pcie.generation=3", "pcie.width=8"};
  const auto pcie = [&](const Settings& device) { return rx_stage(run(Mode::native, settings + device), Stage::pcie); };
  const double slow = pcie({"nic.pcie_generation=1", "nic.pcie_width=4"});
  CHECK(pcie({"nic.pcie_generation=3", "nic.pcie_width=8"}) < slow);
  CHECK(pcie({"nic.pcie_generation=5", "nic.pcie_width=16"}) == pcie({"nic.pcie_generation=3", "nic.pcie_width=8"}));
}

TEST_CASE("smaller payloads need more TLPs and more bytes on the link for the same data") {
  const auto results = sweep(Mode::native, kLarge, "pcie.mps_bytes", {"128", "256", "512"});
  check_falls(results, "TLPs", [](const RunResult& r) { return r.pcie.tlps; });
  check_falls(results, "bytes up", [](const RunResult& r) { return r.pcie.up_bytes; });
}

// -- memory --------------------------------------------------------------------------------------------------------------

TEST_CASE("device writes into the cache save the core the way to DRAM") {
  for (Mode mode : {Mode::native, Mode::sriov, Mode::virtio}) {
    INFO(platform::name_of(mode));
    const auto results = sweep(mode, kLarge + Settings{"traffic.rate_pps=10000"}, "memory.ddio_ways", {"0", "2"});
    check_falls(results, "stage copy", [](const RunResult& r) { return rx_stage(r, Stage::copy); });
    check_falls(results, "latency", [](const RunResult& r) { return r.rx.mean_ns(); });
  }
}

TEST_CASE("a cache too small for the rings costs the copies") {
  const auto results = sweep(Mode::native, kLarge, "memory.llc_bytes", {"65536", "20971520"});
  check_falls(results, "stage copy", [](const RunResult& r) { return rx_stage(r, Stage::copy); });
}

TEST_CASE("slower DRAM is felt where the data is not in the cache") {
  const Settings settings = kLarge + Settings{"traffic.rate_pps=10000", "software.moderation_us=0"};
  const auto without = sweep(Mode::native, settings + Settings{"memory.ddio_ways=0"}, "memory.dram_latency_ns", {"0", "70", "500"});
  check_rises(without, "latency", [](const RunResult& r) { return r.rx.mean_ns(); });
  const auto with = sweep(Mode::native, settings, "memory.dram_latency_ns", {"70", "500"});
  CHECK(with[1].rx.mean_ns() - with[0].rx.mean_ns() < (without[2].rx.mean_ns() - without[1].rx.mean_ns()) / 10);
}

// -- NIC -----------------------------------------------------------------------------------------------------------------

TEST_CASE("a frame's time on the wire is its bits over the line's rate") {
  for (const auto& [size, speed] : {std::pair{60, 100}, {60, 1000}, {1514, 1000}, {1514, 10000}}) {
    const RunResult result = run(Mode::native, stream(50) + Settings{fmt::format("traffic.size_bytes={}", size), "traffic.rate_pps=5000",
                                                                     fmt::format("nic.link_speed_mbps={}", speed)});
    // Preamble and FCS with it; the gap that follows is not the frame's.
    CHECK(rx_stage(result, Stage::wire) == Approx((size + 12) * 8 * 1000.0 / speed).epsilon(1e-9));
  }
}

TEST_CASE("a longer moderation interval means fewer interrupts and a longer wait for each packet") {
  for (Mode mode : platform::kModes) {
    INFO(platform::name_of(mode));
    // (QEMU's 8139C+, unlike its e1000, moderates nothing of its own.)
    const auto results = sweep(mode, stream(400) + Settings{"software.emulated_nic=rtl8139"}, "software.moderation_us", {"0", "20", "60", "200"});
    CHECK(rx_stage(results[0], Stage::moderation) == 0);
    CHECK(results[0].interrupts.msi >= 390);  // one a packet
    check_falls(results, "interrupts of the NIC", [](const RunResult& r) { return r.interrupts.msi; });
    check_rises(results, "stage moderation", [](const RunResult& r) { return rx_stage(r, Stage::moderation); });
    // An interval begins with the interrupt before, so a packet waits at most as long.
    CHECK(rx_stage(results[3], Stage::moderation) < 200'000);
    CHECK(results[3].interrupts.msi <= 1 + results[3].simulated / (200 * kPsPerUs));
  }
}

TEST_CASE("a moderation interval shorter than the gap between packets delays none") {
  for (Mode mode : platform::kModes) {
    INFO(platform::name_of(mode));
    const RunResult result = run(mode, stream(100) + Settings{"traffic.rate_pps=5000", "software.moderation_us=100"});
    CHECK(rx_stage(result, Stage::moderation) == 0);
    CHECK(result.interrupts.msi == 100);
  }
}

TEST_CASE("a slower NIC adds its latency to every packet and nothing else") {
  const Settings settings = stream(100) + Settings{"traffic.rate_pps=5000"};
  const auto results = sweep(Mode::native, settings, "nic.rx_latency_ns", {"0", "500", "2500"});
  CHECK(results[1].rx.mean_ns() - results[0].rx.mean_ns() == Approx(500).margin(5));
  CHECK(results[2].rx.mean_ns() - results[0].rx.mean_ns() == Approx(2500).margin(5));
  CHECK(rx_stage(results[2], Stage::nic) == Approx(2500));
}
