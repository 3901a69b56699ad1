// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/event_queue.h"

#include <algorithm>
#include <cassert>

namespace iovirt::sim {

EventQueue::EventQueue(sc_core::sc_module_name name, bool run_ahead) : sc_module(name), run_ahead_(run_ahead) {
  heap_.reserve(1024);
  SC_METHOD(wake);
  sensitive << armed_;
  dont_initialize();
}

void EventQueue::post(Ps at, Actor& actor, std::uint32_t what, std::uint64_t arg) {
  assert(at >= now());
  heap_.push_back({at, sequence_++, &actor, arg, what});
  std::push_heap(heap_.begin(), heap_.end(), later);
  if (!running_) arm();
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
  if (heap_.empty()) return;
  const Ps at = heap_.front().at;
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
  if (running_ || heap_.empty() || heap_.front().at > kernel_now()) return;
  running_ = true;
  while (!heap_.empty() && heap_.front().at <= kernel_now()) pop_and_fire();
  running_ = false;
  arm();
}

void EventQueue::pop_and_fire() {
  const Event event = heap_.front();
  std::pop_heap(heap_.begin(), heap_.end(), later);
  heap_.pop_back();
  now_ = event.at;
  firing_ = true;
  ++processed_;
  event.actor->fire(event.what, event.arg);
  firing_ = false;
}

void EventQueue::run_until(Ps bound, bool inclusive) {
  running_ = true;
  while (!heap_.empty()) {
    const Ps at = heap_.front().at;
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
