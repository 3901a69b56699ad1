// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What KVM does with each exit, and what it prepares before the next entry.
#include <algorithm>
#include <optional>

#include "models/cpu/vmx_capabilities.h"
#include "models/cpu/vmx_spec.h"
#include "models/software/kernel/host_vectors.h"
#include "models/software/kvm/vm.h"

namespace iovirt::software {
namespace {

namespace f = cpu::vmcs_field;

constexpr std::uint64_t kUnknownHypercall = 0 - std::uint64_t{1000};  ///< -KVM_ENOSYS (Linux, uapi/linux/kvm_para.h)

}  // namespace

void Vm::vm_exit(cpu::VmxCpu& cpu) {
  mode_ = Mode::outside;
  const auto reason = static_cast<cpu::ExitReason>(cpu::exit_reason_field::basic::get(cpu.vmread(f::exit_reason)));
  cpu.compute(kernel_.costs().kvm_exit_cycles);
  handle(cpu, reason);
  cpu.cli();
  prepare_entry(cpu);
}

void Vm::handle(cpu::VmxCpu& cpu, cpu::ExitReason reason) {
  using cpu::ExitReason;
  switch (reason) {
    case ExitReason::external_interrupt:
      kernel_.handle_vector(static_cast<std::uint8_t>(cpu::interruption::vector::get(cpu.vmread(f::exit_interruption_info))));
      break;
    case ExitReason::interrupt_window:
      primary_controls_ &= ~cpu::primary::interrupt_window_exiting;
      cpu.vmwrite(f::primary_controls, primary_controls_);
      break;
    case ExitReason::hlt:
      cpu.sti();
      halt(cpu);
      break;
    case ExitReason::ept_misconfig:
    case ExitReason::ept_violation: {
      const std::uint64_t gpa = cpu.vmread(f::guest_physical_address);
      cpu.sti();  // from here on another thread may have the core, and its VMCS be current
      handle_memory(cpu, gpa, reason == ExitReason::ept_violation);
      break;
    }
    case ExitReason::msr_write:
    case ExitReason::msr_read:
      handle_msr(cpu, reason == ExitReason::msr_write);
      break;
    case ExitReason::cpuid:
      handle_cpuid(cpu);
      break;
    case ExitReason::preemption_timer:
      apic_->expire(cpu.now());
      break;
    case ExitReason::eoi_induced:
      cpu.compute(kernel_.costs().kvm_apic_cycles);
      io_apic_.eoi(static_cast<std::uint8_t>(cpu.vmread(f::exit_qualification)));
      break;
    case ExitReason::apic_write: {
      const auto offset = static_cast<std::uint32_t>(cpu.vmread(f::exit_qualification));
      cpu.compute(kernel_.costs().kvm_apic_cycles);
      apply(apic_->write_msr(cpu::apic_msr::of(offset), apic_->page().get(offset), cpu.now()));
      break;
    }
    case ExitReason::io_instruction: {
      // No port device is part of these machines: user space answers as an empty bus does.
      cpu::ActivityScope scope(cpu, Activity::host_user);
      cpu.compute(kernel_.costs().kvm_user_exit_cycles + kernel_.costs().qemu_access_cycles);
      state_->operand.value = ~0ull;
      break;
    }
    case ExitReason::vmcall:
      state_->operand.value = kUnknownHypercall;  // none is offered
      break;
    default:
      break;  // PAUSE and what else a guest may try: nothing to do, the next instruction follows
  }
}

// A fault on RAM or on assigned registers is mapped and retried; anything else is a device access to carry out.
void Vm::handle_memory(cpu::VmxCpu& cpu, std::uint64_t gpa, bool violation) {
  if (violation && fault_in(cpu, gpa)) return;
  emulate_memory(cpu, gpa);
}

void Vm::emulate_memory(cpu::VmxCpu& cpu, std::uint64_t gpa) {
  auto& operand = state_->operand;
  const Costs& costs = kernel_.costs();
  operand.done = true;
  cpu.compute(costs.kvm_mmio_cycles);
  if (operand.write) {
    for (const IoEventFd& fd : ioeventfds_) {
      if (fd.gpa != gpa) continue;
      cpu.compute(costs.eventfd_signal_cycles);
      fd.signal();
      return;
    }
  }
  if (gpa - kIoApicBase < 0x1000) {
    cpu.compute(costs.kvm_apic_cycles);
    const auto offset = static_cast<std::uint32_t>(gpa - kIoApicBase);
    if (operand.write)
      io_apic_.write(offset, static_cast<std::uint32_t>(operand.value));
    else
      operand.value = io_apic_.read(offset);
    return;
  }
  const cpu::GuestState::Operand access = operand;  // the device model may sleep meanwhile
  cpu::ActivityScope scope(cpu, Activity::host_user);
  cpu.compute(costs.kvm_user_exit_cycles + costs.qemu_access_cycles);
  std::uint64_t value = ~0ull;
  for (const Region& region : regions_) {
    if (gpa - region.gpa >= region.bytes) continue;
    if (access.write)
      region.device->mmio_write(region.number, gpa - region.gpa, access.bytes, access.value);
    else
      value = region.device->mmio_read(region.number, gpa - region.gpa, access.bytes);
    break;
  }
  if (!access.write) operand.value = value;
}

void Vm::handle_msr(cpu::VmxCpu& cpu, bool write) {
  auto& operand = state_->operand;
  const auto index = static_cast<std::uint32_t>(operand.argument);
  operand.done = true;
  if (!cpu::LocalApic::owns_msr(index)) {
    operand.value = 0;
    return;
  }
  cpu.compute(kernel_.costs().kvm_apic_cycles);
  if (write)
    apply(apic_->write_msr(index, operand.value, cpu.now()));
  else
    operand.value = apic_->read_msr(index, cpu.now()).value_or(0);
}

void Vm::apply(const cpu::ApicEffect& effect) {
  if (effect.ended && effect.ended->broadcast) io_apic_.eoi(effect.ended->vector);
}

void Vm::handle_cpuid(cpu::VmxCpu& cpu) {
  state_->operand.cpuid = cpu.cpuid(static_cast<std::uint32_t>(state_->operand.argument),
                                    static_cast<std::uint32_t>(state_->operand.argument >> 32));
  state_->operand.done = true;
}

// kvm_vcpu_block: sleeps until an interrupt is pending; the guest's timer is a host timer meanwhile.
void Vm::halt(cpu::VmxCpu& cpu) {
  cpu.set_activity(Activity::host_kernel);
  std::optional<cpu::PostedInterruptDescriptor> posted;
  if (posted_address_ != 0) {
    posted.emplace(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
    posted->set_nv(kPostedWakeupVector);
  }
  const Ps deadline = apic_->next_deadline();
  Scheduler::TimerId timer = 0;
  if (deadline != cpu::kNever && !interrupt_pending())
    timer = kernel_.scheduler().start_timer(deadline, [this] {
      apic_->expire(kernel_.cpu().now());
      kernel_.scheduler().wake(*thread_);
    });
  mode_ = Mode::blocked;
  while (!interrupt_pending()) kernel_.scheduler().block();
  mode_ = Mode::outside;
  if (timer != 0) kernel_.scheduler().cancel_timer(timer);
  if (posted) posted->set_nv(kPostedNotificationVector);
  cpu.set_activity(Activity::exit);
}

// vcpu_enter_guest: other threads first, then timers and interrupts into the VMCS, with interrupts off.
void Vm::prepare_entry(cpu::VmxCpu& cpu) {
  cpu.sti();
  kernel_.scheduler().preemption_point();
  cpu.cli();
  cpu.vmptrld(*state_);
  if (apic_->next_deadline() <= cpu.now()) apic_->expire(cpu.now());

  const Ps deadline = apic_->next_deadline();
  const bool timer = deadline != cpu::kNever;
  if (timer != ((pin_controls_ & cpu::pin::preemption_timer) != 0)) {
    pin_controls_ ^= cpu::pin::preemption_timer;
    cpu.vmwrite(f::pin_controls, pin_controls_);
  }
  if (timer) {
    constexpr unsigned kShift = cpu::VmxCapabilities::kPreemptionTimerShift;
    const std::uint64_t ticks = (cpu::tsc_at(deadline, config_.frequency_mhz) >> kShift) -
                                (cpu::tsc_at(cpu.now(), config_.frequency_mhz) >> kShift) + 1;
    cpu.vmwrite(f::preemption_timer_value, std::min<std::uint64_t>(ticks, 0xffff'ffff));
  }

  if (config_.apicv) {
    sync_posted_interrupts(cpu);
  } else if (apic_->deliverable() >= 0) {
    if (state_->interrupts_enabled) {
      cpu.compute(kernel_.costs().kvm_apic_cycles);
      cpu.vmwrite(f::entry_interruption_info, cpu::interruption::info(apic_->acknowledge(), cpu::interruption::external));
      ++injected_;
    }
    const bool more = apic_->deliverable() >= 0;
    if (more != ((primary_controls_ & cpu::primary::interrupt_window_exiting) != 0)) {
      primary_controls_ ^= cpu::primary::interrupt_window_exiting;
      cpu.vmwrite(f::primary_controls, primary_controls_);
    }
  }
  mode_ = Mode::guest;
}

// KVM vmx_sync_pir_to_irr and vmx_set_rvi.
void Vm::sync_posted_interrupts(cpu::VmxCpu& cpu) {
  cpu::PostedInterruptDescriptor posted(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
  if (posted.on()) cpu::sync_posted(posted, apic_->page());
  const int highest = apic_->page().highest(cpu::apic_reg::irr);
  const std::uint64_t status = cpu.vmread(f::guest_interrupt_status);
  const std::uint64_t rvi = highest < 0 ? 0 : static_cast<std::uint64_t>(highest);
  if (cpu::interrupt_status::rvi::get(status) != rvi)
    cpu.vmwrite(f::guest_interrupt_status, cpu::interrupt_status::rvi::set(status, rvi));
  if (eoi_exits_changed_) {
    eoi_exits_changed_ = false;
    for (unsigned i = 0; i < 4; ++i) cpu.vmwrite(f::eoi_exit_bitmap0 + 2 * i, eoi_exits_[i]);
  }
}

bool Vm::interrupt_pending() {
  if (posted_address_ != 0) {
    cpu::PostedInterruptDescriptor posted(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
    if (posted.on()) cpu::sync_posted(posted, apic_->page());
    apic_->refresh();
  }
  return apic_->deliverable() >= 0;
}

// -- interrupts into the guest ------------------------------------------------------------------------------------------

Ps Vm::signal_msi(const MsiMessage& message) {
  kernel_.cpu().compute(kernel_.costs().kvm_inject_cycles);
  const auto decoded = cpu::InterruptMessage::from_msi(message.address, message.data);
  return deliver(decoded.vector, decoded.level);
}

Ps Vm::set_irq_line(unsigned pin, bool level) {
  kernel_.cpu().compute(kernel_.costs().kvm_inject_cycles);
  pin_arrival_ = kernel_.cpu().now();
  io_apic_.set_pin(pin, level);
  return pin_arrival_;
}

void Vm::io_apic_send(unsigned, const cpu::InterruptMessage& message, std::uint64_t, std::uint32_t) {
  pin_arrival_ = deliver(message.vector, message.level);
}

Ps Vm::deliver(std::uint8_t vector, bool level) {
  if (!config_.apicv) return apic_->accept(vector, level) ? kick() : kernel_.cpu().now();
  // A level-triggered vector must tell the I/O APIC at its EOI: its bit in the EOI-exit bitmap.
  const std::uint64_t bit = 1ull << (vector & 63);
  if (((eoi_exits_[vector >> 6] & bit) != 0) != level) {
    eoi_exits_[vector >> 6] ^= bit;
    eoi_exits_changed_ = true;
  }
  if (level)
    apic_->page().set_bit(cpu::apic_reg::tmr, vector);
  else
    apic_->page().clear_bit(cpu::apic_reg::tmr, vector);
  cpu::PostedInterruptDescriptor posted(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
  const bool notify = posted.post(vector);
  return notify || eoi_exits_changed_ ? kick() : kernel_.cpu().now();
}

// A vCPU in guest mode is interrupted: with posted interrupts the notification does not even make it exit.
Ps Vm::kick() {
  cpu::VmxCpu& here = kernel_.vmx_cpu();
  const bool elsewhere = here.index() != options_.core;
  if (mode_ == Mode::blocked) {
    kernel_.scheduler().wake(*thread_);
  } else if (mode_ == Mode::guest && elsewhere) {
    here.wrmsr(cpu::apic_msr::icr, std::uint64_t{options_.core} << 32 | cpu::icr::assert_level::mask |
                                       (config_.apicv && !eoi_exits_changed_ ? kPostedNotificationVector : kRescheduleVector));
  } else {
    return here.now();
  }
  return here.now() + (elsewhere ? config_.ipi_latency_ns * kPsPerNs : 0);
}

void Vm::posted_wakeup() {
  if (mode_ != Mode::blocked || posted_address_ == 0) return;
  const cpu::PostedInterruptDescriptor posted(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
  if (posted.on()) kernel_.scheduler().wake(*thread_);
}

}  // namespace iovirt::software
