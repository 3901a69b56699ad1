// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Design rule 2 in every mode: every nanosecond, cycle, exit and packet is accounted for once.

#include "test/support/platform_run.h"

#include <numeric>

using namespace iovirt;
using namespace iovirt::test;
using platform::RunResult;

namespace {

void check_books(Mode mode, const Settings& settings) {
  INFO(command_of(mode, settings));
  const RunResult result = run(mode, settings);

  const auto& packets = result.packets;
  CHECK(packets.offered == packets.received + packets.transmitted + packets.dropped);
  CHECK(packets.corrupted == 0);
  CHECK(packets.dropped == 0);  // none of these loads is too much for any mode

  for (const platform::Latency* latency : {&result.rx, &result.tx, &result.round_trip})
    CHECK(latency->stages().sum() == latency->total());  // in integer picoseconds
  CHECK(result.rx.count() == packets.received);
  CHECK(result.tx.count() == packets.transmitted);

  const Ps cpu = std::accumulate(result.cpu.begin(), result.cpu.end(), Ps{0});
  CHECK(cpu == platform::Config{}.cpu.cores * result.simulated);

  if (mode == Mode::native) {
    CHECK(result.exits.empty());
    CHECK(result.cpu[static_cast<std::size_t>(Share::exit)] == 0);
    CHECK(result.cpu[static_cast<std::size_t>(Share::guest)] == 0);
  } else {
    CHECK(result.exits_total() > 0);
    CHECK(result.cpu[static_cast<std::size_t>(Share::exit)] > 0);
    CHECK(result.cpu[static_cast<std::size_t>(Share::guest)] > 0);
  }
  CHECK(result.iommu.faults.empty());

  // What a reader of results.json can check.
  const auto json = platform::to_json(result);
  std::uint64_t exits = 0;
  for (const auto& [reason, count] : json["exits"]["by_reason"].items()) exits += count.get<std::uint64_t>();
  CHECK(exits == json["exits"]["total"].get<std::uint64_t>());
  for (const auto& [name, latency] : json["latency_ns"].items()) {
    double stages = 0;
    for (const auto& [stage, mean] : latency["stages"].items()) stages += mean.get<double>();
    CHECK(stages == Approx(latency["mean"].get<double>()).epsilon(1e-12));
  }
  double fractions = 0;
  for (const auto& [share, fraction] : json["cpu"].items()) fractions += fraction.get<double>();
  CHECK(fractions == Approx(1).epsilon(1e-12));
}

void check_books_in_every_mode(const Settings& settings) {
  for (const char* vms : {"vms=1", "vms=3", "vms=7"})
    for (Mode mode : platform::kModes) check_books(mode, settings + Settings{vms});
}

}  // namespace

TEST_CASE("the books balance in every mode for requests and responses") { check_books_in_every_mode(request_response(70)); }
TEST_CASE("the books balance in every mode for a stream towards the VMs") { check_books_in_every_mode(stream(280, "rx")); }
TEST_CASE("the books balance in every mode for a stream from the VMs") {
  check_books_in_every_mode(stream(280, "tx") + Settings{"traffic.rate_pps=50000"});
}
TEST_CASE("the books balance in every mode for streams both ways") {
  check_books_in_every_mode(stream(420, "both") + Settings{"traffic.rate_pps=30000", "traffic.size_bytes=1514"});
}
TEST_CASE("the books balance in every mode for the sample captures") { check_books_in_every_mode({}); }

TEST_CASE("the books balance whatever the machine is like") {
  const Settings machines[] = {{"software.page_size=4k"},        {"software.page_size=1g"},          {"software.iommu_mode=strict"},
                               {"software.iommu_mode=deferred"}, {"cpu.apicv=false"},                {"iommu.posted_interrupts=false"},
                               {"virtio.event_idx=false"},       {"virtio.indirect=false"},          {"virtio.backend=qemu"},
                               {"virtio.queue_size=8"},          {"software.emulated_nic=rtl8139"},  {"software.moderation_us=0"},
                               {"memory.ddio_ways=0"},           {"iommu.iotlb.entries=1", "iommu.iotlb.ways=1"}};
  for (const Settings& machine : machines)
    for (Mode mode : platform::kModes)
      check_books(mode, Settings{"vms=2", "traffic.source=poisson", "traffic.direction=both", "traffic.packets=200",
                                 "traffic.rate_pps=10000"} + machine);
}

TEST_CASE("the CPU shares add up whatever the number of cores") {
  for (unsigned cores : {1u, 2u, 9u})
    for (Mode mode : platform::kModes) {
      const RunResult result = run(mode, request_response(20) + Settings{"vms=2", "cpu.cores=" + std::to_string(cores)});
      CHECK(std::accumulate(result.cpu.begin(), result.cpu.end(), Ps{0}) == cores * result.simulated);
      CHECK(result.packets.dropped == 0);
    }
}

TEST_CASE("a guest's device accesses and exits are the same events") {
  // EPT_MISCONFIG is a trapped register access; the ones of assigned devices do not exit.
  for (const char* nic : {"e1000", "rtl8139"}) {
    const RunResult result = run(Mode::emulated, request_response(50) + Settings{std::string("software.emulated_nic=") + nic});
    CHECK(exits_of(result, "EPT_MISCONFIG") == result.accesses.device_reads + result.accesses.device_writes);
    CHECK(exits_of(result, "EOI_INDUCED") == result.interrupts.taken);  // level-triggered, with APICv
  }
  for (Mode mode : {Mode::virtio, Mode::vmdq}) {
    const RunResult result = run(mode, request_response(50));
    CHECK(exits_of(result, "EPT_MISCONFIG") == result.accesses.device_writes);
  }
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    const RunResult result = run(mode, request_response(50));
    CHECK(exits_of(result, "EPT_MISCONFIG") == 0);
    CHECK(result.accesses.device_writes == 200);
  }
  for (Mode mode : kVmModes) {
    const RunResult result = run(mode, request_response(50));
    CHECK(exits_of(result, "HLT") <= result.accesses.hlt);
    CHECK(exits_of(result, "HLT") + 2 >= result.accesses.hlt);  // an interrupt may be there before the guest sleeps
    CHECK(exits_of(result, "MSR_WRITE") == result.accesses.timer_writes);  // with APICv the TSC deadline is the only one
  }
}
