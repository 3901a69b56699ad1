// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a guest may try and no driver of ours does: KVM's answers to CPUID, ports, hypercalls and APIC registers.
#include <array>
#include <functional>
#include <string>

#include "lib/sim/simulation.h"
#include "models/cpu/apic_spec.h"
#include "models/platform/config_loader.h"
#include "models/platform/protection/host_rig_module.h"
#include "models/software/kvm/vm.h"
#include "test/support/catch.h"

using namespace iovirt;
using cpu::ExitReason;

namespace {

constexpr unsigned kCore = 1;
constexpr std::uint32_t kSpurious = cpu::apic_msr::of(cpu::apic_reg::svr);

/// Runs `guest` in a VM; returns the exits of its core by reason.
std::array<std::uint64_t, cpu::kExitReasons> in_a_vm(const std::string& setting, const std::function<void(cpu::Cpu&)>& guest) {
  platform::ConfigRequest request;
  request.assignments.emplace_back(setting, "the test");
  const platform::LoadedConfig loaded(request);
  sim::Simulation simulation;
  platform::Machine machine(loaded.config(), {}, {.free_ports = 1});
  platform::HostRig rig(machine);
  software::Vm vm(0, {.memory_bytes = 16ull << 20, .core = kCore}, loaded.config().cpu, rig.kernel, machine.core_memory);
  bool created = false;
  software::HostThread& thread = rig.scheduler.spawn("vcpu/0", kCore, Activity::host_kernel, [&] {
    while (!created) rig.scheduler.block();
    vm.run([&](cpu::Cpu& cpu) {
      guest(cpu);
      rig.stop();
    });
  });
  vm.set_thread(thread);
  rig.run(
      [&] {
        vm.create();
        created = true;
        rig.scheduler.wake(thread);
      },
      kPsPerSecond);
  return machine.cores.core(kCore).exits();
}

std::uint64_t count(const std::array<std::uint64_t, cpu::kExitReasons>& exits, ExitReason reason) {
  return exits[static_cast<unsigned>(reason)];
}

}  // namespace

TEST_CASE("CPUID, ports and hypercalls exit once each and are answered") {
  const auto exits = in_a_vm("cpu.apicv=true", [](cpu::Cpu& cpu) {
    const cpu::CpuidResult features = cpu.cpuid(1, 0);
    CHECK((features.ecx >> 21 & 1) == 1);  // x2APIC
    CHECK((features.ecx >> 24 & 1) == 1);  // TSC deadline
    CHECK(cpu.in(0x3f8, 1) == 0xff);
    CHECK(cpu.in(0x3f8, 2) == 0xffff);
    CHECK(cpu.in(0xcf8, 4) == 0xffff'ffff);
    cpu.out(0x80, 1, 0x55);
    CHECK(cpu.vmcall(99, 0) == static_cast<std::uint64_t>(-1000));  // KVM_ENOSYS
  });
  CHECK(count(exits, ExitReason::cpuid) == 1);
  CHECK(count(exits, ExitReason::io_instruction) == 4);
  CHECK(count(exits, ExitReason::vmcall) == 1);
}

TEST_CASE("an APIC register that a guest writes is there when it reads it, with APICv and without") {
  for (const char* setting : {"cpu.apicv=true", "cpu.apicv=false"}) {
    INFO(setting);
    const auto exits = in_a_vm(setting, [](cpu::Cpu& cpu) {
      cpu.wrmsr(cpu::apic_msr::base, cpu.rdmsr(cpu::apic_msr::base) | cpu::apic_base::x2apic::mask | cpu::apic_base::enable::mask);
      cpu.wrmsr(kSpurious, 0x1ff);
      cpu.wrmsr(cpu::apic_msr::lvt_timer, 0x10042);  // masked
      CHECK(cpu.rdmsr(kSpurious) == 0x1ff);
      CHECK(cpu.rdmsr(cpu::apic_msr::lvt_timer) == 0x10042);
      cpu.wrmsr(cpu::apic_msr::tpr, 0x20);
      CHECK(cpu.rdmsr(cpu::apic_msr::tpr) == 0x20);
      cpu.wrmsr(cpu::apic_msr::self_ipi, 5);  // no vector that may be sent: with APICv an APIC-write exit (SDM 3, 30.5)
    });
    const bool apicv = setting == std::string("cpu.apicv=true");
    CHECK(count(exits, ExitReason::msr_write) == (apicv ? 3 : 5));
    CHECK(count(exits, ExitReason::apic_write) == (apicv ? 1 : 0));
    CHECK(count(exits, ExitReason::msr_read) == (apicv ? 1 : 4));  // IA32_APIC_BASE always
  }
}
