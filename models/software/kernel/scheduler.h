// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Host threads that share physical cores: vCPU threads, vhost workers, QEMU main loops, native applications.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lib/activity.h"
#include "models/cpu/vmx_cpu.h"

namespace iovirt::software {

/// A thread of the host; made and owned by the Scheduler.
class HostThread {
 public:
  virtual ~HostThread() = default;
  virtual const std::string& name() const = 0;
  /// Pinned: the core it always runs on.
  virtual unsigned core() const = 0;
};

class Scheduler {
 public:
  using TimerId = std::uint64_t;  ///< 0: none

  virtual ~Scheduler() = default;

  /// REQUIRES: before the simulation starts. The thread is runnable at time 0.
  virtual HostThread& spawn(const std::string& name, unsigned core, Activity activity, std::function<void()> body) = 0;
  /// The core that the calling code runs on.
  virtual cpu::VmxCpu& current_cpu() = 0;
  virtual cpu::VmxCpu& cpu(unsigned core) = 0;
  virtual unsigned cores() const = 0;
  /// The thread whose stack this is; an interrupt borrows it.
  virtual HostThread& current() = 0;

  /// The calling thread sleeps until wake(); returns at once when it was woken since it last slept.
  virtual void block() = 0;
  /// Makes a thread runnable, from a thread or an interrupt handler on any core; pays for it on the caller's core.
  /// A core that idles is sent a reschedule interrupt; a busy one switches when its thread has had its share.
  virtual void wake(HostThread& thread) = 0;
  /// A point where the core may go to another thread; true when it did.
  virtual bool preemption_point() = 0;
  /// Waking is over when the core's interrupt returns: see preemption_point. Called by the tick.
  virtual void tick() = 0;

  /// One-shot timer of the calling core's own APIC; `expire` runs in interrupt context there.
  virtual TimerId start_timer(Ps deadline, std::function<void()> expire) = 0;
  virtual void cancel_timer(TimerId id) = 0;
  /// The APIC timer's interrupt on the calling core.
  virtual void run_timers() = 0;
};

}  // namespace iovirt::software
