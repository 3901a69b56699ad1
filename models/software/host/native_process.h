// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An application that is a process of the host: how it sleeps, wakes and keeps softirqs out.
#pragma once

#include <functional>
#include <string>

#include "models/software/host/host_kernel.h"
#include "models/software/workloads/application.h"

namespace iovirt::software {

class NativeProcess final : public AppHost {
 public:
  /// `body` runs once begin() was called. REQUIRES: before the simulation starts.
  NativeProcess(HostKernel& kernel, const std::string& name, unsigned core, std::function<void()> body)
      : kernel_(kernel),
        thread_(kernel.scheduler().spawn(name, core, Activity::host_user, [this, body = std::move(body)] {
          while (!begun_) kernel_.scheduler().block();
          body();
        })) {}
  void begin() {
    begun_ = true;
    kernel_.scheduler().wake(thread_);
  }

  Kernel& kernel() override { return kernel_; }
  void sleep_until(Ps deadline) override {
    if (deadline <= kernel_.cpu().now()) return;
    Scheduler::TimerId timer = 0;
    if (deadline != kNever) timer = kernel_.scheduler().start_timer(deadline, [this] { kernel_.scheduler().wake(thread_); });
    kernel_.scheduler().block();
    if (timer != 0) kernel_.scheduler().cancel_timer(timer);
  }
  void wake_app() override { kernel_.scheduler().wake(thread_); }
  void bh_disable() override { kernel_.bh_disable(); }
  void bh_enable() override { kernel_.bh_enable(); }
  void cond_resched() override { kernel_.cond_resched(); }

 private:
  HostKernel& kernel_;
  bool begun_ = false;
  HostThread& thread_;
};

}  // namespace iovirt::software
