// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// QEMU's big lock: a device model runs on one thread at a time; whoever finds it taken sleeps.
#pragma once

#include <deque>

#include "models/software/kernel/scheduler.h"

namespace iovirt::software {

class BigLock {
 public:
  explicit BigLock(Scheduler& scheduler) : scheduler_(scheduler) {}
  void lock() {
    while (taken_) {
      waiting_.push_back(&scheduler_.current());
      scheduler_.block();
    }
    taken_ = true;
  }
  void unlock() {
    taken_ = false;
    if (waiting_.empty()) return;
    HostThread* next = waiting_.front();
    waiting_.pop_front();
    scheduler_.wake(*next);
  }

 private:
  Scheduler& scheduler_;
  std::deque<HostThread*> waiting_;
  bool taken_ = false;
};

}  // namespace iovirt::software
