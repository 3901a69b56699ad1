// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/kernel/scheduler_module.h"

#include <algorithm>

#include "lib/sim/strand.h"
#include "models/software/kernel/host_vectors.h"

namespace iovirt::software {
namespace {

/// A guest's code, the exits it causes and the interrupts they meet lie on one stack.
constexpr std::size_t kStackBytes = 256 * 1024;

}  // namespace

struct SchedulerModule::Thread final : HostThread {
  enum class State { runnable, running, blocked };

  Thread(std::string thread_name, unsigned thread_core, Activity thread_activity)
      : name_(std::move(thread_name)), core_(thread_core), activity(thread_activity) {}
  const std::string& name() const override { return name_; }
  unsigned core() const override { return core_; }

  std::string name_;
  unsigned core_;
  Activity activity;
  State state = State::runnable;
  bool wake_pending = false;
  sim::Alarm resume;
  std::unique_ptr<sim::Strand> strand;
};

SchedulerModule::SchedulerModule(sc_core::sc_module_name name, const Costs& costs, cpu::CoreGroup& cores)
    : sc_module(name), costs_(costs), cores_(cores), queue_(cores.queue()) {
  for (unsigned i = 0; i < cores_.size(); ++i) {
    states_.push_back(std::make_unique<CoreState>());
    threads_.push_back(std::make_unique<Thread>("idle/" + std::to_string(i), i, Activity::idle));
    states_[i]->idle = states_[i]->running = threads_.back().get();
    threads_.back()->state = Thread::State::running;
    threads_.back()->strand = std::make_unique<sim::Strand>(queue_, kStackBytes, [this, i] { idle_loop(i); });
  }
}

SchedulerModule::~SchedulerModule() = default;

HostThread& SchedulerModule::spawn(const std::string& name, unsigned core, Activity activity,
                                   std::function<void()> body) {
  threads_.push_back(std::make_unique<Thread>(name, core, activity));
  Thread* thread = threads_.back().get();
  states_[core]->queue.push_back(thread);
  thread->strand = std::make_unique<sim::Strand>(queue_, kStackBytes, [this, thread, body = std::move(body)] {
    queue_.wait(thread->resume);
    cpu::Core& here_core = cores_.core(thread->core_);
    cores_.set_current(here_core);
    here_core.set_activity(thread->activity);
    body();
    for (;;) block();  // a body that returns sleeps for ever
  });
  return *thread;
}

void SchedulerModule::end() {
  for (auto& thread : threads_) thread->strand->end();
}

HostThread& SchedulerModule::current() { return *here().running; }

void SchedulerModule::idle_loop(unsigned core) {
  cpu::Core& cpu = cores_.core(core);
  CoreState& state = *states_[core];
  cores_.set_current(cpu);
  cpu.set_activity(Activity::host_kernel);
  if (boot_) boot_(cpu);
  for (;;) {
    cpu.cli();
    if (state.queue.empty()) {
      ++idle_sleeps_;
      cpu.hlt();  // sti; hlt: returns after an interrupt was taken
      continue;
    }
    cpu.sti();
    switch_from(state, *state.idle);
  }
}

void SchedulerModule::switch_from(CoreState& state, Thread& previous) {
  cpu::Core& cpu = cores_.core(previous.core_);
  previous.activity = cpu.activity();
  cpu.set_activity(Activity::sched);
  if (!state.queue.empty()) cpu.compute(costs_.context_switch_cycles);
  cpu.synchronise();
  Thread* next = state.idle;
  if (!state.queue.empty()) {
    next = state.queue.front();
    state.queue.pop_front();
  }
  state.want_preempt = false;
  if (next != &previous) {
    state.running = next;
    next->state = Thread::State::running;
    state.run_since = cpu.now();
    ++switches_;
    const bool interrupts = cpu.interrupts_enabled();
    queue_.notify(next->resume);
    queue_.wait(previous.resume);
    cores_.set_current(cpu);
    cpu.restore_interrupts(interrupts);
  }
  cpu.set_activity(previous.activity);
  previous.state = Thread::State::running;
  state.running = &previous;
  if (&previous != state.idle) arm_tick(state);
}

void SchedulerModule::block() {
  CoreState& state = here();
  Thread& self = *state.running;
  if (self.wake_pending) {
    self.wake_pending = false;
    return;
  }
  self.state = Thread::State::blocked;
  switch_from(state, self);
  self.wake_pending = false;
}

void SchedulerModule::wake(HostThread& woken) {
  Thread& thread = static_cast<Thread&>(woken);
  if (thread.wake_pending) return;
  cpu::Core& waker = *cores_.current();
  if (thread.state != Thread::State::blocked) {
    thread.wake_pending = true;
    return;
  }
  thread.wake_pending = true;  // whoever wakes it meanwhile finds it woken
  waker.compute(costs_.wake_up_cycles);
  waker.synchronise();
  CoreState& state = *states_[thread.core_];
  thread.state = Thread::State::runnable;
  state.queue.push_back(&thread);
  const bool idle = state.running == state.idle;
  const bool preempt = !idle && waker.now() - state.run_since >= costs_.wakeup_granularity_us * kPsPerUs;
  if (preempt) state.want_preempt = true;
  if (thread.core_ != waker.index() && (idle || preempt)) waker.send_ipi(thread.core_, kRescheduleVector);
}

bool SchedulerModule::preemption_point() {
  CoreState& state = here();
  Thread& self = *state.running;
  if (&self == state.idle || !state.want_preempt || state.queue.empty()) return false;
  if (self.state != Thread::State::running) return false;  // on its way to sleep already
  self.state = Thread::State::runnable;
  state.queue.push_back(&self);
  switch_from(state, self);
  return true;
}

void SchedulerModule::arm_tick(CoreState& state) {
  if (state.tick_armed) return;
  state.tick_armed = true;
  start_timer(cores_.current()->now() + costs_.tick_period_us * kPsPerUs, [this] { tick(); });
}

void SchedulerModule::tick() {
  CoreState& state = here();
  state.tick_armed = false;
  if (state.running == state.idle) return;  // the tick stops in idle
  cores_.current()->compute(costs_.tick_cycles);
  if (!state.queue.empty()) state.want_preempt = true;
  arm_tick(state);
}

Scheduler::TimerId SchedulerModule::start_timer(Ps deadline, std::function<void()> expire) {
  CoreState& state = here();
  const TimerId id = next_timer_++;
  auto at = std::find_if(state.timers.begin(), state.timers.end(), [&](const Timer& t) { return t.deadline > deadline; });
  const bool first = at == state.timers.begin();
  state.timers.insert(at, Timer{deadline, id, std::move(expire)});
  if (first) program(*cores_.current(), state);
  return id;
}

void SchedulerModule::cancel_timer(TimerId id) {
  for (auto& state : states_) {
    const auto found = std::find_if(state->timers.begin(), state->timers.end(), [id](const Timer& t) { return t.id == id; });
    if (found == state->timers.end()) continue;
    const bool first = found == state->timers.begin();
    state->timers.erase(found);
    // Linux hrtimer_force_reprogram: the own core's hardware timer moves on; another core's fires once for nothing.
    if (first && !state->timers.empty() && state.get() == &here()) program(*cores_.current(), *state);
    return;
  }
}

void SchedulerModule::run_timers() {
  CoreState& state = here();
  cpu::VmxCpu& cpu = *cores_.current();
  while (!state.timers.empty() && state.timers.front().deadline <= cpu.now()) {
    auto expire = std::move(state.timers.front().expire);
    state.timers.erase(state.timers.begin());
    expire();
  }
  if (!state.timers.empty()) program(cpu, state);
}

void SchedulerModule::program(cpu::VmxCpu& cpu, const CoreState& state) {
  ++timer_writes_;
  cpu.set_tsc_deadline(state.timers.front().deadline);
}

}  // namespace iovirt::software
