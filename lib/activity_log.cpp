// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/activity_log.h"

#include <algorithm>

namespace iovirt {

ActivityLog::ActivityLog() { ring_.reserve(64); }

void ActivityLog::append(Activity activity, Ps duration) {
  if (duration == 0) return;
  const bool same = valid_ != 0 && ring_[(appended_ - 1) % kHistory].activity == activity;
  if (!same) {
    const Segment segment{end_, totals_, activity};
    if (appended_ % kHistory >= ring_.size())
      ring_.push_back(segment);
    else
      ring_[appended_ % kHistory] = segment;
    ++appended_;
    valid_ = std::min<std::uint64_t>(valid_ + 1, kHistory);
  }
  totals_[static_cast<std::size_t>(activity)] += duration;
  end_ += duration;
}

void ActivityLog::take_back(Ps at, std::vector<Piece>& taken) {
  taken.clear();
  while (valid_ != 0 && end_ > at) {
    const Segment& newest = ring_[(appended_ - 1) % kHistory];
    const Ps begin = std::max(newest.begin, at);
    taken.push_back({newest.activity, end_ - begin});
    totals_[static_cast<std::size_t>(newest.activity)] -= end_ - begin;
    end_ = begin;
    if (newest.begin < at) break;
    --appended_;
    --valid_;
  }
  std::reverse(taken.begin(), taken.end());
}

std::array<Ps, kActivities> ActivityLog::totals_until(Ps time) const {
  std::array<Ps, kActivities> totals = totals_;
  if (time >= end_)
    totals[static_cast<std::size_t>(current_)] += time - end_;
  else
    totals_at(time, totals);
  return totals;
}

void ActivityLog::totals_at(Ps time, std::array<Ps, kActivities>& out) const {
  const std::uint64_t oldest = appended_ - valid_;
  std::uint64_t low = oldest;
  std::uint64_t high = appended_;  // the last segment with begin <= time lies in [low, high)
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (ring_[middle % kHistory].begin <= time ? low : high) = middle;
  }
  const Segment& segment = ring_[low % kHistory];
  out = segment.before;
  if (time > segment.begin) out[static_cast<std::size_t>(segment.activity)] += time - segment.begin;
}

void ActivityLog::split(Ps from, Ps to, std::array<Ps, kStages>& stages) const {
  if (to <= from) return;
  if (valid_ == 0) {
    stages[static_cast<std::size_t>(Stage::sched)] += to - from;
    return;
  }
  const std::uint64_t oldest = appended_ - valid_;
  const Ps known = ring_[oldest % kHistory].begin;
  if (from < known) {
    const Ps lost = std::min(known, to) - from;
    stages[static_cast<std::size_t>(Stage::sched)] += lost;
    from += lost;
    if (from == to) return;
  }
  std::array<Ps, kActivities> a;
  std::array<Ps, kActivities> b;
  totals_at(from, a);
  totals_at(to, b);
  for (std::size_t i = 0; i < kActivities; ++i)
    stages[static_cast<std::size_t>(stage_of(static_cast<Activity>(i)))] += b[i] - a[i];
}

}  // namespace iovirt
