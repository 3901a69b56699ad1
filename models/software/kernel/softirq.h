// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How a Linux-like kernel runs NAPI polls after an interrupt, on one core.
#pragma once

#include <deque>

namespace iovirt::software {

/// Polls waiting on one core. `Entry` is a kernel's NAPI instance; the kernel supplies what polls one.
template <class Entry>
class SoftirqQueue {
 public:
  void raise(Entry& entry) { pending_.push_back(&entry); }
  bool pending() const { return !pending_.empty(); }
  bool active() const { return active_; }
  void disable() { ++disabled_; }
  /// True when there is something to run now.
  bool enable() { return --disabled_ == 0 && !active_ && pending() && !deferred_; }
  /// May the way out of an interrupt run them?
  bool may_run() const { return disabled_ == 0 && !active_ && pending() && !deferred_; }
  /// Left to ksoftirqd, so that processes get their share under load.
  bool deferred() const { return deferred_; }

  /// Linux net_rx_action and __do_softirq: rounds of polls until nothing is left or kRestarts is reached, then
  /// the rest is deferred. `poll(entry)` returns true when the entry wants another turn.
  template <class Poll>
  void run(Poll&& poll) {
    active_ = true;
    unsigned restarts = 0;
    while (!pending_.empty() && restarts++ < kRestarts) {
      Entry* entry = pending_.front();
      pending_.pop_front();
      if (poll(*entry)) pending_.push_back(entry);
    }
    active_ = false;
    deferred_ = !pending_.empty();
  }
  /// ksoftirqd's turn: one round.
  template <class Poll>
  void run_deferred(Poll&& poll) {
    deferred_ = false;
    run(static_cast<Poll&&>(poll));
  }

  static constexpr unsigned kRestarts = 10;  ///< MAX_SOFTIRQ_RESTART

 private:
  std::deque<Entry*> pending_;
  unsigned disabled_ = 0;
  bool active_ = false;
  bool deferred_ = false;
};

}  // namespace iovirt::software
