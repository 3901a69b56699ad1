// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A distribution in little memory, however many values: exact count, sum, least and greatest; percentiles to within 3.2 %.
// Values are counted in 32 classes an octave; only octaves that occur cost memory, and they only when a percentile or the
// classes are asked for, or a third value comes: of what has two values and is asked for nothing else, keep a copy to ask.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace iovirt {

class LatencyHistogram {
 public:
  void add(std::uint64_t value) {
    // Which of the two it is can hardly be guessed: one branch, on whether it is either.
    Recent& recent = recent_[recent_[0].value != value];
    if (recent.value != value) return add_new(value);
    ++recent.count;
  }
  void add(const LatencyHistogram& other);

  std::uint64_t count() const { return count_ + recent_[0].count + recent_[1].count; }
  std::uint64_t sum() const { return sum_ + recent_[0].value * recent_[0].count + recent_[1].value * recent_[1].count; }
  /// 0 when empty, as are the others.
  double mean() const { return count() == 0 ? 0 : static_cast<double>(sum()) / static_cast<double>(count()); }
  std::uint64_t min() const;
  std::uint64_t max() const;
  /// Nearest rank; the upper end of its class, at most max().
  std::uint64_t percentile(std::uint32_t per_million) const;

  struct Class {
    std::uint64_t upper;  ///< its values are at most this, and above the class before
    std::uint64_t count;
  };
  /// Those that hold a value, ascending.
  std::vector<Class> nonempty() const;

 private:
  static constexpr unsigned kBits = 5, kClasses = 1u << kBits;
  struct Octave {
    unsigned octave;
    std::vector<std::uint64_t> classes;
  };
  /// Octave 0 holds the values below kClasses one by one; octave n those whose highest bit is n + kBits - 1.
  static unsigned octave_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    return width <= kBits ? 0 : width - kBits;
  }
  static unsigned class_of(std::uint64_t value) {
    const unsigned octave = octave_of(value);
    return static_cast<unsigned>(octave == 0 ? value : value >> (octave - 1)) & (kClasses - 1);
  }
  static std::uint64_t upper(unsigned octave, std::uint64_t in_octave) {
    return octave == 0 ? in_octave : ((kClasses + in_octave + 1) << (octave - 1)) - 1;
  }
  std::uint64_t* find(unsigned octave);
  void add_new(std::uint64_t value);
  void count(std::uint64_t value, std::uint64_t times);
  /// With everything in its class.
  const LatencyHistogram& settled() const;

  /// Values come again and again: the latest two are counted here, in one place, and put into their classes later.
  struct Recent {
    std::uint64_t value = 0, count = 0;
  };
  Recent recent_[2];
  unsigned older_ = 0;
  std::uint64_t count_ = 0, sum_ = 0, least_ = ~std::uint64_t{0}, greatest_ = 0;
  std::vector<Octave> octaves_;  ///< ascending
};

}  // namespace iovirt
