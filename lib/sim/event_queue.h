// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The fabric's clock: one time-ordered queue of typed continuations, with run-ahead.
//
// Every shared resource of the DMA path (a link direction, a walker, a memory channel) is claimed at its own time,
// in time order, by an event of this queue; models call each other at queue.now() through TLM sockets with the
// difference to the kernel's time as the annotated delay. The queue runs ahead of the SystemC kernel up to the
// kernel's next pending activity, so that it costs one kernel event per burst of work instead of one per event.
#pragma once

#include <cstdint>
#include <vector>

#include <systemc>

#include "lib/time.h"

namespace iovirt::sim {

/// Receives its own events. `what` is the actor's own enumeration, `arg` an index or a pointer it understands.
class Actor {
 public:
  virtual void fire(std::uint32_t what, std::uint64_t arg) = 0;

 protected:
  ~Actor() = default;
};

class EventQueue : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(EventQueue);
  /// run_ahead false is the plain form: one kernel event per queue event, the reference that tests compare with.
  explicit EventQueue(sc_core::sc_module_name name, bool run_ahead = true);

  /// The path's time: that of the event being processed, or the kernel's when called from a SystemC process.
  Ps now() const { return firing_ ? now_ : kernel_now(); }
  /// now() minus the kernel's time, for the delay argument of a TLM call.
  sc_core::sc_time delay() const {
    const Ps ahead = now() - kernel_now();
    if (ahead != delay_ps_) {
      delay_ps_ = ahead;
      delay_ = sc_core::sc_time::from_value(ahead);
    }
    return delay_;
  }

  /// REQUIRES: at >= now(). Equal times are processed in the order of posting.
  void post(Ps at, Actor& actor, std::uint32_t what, std::uint64_t arg = 0);

  /// Notifies a kernel event at the path's time now(): the only way out of the path to a SystemC process. An actor that
  /// notifies an event itself may find that the path has run past it.
  void notify(sc_core::sc_event& event);

  /// A SystemC process that is about to look at, or act on, the path at the kernel's time calls this first:
  /// everything up to and including that time has then happened, whatever order the kernel chose.
  void catch_up();

  /// Events processed since the start, for host.events.
  std::uint64_t processed() const { return processed_; }

 private:
  struct Event {
    Ps at;
    std::uint64_t sequence;
    Actor* actor;
    std::uint64_t arg;
    std::uint32_t what;
  };
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at != b.at ? a.at > b.at : a.sequence > b.sequence;
    }
  };
  /// The kernel's time stands still while the queue runs.
  Ps kernel_now() const { return running_ ? kernel_ : sc_core::sc_time_stamp().value(); }

  void wake();
  void run_until(Ps bound, bool inclusive);
  void insert(const Event& event);
  void refill();
  bool empty() const { return near_.empty(); }
  Ps next_at() const { return near_.back().at; }
  void pop_and_fire();
  void arm();

  bool run_ahead_;
  bool firing_ = false;
  bool running_ = false;
  bool notified_ = false;  ///< since the kernel was last asked how far it is quiet
  Ps now_ = 0;
  Ps kernel_ = 0;  ///< the kernel's time when running_ became true
  mutable Ps delay_ps_ = 0;
  mutable sc_core::sc_time delay_;  ///< delay_ps_ as sc_time: several calls ask at the same time
  Ps armed_at_ = ~0ull;
  std::uint64_t sequence_ = 0;
  std::uint64_t processed_ = 0;
  // The soonest events, sorted with the next one last: most are posted a little ahead, a few places from the end.
  // The rest is a heap, all of it later than near_; near_ is empty only when there is nothing at all.
  static constexpr std::size_t kNear = 48;
  std::vector<Event> near_;
  std::vector<Event> far_;
  sc_core::sc_event armed_;
};

}  // namespace iovirt::sim
