// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// `translate` as a whole: times to the nanosecond on small traces, invariants on large ones.

#include <algorithm>

#include <nlohmann/json.hpp>

#include "models/platform/translate/tenant_mix.h"
#include "models/platform/translate/translate.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Lookup 5 ns, 2 ns a step, tables and data at 100 ns for the first access to a line, reads of it again at 40.
TranslateConfig plain(std::vector<std::string> more = {}) {
  std::vector<std::string> sets = {"iommu.lookup_ns=5", "iommu.walk_step_ns=2", "memory.device_latency_ns=20", "memory.llc_latency_ns=20",
                                   "memory.dram_latency_ns=60", "memory.channel_gbytes_per_s=64"};
  sets.insert(sets.end(), more.begin(), more.end());
  return load_translate_config(sets);
}

TranslateResult play(const std::string& text, const TranslateConfig& config) {
  const test::TemporaryFolder folder;
  AccessTrace trace(folder.write("t.csv", std::string(kTraceHeader) + "\n" + text));
  return translate(config, trace);
}

TranslateResult play(const TenantMix& mix, const TranslateConfig& config) {
  const test::TemporaryFolder folder;
  AccessTraceWriter writer(folder / "t.bin", "test");
  mix.generate([&](const AccessRecord& record) { writer.add(record); });
  writer.commit();
  AccessTrace trace(folder / "t.bin");
  return translate(config, trace);
}

constexpr double kWalk = 6 * (2 + 100);

}  // namespace

TEST_CASE("translate plays each record at its time through real tables") {
  const TranslateResult r = play(
      "0,03:00.0,,0x1000,64,r\n"        // root, context, four levels, then the data
      "10000,03:00.0,,0x1040,64,r\n"    // hit
      "20000,03:00.0,,0x2000,64,r\n"    // the leaf only: its line is not in the cache, reads do not allocate
      "30000.5,03:00.1,,0x1000,64,r\n"  // another domain: context, four levels, root
      "40000,03:00.1,,0x1000,64,w\n",
      plain());
  REQUIRE(r.records == 5);
  REQUIRE(r.requests == 5);
  REQUIRE(r.answered == 5);
  REQUIRE(r.blocked == 0);
  REQUIRE(r.delayed == 0);
  REQUIRE(r.pages == 3);
  REQUIRE(r.table_pages == 2 + 4 + 4);
  REQUIRE(r.requesters.size() == 2);
  REQUIRE(r.iommu.iotlb_hits == 2);
  REQUIRE(r.iommu.iotlb_misses == 3);
  REQUIRE(r.iommu.memory_reads == 6 + 1 + 6);
  const auto& a = r.requesters[0];
  const auto& b = r.requesters[1];
  REQUIRE(a.id == 0x0300);
  REQUIRE(a.pages == 2);
  REQUIRE(a.reads == 3);
  REQUIRE(a.hits == 1);
  REQUIRE(a.misses == 2);
  REQUIRE(a.memory_reads == 7);
  REQUIRE(a.latency.sum() == ns_to_ps(5 + kWalk + 100) + ns_to_ps(5 + 100) + ns_to_ps(5 + 102 + 100));
  REQUIRE(b.id == 0x0301);
  REQUIRE(b.writes == 1);
  REQUIRE(b.memory_reads == 6);
  REQUIRE(b.latency.max() == ns_to_ps(5 + kWalk + 100));
  REQUIRE(b.latency.min() == ns_to_ps(5 + 40));
  REQUIRE(r.simulated == ns_to_ps(40'000 + 5 + 40));
}

TEST_CASE("a record that crosses page boundaries is played as a request a page") {
  const TranslateResult r = play("0,03:00.0,,0x1ff0,8208,w\n", plain());
  REQUIRE(r.records == 1);
  REQUIRE(r.requests == 3);
  REQUIRE(r.pages == 3);
  REQUIRE(play("0,03:00.0,,0x1ff0,8208,w\n", plain({"translate.page_bytes=2M"})).pages == 1);
  REQUIRE(play("0,03:00.0,,0x3ffffff0,17,w\n", plain({"translate.page_bytes=1073741824"})).pages == 2);
}

TEST_CASE("larger pages and fewer levels read fewer entries") {
  const std::string text = "0,03:00.0,,0x40000000,64,r\n";
  REQUIRE(play(text, plain()).iommu.memory_reads == 6);
  REQUIRE(play(text, plain({"translate.levels=3"})).iommu.memory_reads == 5);
  REQUIRE(play(text, plain({"translate.page_bytes=2M"})).iommu.memory_reads == 5);
  REQUIRE(play(text, plain({"translate.page_bytes=1G"})).iommu.memory_reads == 4);
}

TEST_CASE("a limit of requests in flight holds records back, in their order and timed from when they were due") {
  const std::string text =
      "0,03:00.0,,0x1000,64,r\n"
      "10,03:00.0,,0x1040,64,r\n"
      "20,03:00.0,,0x1080,64,r\n";
  const TranslateResult r = play(text, plain({"translate.outstanding=1"}));
  const double first = 5 + kWalk + 100;
  REQUIRE(r.delayed == 2);
  REQUIRE(r.latency.sum() == ns_to_ps(first + (first + 105 - 10) + (first + 210 - 20)));
  const TranslateResult open = play(text, plain());
  REQUIRE(open.delayed == 0);
  // They wait for the first one's walk, and then go at once.
  REQUIRE(open.latency.max() == ns_to_ps(first));
  REQUIRE(open.iommu.walks == 1);
}

TEST_CASE("time begins with the trace's own, whatever it starts at") {
  const TranslateResult r = play("123456.789,03:00.0,,0x1000,64,r\n", plain());
  REQUIRE(r.simulated == ns_to_ps(5 + kWalk + 100));
  REQUIRE(r.latency.sum() == r.simulated);
}

TEST_CASE("tenants whose pages fit hit, tenants whose pages do not walk, and all numbers add up") {
  TenantMix mix{.tenants = 48, .requests = 40'000, .pages = 4, .interval_ns = 500};
  for (const char* entries : {"16", "1024"}) {
    const TranslateResult r = play(mix, load_translate_config({std::string("iommu.iotlb.entries=") + entries, "iommu.walkers=16"}));
    std::uint64_t requests = 0, reads = 0;
    for (const auto& requester : r.requesters) {
      REQUIRE(requester.pages == 4);
      REQUIRE(requester.latency.count() == requester.reads + requester.writes);
      REQUIRE(requester.hits + requester.misses == requester.latency.count());
      requests += requester.latency.count();
      reads += requester.memory_reads;
    }
    REQUIRE(requests == 40'000);
    REQUIRE(reads == r.iommu.memory_reads);
    REQUIRE(r.blocked == 0);
    if (std::string(entries) == "16")
      REQUIRE(r.iommu.iotlb_hits == 0);
    else
      REQUIRE(r.iommu.iotlb_misses < 1000);
  }
}

TEST_CASE("the same trace gives the same results, in both forms") {
  const test::TemporaryFolder folder;
  TenantMix mix{.tenants = 20, .requests = 5'000, .order = TenantOrder::random, .pattern = PagePattern::random, .interval_ns = 40};
  std::string first;
  for (const char* name : {"t.csv", "t.bin", "t.bin"}) {
    AccessTraceWriter writer(folder / name, "test");
    mix.generate([&](const AccessRecord& record) { writer.add(record); });
    writer.commit();
    AccessTrace trace(folder / name);
    const TranslateConfig config = load_translate_config({});
    const TranslateResult result = translate(config, trace);
    auto json = translate_json(config, "t", result);
    json["runs"][0].erase("host");
    for (const auto& requester : result.requesters) json["runs"][0]["requesters"].push_back(requester_json(requester));
    REQUIRE(json["runs"][0]["requesters"].size() == 20);
    if (first.empty()) first = json.dump();
    REQUIRE(json.dump() == first);
  }
}

TEST_CASE("accesses that no table maps are refused with their line") {
  CHECK_THROWS_WITH(play("0,03:00.0,,0x1000,64,r\n0,03:00.0,,0x1000000000000,64,r\n", plain()),
                    ContainsSubstring("t.csv: line 3: address: 0x1000000000000: expected an access below 2^48"));
  CHECK_THROWS_WITH(play("0,03:00.0,,0xffffffffffff,2,r\n", plain()), ContainsSubstring("line 2: address"));
  CHECK_THROWS_WITH(play("0,03:00.0,,0x8000000000,64,r\n", plain({"translate.levels=3"})), ContainsSubstring("below 2^39"));
  CHECK_THROWS_WITH(play("0,03:00.0,,0xfedffff0,64,w\n", plain()), ContainsSubstring("expected an access outside the interrupt addresses"));
  CHECK_THROWS_WITH(play("0,03:00.0,,0,64,r\n1,03:00.0,,0x40000000,64,r\n2,03:00.0,,0x80000000,64,r\n",
                         plain({"translate.page_bytes=1G", "iommu.host_address_bits=32"})),
                    ContainsSubstring("line 4: requester: 03:00.0: expected a smaller trace: no room for more data pages in 32 host address bits"));
}

TEST_CASE("PASIDs of a requester are address spaces of their own, walked in scalable mode") {
  const std::string text =
      "0,03:00.0,,0x1000,64,r\n"        // root, context, directory, PASID entry, four levels
      "10000,03:00.0,5,0x1000,64,r\n"   // another address space: directory, PASID entry, four levels
      "20000,03:00.0,5,0x1000,64,w\n"   // hit
      "30000,03:00.0,0,0x1000,64,w\n"   // the first one's page: PASID 0 is that of requests without one
      "40000,03:10.0,0xfffff,0x7fffffff0000,64,w\n";
  const TranslateResult r = play(text, plain());
  REQUIRE(r.scalable);
  REQUIRE(r.blocked == 0);
  REQUIRE(r.pages == 3);
  REQUIRE(r.iommu.memory_reads == 8 + 6 + 8);
  REQUIRE(r.iommu.iotlb_hits == 2);
  REQUIRE(r.requesters.size() == 2);
  REQUIRE(r.requesters[0].latency.min() == ns_to_ps(5 + 40));
  REQUIRE(play(text, plain({"translate.page_bytes=2M"})).iommu.memory_reads == 7 + 5 + 7);
  REQUIRE(play(text, plain({"translate.page_bytes=1G"})).blocked == 0);
  REQUIRE_FALSE(play("0,03:00.0,,0x1000,64,r\n", plain()).scalable);
  REQUIRE(play("0,03:00.0,,0x1000,64,r\n", plain({"iommu.scalable_mode=true"})).iommu.memory_reads == 8);

  TenantMix mix{.tenants = 20, .requests = 5'000, .pages = 8, .interval_ns = 2'000, .pasids = 3};
  const TranslateResult many = play(mix, load_translate_config({}));
  REQUIRE(many.blocked == 0);
  REQUIRE(many.answered == 5'000);
  REQUIRE(many.iommu.faults == std::array<std::uint64_t, iommu::kFaultReasons>{});

  CHECK_THROWS_WITH(play(text, plain({"iommu.pasid_bits=4"})), ContainsSubstring("line 6: pasid: 1048575: expected less than 2^4 (iommu.pasid_bits)"));
  CHECK_THROWS_WITH(play("0,03:00.0,1,0x800000000000,64,r\n", plain()), ContainsSubstring("line 2: address: 0x800000000000: expected an access below 2^47 with a PASID"));
  CHECK_THROWS_WITH(play("0,03:00.0,1,0x1000,64,r\n", plain({"iommu.first_stage=false", "iommu.nested_translation=false", "iommu.first_stage_five_level=false"})),
                    ContainsSubstring("line 2: pasid: 1: expected none, or iommu.first_stage true"));
}

TEST_CASE("configurations of translate that cannot be are refused with their key") {
  const auto refused = [](std::vector<std::string> sets, const std::string& message) {
    CHECK_THROWS_WITH(load_translate_config(sets), ContainsSubstring(message));
  };
  refused({"translate.page_bytes=8192"}, "--set: $.translate.page_bytes: expected 4096, 2097152 or 1073741824, or 4K, 2M or 1G");
  refused({"translate.page_bytes=2M", "iommu.pages_1g=false", "iommu.pages_2m=false"}, "$.translate.page_bytes: 2097152, but iommu.pages_2m is false");
  refused({"translate.levels=3", "iommu.three_level=false"}, "$.translate.levels: 3, but iommu.three_level is false");
  refused({"translate.levels=5"}, "$.translate.levels");
  refused({"translate.outstanding=0"}, "$.translate.outstanding");
  refused({"translate.pages=1"}, "--set: $.translate.pages: unknown key");
  refused({"iommu.iotlb.ways=3"}, "--set: $.iommu.iotlb.ways: expected a divisor of entries (128)");
  refused({"iommu.iotlb.entrees=3"}, "unknown key (did you mean entries?)");
  refused({"vms=2"}, "--set: $.vms: has no part in translate: expected a key below translate, iommu, memory, profile");
  refused({"memory.size_bytes=1048576"}, "--set: $.memory.size_bytes: has no effect on translate");
  refused({"memory.channels=0"}, "$.memory.channels");
  refused({"profile=nobody"}, "--set: $.profile: nobody: no such profile");
}
