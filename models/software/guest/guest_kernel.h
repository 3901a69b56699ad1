// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The kernel inside a virtual machine: one processor, x2APIC, TSC-deadline timer, NAPI, idle with HLT.
#pragma once

#include <functional>
#include <string>

#include "models/software/kernel/base_kernel.h"
#include "models/software/kernel/softirq.h"
#include "models/software/workloads/application.h"

namespace iovirt::software {

class GuestKernel : public BaseKernel, public AppHost {
 public:
  struct Layout {
    std::uint64_t memory_begin = 0;  ///< free guest-physical memory
    std::uint64_t memory_end = 0;
    std::uint64_t ecam = 0;
    std::uint64_t io_apic = 0;       ///< MMIO base of the I/O APIC
    unsigned intx_pin = 0;           ///< the pin that INTA of the NIC's slot is wired to
    std::uint64_t tsc_mhz = 0;
  };

  GuestKernel(const Costs& costs, const Layout& layout);

  /// In guest mode, first thing: descriptor table, APIC, tick.
  void boot(cpu::Cpu& cpu);

  cpu::Cpu& cpu() override { return *cpu_; }
  std::uint64_t dma_map(Bdf, std::uint64_t address, std::size_t) override { return address; }
  void dma_unmap(Bdf, std::uint64_t, std::size_t) override {}
  MsiMessage request_msi(Bdf function, unsigned entry, const std::string& name, std::function<void()> handler) override;
  void request_intx(Bdf function, const std::string& name, std::function<void()> handler) override;
  void napi_schedule(NetDriver& driver, unsigned queue) override;

  /// One past the last byte of the guest's RAM.
  std::uint64_t memory_end() const { return layout_.memory_end; }

  Kernel& kernel() override { return *this; }
  void sleep_until(Ps deadline) override;
  void wake_app() override { app_woken_ = true; }
  void bh_disable() override { softirqs_.disable(); }
  void bh_enable() override;
  void cond_resched() override;

 private:
  void interrupt(const std::function<void()>& handler, bool level);
  void end_of_interrupt();
  void run_softirqs();
  void run_ksoftirqd();
  void timer_interrupt();
  void program_timer();

  Layout layout_;
  cpu::Cpu* cpu_ = nullptr;
  cpu::Idt idt_;
  std::uint8_t next_vector_;
  SoftirqQueue<Napi> softirqs_;
  Ps app_since_ = 0;  ///< the application has had the processor since then, while ksoftirqd wants it
  Ps next_tick_ = 0;
  Ps app_deadline_ = kNever;
  bool tick_since_idle_ = false;
  bool app_woken_ = false;
};

}  // namespace iovirt::software
