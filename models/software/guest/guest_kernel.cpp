// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/guest_kernel.h"

#include <algorithm>

namespace iovirt::software {
namespace {

// Intel SDM 4: IA32_APIC_BASE, IA32_TSC_DEADLINE and the x2APIC registers.
constexpr std::uint32_t kMsrApicBase = 0x1b;
constexpr std::uint32_t kMsrTscDeadline = 0x6e0;
constexpr std::uint32_t kMsrX2ApicSvr = 0x80f;
constexpr std::uint32_t kMsrX2ApicEoi = 0x80b;
constexpr std::uint32_t kMsrX2ApicTmr = 0x818;
constexpr std::uint32_t kMsrX2ApicLvtTimer = 0x832;
constexpr std::uint64_t kApicBaseX2ApicEnabled = 0xfee00c00 | 0x100;  // EN, EXTD, BSP
constexpr std::uint64_t kLvtTscDeadline = 2ull << 17;

constexpr std::uint8_t kTimerVector = 0xec;   // Linux LOCAL_TIMER_VECTOR
constexpr std::uint8_t kFirstVector = 0x31;

}  // namespace

GuestKernel::GuestKernel(const Costs& costs, const Layout& layout)
    : BaseKernel(costs, layout.memory_begin, layout.memory_end), layout_(layout), next_vector_(kFirstVector) {
  set_ecam(layout.ecam);
}

void GuestKernel::boot(cpu::Cpu& cpu) {
  cpu_ = &cpu;
  cpu.cli();
  cpu.lidt(&idt_);
  cpu.wrmsr(kMsrApicBase, kApicBaseX2ApicEnabled);
  cpu.wrmsr(kMsrX2ApicSvr, 0x1ff);
  cpu.wrmsr(kMsrX2ApicLvtTimer, kLvtTscDeadline | kTimerVector);
  idt_.gates[kTimerVector] = [this](std::uint8_t) { timer_interrupt(); };
  next_tick_ = cpu.now() + costs_.tick_period_us * kPsPerUs;
  program_timer();
  cpu.sti();
}

MsiMessage GuestKernel::request_msi(Bdf, unsigned, const std::string&, std::function<void()> handler) {
  const std::uint8_t vector = next_vector_;
  next_vector_ = static_cast<std::uint8_t>(next_vector_ + 0x10 > 0xe0 ? next_vector_ + 0x10 - 0xa0 : next_vector_ + 0x10);
  idt_.gates[vector] = [this, handler = std::move(handler)](std::uint8_t) { interrupt(handler, false); };
  return {0xfee00000, vector};
}

// I/O APIC: register select at +0, window at +0x10; redirection entry n at 0x10 + 2n (Intel 82093AA, 3.2).
void GuestKernel::request_intx(Bdf, const std::string&, std::function<void()> handler) {
  const std::uint8_t vector = static_cast<std::uint8_t>(kFirstVector + 1);
  idt_.gates[vector] = [this, handler = std::move(handler)](std::uint8_t) { interrupt(handler, true); };
  const unsigned entry = 0x10 + 2 * layout_.intx_pin;
  cpu_->store(layout_.io_apic, 4, entry + 1);
  cpu_->store(layout_.io_apic + 0x10, 4, 0);
  cpu_->store(layout_.io_apic, 4, entry);
  cpu_->store(layout_.io_apic + 0x10, 4, vector | 1u << 15);  // level, active high as the virtual pin is
}

void GuestKernel::end_of_interrupt() {
  ++accesses().eoi;
  cpu_->wrmsr(kMsrX2ApicEoi, 0);
}

// Linux handle_edge_irq acknowledges first; handle_fasteoi_irq ends after the handler, reading the TMR to see
// whether the vector really was level-triggered.
void GuestKernel::interrupt(const std::function<void()>& handler, bool level) {
  ++accesses().interrupts_taken;
  cpu_->compute(costs_.irq_entry_cycles);
  if (!level) end_of_interrupt();
  handler();
  if (level) {
    ++accesses().tmr_reads;
    cpu_->rdmsr(kMsrX2ApicTmr + (kFirstVector + 1) / 32);
    end_of_interrupt();
  }
  if (softirqs_.may_run()) run_softirqs();
}

void GuestKernel::run_softirqs() {
  const bool enabled = cpu_->interrupts_enabled();
  cpu_->compute(costs_.softirq_cycles);
  if (!enabled) cpu_->sti();
  softirqs_.run([this](Napi& entry) { return poll(entry); });
  if (!enabled) cpu_->cli();
  if (softirqs_.deferred()) {
    app_woken_ = true;
    app_since_ = cpu_->now();
  }
}

// ksoftirqd and the application share the processor: as long a turn for each.
void GuestKernel::run_ksoftirqd() {
  cpu_->compute(costs_.context_switch_cycles);
  const Ps begin = cpu_->now();
  do {
    softirqs_.run_deferred([this](Napi& entry) { return poll(entry); });
  } while (softirqs_.deferred() && cpu_->now() - begin < costs_.wakeup_granularity_us * kPsPerUs);
  cpu_->compute(costs_.context_switch_cycles);
  app_since_ = cpu_->now();
}

void GuestKernel::napi_schedule(NetDriver& driver, unsigned queue) {
  Napi& entry = napi(driver, queue);
  if (entry.scheduled) return;
  entry.scheduled = true;
  softirqs_.raise(entry);
}

void GuestKernel::bh_enable() {
  if (softirqs_.enable()) run_softirqs();
}

void GuestKernel::cond_resched() {
  if (softirqs_.deferred() && cpu_->now() - app_since_ >= costs_.wakeup_granularity_us * kPsPerUs) run_ksoftirqd();
}

void GuestKernel::timer_interrupt() {
  ++accesses().timer_interrupts;
  cpu_->compute(costs_.irq_entry_cycles);
  end_of_interrupt();
  const Ps now = cpu_->now();
  if (now >= next_tick_) {
    cpu_->compute(costs_.tick_cycles);
    while (next_tick_ <= now) next_tick_ += costs_.tick_period_us * kPsPerUs;
    tick_since_idle_ = true;
  }
  if (now >= app_deadline_) {
    app_deadline_ = kNever;
    app_woken_ = true;
  }
  program_timer();
  if (softirqs_.may_run()) run_softirqs();
}

void GuestKernel::program_timer() {
  ++accesses().timer_writes;
  const Ps next = std::min(next_tick_, app_deadline_);
  cpu_->wrmsr(kMsrTscDeadline, next / kPsPerUs * layout_.tsc_mhz + next % kPsPerUs * layout_.tsc_mhz / kPsPerUs + 1);
}

void GuestKernel::sleep_until(Ps deadline) {
  while (softirqs_.deferred() && !app_woken_) run_ksoftirqd();
  app_deadline_ = deadline;
  if (deadline < next_tick_ && deadline > cpu_->now() && !app_woken_) program_timer();
  cpu_->cli();
  while (!app_woken_ && cpu_->now() < deadline) {
    // Entering idle after a tick, the tick code looks at the next event again (nohz) and programs it.
    if (tick_since_idle_) {
      tick_since_idle_ = false;
      program_timer();
    }
    ++accesses().hlt;
    cpu_->hlt();
    cpu_->cli();
  }
  cpu_->sti();
  app_deadline_ = kNever;
  app_woken_ = false;
  cpu_->compute(costs_.context_switch_cycles);
}

}  // namespace iovirt::software
