// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/event_queue.h"

#include <algorithm>
#include <cassert>

namespace iovirt::sim {

EventQueue::EventQueue(sc_core::sc_module_name name, bool run_ahead) : sc_module(name), run_ahead_(run_ahead) {
  near_.reserve(kNear + 1);
  far_.reserve(1024);
  SC_METHOD(wake);
  sensitive << armed_;
  dont_initialize();
}

void EventQueue::post(Ps at, Actor& actor, std::uint32_t what, std::uint64_t arg) {
  assert(at >= now());
  insert({at, sequence_++, &actor, arg, what});
  if (!running_) arm();
}

void EventQueue::insert(const Event& event) {
  if (!far_.empty() && !Later{}(far_.front(), event)) {
    far_.push_back(event);
    std::push_heap(far_.begin(), far_.end(), Later{});
    return;
  }
  near_.push_back(event);
  std::size_t place = near_.size() - 1;
  for (; place > 0 && Later{}(event, near_[place - 1]); --place) near_[place] = near_[place - 1];
  near_[place] = event;
  if (near_.size() <= kNear) return;
  // The later half makes room.
  for (std::size_t i = 0; i < kNear / 2; ++i) {
    far_.push_back(near_[i]);
    std::push_heap(far_.begin(), far_.end(), Later{});
  }
  near_.erase(near_.begin(), near_.begin() + kNear / 2);
}

void EventQueue::refill() {
  for (std::size_t i = 0; i < kNear / 2 && !far_.empty(); ++i) {
    std::pop_heap(far_.begin(), far_.end(), Later{});
    near_.push_back(far_.back());
    far_.pop_back();
  }
  std::reverse(near_.begin(), near_.end());
}

void EventQueue::notify(sc_core::sc_event& event) {
  notified_ = true;
  const Ps ahead = now() - kernel_now();
  if (ahead == 0)
    event.notify(sc_core::SC_ZERO_TIME);
  else
    event.notify(sc_core::sc_time::from_value(ahead));
}

void EventQueue::arm() {
  if (empty()) return;
  const Ps at = next_at();
  if (at >= armed_at_) return;
  armed_at_ = at;
  armed_.cancel();
  armed_.notify(sc_core::sc_time::from_value(at - kernel_now()));
}

void EventQueue::wake() {
  armed_at_ = ~0ull;
  run_until(kernel_now(), true);
}

void EventQueue::catch_up() {
  if (running_ || empty() || next_at() > kernel_now()) return;
  kernel_ = kernel_now();
  running_ = true;
  while (!empty() && next_at() <= kernel_) pop_and_fire();
  running_ = false;
  arm();
}

void EventQueue::pop_and_fire() {
  const Event event = near_.back();
  near_.pop_back();
  if (near_.empty()) refill();
  now_ = event.at;
  firing_ = true;
  ++processed_;
  event.actor->fire(event.what, event.arg);
  firing_ = false;
}

void EventQueue::run_until(Ps bound, bool inclusive) {
  kernel_ = kernel_now();
  running_ = true;
  while (!empty()) {
    const Ps at = next_at();
    if (at > bound || (at == bound && !inclusive)) {
      // Up to here the kernel has nothing that could see or change the path: ask how far that holds now.
      if (!run_ahead_ || sc_core::sc_pending_activity_at_current_time()) break;
      const sc_core::sc_time quiet = sc_core::sc_time_to_pending_activity();
      const bool forever = quiet == sc_core::sc_max_time() - sc_core::sc_time_stamp();
      bound = forever ? ~0ull : kernel_now() + quiet.value();
      inclusive = forever;
      if (at > bound || (at == bound && !inclusive)) break;
    }
    pop_and_fire();
    if (notified_) bound = kernel_now();  // the kernel has something sooner now: ask again
    notified_ = false;
  }
  running_ = false;
  arm();
}

}  // namespace iovirt::sim
