// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/scenario.h"

#include <nlohmann/json.hpp>

#include "models/platform/stream/fast_and_safe.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform::stream;
using Catch::Matchers::ContainsSubstring;

namespace {

std::string error_of(const std::vector<std::string>& assignments) {
  try {
    const Scenario scenario(assignments);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

ComparedPoint as_measured(std::size_t point) {
  ComparedPoint p{kMeasured[point], {}, {}};
  p.off.gbps = p.measured.off_gbps;
  p.on.gbps = p.measured.on_gbps;
  p.on.misses = p.measured.misses;
  return p;
}

}  // namespace

TEST_CASE("the Fast & Safe scenario is the paper's machine") {
  const Scenario scenario({});
  CHECK(scenario.machine().cpu.cores == 5);
  CHECK(scenario.machine().memory.ddio_ways == 0);
  CHECK(scenario.machine().nic.pcie_width == 16);
  CHECK(scenario.stream().wire_gbps == 100);
  CHECK(scenario.stream().ring_pages == 256);
  CHECK(scenario.stream().send_entries == 1024);
  CHECK(scenario.stream().event_entries == 64);
  CHECK(scenario.stream().look_again_ns == 500);
  const auto dump = scenario.dump();
  CHECK(dump["stream"]["moderation_us"] == 8);
  CHECK(dump["iommu"]["iotlb"]["entries"] == 64);
}

TEST_CASE("assignments reach the scenario's machine and stream") {
  const Scenario scenario({"iommu.walkers=2", "stream.ring_pages=512"});
  CHECK(scenario.machine().iommu.walkers == 2);
  CHECK(scenario.stream().ring_pages == 512);
}

TEST_CASE("a scenario that cannot be is refused with its key") {
  CHECK_THAT(error_of({"stream.ring_pages=300"}), ContainsSubstring("$.stream.ring_pages: 300: expected a multiple of 64"));
  CHECK_THAT(error_of({"stream.in_flight_packets=16"}), ContainsSubstring("$.stream.in_flight_packets: 16 for 5 flows: expected at least 4 for each"));
  CHECK_THAT(error_of({"stream.flows=3"}), ContainsSubstring("$.stream.flows: 3"));
  CHECK_THAT(error_of({"stream.frame_bytes=3950"}), ContainsSubstring("$.stream.frame_bytes: 3950"));
  CHECK_THAT(error_of({"stream.wire_gbps=0"}), ContainsSubstring("$.stream.wire_gbps: expected more than 0"));
  CHECK_THAT(error_of({"stream.send_entries=3"}), ContainsSubstring("$.stream.send_entries: 3"));
  CHECK_THAT(error_of({"stream.event_entries=0"}), ContainsSubstring("$.stream.event_entries: 0"));
  CHECK_THAT(error_of({"stream.look_again_ns=0"}), ContainsSubstring("$.stream.look_again_ns: 0"));
  CHECK_THAT(error_of({"stream.ringpages=1"}), ContainsSubstring("$.stream.ringpages: unknown key"));
  CHECK_THAT(error_of({"iommu.walkerz=1"}), ContainsSubstring("$.iommu.walkerz: unknown key"));
}

TEST_CASE("a point lies within its bounds when all of it does") {
  for (std::size_t i = 0; i < kMeasured.size(); ++i) {
    CHECK(as_measured(i).within());
    ComparedPoint p = as_measured(i);
    p.on.gbps *= 1.09;
    p.on.misses *= 0.91;
    p.off.gbps *= 0.91;
    CHECK(p.within());
    p.on.gbps = p.measured.on_gbps * 1.11;
    CHECK_FALSE(p.within());
    p = as_measured(i);
    p.on.misses *= 0.89;
    CHECK_FALSE(p.within());
    p = as_measured(i);
    p.off.gbps *= 0.89;
    CHECK_FALSE(p.within());
    p = as_measured(i);
    p.on.errors = 1;
    CHECK_FALSE(p.within());
  }
  CHECK(within({as_measured(0), as_measured(1)}));
  ComparedPoint slow = as_measured(1);
  slow.on.gbps = 50;
  CHECK_FALSE(within({as_measured(0), slow}));
  CHECK_THAT(fast_and_safe_report({as_measured(0), slow}), ContainsSubstring("OUTSIDE 10 %"));
  CHECK(fast_and_safe_json({slow}, nlohmann::ordered_json::object())["within"] == false);
}
