// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/latency_histogram.h"

namespace iovirt {

std::uint64_t* LatencyHistogram::find(unsigned octave) {
  auto at = std::lower_bound(octaves_.begin(), octaves_.end(), octave, [](const Octave& o, unsigned wanted) { return o.octave < wanted; });
  if (at == octaves_.end() || at->octave != octave)
    at = octaves_.insert(at, {octave, std::vector<std::uint64_t>(kClasses, 0)});
  return at->classes.data();
}

void LatencyHistogram::count(std::uint64_t value, std::uint64_t times) {
  if (times == 0) return;
  count_ += times;
  sum_ += value * times;
  least_ = std::min(least_, value);
  greatest_ = std::max(greatest_, value);
  find(octave_of(value))[class_of(value)] += times;
}

void LatencyHistogram::add_new(std::uint64_t value) {
  Recent& place = recent_[older_];
  older_ ^= 1;
  count(place.value, place.count);
  place = {value, 1};
}

const LatencyHistogram& LatencyHistogram::settled() const {
  auto& self = const_cast<LatencyHistogram&>(*this);  // the same distribution, held otherwise
  for (Recent& recent : self.recent_) {
    self.count(recent.value, recent.count);
    recent.count = 0;
  }
  return *this;
}

std::uint64_t LatencyHistogram::min() const {
  std::uint64_t least = least_;
  for (const Recent& recent : recent_)
    if (recent.count != 0) least = std::min(least, recent.value);
  return count() == 0 ? 0 : least;
}

std::uint64_t LatencyHistogram::max() const {
  std::uint64_t greatest = greatest_;
  for (const Recent& recent : recent_)
    if (recent.count != 0) greatest = std::max(greatest, recent.value);
  return greatest;
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  for (const Recent& recent : other.recent_) count(recent.value, recent.count);
  count_ += other.count_;
  sum_ += other.sum_;
  least_ = std::min(least_, other.least_);
  greatest_ = std::max(greatest_, other.greatest_);
  for (const Octave& octave : other.octaves_) {
    std::uint64_t* mine = find(octave.octave);
    for (unsigned i = 0; i < kClasses; ++i) mine[i] += octave.classes[i];
  }
}

std::uint64_t LatencyHistogram::percentile(std::uint32_t per_million) const {
  settled();
  if (count_ == 0) return 0;
  const std::uint64_t rank = std::max<std::uint64_t>(1, (count_ * per_million + 999'999) / 1'000'000);
  std::uint64_t below = 0;
  for (const Octave& octave : octaves_)
    for (unsigned i = 0; i < kClasses; ++i)
      if ((below += octave.classes[i]) >= rank) return std::min(upper(octave.octave, i), greatest_);
  return greatest_;
}

std::vector<LatencyHistogram::Class> LatencyHistogram::nonempty() const {
  settled();
  std::vector<Class> result;
  for (const Octave& octave : octaves_)
    for (unsigned i = 0; i < kClasses; ++i)
      if (octave.classes[i] != 0) result.push_back({std::min(upper(octave.octave, i), greatest_), octave.classes[i]});
  return result;
}

}  // namespace iovirt
