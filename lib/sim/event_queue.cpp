// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/event_queue.h"

#include <algorithm>
#include <cassert>

namespace iovirt::sim {

EventQueue::EventQueue(sc_core::sc_module_name name, bool run_ahead) : sc_module(name), run_ahead_(run_ahead) {
  far_.reserve(1024);
  ready_.reserve(64);
  SC_METHOD(wake);
  sensitive << armed_;
  dont_initialize();
}

// -- the order of events ----------------------------------------------------------------------------------------------

void EventQueue::post(Ps at, Actor& actor, std::uint32_t what, std::uint64_t arg) {
  assert(at >= now());
  insert({at, &actor, arg, what, sequence_++});
  if (!inside_) arm();
}

void EventQueue::insert(const Event& event) {
  if (!far_.empty() && !Later{}(far_.front(), event)) {
    far_.push_back(event);
    std::push_heap(far_.begin(), far_.end(), Later{});
    return;
  }
  // The newest of equal times goes behind them: it has the highest sequence number.
  Event* place = near_.data() + near_size_++;
  for (; place != near_.data() && place[-1].at <= event.at; --place) *place = place[-1];
  *place = event;
  if (near_size_ > kNear) spill();
}

void EventQueue::spill() {
  constexpr std::size_t later_half = kNear / 2;
  for (std::size_t i = 0; i < later_half; ++i) {
    far_.push_back(near_[i]);
    std::push_heap(far_.begin(), far_.end(), Later{});
  }
  std::copy(near_.begin() + later_half, near_.begin() + static_cast<std::ptrdiff_t>(near_size_), near_.begin());
  near_size_ -= later_half;
}

void EventQueue::refill() {
  for (; near_size_ < kNear / 2 && !far_.empty(); far_.pop_back()) {
    std::pop_heap(far_.begin(), far_.end(), Later{});
    near_[near_size_++] = far_.back();
  }
  std::reverse(near_.begin(), near_.begin() + static_cast<std::ptrdiff_t>(near_size_));
}

void EventQueue::pop_and_fire() {
  const Event event = near_[--near_size_];
  if (near_size_ == 0 && !far_.empty()) refill();
  now_ = event.at;
  ++processed_;
  firing_ = true;
  event.actor->fire(event.what, event.arg);
  firing_ = false;
}

// -- the kernel ---------------------------------------------------------------------------------------------------------

void EventQueue::enter() {
  kernel_ = sc_core::sc_time_stamp().value();
  now_ = std::max(now_, kernel_);
  bound_ = kernel_;
  reaching_ = true;
  inside_ = true;
}

void EventQueue::leave() {
  inside_ = false;
  arm();
}

/// Whether the path may go to `at`.
bool EventQueue::may_reach(Ps at) {
  if (at < bound_ || (at == bound_ && reaching_)) return true;
  if (!run_ahead_) return false;
  ask_kernel();
  return at < bound_ || (at == bound_ && reaching_);
}

void EventQueue::ask_kernel() {
  bound_ = kernel_;
  reaching_ = true;
  if (sc_core::sc_pending_activity_at_current_time()) return;
  armed_.cancel();  // the queue's own
  armed_at_ = kNever;
  const sc_core::sc_time quiet = sc_core::sc_time_to_pending_activity();
  reaching_ = quiet == sc_core::sc_max_time() - sc_core::sc_time_stamp();
  bound_ = reaching_ ? kNever : kernel_ + quiet.value();
}

void EventQueue::notify(sc_core::sc_event& event) {
  const Ps ahead = now() - kernel_now();
  if (ahead == 0)
    event.notify(sc_core::SC_ZERO_TIME);
  else
    event.notify(sc_core::sc_time::from_value(ahead));
  // The kernel has something sooner now.
  bound_ = std::min(bound_, kernel_);
  reaching_ = true;
}

void EventQueue::arm() {
  if (!somebody_ready() && empty()) return;
  const Ps at = somebody_ready() ? now() : std::max(next_at(), now());
  if (at >= armed_at_) return;
  armed_at_ = at;
  armed_.cancel();
  armed_.notify(sc_core::sc_time::from_value(at - kernel_now()));
}

void EventQueue::wake() {
  armed_at_ = kNever;
  enter();
  while (!empty() && (next_at() <= now_ || (!somebody_ready() && may_reach(next_at())))) pop_and_fire();
  pass_on();
}

void EventQueue::catch_up() {
  if (firing_) return;
  if (inside_) {
    while (!empty() && next_at() <= now_) pop_and_fire();
    return;
  }
  if (empty() || next_at() > now()) return;
  enter();
  while (!empty() && next_at() <= now_) pop_and_fire();
  leave();
}

// -- strands --------------------------------------------------------------------------------------------------------------

void Alarm::fire(std::uint32_t what, std::uint64_t arg) {
  if (waits_ == Waits::strand && generation_ == what)
    reinterpret_cast<EventQueue*>(static_cast<std::uintptr_t>(arg))->notify(*this);
}

void EventQueue::notify(Alarm& alarm) {
  switch (alarm.waits_) {
    case Alarm::Waits::nobody: alarm.missed_ = true; return;
    case Alarm::Waits::process: return notify(alarm.go_);
    case Alarm::Waits::strand:
      alarm.waits_ = Alarm::Waits::nobody;
      ready_.push_back(&alarm);
      if (!inside_) arm();
  }
}

void EventQueue::wait(Alarm& alarm, Ps until) {
  if (alarm.missed_) {
    alarm.missed_ = false;
    return catch_up();
  }
  if (!inside_) {
    alarm.waits_ = Alarm::Waits::process;
    if (until == kNever)
      sc_core::wait(alarm.go_);
    else
      sc_core::wait(sc_core::sc_time::from_value(until - kernel_now()), alarm.go_);
    alarm.waits_ = Alarm::Waits::nobody;
    return catch_up();
  }
  alarm.waits_ = Alarm::Waits::strand;
  ++alarm.generation_;
  // As long as nobody else is to run before `until`, this thread just carries the queue there.
  while (!somebody_ready()) {
    const Ps at = empty() ? kNever : next_at();
    const Ps next = std::min(at, until);
    if (next == kNever || !may_reach(next)) break;
    if (at > until) {
      now_ = until;
      alarm.waits_ = Alarm::Waits::nobody;
      return;
    }
    pop_and_fire();
  }
  if (until != kNever && alarm.waits_ == Alarm::Waits::strand)
    insert({until, &alarm, reinterpret_cast<std::uintptr_t>(this), alarm.generation_, sequence_++});
  suspend(alarm);
}

void EventQueue::suspend(Alarm& alarm) {
  for (;;) {
    if (!empty() && next_at() <= now_) {
      pop_and_fire();
    } else if (somebody_ready()) {
      if (ready_[ready_next_] != &alarm) break;
      take_ready();
      return;
    } else if (!empty() && may_reach(next_at())) {
      pop_and_fire();
    } else {
      break;
    }
  }
  pass_on();
  sc_core::wait(alarm.go_);
  // Handed over at this same moment, nothing has changed for the kernel meanwhile.
  if (handed_over_)
    inside_ = true;
  else
    enter();
  handed_over_ = false;
}

Alarm& EventQueue::take_ready() {
  Alarm& next = *ready_[ready_next_++];
  if (ready_next_ == ready_.size()) {
    ready_.clear();
    ready_next_ = 0;
  }
  return next;
}

/// Whoever runs is about to wait: the strand whose turn it is goes on, and where there is none, the kernel.
void EventQueue::pass_on() {
  if (!somebody_ready()) return leave();
  handed_over_ = true;
  inside_ = false;
  take_ready().go_.notify();
}

}  // namespace iovirt::sim
