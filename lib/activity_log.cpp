// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/activity_log.h"

#include <algorithm>

namespace iovirt {

ActivityLog::ActivityLog() { ring_.reserve(64); }

void ActivityLog::begin(Activity activity) {
  const std::size_t slot = appended_ % kHistory;
  // With many cores what this one wrote so long ago lies far away: it is fetched before it is written over.
  constexpr std::size_t kAhead = 16;
  if (slot + kAhead < ring_.size()) __builtin_prefetch(&ring_[slot + kAhead], 1);
  if (slot >= ring_.size())
    ring_.emplace_back(end_, activity);
  else
    ring_[slot] = Segment(end_, activity);
  if (appended_ % kStride == 0) {
    const std::size_t place = slot / kStride;
    if (place >= totals_before_.size())
      totals_before_.push_back(totals_);
    else
      totals_before_[place] = totals_;
  }
  if (++appended_ - oldest_ > kHistory) known_since_ = segment(++oldest_).begin();
}

void ActivityLog::take_back(Ps at, std::vector<Piece>& taken) {
  taken.clear();
  while (appended_ != oldest_ && end_ > at) {
    const Segment last = newest();
    const Ps from = std::max(last.begin(), at);
    taken.push_back({last.activity(), end_ - from});
    totals_[static_cast<std::size_t>(last.activity())] -= end_ - from;
    end_ = from;
    if (last.begin() < at) break;
    --appended_;
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
  if (time < end_) return totals_at(time);
  Totals totals = totals_;
  totals[static_cast<std::size_t>(current_)] += time - end_;
  return totals;
}

// Packets that wait in line ask for times a little after the last one that was asked for. Other questions are about the recent
// past, or about all there is: doubling steps back from the newest, then a binary search.
std::uint64_t ActivityLog::find(Ps time) const {
  if (found_ >= oldest_ && found_ < appended_ && segment(found_).begin() <= time) {
    constexpr std::uint64_t kAfter = 8;
    for (const std::uint64_t end = std::min(found_ + kAfter, appended_); found_ < end; ++found_)
      if (found_ + 1 == appended_ || time < segment(found_ + 1).begin()) return found_;
  }
  return found_ = search(time);
}

std::uint64_t ActivityLog::search(Ps time) const {
  if (appended_ - oldest_ > 1 && time < segment(oldest_ + 1).begin()) return oldest_;
  std::uint64_t high = appended_;  // the last segment with begin <= time lies in [low, high)
  std::uint64_t low = appended_ - 1;
  for (std::uint64_t step = 1; low > oldest_ && segment(low).begin() > time; step *= 2) {
    high = low;
    low = low - oldest_ > step ? low - step : oldest_;
  }
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    (segment(middle).begin() <= time ? low : high) = middle;
  }
  return low;
}

/// From the next totals that are known, backwards.
ActivityLog::Totals ActivityLog::totals_at(Ps time) const {
  const std::uint64_t number = find(time);
  const std::uint64_t kept = (number / kStride + 1) * kStride;
  std::uint64_t next = std::min(kept, appended_);
  Totals totals = kept < appended_ ? totals_before_[kept % kHistory / kStride] : totals_;
  Ps end = kept < appended_ ? segment(kept).begin() : std::max(end_, time);
  if (next == appended_ && time > end_) totals[static_cast<std::size_t>(newest().activity())] += time - end_;
  while (next-- != number) {
    const Segment& from = segment(next);
    const Ps begin = std::max(from.begin(), time);
    totals[static_cast<std::size_t>(from.activity())] -= end - begin;
    end = begin;
  }
  return totals;
}

void ActivityLog::split(Ps from, Ps to, std::array<Ps, kStages>& stages) const {
  if (to <= from) return;
  const Ps known = appended_ == oldest_ ? to : known_since_;
  if (from < known) {
    const Ps lost = std::min(known, to) - from;
    stages[static_cast<std::size_t>(Stage::sched)] += lost;
    from += lost;
    if (from == to) return;
  }
  // Most packets have waited through a few segments only.
  constexpr std::uint64_t kFew = 2 * kStride;
  const std::uint64_t stop = appended_ - oldest_ > kFew ? (appended_ - kFew / 2) / kStride * kStride : oldest_;
  for (std::uint64_t number = appended_; number != stop && from >= segment(stop).begin();) {
    const Segment& last = segment(--number);
    if (last.begin() >= to) continue;
    const Ps begin = std::max(last.begin(), from);
    stages[static_cast<std::size_t>(stage_of(last.activity()))] += to - begin;
    to = begin;
    if (to == from) return;
  }
  const Totals a = totals_at(from);
  const Totals b = to == end_ ? totals_ : totals_at(to);
  for (std::size_t i = 0; i < kActivities; ++i)
    stages[static_cast<std::size_t>(stage_of(static_cast<Activity>(i)))] += b[i] - a[i];
}

}  // namespace iovirt
