// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host/host_kernel.h"

#include <stdexcept>

#include "models/software/kernel/host_vectors.h"

namespace iovirt::software {
namespace {

// Intel SDM 4, x2APIC.
constexpr std::uint32_t kMsrApicBase = 0x1b;
constexpr std::uint32_t kMsrX2ApicEoi = 0x80b;
constexpr std::uint32_t kMsrX2ApicSvr = 0x80f;
constexpr std::uint32_t kMsrX2ApicLvtTimer = 0x832;
constexpr std::uint64_t kApicBaseX2ApicEnabled = 0xfee00c00 | 0x100;
constexpr std::uint64_t kLvtTscDeadline = 2ull << 17;

}  // namespace

HostKernel::HostKernel(const Costs& costs, Scheduler& scheduler, std::uint64_t memory_begin, std::uint64_t memory_end,
                       std::uint64_t ecam)
    : BaseKernel(costs, memory_begin, memory_end), scheduler_(scheduler), next_vector_(kFirstDeviceVector) {
  set_ecam(ecam);
  for (unsigned i = 0; i < scheduler_.cores(); ++i) {
    per_core_.push_back(std::make_unique<PerCore>());
    PerCore& core = *per_core_.back();
    core.ksoftirqd = &scheduler_.spawn("ksoftirqd/" + std::to_string(i), i, Activity::host_kernel, [this, &core] {
      for (;;) {
        scheduler_.block();
        while (core.softirqs.deferred()) {
          core.softirqs.run_deferred([this](Napi& entry) { return poll(entry); });
          cond_resched();
        }
      }
    });
  }
  idt_.gates[kLocalTimerVector] = [this](std::uint8_t) {
    ++accesses().timer_interrupts;
    enter_interrupt([this] { scheduler_.run_timers(); }, false);
  };
  idt_.gates[kRescheduleVector] = [this](std::uint8_t) { enter_interrupt([] {}, false); };
  idt_.gates[kPostedNotificationVector] = idt_.gates[kRescheduleVector];
}

void HostKernel::boot(cpu::VmxCpu& cpu) {
  cpu.lidt(&idt_);
  cpu.wrmsr(kMsrApicBase, kApicBaseX2ApicEnabled);
  cpu.wrmsr(kMsrX2ApicSvr, 0x1ff);
  cpu.wrmsr(kMsrX2ApicLvtTimer, kLvtTscDeadline | kLocalTimerVector);
}

std::uint64_t HostKernel::dma_map(Bdf function, std::uint64_t address, std::size_t bytes) {
  return remapping_ ? remapping_->map(function, address, bytes) : address;
}

void HostKernel::dma_unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) {
  if (remapping_) remapping_->unmap(function, {&bus_address, 1}, bytes);
}

void HostKernel::dma_unmap_all(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes) {
  if (remapping_) remapping_->unmap(function, bus_addresses, bytes);
}

std::uint8_t HostKernel::allocate_vector(std::function<void()> handler) {
  if (next_vector_ > kLastDeviceVector) throw std::runtime_error("the host has no interrupt vector left");
  const auto vector = static_cast<std::uint8_t>(next_vector_++);
  idt_.gates[vector] = [this, handler = std::move(handler)](std::uint8_t) { enter_interrupt(handler, true); };
  return vector;
}

void HostKernel::set_system_vector(std::uint8_t vector, std::function<void()> handler) {
  idt_.gates[vector] = [this, handler = std::move(handler)](std::uint8_t) { enter_interrupt(handler, false); };
}

MsiMessage HostKernel::request_msi(Bdf function, unsigned entry, const std::string&, std::function<void()> handler) {
  const std::uint8_t vector = allocate_vector(std::move(handler));
  const unsigned core = affinity_ ? affinity_(function, entry) : 0;
  if (remapping_) return remapping_->compose(function, vector, core);
  return {0xfee00000ull | std::uint64_t{core} << 12, vector};
}

void HostKernel::request_intx(Bdf, const std::string& name, std::function<void()>) {
  throw std::logic_error(name + ": the host's devices interrupt by MSI-X");
}

// The vector was acknowledged by the core; interrupts are off until the handler returns, on in the softirqs.
void HostKernel::enter_interrupt(const std::function<void()>& handler, bool device) {
  cpu::VmxCpu& cpu = scheduler_.current_cpu();
  PerCore& core = here();
  ++core.depth;
  {
    cpu::ActivityScope scope(cpu, Activity::interrupt);
    cpu.compute(costs_.irq_entry_cycles);
    ++accesses().eoi;
    if (device) {
      ++interrupts_;
      ++accesses().interrupts_taken;
    }
    cpu.wrmsr(kMsrX2ApicEoi, 0);
    cpu.set_activity(Activity::host_kernel);
    handler();
    if (core.softirqs.may_run()) run_softirqs(core);
  }
  --core.depth;
  if (core.depth == 0 && !core.softirqs.active()) scheduler_.preemption_point();
}

void HostKernel::run_softirqs(PerCore& core) {
  cpu::VmxCpu& cpu = scheduler_.current_cpu();
  cpu.compute(costs_.softirq_cycles);
  const bool enabled = cpu.interrupts_enabled();
  if (!enabled) cpu.sti();
  core.softirqs.run([this](Napi& entry) { return poll(entry); });
  if (!enabled) cpu.cli();
  if (core.softirqs.deferred()) scheduler_.wake(*core.ksoftirqd);
}

void HostKernel::napi_schedule(NetDriver& driver, unsigned queue) {
  Napi& entry = napi(driver, queue);
  if (entry.scheduled) return;
  entry.scheduled = true;
  here().softirqs.raise(entry);
}

void HostKernel::bh_disable() { here().softirqs.disable(); }

void HostKernel::bh_enable() {
  PerCore& core = here();
  if (core.softirqs.enable()) run_softirqs(core);
}

}  // namespace iovirt::software
