// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vm_entry_checks.h"

#include <array>
#include <functional>

#include "models/cpu/apic_spec.h"
#include "models/cpu/config.h"
#include "models/cpu/ept_spec.h"
#include "test/support/catch.h"
#include "test/support/cpu_memory.h"
#include "test/support/cpu_vmcs.h"

using namespace iovirt::cpu;
namespace f = iovirt::cpu::vmcs_field;

namespace {

struct Guest {
  VmxCapabilities caps{true};
  iovirt::test::CpuMemory memory{64 * 1024};
  Vmcs vmcs{memory.page(0x8000)};
  explicit Guest(bool apicv = true) { iovirt::test::build_vmcs(vmcs, caps, apicv); }
  EntryCheck enter() { return check_vm_entry(vmcs, caps, memory, false); }
};

/// One rule broken: what to change and which failure that is.
struct Rule {
  const char* name;
  bool apicv;
  std::function<void(Vmcs&)> break_it;
};

template <VmcsField Field>
void change(Vmcs& vmcs, std::uint64_t clear, std::uint64_t set) {
  vmcs.set<Field>(static_cast<vmcs_layout::Value<Field>>((vmcs.get<Field>() & ~clear) | set));
}

void inject(Vmcs& vmcs, std::uint32_t info) { vmcs.set<f::entry_interruption_info>(info); }

const Rule kControlRules[] = {
    {"a reserved pin control", true, [](Vmcs& v) { change<f::pin_controls>(v, 0, 1u << 8); }},
    {"a pin control that must be 1", true, [](Vmcs& v) { change<f::pin_controls>(v, 1u << 1, 0); }},
    {"a primary control that must be 1", true, [](Vmcs& v) { change<f::primary_controls>(v, 1u << 1, 0); }},
    {"an unsupported secondary control", true, [](Vmcs& v) { change<f::secondary_controls>(v, 0, 1u << 17); }},
    {"a reserved exit control", true, [](Vmcs& v) { change<f::exit_controls>(v, 0, 1u << 30); }},
    {"an entry control that must be 1", true, [](Vmcs& v) { change<f::entry_controls>(v, 1u, 0); }},
    {"five CR3 targets", true, [](Vmcs& v) { v.set<f::cr3_target_count>(5); }},
    {"an I/O bitmap off its alignment", true, [](Vmcs& v) { v.set<f::io_bitmap_b>(0x2010); }},
    {"an MSR bitmap beyond the physical width", true, [](Vmcs& v) { v.set<f::msr_bitmap>(1ull << 46); }},
    {"a virtual-APIC page off its alignment", true, [](Vmcs& v) { v.set<f::virtual_apic_page>(0x4800); }},
    {"virtual-interrupt delivery without the TPR shadow", true,
     [](Vmcs& v) { change<f::primary_controls>(v, primary::use_tpr_shadow, 0); }},
    {"virtual-interrupt delivery without external-interrupt exiting", true,
     [](Vmcs& v) {
       change<f::pin_controls>(v, pin::external_interrupt_exiting | pin::process_posted_interrupts, 0);
     }},
    {"posted interrupts without virtual-interrupt delivery", true,
     [](Vmcs& v) { change<f::secondary_controls>(v, secondary::virtual_interrupt_delivery, 0); }},
    {"posted interrupts without acknowledge on exit", true,
     [](Vmcs& v) { change<f::exit_controls>(v, exit_control::acknowledge_interrupt, 0); }},
    {"a notification vector above 255", true, [](Vmcs& v) { v.set<f::posted_interrupt_vector>(0x1f2); }},
    {"a posted-interrupt descriptor off its alignment", true,
     [](Vmcs& v) { v.set<f::posted_interrupt_descriptor>(0x5020); }},
    {"x2APIC mode with APIC accesses", true,
     [](Vmcs& v) { change<f::secondary_controls>(v, 0, secondary::virtualize_apic_accesses); }},
    {"an APIC-access page off its alignment", false,
     [](Vmcs& v) {
       change<f::secondary_controls>(v, 0, secondary::virtualize_apic_accesses);
       v.set<f::apic_access_page>(0x123);
     }},
    {"virtual NMIs without NMI exiting", true,
     [](Vmcs& v) { change<f::pin_controls>(v, pin::nmi_exiting, pin::virtual_nmis); }},
    {"NMI-window exiting without virtual NMIs", true,
     [](Vmcs& v) { change<f::primary_controls>(v, 0, primary::nmi_window_exiting); }},
    {"VPID 0", true, [](Vmcs& v) { v.set<f::vpid>(0); }},
    {"an EPT pointer of memory type 5", true, [](Vmcs& v) { change<f::ept_pointer>(v, 7, 5); }},
    {"an EPT pointer with a three-level walk", true, [](Vmcs& v) { change<f::ept_pointer>(v, 7u << 3, 2u << 3); }},
    {"an EPT pointer with a reserved bit", true, [](Vmcs& v) { change<f::ept_pointer>(v, 0, 1u << 7); }},
    {"unrestricted guest without EPT", true,
     [](Vmcs& v) {
       change<f::secondary_controls>(v, secondary::enable_ept, secondary::unrestricted_guest);
     }},
    {"saving a preemption timer that is off", true,
     [](Vmcs& v) { change<f::exit_controls>(v, 0, exit_control::save_preemption_timer); }},
    {"an MSR area off its alignment", true,
     [](Vmcs& v) {
       v.set<f::entry_msr_load_count>(1);
       v.set<f::entry_msr_load_address>(0x8);
     }},
    {"a TPR threshold above 15", false, [](Vmcs& v) { v.set<f::tpr_threshold>(0x10); }},
    {"a TPR threshold above the virtual TPR", false, [](Vmcs& v) { v.set<f::tpr_threshold>(5); }},
    {"an event of the reserved type 1", true, [](Vmcs& v) { inject(v, 0x8000'0131); }},
    {"an event with a reserved bit", true, [](Vmcs& v) { inject(v, 0x8000'1031); }},
    {"an NMI with vector 3", true, [](Vmcs& v) { inject(v, interruption::info(3, interruption::nmi)); }},
    {"an exception with vector 32", true,
     [](Vmcs& v) { inject(v, interruption::info(32, interruption::hardware_exception)); }},
    {"a general-protection fault without its error code", true,
     [](Vmcs& v) { inject(v, interruption::info(13, interruption::hardware_exception)); }},
    {"an external interrupt with an error code", true,
     [](Vmcs& v) { inject(v, interruption::info(0x31, interruption::external) | 1u << 11); }},
    {"another event without the monitor trap flag", true, [](Vmcs& v) { inject(v, interruption::info(0, interruption::other_event)); }},
    {"an error code of more than 16 bits", true,
     [](Vmcs& v) {
       inject(v, interruption::info(13, interruption::hardware_exception) | 1u << 11);
       v.set<f::entry_exception_error_code>(0x10000);
     }},
    {"a software interrupt of length 0", true,
     [](Vmcs& v) { inject(v, interruption::info(0x80, interruption::software_interrupt)); }},
};

const Rule kGuestRules[] = {
    {"an NMI while virtual NMIs are blocked", true,
     [](Vmcs& v) {
       change<f::pin_controls>(v, 0, pin::virtual_nmis);
       v.set<f::guest_interruptibility>(interruptibility::blocking_by_nmi);
       inject(v, interruption::info(2, interruption::nmi));
     }},
    {"RFLAGS without bit 1", true, [](Vmcs& v) { v.set<f::guest_rflags>(kRflagsInterrupt); }},
    {"RFLAGS with bit 15", true, [](Vmcs& v) { change<f::guest_rflags>(v, 0, 1u << 15); }},
    {"an external interrupt with RFLAGS.IF 0", true,
     [](Vmcs& v) {
       v.set<f::guest_rflags>(kRflagsFixed1);
       inject(v, interruption::info(0x31, interruption::external));
     }},
    {"an external interrupt in the shadow of STI", true,
     [](Vmcs& v) {
       v.set<f::guest_interruptibility>(interruptibility::blocking_by_sti);
       inject(v, interruption::info(0x31, interruption::external));
     }},
    {"both interrupt shadows", true, [](Vmcs& v) { v.set<f::guest_interruptibility>(3); }},
    {"blocking by STI with RFLAGS.IF 0", true,
     [](Vmcs& v) {
       v.set<f::guest_rflags>(kRflagsFixed1);
       v.set<f::guest_interruptibility>(interruptibility::blocking_by_sti);
     }},
    {"an interrupt shadow while halted", true,
     [](Vmcs& v) {
       v.set<f::guest_interruptibility>(interruptibility::blocking_by_mov_ss);
       v.set<f::guest_activity_state>(1);
     }},
    {"activity state 4", true, [](Vmcs& v) { v.set<f::guest_activity_state>(4); }},
    {"an exception into the halted state", true,
     [](Vmcs& v) {
       v.set<f::guest_activity_state>(1);
       inject(v, interruption::info(6, interruption::hardware_exception));
     }},
};

}  // namespace

TEST_CASE("a VMCS set up as a monitor does enters") {
  for (bool apicv : {false, true}) {
    Guest g(apicv);
    const EntryCheck check = g.enter();
    INFO(check.what);
    REQUIRE(check.passed());
    REQUIRE(g.vmcs.verified());
  }
}

TEST_CASE("each broken control makes VMLAUNCH fail with error 7, and repairing it helps") {
  for (const Rule& rule : kControlRules) {
    INFO(rule.name);
    Guest g(rule.apicv);
    rule.break_it(g.vmcs);
    REQUIRE(g.enter().error == VmxError::entry_controls);
    REQUIRE(g.enter().error == VmxError::entry_controls);
    iovirt::test::build_vmcs(g.vmcs, g.caps, rule.apicv);
    change<f::secondary_controls>(g.vmcs, secondary::virtualize_apic_accesses, 0);
    g.vmcs.set<f::entry_interruption_info>(0);
    g.vmcs.set<f::tpr_threshold>(0);
    g.vmcs.set<f::cr3_target_count>(0);
    g.vmcs.set<f::entry_msr_load_count>(0);
    const EntryCheck repaired = g.enter();
    INFO(repaired.what);
    REQUIRE(repaired.passed());
  }
}

TEST_CASE("a control broken after a successful entry is found at the next one") {
  for (const Rule& rule : kControlRules) {
    INFO(rule.name);
    Guest g(rule.apicv);
    REQUIRE(g.enter().passed());
    rule.break_it(g.vmcs);
    REQUIRE(g.enter().error == VmxError::entry_controls);
  }
}

TEST_CASE("each broken piece of guest state turns the entry into exit 33") {
  for (const Rule& rule : kGuestRules) {
    INFO(rule.name);
    Guest g(rule.apicv);
    REQUIRE(g.enter().passed());
    rule.break_it(g.vmcs);
    const EntryCheck check = g.enter();
    REQUIRE(check.error == VmxError::none);
    REQUIRE(check.invalid_guest_state);
    REQUIRE(check.qualification == 0);
  }
}

TEST_CASE("the guest-state failures with an own qualification report it") {
  Guest g;
  g.vmcs.set<f::vmcs_link_pointer>(0x1000);
  REQUIRE(g.enter().qualification == 4);
  Guest nmi;
  nmi.vmcs.set<f::guest_interruptibility>(interruptibility::blocking_by_mov_ss);
  inject(nmi.vmcs, interruption::info(2, interruption::nmi));
  REQUIRE(nmi.enter().invalid_guest_state);
  REQUIRE(nmi.enter().qualification == 3);
}

TEST_CASE("host selectors are checked after the controls, with error 8") {
  Guest g;
  g.vmcs.set<f::host_tr_selector>(0);
  REQUIRE(g.enter().error == VmxError::entry_host_state);
  g.vmcs.set<f::host_tr_selector>(0x43);
  REQUIRE(g.enter().error == VmxError::entry_host_state);
  g.vmcs.set<f::vpid>(0);
  REQUIRE(g.enter().error == VmxError::entry_controls);
  Guest narrow;
  change<f::exit_controls>(narrow.vmcs, exit_control::host_address_space_size, 0);
  REQUIRE(narrow.enter().error == VmxError::entry_host_state);
}

TEST_CASE("the capability MSRs allow what a VMCS that enters has set, and say what must be") {
  Guest g;
  const struct {
    std::uint32_t msr, value;
  } controls[] = {{0x481, g.vmcs.get<f::pin_controls>()}, {0x482, g.vmcs.get<f::primary_controls>()}, {0x483, g.vmcs.get<f::exit_controls>()},
                  {0x484, g.vmcs.get<f::entry_controls>()}, {0x48b, g.vmcs.get<f::secondary_controls>()}};
  for (const auto& [msr, value] : controls) {
    INFO("MSR " << std::hex << msr);
    const std::uint64_t allowed = g.caps.read_msr(msr).value();
    CHECK((value & ~(allowed >> 32)) == 0);            // allowed 1-settings
    CHECK((~value & allowed & 0xffff'ffff) == 0);      // allowed 0-settings
  }
  CHECK((g.caps.read_msr(0x486).value() & ~g.caps.read_msr(0x487).value()) == 0);  // CR0
  CHECK((g.caps.read_msr(0x488).value() & ~g.caps.read_msr(0x489).value()) == 0);  // CR4
  CHECK((g.caps.read_msr(0x48c).value() & (1u << 6 | 1u << 14)) == (1u << 6 | 1u << 14));  // four levels, write-back
  CHECK((g.caps.read_msr(0x480).value() >> 32 & 0x1fff) == 4096);
  CHECK(g.caps.read_msr(0x48a).value() == 0x2e);  // the index of 482EH, in place
}

TEST_CASE("VMLAUNCH wants a clear VMCS and VMRESUME a launched one") {
  Guest g;
  REQUIRE(check_vm_entry(g.vmcs, g.caps, g.memory, true).error == VmxError::vmresume_not_launched);
  g.vmcs.set_launched(true);
  REQUIRE(check_vm_entry(g.vmcs, g.caps, g.memory, true).passed());
  REQUIRE(g.enter().error == VmxError::vmlaunch_not_clear);
  g.vmcs.clear();
  REQUIRE(g.enter().passed());
}

TEST_CASE("valid injections enter") {
  for (std::uint32_t info : {interruption::info(0x31, interruption::external), interruption::info(2, interruption::nmi),
                             interruption::info(6, interruption::hardware_exception),
                             interruption::info(13, interruption::hardware_exception) | 1u << 11}) {
    CAPTURE(info);
    Guest g;
    inject(g.vmcs, info);
    REQUIRE(g.enter().passed());
  }
  Guest halted;
  halted.vmcs.set<f::guest_activity_state>(1);
  inject(halted.vmcs, interruption::info(0x31, interruption::external));
  REQUIRE(halted.enter().passed());
}

TEST_CASE("a threshold up to the virtual TPR enters") {
  Guest g(false);
  g.memory.bytes[0x4000 + apic_reg::tpr] = 0x50;
  g.vmcs.set<f::tpr_threshold>(5);
  REQUIRE(g.enter().passed());
  g.vmcs.set<f::tpr_threshold>(6);
  REQUIRE(g.enter().error == VmxError::entry_controls);
}

TEST_CASE("without APICv its controls are reserved, and the capability MSRs say so") {
  Config config;
  config.apicv = false;
  const VmxCapabilities caps(config);
  Guest g(true);
  REQUIRE(check_vm_entry(g.vmcs, caps, g.memory, false).error == VmxError::entry_controls);
  const std::uint64_t allowed1 = caps.read_msr(0x48b).value() >> 32;
  REQUIRE((allowed1 & (secondary::virtual_interrupt_delivery | secondary::apic_register_virtualization)) == 0);
  REQUIRE((VmxCapabilities(true).read_msr(0x48b).value() >> 32 & secondary::virtual_interrupt_delivery) != 0);
  REQUIRE((caps.read_msr(0x481).value() >> 32 & pin::process_posted_interrupts) == 0);
  REQUIRE_FALSE(caps.read_msr(0x4ff).has_value());
  REQUIRE((caps.read_msr(0x480).value() & 0xffff'ffff) == VmxCapabilities::kRevision);
}
