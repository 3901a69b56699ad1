// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The fabric's clock: one time-ordered queue of typed continuations, with run-ahead, and the threads that live by it.
//
// Every shared resource of the DMA path (a link direction, a walker, a memory channel) is claimed at its own time,
// in time order, by an event of this queue; models call each other at queue.now() through TLM sockets with the
// difference to the kernel's time as the annotated delay. The queue runs ahead of the SystemC kernel up to the
// kernel's next pending activity, so that it costs one kernel event per burst of work instead of one per event.
//
// A *strand* (lib/sim/strand.h) is a thread of software that waits on nothing but this queue. While it waits it carries
// the queue forward itself, on its own stack, and hands over to the next strand directly: the kernel, whose time stands
// still meanwhile, is entered only where it has something to do. A SystemC thread may call wait() too, and then waits for
// the kernel's time to come along.
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <vector>

#include <systemc>

#include "lib/time.h"

namespace iovirt::sim {

inline constexpr Ps kNever = ~0ull;

class Lane;

/// Receives its own events. `what` is the actor's own enumeration, `arg` an index or a pointer it understands.
class Actor {
 public:
  virtual void fire(std::uint32_t what, std::uint64_t arg) = 0;

 protected:
  ~Actor() = default;
};

class Strand;

/// What a thread waits for: EventQueue::wait, EventQueue::notify. One thread at a time. A notification that finds nobody
/// waiting ends the next wait at once, so a wait may return early: look at what it was for.
class Alarm final {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

 private:
  friend class EventQueue;
  Strand* strand_ = nullptr;      ///< that waits, or
  bool process_ = false;          ///< a SystemC thread waits
  bool missed_ = false;
  bool sleeper_ = false;          ///< the strand goes on at a certain time at the latest
  sc_core::sc_event go_;
};

class EventQueue : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(EventQueue);
  /// run_ahead false is the plain form: one kernel event per queue event, the reference that tests compare with.
  explicit EventQueue(sc_core::sc_module_name name, bool run_ahead = true);

  /// The path's time: that of the event being processed, of the strand that runs, or else the kernel's.
  Ps now() const {
    if (inside_) return now_;
    const Ps kernel = sc_core::sc_time_stamp().value();
    return kernel > now_ ? kernel : now_;
  }
  /// now() minus the kernel's time, for the delay argument of a TLM call.
  sc_core::sc_time delay() const {
    const Ps ahead = now() - kernel_now();
    static_assert(sizeof delay_ == sizeof ahead);
    std::memcpy(static_cast<void*>(&delay_), &ahead, sizeof ahead);  // from_value is a call into the library, for every TLM call
    return delay_;
  }
  /// The path's time that a TLM call with `delay` means; not before now().
  Ps time_of(const sc_core::sc_time& delay) const {
    const Ps at = kernel_now() + delay.value();
    return at < now() ? now() : at;
  }

  /// REQUIRES: now() <= at < kNever. Equal times are processed in the order of posting.
  void post(Ps at, Actor& actor, std::uint32_t what, std::uint64_t arg = 0) {
    assert(at >= now() && at < kNever);
    insert(at, target_of(actor), arg, what);
    if (!inside_) arm();
  }

  /// Notifies a kernel event at the path's time now(): the only way out of the path to a SystemC process. An actor that
  /// notifies an event itself may find that the path has run past it.
  void notify(sc_core::sc_event& event);

  /// From a thread: returns when `alarm` is notified, and at `until` at the latest; everything on the path up to and
  /// including that time has then happened.
  void wait(Alarm& alarm, Ps until = kNever);
  /// Whoever waits for `alarm` goes on, at the path's time now(), after what the path has to do at that time.
  void notify(Alarm& alarm);

  /// A SystemC process that is about to look at, or act on, the path at the kernel's time calls this first:
  /// everything up to and including that time has then happened, whatever order the kernel chose.
  void catch_up() {
    if (!firing_) serve_due();
  }

  /// Events processed since the start, for host.events.
  std::uint64_t processed() const { return processed_; }
  /// How often the SystemC kernel has been asked for it: its own events.
  std::uint64_t kernel_events() const { return kernel_events_; }

 private:
  friend class Lane;
  friend class Strand;
  // In two halves, each written and moved as one: a host that reads at once, as a whole, what was written in parts waits
  // until all of it has arrived.
  using Half [[gnu::vector_size(16)]] = std::uint64_t;
  class Event {
   public:
    Event() = default;
    /// `target`: an Actor, or with kOfLane a Lane: this is the first of its events. `sequence` wraps; only differences matter.
    Event(Ps at, std::uintptr_t target, std::uint64_t arg, std::uint32_t what, std::uint32_t sequence)
        : first_{at, target}, second_{arg, std::uint64_t{sequence} << 32 | what} {}
    Ps at() const { return first_[0]; }
    std::uintptr_t target() const { return first_[1]; }
    std::uint64_t arg() const { return second_[0]; }
    std::uint32_t what() const { return static_cast<std::uint32_t>(second_[1]); }
    std::uint32_t sequence() const { return static_cast<std::uint32_t>(second_[1] >> 32); }

   private:
    Half first_, second_;
  };
  static constexpr std::uintptr_t kOfLane = 1;
  static std::uintptr_t target_of(Actor& actor) { return reinterpret_cast<std::uintptr_t>(&actor); }
  struct Later {
    bool operator()(const Event& a, const Event& b) const {
      return a.at() != b.at() ? a.at() > b.at() : static_cast<std::int32_t>(a.sequence() - b.sequence()) > 0;
    }
  };
  /// The kernel's time stands still while the queue or a strand runs.
  Ps kernel_now() const { return inside_ ? kernel_ : sc_core::sc_time_stamp().value(); }

  [[gnu::noinline]] void serve_due();
  void enter();
  void leave();
  void wake();
  /// Whether the path may go to `at`.
  bool may_reach(Ps at) { return at < limit_ || kernel_lets_reach(at); }
  bool kernel_lets_reach(Ps at);
  bool may_fire();
  void ask_kernel();
  void suspend();
  void pass_on(Strand& next);
  [[noreturn]] void rethrow();
  Strand* next_strand();
  void make_ready(Strand& strand);
  void sleep(Alarm& alarm, Ps until);
  void end_sleep(Alarm& alarm);
  bool somebody_ready() const { return ready_next_ != ready_.size(); }
  void insert(Ps at, std::uintptr_t target, std::uint64_t arg, std::uint32_t what) {
    const std::uint32_t sequence = sequence_++;
    if (at >= far_at_) return push_far(at, target, arg, what, sequence);
    // The newest of equal times goes behind them: it has the highest sequence number.
    Event* slot = ++next_;
    for (; slot[-1].at() <= at; --slot) *slot = slot[-1];
    place(*slot, at, target, arg, what, sequence);
  }
  void insert_follower(Lane& lane);
  // By values: an Event of which somebody takes the address is put together in memory, in parts.
  void place(Event& slot, Ps at, std::uintptr_t target, std::uint64_t arg, std::uint32_t what, std::uint32_t sequence) {
    slot = Event(at, target, arg, what, sequence);
    if (next_ == near_.data() + kNear + 1) spill();
  }
  [[gnu::noinline]] void push_far(Ps at, std::uintptr_t target, std::uint64_t arg, std::uint32_t what, std::uint32_t sequence);
  [[gnu::noinline]] void spill();
  [[gnu::noinline]] void refill();
  /// kNever: there is no event.
  Ps soonest() {
    if (next_ == near_.data() && far_at_ != kNever) refill();
    return next_->at();
  }
  void fire_next();
  void fire_some();
  [[gnu::noinline]] void arm();

  const bool run_ahead_;
  bool inside_ = false;         ///< the queue or a strand runs: now_ and kernel_ hold
  bool firing_ = false;
  Ps now_ = 0;
  Ps kernel_ = 0;
  Ps limit_ = 0;                ///< before this nothing in the kernel can see or change the path
  Ps free_until_ = 0;           ///< before this events follow each other and nothing else happens; at most limit_
  mutable sc_core::sc_time delay_;
  Ps armed_at_ = kNever;
  std::uint32_t sequence_ = 0;
  std::uint64_t processed_ = 0, kernel_events_ = 0;
  // The soonest events, sorted with the next one last: most are posted a little ahead, a few places from the end. Before
  // them one at kNever. The rest is a heap, none of it before those.
  static constexpr std::size_t kNear = 112;
  std::array<Event, kNear + 2> near_;
  Event* next_ = near_.data();
  Ps far_at_ = kNever;          ///< of the soonest in far_
  std::vector<Event> far_;
  std::vector<Strand*> ready_;  ///< to go on, from ready_next_
  std::size_t ready_next_ = 0;
  struct Sleeper {
    Ps until = kNever;
    Alarm* alarm = nullptr;
    Strand* strand = nullptr;
    const char* stack = nullptr;  ///< its top, about
    void fetch() const;
  };
  // The strands that go on by themselves, with the next one last: few, since a core runs one at a time. Before them one at kNever.
  std::vector<Sleeper> sleepers_{Sleeper{}};
  Strand* current_ = nullptr;   ///< whose software runs
  std::exception_ptr failure_;  ///< what a strand's body threw
  sc_core::sc_event armed_;
};

/// Events of one actor that happen in the order in which they are posted, as those of a resource with a constant latency
/// do. However many there are, only the first takes part in the queue's order, which makes them cheap.
class Lane {
 public:
  /// Both must outlive it.
  Lane(EventQueue& queue, Actor& actor) : queue_(queue), actor_(actor), ring_(new Entry[16]), mask_(15) {}
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  /// As EventQueue::post, equal times included. A time before that of the last one here is served as well, only dearer.
  void post(Ps at, std::uint32_t what, std::uint64_t arg = 0) {
    if (!started_) {
      assert(at >= queue_.now() && at < kNever);
      started_ = true;
      last_ = at;
      queue_.insert(at, reinterpret_cast<std::uintptr_t>(this) | EventQueue::kOfLane, arg, what);
      if (!queue_.inside_) queue_.arm();
    } else if (at < last_) {
      post_apart(at, what, arg);
    } else {
      push(at, what, arg);
    }
  }

 private:
  friend class EventQueue;
  struct Entry {
    Ps at;
    std::uint64_t arg;
    std::uint32_t what;
    std::uint32_t sequence;
  };
  void push(Ps at, std::uint32_t what, std::uint64_t arg) {
    if (size_ > mask_) grow();
    Entry& entry = ring_[(head_ + size_++) & mask_];
    entry.at = at;
    entry.arg = arg;
    entry.what = what;
    entry.sequence = queue_.sequence_++;
    last_ = at;
  }
  [[gnu::noinline]] void grow();
  [[gnu::noinline]] void post_apart(Ps at, std::uint32_t what, std::uint64_t arg) { queue_.post(at, actor_, what, arg); }

  EventQueue& queue_;
  Actor& actor_;
  bool started_ = false;         ///< its first event is in the queue, the others here
  std::unique_ptr<Entry[]> ring_;  ///< mask_ + 1 of them, a power of two
  std::size_t mask_, head_ = 0, size_ = 0;
  Ps last_ = 0;
};

/// A lane's next one, which was posted before others that are in already.
inline void EventQueue::insert_follower(Lane& lane) {
  const Lane::Entry& entry = lane.ring_[lane.head_];
  lane.head_ = --lane.size_ == 0 ? 0 : (lane.head_ + 1) & lane.mask_;  // as lib/ring.h
  const Ps at = entry.at;
  const std::uintptr_t target = reinterpret_cast<std::uintptr_t>(&lane) | kOfLane;
  const auto before = [at, sequence = entry.sequence](const Event& other) {
    return other.at() != at ? other.at() < at : static_cast<std::int32_t>(other.sequence() - sequence) < 0;
  };
  if (at >= far_at_ && before(far_.front())) return push_far(at, target, entry.arg, entry.what, entry.sequence);
  Event* slot = ++next_;
  for (; before(slot[-1]); --slot) *slot = slot[-1];
  place(*slot, at, target, entry.arg, entry.what, entry.sequence);
}

/// REQUIRES: there is one in near_.
inline void EventQueue::fire_next() {
  const Event& event = *next_--;
  const std::uintptr_t target = event.target();
  const std::uint64_t arg = event.arg();
  const std::uint32_t what = event.what();
  now_ = event.at();
  ++processed_;
  if (!(target & kOfLane)) return reinterpret_cast<Actor*>(target)->fire(what, arg);
  Lane& lane = *reinterpret_cast<Lane*>(target - kOfLane);
  if (lane.size_ != 0)
    insert_follower(lane);
  else
    lane.started_ = false;
  lane.actor_.fire(what, arg);
}

/// The next one, and those after it for which the way is free. REQUIRES: there is one.
inline void EventQueue::fire_some() {
  firing_ = true;
  do fire_next();
  while (next_->at() < free_until_);
  firing_ = false;
}

}  // namespace iovirt::sim
