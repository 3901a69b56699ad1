// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What each way of mapping the host's own buffers does to a native run.

#include <map>

#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;
using platform::RunResult;

namespace {

struct Counted {
  RunResult run;
  std::map<std::string, std::uint64_t> statistics;
  std::uint64_t operator[](const std::string& name) const { return statistics.at(name); }
};

Counted native(const std::string& mode, const Settings& settings) {
  Counted counted{run(Mode::native, settings + Settings{"software.iommu_mode=" + mode}), {}};
  for (const auto& entry : counted.run.statistics) counted.statistics[entry.name] = entry.value;
  return counted;
}

const Settings kStream = stream(600) + Settings{"traffic.rate_pps=100000"};

}  // namespace

TEST_CASE("off and pass-through map nothing") {
  for (const char* mode : {"off", "passthrough"}) {
    const Counted run = native(mode, kStream);
    CHECK(run["dma.map.calls"] == 0);
    CHECK(run["dma.unmap.calls"] == 0);
    CHECK(run.run.iommu.walks == 0);
  }
}

TEST_CASE("strict mode maps each buffer and invalidates it before the stack gets it") {
  const Counted run = native("strict", kStream);
  CHECK(run["dma.unmap.calls"] >= 600);
  CHECK(run["dma.map.calls"] >= run["dma.unmap.calls"]);
  CHECK(run["dma.unmap.requests"] == run["dma.unmap.calls"]);
  CHECK(run["dma.unmap.entries"] == run["dma.unmap.calls"]);
  CHECK(run["dma.flushes"] == 0);
  CHECK(run.run.iommu.iotlb_misses >= 600);
}

TEST_CASE("what a core spends in map and unmap is the sum of what it does there") {
  for (const char* mode : {"strict", "contiguous"}) {
    INFO(mode);
    const Counted run = native(mode, kStream);
    for (const std::string call : {"dma.map.", "dma.unmap."}) {
      const std::uint64_t parts = run[call + "addresses_ps"] + run[call + "tables_ps"] + run[call + "submitting_ps"] + run[call + "waiting_ps"];
      CHECK(parts <= run[call + "total_ps"]);
      CHECK(parts > run[call + "total_ps"] / 100 * 95);  // interrupts are taken in between
    }
  }
}

TEST_CASE("deferred mode flushes 250 at a time, or after 10 ms whatever there is") {
  const Counted busy = native("deferred", kStream);  // 6 ms
  CHECK(busy["dma.flushes"] == busy["dma.unmap.calls"] / 250);
  const Counted slow = native("deferred", stream(60) + Settings{"traffic.rate_pps=1000"});
  CHECK(slow["dma.unmap.calls"] < 250);
  CHECK(slow["dma.flushes"] >= 4);
  CHECK(slow["dma.flushes"] <= 7);
}

TEST_CASE("contiguous addresses cost less to find and spare the paging-structure caches") {
  const Counted strict = native("strict", kStream), contiguous = native("contiguous", kStream);
  CHECK(contiguous["dma.unmap.requests"] == contiguous["dma.unmap.calls"]);  // igb's descriptors hold one buffer
  CHECK(contiguous["dma.map.addresses_ps"] * 5 < strict["dma.map.addresses_ps"]);
  CHECK(contiguous.run.iommu.walks >= 600);
  CHECK(contiguous.run.iommu.memory_reads < strict.run.iommu.memory_reads);
}

TEST_CASE("huge pages leave next to nothing to map, miss or invalidate") {
  const Counted run = native("huge_pages", kStream);
  CHECK(run["dma.map.calls"] >= 600);
  CHECK(run["dma.map.entries"] <= 4);  // the rings, and a slab
  CHECK(run["dma.unmap.requests"] == 0);
  CHECK(run.run.iommu.iotlb_misses <= 8);
}

TEST_CASE("protection costs the host's kernel more the stricter it is") {
  std::map<std::string, double> kernel;
  for (const char* mode : {"off", "passthrough", "strict", "deferred", "contiguous", "huge_pages"})
    kernel[mode] = native(mode, kStream).run.cpu_fraction(Share::host_kernel);
  CHECK(kernel["passthrough"] == Approx(kernel["off"]).epsilon(0.01));
  CHECK(kernel["huge_pages"] > kernel["passthrough"]);
  CHECK(kernel["deferred"] > kernel["huge_pages"]);
  CHECK(kernel["contiguous"] > kernel["deferred"]);
  CHECK(kernel["strict"] > kernel["contiguous"]);
}

TEST_CASE("a stream gets through whatever the IOMMU caches, looks into or drains") {
  for (const char* setting : {"iommu.caching_mode=true", "iommu.coherent_walks=false", "iommu.max_address_mask=0"})
    for (const char* mode : {"passthrough", "strict", "deferred", "contiguous", "huge_pages"}) {
      INFO(mode << ", " << setting);
      const Counted run = native(mode, stream(100, "both") + Settings{setting});
      CHECK(run.run.packets.received == 50);
      CHECK(run.run.packets.transmitted == 50);
      CHECK(run.run.iommu.faults.empty());
    }
}

TEST_CASE("an address allocator without magazines makes mapping dearer") {
  const Settings both = stream(400, "both") + Settings{"traffic.rate_pps=50000"};
  const Counted with = native("strict", both), without = native("strict", both + Settings{"software.iova_cache=false"});
  CHECK(without["dma.map.searches"] == without["dma.map.calls"]);
  CHECK(with["dma.map.searches"] < with["dma.map.calls"]);
  CHECK(without["dma.map.addresses_ps"] > with["dma.map.addresses_ps"]);
}
