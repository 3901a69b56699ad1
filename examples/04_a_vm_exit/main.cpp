// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One core, one guest, one trapped access: the guest reads its RAM, which EPT maps, and then a device register, which
// it does not. The monitor finds in the VMCS what happened, answers for the device, and the guest never knows.

#include <cstdio>
#include <utility>

#include "examples/04_a_vm_exit/one_core.h"
#include "models/cpu/ept_spec.h"

using namespace iovirt;
namespace f = cpu::vmcs_field;
using Number = unsigned long long;

constexpr std::uint64_t kPml4 = 0x1000, kPdpt = 0x2000, kDirectory = 0x3000, kVmcs = 0x5000, kGuestRam = 0x40'0000;
constexpr std::uint64_t kRegister = 0xfeb0'0008;  // a status register, as the guest sees it

struct Monitor final : cpu::VmExitHandler {
  cpu::GuestState& guest;
  explicit Monitor(cpu::GuestState& state) : guest(state) {}
  void vm_exit(cpu::VmxCpu& cpu) override {
    const auto reason = cpu.vmread(f::exit_reason), how = cpu.vmread(f::exit_qualification);
    std::printf("  exit %llu, %s\n", Number(reason), cpu::exit_reason_name(static_cast<cpu::ExitReason>(reason)).data());
    std::printf("  a %s of guest-physical 0x%llx (qualification 0x%llx)\n", cpu::ept_qualification::read::get(how) ? "read" : "write",
                Number(cpu.vmread(f::guest_physical_address)), Number(how));
    guest.operand.value = 0x8008'0783;  // the device's answer
    guest.operand.done = true;          // carried out: the guest goes on behind the instruction
  }
};

int sc_main(int, char*[]) {
  Machine machine;

  sc_core::sc_spawn([&] {
    cpu::Core& core = machine.cores.core(0);
    core.store(kPml4, 8, kPdpt | 7);  // readable, writable, executable
    core.store(kPdpt, 8, kDirectory | 7);
    core.store(kDirectory, 8, kGuestRam | 7 | cpu::ept_entry::memory_type::of(6) | cpu::ept_entry::page::of(1));
    core.store(kGuestRam + 0x1234, 4, 0xcafe);

    cpu::GuestState guest(kVmcs, std::span<std::uint8_t, 4096>(&machine.ram.bytes[kVmcs], 4096));
    Monitor monitor(guest);
    guest.host = &monitor;
    guest.vmcs.set_revision(cpu::VmxCapabilities::kRevision);
    core.vmptrld(guest);
    for (const auto& [field, value] : {std::pair<cpu::VmcsField, std::uint64_t>{f::pin_controls, cpu::pin::default1},
             {f::primary_controls, cpu::primary::default1 | cpu::primary::activate_secondary_controls},
             {f::secondary_controls, cpu::secondary::enable_ept}, {f::ept_pointer, cpu::eptp::make(kPml4)},
             {f::exit_controls, cpu::exit_control::default1 | cpu::exit_control::host_address_space_size},
             {f::entry_controls, cpu::entry_control::default1 | cpu::entry_control::ia32e_mode_guest},
             {f::host_cs_selector, 0x10}, {f::host_tr_selector, 0x40}, {f::guest_rflags, 2}, {f::vmcs_link_pointer, ~0ull}})
      core.vmwrite(field, value);

    const auto read = [&](std::uint64_t address) {
      const Ps begin = core.now();
      const Number value = core.load(address, 4);
      std::printf("guest: 0x%llx holds 0x%llx, after %.0f ns\n", Number(address), value, ps_to_ns(core.now() - begin));
    };
    core.run_guest(guest, [&] { read(0x1234), read(0x1234), read(kRegister); });
    std::printf("the VMCS in memory: 0x%llx holds %u\n", Number(kVmcs + cpu::vmcs_layout::offset_of(f::exit_reason)),
                machine.ram.bytes[kVmcs + cpu::vmcs_layout::offset_of(f::exit_reason)]);
  });
  sc_core::sc_start();
  return 0;
}
