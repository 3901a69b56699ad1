// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Design rule 5: same configuration, seed and traffic, same results.

#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;

namespace {

const Settings kRandom = {"traffic.source=poisson", "traffic.direction=both", "traffic.packets=300", "traffic.rate_pps=40000"};

}  // namespace

TEST_CASE("the same seed gives the same results in every mode") {
  for (const char* vms : {"vms=1", "vms=4"})
    for (Mode mode : platform::kModes) {
      INFO(command_of(mode, kRandom + Settings{vms}));
      CHECK(json_of(run(mode, kRandom + Settings{vms})) == json_of(run(mode, kRandom + Settings{vms})));
    }
}

TEST_CASE("a run does not depend on the runs before it in the process") {
  const Settings settings = kRandom + Settings{"vms=2"};
  const std::string alone = json_of(run(Mode::sriov, settings));
  for (Mode mode : platform::kModes) run(mode, stream(50) + Settings{"vms=7"});
  CHECK(json_of(run(Mode::sriov, settings)) == alone);
}

TEST_CASE("another seed gives other results where traffic is random, and the same where it is not") {
  const auto with = [](const Settings& settings, const char* seed) {
    return json_of(run(Mode::sriov, settings + Settings{std::string("traffic.seed=") + seed}));
  };
  CHECK(with(kRandom, "1") != with(kRandom, "2"));
  CHECK(with(kRandom, "7") == with(kRandom, "7"));
  auto one = run(Mode::sriov, stream(100) + Settings{"traffic.seed=1"}), two = run(Mode::sriov, stream(100) + Settings{"traffic.seed=2"});
  CHECK(one.simulated == two.simulated);  // the bytes differ, the times do not
  CHECK(one.rx.total() == two.rx.total());
}

TEST_CASE("a key that a mode has no use for changes nothing in it") {
  const Settings settings = stream(100, "both");
  const std::string native = json_of(run(Mode::native, settings));
  for (const char* other : {"cpu.exit_cycles=6000", "cpu.apicv=false", "virtio.event_idx=false", "virtio.backend=qemu",
                            "software.emulated_nic=rtl8139", "iommu.walk_step_ns=500", "iommu.posted_interrupts=false",
                            "software.costs.kvm_exit_cycles=9000", "software.vm_memory_mb=128"}) {
    INFO(other);
    CHECK(json_of(run(Mode::native, settings + Settings{other})) == native);
  }
  const std::string sriov = json_of(run(Mode::sriov, settings));
  for (const char* other : {"virtio.event_idx=false", "software.emulated_nic=rtl8139", "software.costs.qemu_access_cycles=9000",
                            "software.costs.bridge_cycles=9000"}) {
    INFO(other);
    CHECK(json_of(run(Mode::sriov, settings + Settings{other})) == sriov);
  }
}

TEST_CASE("the event queue's plain form gives the same results in every mode") {
  // Random arrivals both ways on shared cores, as fast as they go, and a request at a time with sleeping guests.
  for (const Settings& settings : {kRandom + Settings{"vms=3"}, stream(400, "both") + Settings{"vms=7", "traffic.rate_pps=line"},
                                   request_response(60), request_response(60) + Settings{"cpu.apicv=false"}})
    for (Mode mode : platform::kModes) {
      INFO(command_of(mode, settings));
      const auto ahead = run(mode, settings), plain = run(mode, settings, {.run_ahead = false});
      CHECK(json_of(plain) == json_of(ahead));
      CHECK(plain.host.events == ahead.host.events);
      CHECK(plain.host.kernel_events > ahead.host.kernel_events);  // it was the other form: the kernel serves every event
    }
}
