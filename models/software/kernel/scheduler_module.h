// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's run queues: every thread is a strand, one of them runs a core.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "models/cpu/core_module.h"
#include "models/software/costs.h"
#include "models/software/kernel/scheduler.h"

namespace iovirt::software {

class SchedulerModule final : public sc_core::sc_module, public Scheduler {
 public:
  SchedulerModule(sc_core::sc_module_name name, const Costs& costs, cpu::CoreGroup& cores);
  ~SchedulerModule() override;

  HostThread& spawn(const std::string& name, unsigned core, Activity activity, std::function<void()> body) override;
  cpu::VmxCpu& current_cpu() override { return *cores_.current(); }
  cpu::VmxCpu& cpu(unsigned core) override { return cores_.core(core); }
  unsigned cores() const override { return cores_.size(); }
  HostThread& current() override;
  void block() override;
  void wake(HostThread& thread) override;
  bool preemption_point() override;
  void tick() override;
  TimerId start_timer(Ps deadline, std::function<void()> expire) override;
  void cancel_timer(TimerId id) override;
  void run_timers() override;

  /// Runs on every core before its first thread: descriptor table, APIC.
  void set_boot(std::function<void(cpu::VmxCpu&)> boot) { boot_ = std::move(boot); }
  /// Unwinds every thread's stack, from an SC_METHOD: software does not end by itself.
  void end();
  std::uint64_t switches() const { return switches_; }
  std::uint64_t timer_writes() const { return timer_writes_; }
  std::uint64_t idle_sleeps() const { return idle_sleeps_; }  ///< HLT by the idle threads

 private:
  struct Thread;
  struct Timer {
    Ps deadline;
    TimerId id;
    std::function<void()> expire;
  };
  struct CoreState {
    std::deque<Thread*> queue;
    Thread* running = nullptr;
    Thread* idle = nullptr;
    Ps run_since = 0;
    bool want_preempt = false;
    bool tick_armed = false;
    std::vector<Timer> timers;  ///< by deadline, then id
  };

  void idle_loop(unsigned core);
  void switch_from(CoreState& state, Thread& previous);
  void arm_tick(CoreState& state);
  void program(cpu::VmxCpu& cpu, const CoreState& state);
  CoreState& here() { return *states_[cores_.current()->index()]; }

  const Costs& costs_;
  cpu::CoreGroup& cores_;
  sim::EventQueue& queue_;
  std::vector<std::unique_ptr<CoreState>> states_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::function<void(cpu::VmxCpu&)> boot_;
  TimerId next_timer_ = 1;
  std::uint64_t switches_ = 0;
  std::uint64_t timer_writes_ = 0;
  std::uint64_t idle_sleeps_ = 0;
};

}  // namespace iovirt::software
