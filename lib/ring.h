// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A first-in first-out queue that allocates only when it outgrows its largest size so far.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace iovirt {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  void push(const T& item) {
    if (size_ == capacity_) grow();
    items_[(head_ + size_++) & (capacity_ - 1)] = item;
  }
  void pop() {
    // An empty one begins again at the front, so that one which hardly ever holds much stays in few of the host's lines.
    head_ = --size_ == 0 ? 0 : (head_ + 1) & (capacity_ - 1);
  }

 private:
  void grow() {
    const std::size_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    std::unique_ptr<T[]> larger(new T[capacity]);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = items_[(head_ + i) & (capacity_ - 1)];
    items_ = std::move(larger);
    capacity_ = capacity;
    head_ = 0;
  }

  std::unique_ptr<T[]> items_;
  std::size_t capacity_ = 0;  // 0 or a power of two
  std::size_t head_ = 0, size_ = 0;
};

}  // namespace iovirt
