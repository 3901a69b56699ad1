// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A core in guest mode, instruction by instruction: what exits, with which fields, and what happens where it does not.

#include "models/cpu/core_module.h"

#include <exception>
#include <string>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "lib/little_endian.h"
#include "lib/sim/simulation.h"
#include "models/cpu/apic_spec.h"
#include "models/cpu/bitmaps.h"
#include "models/cpu/ept_spec.h"
#include "test/support/catch.h"
#include "test/support/cpu_vmcs.h"

using namespace iovirt;
using namespace iovirt::cpu;
namespace f = iovirt::cpu::vmcs_field;

namespace {

struct Ram final : MemorySystem {
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(8 << 20);
  std::uint8_t* ram() override { return bytes.data(); }
  std::uint64_t ram_bytes() const override { return bytes.size(); }
  Ps access(unsigned, std::uint64_t, std::size_t, bool) override { return kPsPerNs; }
};

/// No device answers; no device interrupts.
struct Board final : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Board> interrupts{"interrupts"};
  sc_core::sc_vector<tlm_utils::simple_target_socket<Board>> mmio{"mmio"};
  Board(sc_core::sc_module_name name, unsigned cores) : sc_module(name) { mmio.init(cores); }
};

/// One core, and a monitor that answers every exit and keeps it. Guest-physical 0 to 2 MB lie at 4 MB.
class Bench final : public VmExitHandler {
 public:
  struct Exit {
    ExitReason reason;
    std::uint64_t qualification, length;
    GuestState::Operand operand;
  };
  std::vector<Exit> exits;
  std::uint64_t answer = 0;
  CpuidResult cpuid;
  std::function<void(Exit&)> on_exit;

  explicit Bench(bool apicv = false, unsigned cores_in = 1) : settings(config(cores_in)) {
    for (unsigned i = 0; i < cores_in; ++i) cores.core(i).mmio_out.bind(board.mmio[i]);
    board.interrupts.bind(cores.interrupt_in);
    test::build_vmcs(guest.vmcs, VmxCapabilities(settings), apicv, at);
    store_little_endian<std::uint64_t>(&ram.bytes[at.ept_pml4], 0x7000 | 7);
    store_little_endian<std::uint64_t>(&ram.bytes[0x7000], 0x8000 | 7);
    store_little_endian<std::uint64_t>(&ram.bytes[0x8000], 0x40'0000 | 7 | ept_entry::memory_type::of(6) | ept_entry::page::of(1));
    guest.host = this;
  }

  /// `before` on the bare core, `body` in the guest. Returns what was thrown there, "" when nothing was: thrown on from here
  /// it would leave frames that the address sanitizer takes for live ones.
  std::string attempt(const std::function<void()>& body, const std::function<void()>& before = {}) {
    std::string thrown = "the script waits for something that never comes";
    sc_core::sc_spawn([&] {
      try {
        if (before) before();
        core.vmptrld(guest);
        core.run_guest(guest, body);
        thrown.clear();
      } catch (const std::exception& error) {
        thrown = error.what();
      }
      sc_core::sc_stop();
    });
    sc_core::sc_start();
    return thrown;
  }
  void run(const std::function<void()>& body, const std::function<void()>& before = {}) { REQUIRE(attempt(body, before).empty()); }
  void trap_msr(std::uint32_t index, bool write) {
    const std::uint32_t bit = msr_bitmap_bit(index, write);
    ram.bytes[at.msr_bitmap + bit / 8] |= static_cast<std::uint8_t>(1u << bit % 8);
  }
  void trap_port(std::uint16_t port) {
    ram.bytes[(port < 0x8000 ? at.io_bitmap_a : at.io_bitmap_b) + (port & 0x7fff) / 8] |= static_cast<std::uint8_t>(1u << port % 8);
  }
  std::uint32_t virtual_apic(std::uint32_t offset) { return load_little_endian<std::uint32_t>(&ram.bytes[at.virtual_apic_page + offset]); }

  void vm_exit(VmxCpu& cpu) override {
    Exit exit{static_cast<ExitReason>(cpu.vmread(f::exit_reason)), cpu.vmread(f::exit_qualification), cpu.vmread(f::exit_instruction_length), guest.operand};
    guest.operand.value = answer;
    guest.operand.cpuid = cpuid;
    guest.operand.done = true;
    if (on_exit) on_exit(exit);
    exits.push_back(exit);
  }

  test::CpuVmcsAddresses at;
  Ram ram;

 private:
  sim::Simulation simulation_;
  static Config config(unsigned cores) {
    Config config;
    config.cores = cores;
    config.frequency_mhz = 2400;
    config.quantum_ns = 1000;
    config.apic_timer_tick_ns = 10;
    return config;
  }
  const Config settings;
  sim::EventQueue queue_{"queue"};
  sim::TransactionPool pool_;
  PacketLedger ledger_;
  Board board{"board", settings.cores};

 public:
  CoreGroup cores{"cores", settings, queue_, pool_, ram, ledger_};
  Core& core = cores.core(0);
  GuestState guest{0x9000, std::span<std::uint8_t, 4096>(&ram.bytes[0x9000], 4096)};
};

}  // namespace

TEST_CASE("IN and OUT exit where a bit of the I/O bitmaps is set, and elsewhere find no device") {
  Bench bench;
  bench.trap_port(0x60);
  bench.trap_port(0x9000);
  bench.answer = 0x5a;
  bench.run(
      [&] {
        CHECK(bench.core.in(0x60, 1) == 0x5a);
        bench.core.out(0x60, 1, 0xab);
        bench.core.out(0x8ffe, 4, 0x12345678);  // touches 9000H
        CHECK(bench.core.in(0x61, 1) == 0xff);
        CHECK(bench.core.in(0x5e, 2) == 0xffff);
        CHECK(bench.core.in(0x1000, 4) == 0xffff'ffff);
        bench.core.out(0x61, 1, 1);
      },
      [&] {
        CHECK(bench.core.in(0x60, 1) == 0xff);  // not a guest
        bench.core.out(0x60, 1, 0);
      });
  REQUIRE(bench.exits.size() == 3);
  for (const auto& exit : bench.exits) CHECK(exit.reason == ExitReason::io_instruction);
  CHECK(bench.exits[0].qualification == (0x60ull << 16 | 1 << 3 | 0));
  CHECK_FALSE(bench.exits[0].operand.write);
  CHECK(bench.exits[1].qualification == 0x60ull << 16);
  CHECK(bench.exits[1].operand.write);
  CHECK(bench.exits[1].operand.value == 0xab);
  CHECK(bench.exits[2].qualification == (0x8ffeull << 16 | 3));
  CHECK(bench.exits[2].operand.value == 0x12345678);
}

TEST_CASE("without I/O bitmaps unconditional I/O exiting decides for every port") {
  Bench bench;
  bench.guest.vmcs.set<f::primary_controls>((bench.guest.vmcs.get<f::primary_controls>() & ~primary::use_io_bitmaps) |
                                            primary::unconditional_io_exiting);
  bench.run([&] {
    bench.core.in(0x1234, 2);
    bench.core.out(0xfffe, 2, 0);
  });
  CHECK(bench.exits.size() == 2);
}

TEST_CASE("CPUID and VMCALL always exit, PAUSE where the monitor asks for it") {
  for (const bool pause : {false, true}) {
    INFO("PAUSE exiting " << pause);
    Bench bench;
    if (pause) bench.guest.vmcs.set<f::primary_controls>(bench.guest.vmcs.get<f::primary_controls>() | primary::pause_exiting);
    bench.cpuid = {1, 2, 3, 4};
    bench.answer = 77;
    bench.run(
        [&] {
          CHECK(bench.core.cpuid(7, 1).edx == 4);
          CHECK(bench.core.vmcall(5, 6) == 77);
          bench.core.pause();
        },
        [&] {
          CHECK((bench.core.cpuid(1, 0).ecx & (1u << 5)) != 0);  // VMX
          CHECK(bench.core.vmcall(5, 6) == ~0ull);
        });
    REQUIRE(bench.exits.size() == (pause ? 3u : 2u));
    CHECK(bench.exits[0].reason == ExitReason::cpuid);
    CHECK(bench.exits[0].length == 2);
    CHECK(bench.exits[0].operand.argument == (7 | 1ull << 32));
    CHECK(bench.exits[1].reason == ExitReason::vmcall);
    CHECK(bench.exits[1].length == 3);
    CHECK(bench.exits[1].operand.value == 5);
    CHECK(bench.exits[1].operand.argument == 6);
    if (pause) CHECK(bench.exits[2].reason == ExitReason::pause_instruction);
  }
}

TEST_CASE("RDMSR and WRMSR exit where a bit of the MSR bitmap is set") {
  Bench bench;
  bench.trap_msr(0x10, false);
  bench.trap_msr(0xc000'0080, true);
  bench.answer = 0x1122'3344'5566'7788;
  bench.run([&] {
    CHECK(bench.core.rdmsr(0x10) == 0x1122'3344'5566'7788);
    CHECK(bench.core.rdmsr(0x11) == 0);
    bench.core.wrmsr(0x10, 1);
    bench.core.wrmsr(0xc000'0080, 0x500);
    CHECK(bench.core.rdmsr(0x2000) == bench.answer);  // in neither range: always
  });
  REQUIRE(bench.exits.size() == 3);
  CHECK(bench.exits[0].reason == ExitReason::msr_read);
  CHECK(bench.exits[0].operand.argument == 0x10);
  CHECK(bench.exits[1].reason == ExitReason::msr_write);
  CHECK(bench.exits[1].operand.argument == 0xc000'0080);
  CHECK(bench.exits[1].operand.value == 0x500);
  CHECK(bench.exits[2].operand.argument == 0x2000);
}

TEST_CASE("software finds out about VMX by CPUID and the capability MSRs") {
  Bench bench;
  bench.run([] {}, [&] {
    REQUIRE((bench.core.cpuid(1, 0).ecx & 1u << 5) != 0);
    CHECK((bench.core.rdmsr(0x480) & 0xffff'ffff) == VmxCapabilities::kRevision);
    CHECK((bench.core.rdmsr(0x482) >> 32 & primary::activate_secondary_controls) != 0);
    CHECK((bench.core.rdmsr(0x48b) >> 32 & secondary::enable_ept) != 0);
    CHECK(bench.core.rdmsr(0x48f) == 0);
    CHECK(bench.core.rdmsr(0x1b) != 0);  // the local APIC's base
  });
  CHECK(bench.exits.empty());
}

TEST_CASE("with a TPR shadow alone the guest's TPR lies in the virtual-APIC page, and exits below the threshold") {
  Bench bench;
  auto& vmcs = bench.guest.vmcs;
  vmcs.set<f::secondary_controls>(vmcs.get<f::secondary_controls>() | secondary::virtualize_x2apic_mode);
  vmcs.set<f::tpr_threshold>(5);
  store_little_endian<std::uint32_t>(&bench.ram.bytes[bench.at.virtual_apic_page + apic_reg::tpr], 0x50);
  bench.run([&] {
    CHECK(bench.core.rdmsr(apic_msr::tpr) == 0x50);
    bench.core.wrmsr(apic_msr::tpr, 0x60);
    CHECK(bench.exits.empty());
    CHECK(bench.virtual_apic(apic_reg::tpr) == 0x60);
    bench.on_exit = [&](Bench::Exit&) { bench.guest.vmcs.set<f::tpr_threshold>(0); };  // 27.2.1.1: else the entry fails
    bench.core.wrmsr(apic_msr::tpr, 0x40);
    CHECK(bench.core.rdmsr(apic_msr::tpr) == 0x40);
    bench.core.wrmsr(apic_msr::tpr, 0x100);  // reserved bits: no effect
    CHECK(bench.core.rdmsr(apic_msr::tpr) == 0x40);
  });
  REQUIRE(bench.exits.size() == 1);
  CHECK(bench.exits[0].reason == ExitReason::tpr_below_threshold);
}

TEST_CASE("with virtual-interrupt delivery a self-IPI is delivered without an exit once TPR lets it") {
  Bench bench(true);
  std::vector<std::uint8_t> taken;
  Idt idt;
  for (unsigned vector : {0x41u, 0x62u})
    idt.gates[vector] = [&](std::uint8_t v) {
      taken.push_back(v);
      bench.core.wrmsr(apic_msr::eoi, 0);
    };
  bench.run([&] {
    bench.core.lidt(&idt);
    bench.core.sti();
    bench.core.wrmsr(apic_msr::tpr, 0x50);
    bench.core.wrmsr(apic_msr::self_ipi, 0x41);
    bench.core.wrmsr(apic_msr::self_ipi, 0x62);
    CHECK(taken == std::vector<std::uint8_t>{0x62});
    bench.core.wrmsr(apic_msr::tpr, 0);
    CHECK(taken == std::vector<std::uint8_t>{0x62, 0x41});
    CHECK(bench.exits.empty());
    bench.core.wrmsr(apic_msr::self_ipi, 0x05);  // a vector below 16
  });
  REQUIRE(bench.exits.size() == 1);
  CHECK(bench.exits[0].reason == ExitReason::apic_write);
  CHECK(bench.exits[0].qualification == apic_msr::offset(apic_msr::self_ipi));
  CHECK(bench.virtual_apic(apic_msr::offset(apic_msr::self_ipi)) == 5);
}

TEST_CASE("an EOI exits for the vectors of the EOI-exit bitmap, and only for them") {
  Bench bench(true);
  bench.guest.vmcs.set<f::eoi_exit_bitmap1>(1ull << (0x62 - 0x40));
  Idt idt;
  for (unsigned vector : {0x41u, 0x62u}) idt.gates[vector] = [&](std::uint8_t) { bench.core.wrmsr(apic_msr::eoi, 0); };
  bench.run([&] {
    bench.core.lidt(&idt);
    bench.core.sti();
    bench.core.wrmsr(apic_msr::self_ipi, 0x41);
    bench.core.wrmsr(apic_msr::self_ipi, 0x62);
  });
  REQUIRE(bench.exits.size() == 1);
  CHECK(bench.exits[0].reason == ExitReason::eoi_induced);
  CHECK(bench.exits[0].qualification == 0x62);
}

TEST_CASE("HLT without HLT exiting sleeps in guest mode until a physical interrupt, which exits") {
  Bench bench;
  bench.guest.vmcs.set<f::primary_controls>(bench.guest.vmcs.get<f::primary_controls>() & ~primary::hlt_exiting);
  Ps woken = 0;
  bench.run(
      [&] {
        bench.core.hlt();
        woken = bench.core.now();
      },
      [&] {
        bench.core.wrmsr(0x1b, 0xfee0'0d00);  // x2APIC
        bench.core.wrmsr(0x80f, 0x1ff);
        bench.core.wrmsr(apic_msr::of(apic_reg::lvt_timer), 2u << 17 | 0xec);
        bench.core.set_tsc_deadline(50 * kPsPerUs);
      });
  REQUIRE(bench.exits.size() == 1);
  CHECK(bench.exits[0].reason == ExitReason::external_interrupt);
  CHECK(woken >= 50 * kPsPerUs);
  CHECK(woken < 51 * kPsPerUs);
  CHECK(bench.core.log().totals_until(woken)[static_cast<std::size_t>(Activity::idle)] > 48 * kPsPerUs);
}

TEST_CASE("an IPI reaches whom its destination or its shorthand names") {
  Bench bench(false, 3);
  const auto waiting = [&] {
    std::vector<int> vectors;
    for (unsigned i = 0; i < 3; ++i) vectors.push_back(bench.cores.core(i).apic().deliverable());
    return vectors;
  };
  const auto send = [&](std::uint64_t icr) {
    bench.core.cli();
    bench.core.wrmsr(apic_msr::icr, icr | icr::assert_level::mask);
    bench.core.compute(24'000);  // 10 us
    bench.core.synchronise();
  };
  std::vector<std::vector<int>> seen;
  bench.run([] {}, [&] {
    for (unsigned i = 0; i < 3; ++i) {
      bench.cores.core(i).apic().write_msr(0x1b, 0xfee0'0c00 | (i == 0 ? 0x100 : 0), 0);  // x2APIC
      bench.cores.core(i).apic().write_msr(0x80f, 0x1ff, 0);
    }
    send(1ull << 32 | 0x31);
    seen.push_back(waiting());
    send(3ull << 18 | 0x42);  // all but the sender
    seen.push_back(waiting());
    send(2ull << 18 | 0x53);  // all
    seen.push_back(waiting());
    bench.core.apic().acknowledge();  // or it would leave the guest at once
    bench.core.apic().eoi();
  });
  CHECK(seen == std::vector<std::vector<int>>{{-1, 0x31, -1}, {-1, 0x42, 0x42}, {0x53, 0x53, 0x53}});
}

TEST_CASE("an access that EPT does not allow exits again until the monitor has mapped it or carried it out") {
  Bench bench;
  unsigned refused = 0;
  bench.on_exit = [&](Bench::Exit& exit) {
    CHECK(exit.reason == ExitReason::ept_violation);
    bench.guest.operand.done = false;
    if (++refused == 3) store_little_endian<std::uint64_t>(&bench.ram.bytes[0x8008], 0x60'0000 | 7 | ept_entry::memory_type::of(6) | ept_entry::page::of(1));
  };
  bench.run([&] {
    bench.core.store(0x20'0010, 4, 99);
    CHECK(bench.core.load(0x20'0010, 4) == 99);
    bench.on_exit = {};
    bench.answer = 0xfeed;
    CHECK(bench.core.load(0x40'0000, 4) == 0xfeed);
  });
  CHECK(refused == 3);
  CHECK(load_little_endian<std::uint32_t>(&bench.ram.bytes[0x60'0010]) == 99);
  REQUIRE(bench.exits.size() == 4);
  CHECK(bench.exits[0].operand.write);
  CHECK(bench.exits[0].operand.value == 99);
  CHECK(bench.exits[0].length == 0);  // software must decode
}

TEST_CASE("a VM entry that the processor would refuse is an error of the monitor's") {
  Bench bench;
  bench.guest.vmcs.set<f::ept_pointer>(0x6000 | 3);
  CHECK_THAT(bench.attempt([] {}), Catch::Matchers::ContainsSubstring("VM entry failed"));
}
