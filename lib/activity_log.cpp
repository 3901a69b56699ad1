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
    const Segment segment{totals_, activity};
    const std::size_t slot = appended_ % kHistory;
    if (slot >= ring_.size()) {
      ring_.push_back(segment);
      begins_.push_back(end_);
    } else {
      ring_[slot] = segment;
      begins_[slot] = end_;
    }
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
    const Ps newest_begin = begins_[(appended_ - 1) % kHistory];
    const Ps begin = std::max(newest_begin, at);
    taken.push_back({newest.activity, end_ - begin});
    totals_[static_cast<std::size_t>(newest.activity)] -= end_ - begin;
    end_ = begin;
    if (newest_begin < at) break;
    --appended_;
    --valid_;
  }
  std::reverse(taken.begin(), taken.end());
  if (!marks_.empty()) weave_marks(at, taken);
}

// Pieces are cut where marks lie in them; a piece without duration carries one behind the last.
void ActivityLog::weave_marks(Ps at, std::vector<Piece>& taken) {
  const auto first = std::find_if(marks_.begin(), marks_.end(), [&](const Mark& mark) { return mark.at > at; });
  if (first == marks_.end()) return;
  std::vector<Piece> woven;
  auto mark = first;
  for (Piece piece : taken) {
    const Ps end = at + piece.duration;
    for (; mark != marks_.end() && mark->at < end; ++mark) {
      woven.push_back({piece.activity, mark->at - at, piece.mark});
      piece.mark = mark->what;
      at = mark->at;
    }
    woven.push_back({piece.activity, end - at, piece.mark});
    at = end;
  }
  for (; mark != marks_.end(); ++mark) woven.push_back({Activity::idle, 0, mark->what});
  marks_.erase(first, marks_.end());
  taken.swap(woven);
}

void ActivityLog::take_marks(Ps until, std::vector<Mark>& taken) {
  const auto end = std::find_if(marks_.begin(), marks_.end(), [&](const Mark& mark) { return mark.at > until; });
  taken.assign(marks_.begin(), end);
  marks_.erase(marks_.begin(), end);
}

std::array<Ps, kActivities> ActivityLog::totals_until(Ps time) const {
  std::array<Ps, kActivities> totals = totals_;
  if (time >= end_)
    totals[static_cast<std::size_t>(current_)] += time - end_;
  else
    totals_at(time, totals);
  return totals;
}

// Most questions are about the recent past: doubling steps back from the newest, then a binary search.
std::uint64_t ActivityLog::find(Ps time) const {
  const std::uint64_t oldest = appended_ - valid_;
  std::uint64_t high = appended_;  // the last segment with begin <= time lies in [low, high)
  std::uint64_t low = appended_ - 1;
  for (std::uint64_t step = 1; low > oldest && begins_[low % kHistory] > time; step *= 2) {
    high = low;
    low = low - oldest > step ? low - step : oldest;
  }
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (begins_[middle % kHistory] <= time ? low : high) = middle;
  }
  return low;
}

void ActivityLog::totals_at(Ps time, std::array<Ps, kActivities>& out) const {
  const std::size_t slot = find(time) % kHistory;
  const Segment& segment = ring_[slot];
  out = segment.before;
  if (time > begins_[slot]) out[static_cast<std::size_t>(segment.activity)] += time - begins_[slot];
}

void ActivityLog::split(Ps from, Ps to, std::array<Ps, kStages>& stages) const {
  if (to <= from) return;
  if (valid_ == 0) {
    stages[static_cast<std::size_t>(Stage::sched)] += to - from;
    return;
  }
  const std::uint64_t oldest = appended_ - valid_;
  const Ps known = begins_[oldest % kHistory];
  if (from < known) {
    const Ps lost = std::min(known, to) - from;
    stages[static_cast<std::size_t>(Stage::sched)] += lost;
    from += lost;
    if (from == to) return;
  }
  std::array<Ps, kActivities> a;
  std::array<Ps, kActivities> b;
  totals_at(from, a);
  if (to == end_)
    b = totals_;
  else
    totals_at(to, b);
  for (std::size_t i = 0; i < kActivities; ++i)
    stages[static_cast<std::size_t>(stage_of(static_cast<Activity>(i)))] += b[i] - a[i];
}

}  // namespace iovirt
