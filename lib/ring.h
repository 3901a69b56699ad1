// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A first-in first-out queue that allocates only when it outgrows its largest size so far, and not for the first few: a
// model has many of them, and most hold one thing at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

namespace iovirt {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return items()[head_]; }
  const T& front() const { return const_cast<Ring&>(*this).front(); }
  void push(const T& item) {
    if (size_ == capacity_) grow();
    items()[(head_ + size_++) & (capacity_ - 1)] = item;
  }
  void pop() {
    // An empty one begins again at the front, so that one which hardly ever holds much stays in few of the host's lines.
    head_ = --size_ == 0 ? 0 : (head_ + 1) & (capacity_ - 1);
  }

 private:
  static constexpr std::size_t kWithin = sizeof(T) > 32 ? 1 : std::bit_floor(32 / sizeof(T));

  T* items() { return capacity_ == kWithin ? within_ : grown_.get(); }
  void grow() {
    const std::size_t capacity = capacity_ * 2;
    std::unique_ptr<T[]> larger(new T[capacity]);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = items()[(head_ + i) & (capacity_ - 1)];
    grown_ = std::move(larger);
    capacity_ = capacity;
    head_ = 0;
  }

  std::size_t head_ = 0, size_ = 0;
  std::size_t capacity_ = kWithin;  // a power of two
  std::unique_ptr<T[]> grown_;
  T within_[kWithin]{};
};

}  // namespace iovirt
