// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What one core did, second by second: the ledger of CPU time.
//
// Segments are appended in time order and never overlap, so the totals over any interval sum to its length.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "lib/activity.h"
#include "lib/time.h"

namespace iovirt {

class ActivityLog {
 public:
  ActivityLog();

  /// The core was busy with `activity` from end() for `duration`.
  void append(Activity activity, Ps duration) {
    if (duration == 0) return;
    if (appended_ == oldest_ || newest().activity() != activity) begin(activity);
    totals_[static_cast<std::size_t>(activity)] += duration;
    end_ += duration;
  }
  Ps end() const { return end_; }
  /// What the core does beyond end(), until it is appended: idling, or waiting for a device's answer.
  void set_current(Activity activity) { current_ = activity; }
  /// Time spent on each activity from the beginning to `time`, which may lie before or beyond end().
  std::array<Ps, kActivities> totals_until(Ps time) const;
  /// Time spent on `activity` from the beginning to end().
  Ps total(Activity activity) const { return totals_[static_cast<std::size_t>(activity)]; }

  struct Piece {
    Activity activity;
    Ps duration;
    std::uint32_t mark = 0;  ///< what was noted where the piece begins; 0: nothing
  };
  /// Takes back everything after `at`, oldest first into `taken`: an interrupt arrived at `at`, in the middle of
  /// work that the core had already accounted for; the work is appended again when the interrupt is over.
  void take_back(Ps at, std::vector<Piece>& taken);

  /// Adds the time of [from, to) to `stages`, each part to its activity's stage; the parts sum to to - from.
  /// Time beyond end() counts as the most recent activity. History is finite (kHistory segments): time before
  /// it is charged as scheduling, since the packet was waiting in a backlog.
  void split(Ps from, Ps to, std::array<Ps, kStages>& stages) const;

  /// The same, piece by piece in time order: `each(activity, begin, end)`.
  template <class Each>
  void pieces(Ps from, Ps to, Each&& each) const {
    if (to <= from) return;
    const Ps known = appended_ == oldest_ ? to : known_since_;
    if (from < known) each(Activity::sched, from, std::min(known, to));
    from = std::max(from, known);
    if (from >= to) return;
    for (std::uint64_t number = find(from); from < to; ++number) {
      const Ps end = number + 1 == appended_ ? to : std::min(to, segment(number + 1).begin());
      if (end > from) each(segment(number).activity(), from, end);
      from = std::max(from, end);
    }
  }

  /// Notes `what` (not 0) at end(). The note follows the work behind it when that is taken back and appended again.
  void mark(std::uint32_t what) { marks_.push_back({end_, what}); }
  struct Mark {
    Ps at;
    std::uint32_t what;
  };
  /// Takes the marks not after `until` out, oldest first, into `taken`.
  void take_marks(Ps until, std::vector<Mark>& taken);

  static constexpr std::size_t kHistory = 1u << 14;

 private:
  using Totals = std::array<Ps, kActivities>;
  /// Where it begins, and in the low bits its activity: a core's history shall not crowd the host's caches.
  class Segment {
   public:
    Segment() = default;
    Segment(Ps begin, Activity activity) : packed_(begin << 4 | static_cast<std::uint64_t>(activity)) {}
    Ps begin() const { return packed_ >> 4; }
    Activity activity() const { return static_cast<Activity>(packed_ & 15); }

   private:
    std::uint64_t packed_ = 0;
  };
  static_assert(kActivities <= 16);
  static constexpr std::uint64_t kStride = 16;  ///< the totals are kept where every so manieth segment begins

  void begin(Activity activity);
  void weave_marks(Ps at, std::vector<Piece>& taken);
  /// Number of the segment that `time` lies in. REQUIRES: not before the oldest.
  std::uint64_t find(Ps time) const;
  std::uint64_t search(Ps time) const;
  Totals totals_at(Ps time) const;
  const Segment& segment(std::uint64_t number) const { return ring_[number % kHistory]; }
  const Segment& newest() const { return segment(appended_ - 1); }

  std::vector<Segment> ring_;
  std::vector<Totals> totals_before_;  ///< segment n * kStride
  std::vector<Mark> marks_;            ///< in time order; empty unless somebody traces
  std::uint64_t appended_ = 0;         ///< segments ever appended and not taken back; the newest is appended_ - 1
  std::uint64_t oldest_ = 0;           ///< the first that is still in the ring,
  Ps known_since_ = 0;                 ///< and where it begins
  mutable std::uint64_t found_ = 0;    ///< what find() gave last
  Ps end_ = 0;
  Activity current_ = Activity::idle;
  Totals totals_{};
};

}  // namespace iovirt
