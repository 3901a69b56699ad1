// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Many small runs: whatever the traffic and the number of VMs, a modest rate is carried whole, and too much of it is
// survived and accounted for.

#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;
using platform::RunResult;

namespace {

void check_carried(Mode mode, const Settings& settings) {
  for (unsigned vms = 1; vms <= platform::kMaxVms; ++vms) {
    const Settings all = settings + Settings{"vms=" + std::to_string(vms)};
    INFO(command_of(mode, all));
    const RunResult result = run(mode, all);
    CHECK(result.packets.offered > 0);
    CHECK(result.packets_done() == result.packets.offered);
    CHECK(result.iommu.faults.empty());
  }
}

void check_generator(const char* source) {
  for (Mode mode : platform::kModes)
    for (const char* direction : {"rx", "tx", "both"})
      check_carried(mode, {std::string("traffic.source=") + source, std::string("traffic.direction=") + direction,
                           "traffic.packets=140", "traffic.rate_pps=20000"});
}

}  // namespace

TEST_CASE("a stream at a modest rate arrives whole in each direction and mode with one to seven VMs") { check_generator("udp_stream"); }
TEST_CASE("an internet mix at a modest rate arrives whole in each direction and mode with one to seven VMs") { check_generator("imix"); }
TEST_CASE("random traffic at a modest rate arrives whole in each direction and mode with one to seven VMs") { check_generator("poisson"); }

TEST_CASE("every request gets its response in each mode with one to seven VMs") {
  for (Mode mode : platform::kModes) check_carried(mode, request_response(70) + Settings{"traffic.think_ns=20000"});
}

TEST_CASE("each sample capture arrives whole in each mode with several VMs") {
  for (const char* capture : {"iperf3", "http", "redis", "dns"})
    for (Mode mode : platform::kModes)
      for (const char* spread : {"flow", "client"}) {
        const Settings settings = {std::string("traffic.file=examples/traffic/") + capture + ".pcapng", "vms=3",
                                   std::string("traffic.spread=") + spread};
        INFO(command_of(mode, settings));
        const RunResult result = run(mode, settings);
        CHECK(result.packets.received > 0);
        CHECK(result.packets.transmitted > 0);
        CHECK(result.packets.dropped == 0);
      }
}

TEST_CASE("with fewer cores than threads every VM still gets its share") {
  for (const char* cores : {"cpu.cores=1", "cpu.cores=2"})
    for (Mode mode : platform::kModes) check_carried(mode, {"traffic.source=poisson", "traffic.direction=both", "traffic.packets=140",
                                                            "traffic.rate_pps=2000", cores});
}

TEST_CASE("the smallest frames at line rate do not bring a mode to a stand-still, and none gets lost unseen") {
  for (const char* speed : {"nic.link_speed_mbps=1000", "nic.link_speed_mbps=10000"})
    for (const char* vms : {"vms=1", "vms=7"})
      for (Mode mode : platform::kModes) {
        const Settings settings = stream(3000) + Settings{"traffic.rate_pps=line", speed, vms};
        INFO(command_of(mode, settings));
        const RunResult result = run(mode, settings);  // the books balance
        CHECK(result.packets.received >= result.packets.offered / 8);
        CHECK(result.throughput_gbps() > 0.1);
        CHECK(result.packets.transmitted == 0);
      }
}

TEST_CASE("overload both ways at once leaves both directions alive") {
  for (Mode mode : platform::kModes) {
    const Settings settings = stream(4000, "both") + Settings{"traffic.rate_pps=line", "nic.link_speed_mbps=10000", "vms=3"};
    INFO(command_of(mode, settings));
    const RunResult result = run(mode, settings);
    CHECK(result.packets.received > 500);
    CHECK(result.packets.transmitted > 500);
  }
}

TEST_CASE("a long overload costs each mode a part of its packets, not its life") {
  // Ten times as long loses about the same share: nothing is given up for good.
  for (Mode mode : platform::kModes) {
    const Settings settings = {"traffic.source=udp_stream", "traffic.rate_pps=3000000", "nic.link_speed_mbps=10000"};
    const auto rate = [&](unsigned packets) {
      const RunResult result = run(mode, settings + Settings{"traffic.packets=" + std::to_string(packets)});
      return result.throughput_gbps();
    };
    INFO(platform::name_of(mode));
    CHECK(rate(20'000) > rate(2'000) * 0.5);
  }
}
