// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Moving a parameter of the processor's virtualization or of the software around it moves exits, CPU time and latency as
// the architecture says.

#include "test/support/platform_run.h"

#include <fmt/format.h>

using namespace iovirt;
using namespace iovirt::test;
using platform::RunResult;

namespace {

Ps time_of(const RunResult& result, Share share) { return result.cpu[static_cast<std::size_t>(share)]; }
Ps busy(const RunResult& result) {
  Ps total = 0;
  for (std::size_t s = 0; s < kShares; ++s)
    if (static_cast<Share>(s) != Share::idle) total += result.cpu[s];
  return total;
}
double rx_stage(const RunResult& result, Stage stage) { return result.rx.stage_mean_ns(stage); }

}  // namespace

// -- APICv -----------------------------------------------------------------------------------------------------------------

TEST_CASE("without APICv every end of interrupt exits") {
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const RunResult with = run(mode, request_response(60)), without = run(mode, request_response(60) + Settings{"cpu.apicv=false"});
    CHECK(exits_of(with, "MSR_WRITE") == with.accesses.timer_writes);
    CHECK(exits_of(without, "MSR_WRITE") == without.accesses.timer_writes + without.accesses.eoi);
    CHECK(without.exits_total() > with.exits_total());
    CHECK(without.rx.mean_ns() != with.rx.mean_ns());
    CHECK(time_of(without, Share::exit) > time_of(with, Share::exit));
  }
}

TEST_CASE("with APICv only a level-triggered end of interrupt exits") {
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const RunResult with = run(mode, request_response(60)), without = run(mode, request_response(60) + Settings{"cpu.apicv=false"});
    CHECK(exits_of(with, "EOI_INDUCED") == (mode == Mode::emulated ? with.interrupts.taken : 0));
    CHECK(exits_of(without, "EOI_INDUCED") == 0);
    CHECK(exits_of(with, "MSR_READ") == 0);  // the TMR is read from the virtual-APIC page
    CHECK(exits_of(without, "MSR_READ") == without.accesses.tmr_reads);
  }
}

TEST_CASE("only without APICv does the VMM wait for the guest's interrupt window") {
  // Poisson, so that interrupts also come while the guest cannot take them.
  const Settings settings = {"traffic.source=poisson", "traffic.direction=both", "traffic.packets=400", "traffic.rate_pps=100000"};
  for (Mode mode : {Mode::virtio, Mode::vmdq}) {
    INFO(platform::name_of(mode));
    const RunResult with = run(mode, settings), without = run(mode, settings + Settings{"cpu.apicv=false"});
    CHECK(exits_of(with, "INTERRUPT_WINDOW") == 0);
    CHECK(exits_of(without, "INTERRUPT_WINDOW") > 10);
    // A vCPU in guest mode is interrupted for each injection; posting needs no exit.
    CHECK(exits_of(without, "EXTERNAL_INTERRUPT") > 10);
    CHECK(exits_of(with, "EXTERNAL_INTERRUPT") <= 3);
  }
}

// -- interrupts of assigned devices -----------------------------------------------------------------------------------------

TEST_CASE("a posted interrupt reaches a running guest without an exit, a remapped one with one") {
  const Settings settings = stream(800, "tx") + Settings{"traffic.rate_pps=line"};  // the guest never sleeps
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    INFO(platform::name_of(mode));
    const RunResult posted = run(mode, settings), remapped = run(mode, settings + Settings{"iommu.posted_interrupts=false"});
    CHECK(posted.interrupts.posted == posted.interrupts.msi);
    CHECK(posted.interrupts.remapped == 0);
    CHECK(exits_of(posted, "EXTERNAL_INTERRUPT") <= 1);

    CHECK(remapped.interrupts.remapped == remapped.interrupts.msi);
    CHECK(remapped.interrupts.posted == 0);
    REQUIRE(remapped.interrupts.taken >= 15);
    CHECK(exits_of(remapped, "EXTERNAL_INTERRUPT") >= remapped.interrupts.taken - 1);
    CHECK(exits_of(remapped, "EXTERNAL_INTERRUPT") <= remapped.interrupts.taken + 1);
    CHECK(posted.tx.mean_ns() < remapped.tx.mean_ns());
  }
}

TEST_CASE("a posted interrupt needs APICv") {
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    const RunResult result = run(mode, request_response(20) + Settings{"cpu.apicv=false"});
    CHECK(result.interrupts.posted == 0);
    CHECK(result.interrupts.remapped == result.interrupts.msi);
  }
}

TEST_CASE("waking one guest does not cost the others: the host's time grows with the interrupts, not with guests times interrupts") {
  for (Mode mode : {Mode::assigned, Mode::sriov}) {
    INFO(platform::name_of(mode));
    // Each VM a frame every 200 us, one after the other: an interrupt finds all of them asleep.
    const auto per_interrupt = [&](unsigned vms) {
      const RunResult result = run(mode, stream(60 * vms) + Settings{fmt::format("vms={}", vms), "cpu.cores=9",
                                                                     fmt::format("traffic.rate_pps={}", 5000 * vms)});
      CHECK(result.interrupts.taken == 60 * vms);
      return static_cast<double>(time_of(result, Share::host_kernel)) / static_cast<double>(result.interrupts.taken);
    };
    const double one = per_interrupt(1), seven = per_interrupt(7);
    INFO("host kernel per interrupt: " << one << " ps with 1 VM, " << seven << " ps with 7");
    CHECK(seven < 1.5 * one);
  }
}

// -- what an exit costs -------------------------------------------------------------------------------------------------------

TEST_CASE("the time spent in exits grows by their number times what one costs more") {
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const RunResult cheap = run(mode, request_response(60) + Settings{"cpu.exit_cycles=600"});
    const RunResult dear = run(mode, request_response(60) + Settings{"cpu.exit_cycles=6600"});  // 2.5 us at 2.4 GHz more
    const double more = static_cast<double>(time_of(dear, Share::exit)) - static_cast<double>(time_of(cheap, Share::exit));
    const double exits = static_cast<double>(dear.exits_total());
    CHECK(more == Approx(exits * 2.5e6).epsilon(0.03));
    CHECK(time_of(dear, Share::host_user) == Approx(static_cast<double>(time_of(cheap, Share::host_user))).epsilon(0.02));
  }
}

TEST_CASE("a dearer exit delays the packets of a mode by the exits on their way") {
  const auto means = [](Mode mode, const char* cycles) {
    return run(mode, request_response(60) + Settings{std::string("cpu.exit_cycles=") + cycles}).round_trip;
  };
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const auto cheap = means(mode, "600"), dear = means(mode, "6600");
    const double more = dear.mean_ns() - cheap.mean_ns();
    if (mode == Mode::emulated)
      CHECK(more > 7 * 2500);  // register accesses before the application has the packet, and the doorbell
    else if (mode == Mode::assigned || mode == Mode::sriov)
      CHECK(more < 2500);  // at most the sleep's, and that was long ago when the packet comes
    else
      CHECK(more == Approx(2500).margin(500));  // the kick
    CHECK(dear.stage_mean_ns(Stage::exit) - cheap.stage_mean_ns(Stage::exit) == Approx(more).margin(300));
  }
  CHECK(means(Mode::native, "600").total() == means(Mode::native, "6600").total());
}

TEST_CASE("a faster core shortens software's stages and no other") {
  const Settings settings = stream(60) + Settings{"traffic.rate_pps=5000"};
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const RunResult slow = run(mode, settings + Settings{"cpu.frequency_mhz=1200"}), fast = run(mode, settings + Settings{"cpu.frequency_mhz=4800"});
    CHECK(rx_stage(fast, Stage::guest) < rx_stage(slow, Stage::guest) / 2);
    CHECK(rx_stage(fast, Stage::host_kernel) < rx_stage(slow, Stage::host_kernel));
    for (Stage stage : {Stage::wire, Stage::nic, Stage::pcie})
      CHECK(rx_stage(fast, stage) == Approx(rx_stage(slow, stage)).epsilon(0.02));
  }
}

// -- virtio and emulation -------------------------------------------------------------------------------------------------------

TEST_CASE("event idx saves kicks when there is a queue") {
  const Settings settings = stream(800, "tx") + Settings{"traffic.rate_pps=line", "cpu.cores=2"};
  for (Mode mode : {Mode::virtio, Mode::vmdq}) {
    INFO(platform::name_of(mode));
    const RunResult with = run(mode, settings), without = run(mode, settings + Settings{"virtio.event_idx=false"});
    CHECK(with.accesses.device_writes < without.accesses.device_writes);
    CHECK(with.exits_total() < without.exits_total());
  }
}

TEST_CASE("what a virtqueue's two sides tell each other does not depend on how far cores run ahead") {
  // A driver's flag that the device saw up to a quantum before its time let 970 of 1000 interrupts disappear.
  const Settings settings = stream(1000, "tx") + Settings{"traffic.rate_pps=line"};
  for (Mode mode : {Mode::virtio, Mode::vmdq})
    for (const char* event_idx : {"virtio.event_idx=true", "virtio.event_idx=false"}) {
      const Settings one = settings + Settings{event_idx};
      INFO(command_of(mode, one));
      const RunResult coarse = run(mode, one), fine = run(mode, one + Settings{"cpu.quantum_ns=100"});
      const auto near = [](std::uint64_t value) { return Approx(static_cast<double>(value)).epsilon(0.1).margin(5); };
      CHECK(static_cast<double>(coarse.accesses.device_writes) == near(fine.accesses.device_writes));
      CHECK(static_cast<double>(coarse.interrupts.taken) == near(fine.interrupts.taken));
    }
}

TEST_CASE("a virtual interrupt's way to the vCPU is the interrupt's time, whatever the cores do meanwhile") {
  const auto means = [](Mode mode, const char* cycles) {
    return run(mode, stream(60) + Settings{"traffic.rate_pps=5000", std::string("software.costs.kvm_inject_cycles=") + cycles}).rx;
  };
  for (Mode mode : {Mode::emulated, Mode::virtio, Mode::vmdq}) {
    INFO(platform::name_of(mode));
    const auto cheap = means(mode, "600"), dear = means(mode, "4800");  // 1.75 us more at 2.4 GHz
    // The line of an emulated NIC goes down again while the guest waits for its read of ICR.
    CHECK(dear.mean_ns() - cheap.mean_ns() == Approx(mode == Mode::emulated ? 3500 : 1750).margin(150));
    CHECK(dear.stage_mean_ns(Stage::interrupt) - cheap.stage_mean_ns(Stage::interrupt) == Approx(1750).margin(50));
  }
}

TEST_CASE("a frame that an emulated e1000 holds its interrupt back for is in moderation") {
  const Settings settings = stream(400) + Settings{"software.moderation_us=0"};
  const RunResult e1000 = run(Mode::emulated, settings), other = run(Mode::emulated, settings + Settings{"software.emulated_nic=rtl8139"});
  CHECK(rx_stage(e1000, Stage::moderation) > 10'000);
  CHECK(rx_stage(other, Stage::moderation) == 0);
}

TEST_CASE("the backend decides whose time a virtual NIC takes") {
  for (Mode mode : {Mode::virtio, Mode::vmdq}) {
    INFO(platform::name_of(mode));
    const RunResult vhost = run(mode, request_response(60)), qemu = run(mode, request_response(60) + Settings{"virtio.backend=qemu"});
    CHECK(time_of(vhost, Share::host_user) == 0);
    CHECK(time_of(qemu, Share::host_user) > 0);
    CHECK(qemu.round_trip.mean_ns() > vhost.round_trip.mean_ns());
  }
}

TEST_CASE("the cost of user space is paid where user space is") {
  const auto slowed = [](Mode mode, const Settings& more) {
    return run(mode, request_response(40) + more + Settings{"software.costs.kvm_user_exit_cycles=40000"}).round_trip.mean_ns() -
           run(mode, request_response(40) + more).round_trip.mean_ns();
  };
  CHECK(slowed(Mode::emulated, {}) > 50'000);
  CHECK(slowed(Mode::virtio, {}) == Approx(0).margin(200));  // an ioeventfd stays in the kernel
  CHECK(slowed(Mode::sriov, {}) == Approx(0).margin(200));
}

TEST_CASE("only emulation and virtio copy a packet on its way") {
  const Settings settings = stream(100) + Settings{"traffic.size_bytes=1514"};
  // Natively and with a device of its own: from the kernel's buffer to the application, once.
  for (Mode mode : {Mode::native, Mode::assigned, Mode::sriov}) CHECK(run(mode, settings).copied_bytes == 100 * 1514);
  for (Mode mode : {Mode::virtio, Mode::vmdq}) CHECK(run(mode, settings).copied_bytes >= 2 * 100 * 1514);
  CHECK(run(Mode::emulated, settings).copied_bytes >= 3 * 100 * 1514);
}

TEST_CASE("the NIC's sorting spares the bridge") {
  const Settings dear = {"software.costs.bridge_cycles=24000"};  // 10 us
  const Settings settings = stream(60) + Settings{"traffic.rate_pps=5000"};
  CHECK(run(Mode::virtio, settings + dear).rx.mean_ns() > run(Mode::virtio, settings).rx.mean_ns() + 9'000);
  CHECK(run(Mode::vmdq, settings + dear).rx.mean_ns() == Approx(run(Mode::vmdq, settings).rx.mean_ns()));
  CHECK(run(Mode::vmdq, settings).rx.mean_ns() < run(Mode::virtio, settings).rx.mean_ns());
}

// -- the number of VMs -------------------------------------------------------------------------------------------------------------

TEST_CASE("more VMs share the processor: more of it is busy, and exits come per VM") {
  // The same rate for each: seven times the packets in the same time.
  for (Mode mode : platform::kModes) {
    INFO(platform::name_of(mode));
    const auto with = [&](unsigned vms) {
      return run(mode, stream(60 * vms) + Settings{fmt::format("vms={}", vms), fmt::format("traffic.rate_pps={}", 5000 * vms)});
    };
    const RunResult one = with(1), three = with(3), seven = with(7);
    CHECK(busy(one) < busy(three));
    CHECK(busy(three) < busy(seven));
    CHECK(one.cpu_fraction(Share::idle) > seven.cpu_fraction(Share::idle));
    CHECK(seven.packets.received == 420);
    if (mode != Mode::native) CHECK(seven.exits_total() > 5 * one.exits_total());
  }
}

TEST_CASE("busy VMs on one core wait for each other") {
  for (Mode mode : kVmModes) {
    INFO(platform::name_of(mode));
    const Settings settings = {"traffic.source=poisson", "traffic.packets=700", "traffic.rate_pps=200000", "vms=7"};
    CHECK(run(mode, settings + Settings{"cpu.cores=2"}).rx.mean_ns() > run(mode, settings + Settings{"cpu.cores=16"}).rx.mean_ns());
  }
}

// -- the modes against each other ------------------------------------------------------------------------------------------------------

TEST_CASE("each step away from the hardware costs a request and its response more") {
  const auto round_trip = [](Mode mode) { return run(mode, request_response(60)).round_trip.mean_ns(); };
  const double native = round_trip(Mode::native), sriov = round_trip(Mode::sriov), assigned = round_trip(Mode::assigned),
               vmdq = round_trip(Mode::vmdq), virtio = round_trip(Mode::virtio), emulated = round_trip(Mode::emulated);
  CHECK(native < sriov);
  CHECK(assigned == Approx(sriov).epsilon(0.02));
  CHECK(sriov < vmdq);
  CHECK(vmdq < virtio);
  CHECK(virtio < emulated);
}
