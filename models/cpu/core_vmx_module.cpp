// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Guest mode: VM exits and entries, and what happens between two of the guest's instructions.
#include <cassert>
#include <stdexcept>
#include <string>

#include "models/cpu/core_module.h"
#include "models/cpu/vm_entry_checks.h"

namespace iovirt::cpu {

void Core::vmptrld(GuestState& guest) {
  cycles(config_.vmcs_access_cycles);
  guest_ = &guest;
}

std::uint64_t Core::vmread(std::uint32_t field) {
  cycles(config_.vmcs_access_cycles);
  std::uint64_t value = 0;
  if (guest_->vmcs.read(field, value) != VmxError::none) throw std::logic_error("VMREAD of an unknown field");
  return value;
}

void Core::vmwrite(std::uint32_t field, std::uint64_t value) {
  cycles(config_.vmcs_access_cycles);
  if (guest_->vmcs.write(field, value) != VmxError::none) throw std::logic_error("VMWRITE of an unknown or read-only field");
}

GuestState::Operand Core::exit_instruction(ExitReason reason, std::uint64_t qualification, GuestState::Operand operand) {
  guest_->operand = operand;
  return vm_exit({.reason = reason, .qualification = qualification, .instruction_length = instruction_length(reason)});
}

GuestState::Operand Core::vm_exit(const VmExit& exit) {
  const Activity before = activity_;
  const GuestState::Operand operand = leave_and_enter(exit);
  settle();
  activity_ = before;
  return operand;
}

/// One exit, the VMM's handler and the entry, with the event it injects.
GuestState::Operand Core::leave_and_enter(const VmExit& exit) {
  GuestState& guest = *guest_;
  ++exits_[static_cast<unsigned>(exit.reason)];
  if (group_.trace_) trace_mark(TraceMark::exit, static_cast<unsigned>(exit.reason), controls_.vpid);
  if (controls_.virtual_interrupt_delivery()) guest.vmcs.set<vmcs_field::guest_interrupt_status>(virtual_apic_.status());
  guest.vmcs.set<vmcs_field::guest_rflags>(kRflagsFixed1 | (guest.interrupts_enabled ? kRflagsInterrupt : 0));
  record_exit(guest.vmcs, exit);
  in_guest_ = false;
  host_enabled_ = false;
  preemption_deadline_ = kNever;
  activity_ = Activity::exit;
  cycles(config_.exit_cycles);
  guest.host->vm_exit(*this);
  // What the VMM decoded belongs to this exit; the guest's interrupt handlers that follow may cause others.
  const GuestState::Operand operand = guest.operand;
  enter(guest, true);
  return operand;
}

void Core::enter(GuestState& guest, bool resume) {
  assert(guest_ == &guest);
  activity_ = Activity::exit;
  host_enabled_ = false;
  cycles(config_.entry_cycles);
  guest.vmcs.set<vmcs_field::guest_rflags>(kRflagsFixed1 | (guest.interrupts_enabled ? kRflagsInterrupt : 0));
  const EntryCheck check = check_vm_entry(guest.vmcs, capabilities_, group_.walk_port(), resume);
  if (!check.passed()) throw std::logic_error("VM entry failed: " + std::string(check.what));
  guest.vmcs.set_launched(true);
  controls_ = VmControls::load(guest.vmcs);
  if (controls_.on(primary::use_tpr_shadow))
    virtual_apic_ = VirtualApic(std::span<std::uint8_t, kApicPageBytes>(memory_.ram() + controls_.virtual_apic_page, kApicPageBytes));
  if (controls_.virtual_interrupt_delivery()) {
    virtual_apic_.load_status(guest.vmcs.get<vmcs_field::guest_interrupt_status>());
    virtual_apic_.update_ppr();
  }
  if (controls_.on_pin(pin::preemption_timer)) {
    // SDM 3, 26.5.1: counts down as TSC bit kPreemptionTimerShift changes.
    const unsigned shift = VmxCapabilities::kPreemptionTimerShift;
    const std::uint64_t ticks = (tsc_at(now(), config_.frequency_mhz) >> shift) + guest.vmcs.get<vmcs_field::preemption_timer_value>();
    preemption_deadline_ = tsc_to_ps(ticks << shift, config_.frequency_mhz);
    if (preemption_deadline_ != preemption_posted_) {
      preemption_posted_ = preemption_deadline_;
      queue_.post(std::max(preemption_deadline_, queue_.now()), *this, kPreemption, preemption_deadline_);
    }
  }
  if (group_.trace_) trace_mark(TraceMark::entry, 0, controls_.vpid);
  in_guest_ = true;
  activity_ = Activity::guest;
  const std::uint32_t event = guest.vmcs.get<vmcs_field::entry_interruption_info>();
  if (interruption::valid::get(event)) {
    guest.vmcs.set<vmcs_field::entry_interruption_info>(event & ~static_cast<std::uint32_t>(interruption::valid::mask));
    deliver_guest(static_cast<std::uint8_t>(interruption::vector::get(event)));
  }
}

void Core::run_guest(GuestState& guest, const std::function<void()>& body) {
  guest_ = &guest;
  const Activity before = activity_;
  enter(guest, false);
  settle();
  body();
  in_guest_ = false;
  activity_ = before;
}

// In guest mode between two instructions: everything that comes before the next one, in the order of SDM 3, 7.9 as far
// as modelled. A loop, not a recursion: under overload one thing follows the other without an instruction in between.
void Core::settle() {
  for (;;) {
    if (apic_.deliverable() >= 0) {
      const auto vector = static_cast<std::uint8_t>(apic_.deliverable());
      if (controls_.on_pin(pin::process_posted_interrupts) && vector == controls_.notification_vector) {
        take_posted();
        continue;
      }
      VmExit exit{.reason = ExitReason::external_interrupt};
      if (controls_.exit & exit_control::acknowledge_interrupt)
        exit.interruption_info = interruption::info(apic_.acknowledge(), interruption::external);
      leave_and_enter(exit);
    } else if (preemption_deadline_ <= queue_.now()) {
      leave_and_enter({.reason = ExitReason::preemption_timer});
    } else if (guest_->interrupts_enabled && controls_.on(primary::interrupt_window_exiting)) {
      leave_and_enter({.reason = ExitReason::interrupt_window});
    } else if (virtual_deliverable()) {
      deliver_guest(virtual_apic_.deliver(), config_.virtual_interrupt_cycles);
    } else {
      return;
    }
  }
}

// SDM 3, 30.6: acknowledged and ended by the processor itself; no exit.
void Core::take_posted() {
  apic_.acknowledge();
  apic_.eoi();
  if (group_.trace_) trace_mark(TraceMark::posted, controls_.notification_vector, controls_.vpid);
  const Activity before = activity_;
  activity_ = Activity::interrupt;
  cycles(config_.posted_interrupt_cycles);
  activity_ = before;
  std::span<std::uint8_t, kPostedDescriptorBytes> bytes(memory_.ram() + controls_.posted_interrupt_descriptor,
                                                        kPostedDescriptorBytes);
  virtual_apic_.take_posted(PostedInterruptDescriptor(bytes));
  ++posted_;
}

// The guest's handler runs to its IRET. Interrupts were on in the guest, or the VMM injected.
void Core::deliver_guest(std::uint8_t vector, std::uint64_t extra_cycles) {
  GuestState& guest = *guest_;
  ++injected_;
  guest.interrupts_enabled = false;
  if (group_.trace_) trace_mark(TraceMark::interrupt, vector, controls_.vpid);
  activity_ = Activity::interrupt;
  cycles(config_.interrupt_delivery_cycles + extra_cycles);
  activity_ = Activity::guest;
  if (guest.idt && guest.idt->gates[vector]) guest.idt->gates[vector](vector);
  guest.interrupts_enabled = true;
}

}  // namespace iovirt::cpu
