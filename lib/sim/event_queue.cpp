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

/// Whether an event is next, rather than a strand or the kernel. At equal times events come before strands.
bool EventQueue::may_fire() {
  const Ps at = soonest();
  if (at <= now_) return true;
  const Ps sleeper = sleepers_.back().until;
  if (at == kNever || somebody_ready() || sleeper < at || !may_reach(at)) return false;
  free_until_ = sleeper < limit_ ? sleeper + 1 : limit_;
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
  const Ps soonest_at = std::min(soonest(), sleepers_.back().until);
  if (!somebody_ready() && soonest_at == kNever) return;
  const Ps at = somebody_ready() ? now() : std::max(soonest_at, now());
  if (at >= armed_at_) return;
  armed_at_ = at;
  armed_.cancel();
  armed_.notify(sc_core::sc_time::from_value(at - kernel_now()));
}

void EventQueue::wake() {
  ++kernel_events_;
  armed_at_ = kNever;
  enter();
  for (;;) {
    if (may_fire())
      fire_some();
    else if (Strand* const next = next_strand())
      pass_on(*next);
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

void EventQueue::notify(Alarm& alarm) {
  if (alarm.strand_) {
    if (alarm.sleeper_) end_sleep(alarm);
    make_ready(*std::exchange(alarm.strand_, nullptr));
  } else if (alarm.process_) {
    notify(alarm.go_);
  } else {
    alarm.missed_ = true;
  }
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
  if (sleepers_.back().alarm) sleepers_.back().fetch();
  // As long as nobody else is to run before `until`, this strand just carries the queue there.
  while (!somebody_ready()) {
    const Ps at = soonest();
    const Ps sleeper = sleepers_.back().until;
    if (sleeper < at && sleeper <= until) break;
    const Ps next = std::min(at, until);
    if (next == kNever || !may_reach(next)) break;
    if (at > until) {
      now_ = until;
      alarm.strand_ = nullptr;
      return;
    }
    const Ps last = std::min(sleeper, until);
    free_until_ = last < limit_ ? last + 1 : limit_;
    fire_some();
  }
  if (until != kNever && alarm.strand_) sleep(alarm, until);
  const Strand& self = *current_;
  suspend();
  if (self.ending_) {
    if (alarm.sleeper_) end_sleep(alarm);
    alarm.strand_ = nullptr;
    throw Strand::Ended{};
  }
}

/// Of those that sleep until the same time the first to begin goes on first.
void EventQueue::sleep(Alarm& alarm, Ps until) {
  alarm.sleeper_ = true;
  sleepers_.push_back({});
  Sleeper* slot = &sleepers_.back();
  for (; slot[-1].until <= until; --slot) *slot = slot[-1];
  *slot = {until, &alarm, alarm.strand_, static_cast<const char*>(__builtin_frame_address(0))};
  free_until_ = 0;
}

/// Whoever goes on has been away for so long that nothing of its stack is in the host's first-level cache.
void EventQueue::Sleeper::fetch() const {
  __builtin_prefetch(alarm);
  __builtin_prefetch(strand);
  for (std::ptrdiff_t offset = -320; offset < 640; offset += 64) __builtin_prefetch(stack + offset);
}

void EventQueue::end_sleep(Alarm& alarm) {
  alarm.sleeper_ = false;
  sleepers_.erase(std::find_if(sleepers_.begin(), sleepers_.end(), [&](const Sleeper& sleeper) { return sleeper.alarm == &alarm; }));
}

/// The strand that runs goes on when its turn has come.
void EventQueue::suspend() {
  while (may_fire()) fire_some();
  Strand* const next = next_strand();
  if (next == current_) return;
  if (next) {
    pass_on(*next);
  } else {
    current_ = nullptr;
    Strand::leave();  // the kernel has something to do first
  }
}

/// Whose turn it is when no event is next; null: the kernel's.
Strand* EventQueue::next_strand() {
  if (somebody_ready()) {
    Strand* const next = ready_[ready_next_++];
    if (ready_next_ == ready_.size()) {
      ready_.clear();
      ready_next_ = 0;
    }
    return next;
  }
  const Ps at = sleepers_.back().until;
  if (at == kNever || soonest() <= at || !may_reach(at)) return nullptr;
  Alarm& alarm = *sleepers_.back().alarm;
  Strand* const next = sleepers_.back().strand;
  sleepers_.pop_back();
  now_ = at;
  alarm.sleeper_ = false;
  alarm.strand_ = nullptr;
  return next;
}

/// `next` goes on; returns when it is the caller's turn again, or, in the method, when all wait.
void EventQueue::pass_on(Strand& next) {
  current_ = &next;
  next.enter();
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
