// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/event_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "lib/sim/strand.h"

namespace iovirt::sim {

EventQueue::EventQueue(sc_core::sc_module_name name, bool run_ahead) : sc_module(name), run_ahead_(run_ahead) {
  near_[0] = {kNever, 0, 0, 0, 0};
  far_.reserve(1024);
  ready_.reserve(64);
  SC_METHOD(wake);
  sensitive << armed_;
  dont_initialize();
}

// -- the order of events ----------------------------------------------------------------------------------------------

void EventQueue::push_far(Ps at, std::uintptr_t target, std::uint64_t arg, std::uint32_t what, std::uint32_t sequence) {
  far_.emplace_back(at, target, arg, what, sequence);
  std::push_heap(far_.begin(), far_.end(), Later{});
  far_at_ = far_.front().at();
}

void Lane::grow() {
  std::unique_ptr<Entry[]> larger(new Entry[2 * (mask_ + 1)]);
  for (std::size_t i = 0; i < size_; ++i) larger[i] = ring_[(head_ + i) & mask_];
  ring_ = std::move(larger);
  mask_ = 2 * mask_ + 1;
  head_ = 0;
}

void EventQueue::spill() {
  constexpr std::ptrdiff_t later_half = kNear / 2;
  Event* const first = near_.data() + 1;
  for (Event* event = first; event != first + later_half; ++event) push_far(event->at(), event->target(), event->arg(), event->what(), event->sequence());
  std::copy(first + later_half, next_ + 1, first);
  next_ -= later_half;
}

void EventQueue::refill() {
  for (; next_ != near_.data() + kNear / 2 && !far_.empty(); far_.pop_back()) {
    std::pop_heap(far_.begin(), far_.end(), Later{});
    *++next_ = far_.back();
  }
  far_at_ = far_.empty() ? kNever : far_.front().at();
  std::reverse(near_.data() + 1, next_ + 1);
}

// -- the kernel ---------------------------------------------------------------------------------------------------------

void EventQueue::enter() {
  kernel_ = sc_core::sc_time_stamp().value();
  now_ = std::max(now_, kernel_);
  limit_ = kernel_ + 1;
  free_until_ = 0;
  inside_ = true;
}

void EventQueue::leave() {
  inside_ = false;
  arm();
}

bool EventQueue::kernel_lets_reach(Ps at) {
  if (!run_ahead_) return false;
  ask_kernel();
  return at < limit_;
}

void EventQueue::ask_kernel() {
  limit_ = kernel_ + 1;
  free_until_ = 0;
  if (sc_core::sc_pending_activity_at_current_time()) return;
  armed_.cancel();  // the queue's own
  armed_at_ = kNever;
  const sc_core::sc_time quiet = sc_core::sc_time_to_pending_activity();
  limit_ = quiet == sc_core::sc_max_time() - sc_core::sc_time_stamp() ? kNever : kernel_ + quiet.value();
}

/// Whether an event is next, rather than a strand or the kernel.
bool EventQueue::may_fire() {
  const Ps at = soonest();
  if (at <= now_) return true;
  if (at == kNever || somebody_ready() || !may_reach(at)) return false;
  free_until_ = limit_;
  return true;
}

void EventQueue::notify(sc_core::sc_event& event) {
  const Ps ahead = now() - kernel_now();
  if (ahead == 0)
    event.notify(sc_core::SC_ZERO_TIME);
  else
    event.notify(sc_core::sc_time::from_value(ahead));
  // The kernel has something sooner now.
  limit_ = std::min(limit_, kernel_ + 1);
  free_until_ = 0;
}

void EventQueue::arm() {
  const Ps soonest_at = soonest();
  if (!somebody_ready() && soonest_at == kNever) return;
  const Ps at = somebody_ready() ? now() : std::max(soonest_at, now());
  if (at >= armed_at_) return;
  armed_at_ = at;
  armed_.cancel();
  armed_.notify(sc_core::sc_time::from_value(at - kernel_now()));
}

void EventQueue::wake() {
  armed_at_ = kNever;
  enter();
  for (;;) {
    if (may_fire())
      fire_some();
    else if (somebody_ready())
      pass_on();
    else
      break;
  }
  leave();
}

void EventQueue::serve_due() {
  const bool outside = !inside_;
  if (outside) {
    if (soonest() > now()) return;
    enter();
  }
  free_until_ = 0;
  while (soonest() <= now_) fire_some();
  if (outside) leave();
}

// -- strands --------------------------------------------------------------------------------------------------------------

void Alarm::fire(std::uint32_t what, std::uint64_t arg) {
  if (strand_ && generation_ == what)
    reinterpret_cast<EventQueue*>(static_cast<std::uintptr_t>(arg))->make_ready(*std::exchange(strand_, nullptr));
}

void EventQueue::notify(Alarm& alarm) {
  if (alarm.strand_)
    make_ready(*std::exchange(alarm.strand_, nullptr));
  else if (alarm.process_)
    notify(alarm.go_);
  else
    alarm.missed_ = true;
}

void EventQueue::make_ready(Strand& strand) {
  ready_.push_back(&strand);
  free_until_ = 0;
  if (!inside_) arm();
}

void EventQueue::wait(Alarm& alarm, Ps until) {
  if (alarm.missed_) {
    alarm.missed_ = false;
    return catch_up();
  }
  if (!current_) {
    alarm.process_ = true;
    if (until == kNever)
      sc_core::wait(alarm.go_);
    else
      sc_core::wait(sc_core::sc_time::from_value(until - kernel_now()), alarm.go_);
    alarm.process_ = false;
    return catch_up();
  }
  alarm.strand_ = current_;
  ++alarm.generation_;
  // As long as nobody else is to run before `until`, this strand just carries the queue there.
  while (!somebody_ready()) {
    const Ps at = soonest();
    const Ps next = std::min(at, until);
    if (next == kNever || !may_reach(next)) break;
    if (at > until) {
      now_ = until;
      alarm.strand_ = nullptr;
      return;
    }
    free_until_ = until < limit_ ? until + 1 : limit_;
    fire_some();
  }
  if (until != kNever && alarm.strand_) insert(until, target_of(alarm), reinterpret_cast<std::uintptr_t>(this), alarm.generation_);
  suspend();
}

/// The strand that runs goes on when its turn has come.
void EventQueue::suspend() {
  Strand& self = *current_;
  for (;;) {
    if (may_fire()) {
      fire_some();
    } else if (somebody_ready()) {
      if (ready_[ready_next_] != &self) break;
      take_ready();
      return;
    } else {
      break;
    }
  }
  if (somebody_ready()) {
    pass_on();
  } else {
    current_ = nullptr;
    Strand::leave();  // the kernel has something to do first
  }
  if (self.ending_) throw Strand::Ended{};
}

Strand& EventQueue::take_ready() {
  Strand& next = *ready_[ready_next_++];
  if (ready_next_ == ready_.size()) {
    ready_.clear();
    ready_next_ = 0;
  }
  return next;
}

/// The strand whose turn it is goes on; returns when it is the caller's turn again, or, in the method, when all wait.
void EventQueue::pass_on() {
  current_ = &take_ready();
  current_->enter();
  if (failure_) rethrow();
}

// Not instrumented: the address sanitizer knows nothing of the strands' stacks, and does not clear what it has put around
// variables of a frame that an exception leaves.
[[gnu::no_sanitize("address")]] void EventQueue::rethrow() {
  const std::exception_ptr failure = failure_;
  failure_ = nullptr;
  std::rethrow_exception(failure);
}

}  // namespace iovirt::sim
