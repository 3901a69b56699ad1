// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A whole run's trace: it changes nothing, and what it shows is what the results count.

#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "lib/trace.h"
#include "test/support/capture_file.h"
#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;
using nlohmann::json;

namespace {

constexpr unsigned kPackets = 40;

std::int64_t ns(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }

platform::RunResult traced(Mode mode, const Settings& settings, const std::string& path) {
  Trace trace(path, kPackets);
  platform::RunResult result = run(mode, settings, {.trace = &trace});
  trace.commit();
  return result;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a run with a trace gives the results of one without, and the same trace each time") {
  const TemporaryFolder folder;
  for (const Mode mode : {Mode::native, Mode::emulated, Mode::virtio, Mode::sriov}) {
    INFO(platform::name_of(mode));
    const Settings settings = request_response(30);
    const auto plain = run(mode, settings), first = traced(mode, settings, folder / "a.json"), second = traced(mode, settings, folder / "b.json");
    CHECK(json_of(plain) == json_of(first));
    CHECK(json_of(plain) == json_of(second));
    CHECK(text_of(folder / "a.json") == text_of(folder / "b.json"));
  }
}

TEST_CASE("a trace shows every exit, and each packet's latency as the results have it") {
  const TemporaryFolder folder;
  for (const Mode mode : {Mode::native, Mode::emulated, Mode::virtio, Mode::vmdq, Mode::assigned, Mode::sriov}) {
    INFO(platform::name_of(mode));
    const auto result = traced(mode, request_response(kPackets / 2), folder / "t.json");
    REQUIRE(result.packets_done() == kPackets);
    std::map<std::string, std::uint64_t> exits;
    std::map<std::uint64_t, std::int64_t> begun, age, in_stages;
    std::set<unsigned> tracks;
    const json trace = json::parse(text_of(folder / "t.json"));  // a range must outlive its loop
    for (const json& event : trace.at("traceEvents")) {
      if (event["ph"] == "M") continue;
      if (event["cat"] == "exit") ++exits[event["name"]];
      if (event["cat"] == "core") tracks.insert(event["tid"].get<unsigned>());
      if (event["cat"] != "packet") continue;
      const auto id = event["id"].get<std::uint64_t>();
      const bool whole = event["name"] == "rx" || event["name"] == "tx";
      const std::int64_t signed_ts = event["ph"] == "b" ? -ns(event["ts"]) : ns(event["ts"]);
      (whole ? age : in_stages)[id] += signed_ts;
    }
    CHECK(age.size() == kPackets);
    double sum = 0;
    for (const auto& [id, latency] : age) {
      CHECK(in_stages[id] == latency);
      sum += static_cast<double>(latency);
    }
    const double mean = (result.rx.mean_ns() * static_cast<double>(result.rx.count()) + result.tx.mean_ns() * static_cast<double>(result.tx.count()));
    CHECK(sum == Approx(mean).margin(kPackets));  // whole nanoseconds
    CHECK_FALSE(tracks.empty());
    if (mode == Mode::native) CHECK(exits.empty());
    // What comes after the last packet is not shown: at most the guest's way back to sleep.
    for (const auto& [reason, count] : result.exits) {
      INFO(reason);
      CHECK(exits[reason] <= count);
      CHECK(exits[reason] + 4 >= count);
    }
  }
}

TEST_CASE("what is counted of each domain and of each device adds up to the whole") {
  const auto result = run(Mode::sriov, stream(300, "both") + Settings{"vms=3", "iommu.count_by_domain=true", "software.page_size=4k", "iommu.iotlb.entries=16"});
  REQUIRE(result.iommu.by_domain.size() == 3);
  std::uint64_t hits = 0, misses = 0, walks = 0, device_hits = 0, device_misses = 0;
  for (const auto& [id, domain] : result.iommu.by_domain) {
    hits += domain.iotlb_hits;
    misses += domain.iotlb_misses;
    walks += domain.walks;
  }
  for (const auto& [id, device] : result.iommu.by_device) {
    device_hits += device.hits;
    device_misses += device.misses;
  }
  CHECK(hits == result.iommu.iotlb_hits);
  CHECK(misses == result.iommu.iotlb_misses);
  CHECK(misses > 0);
  CHECK(walks == result.iommu.walks);
  CHECK(device_hits == hits);
  CHECK(device_misses == misses);
}
