// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Frame buffers that keep their capacity, so that a packet costs no allocation.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace iovirt::nic {

class FramePool {
 public:
  /// Empty, but with the capacity it had.
  std::vector<std::uint8_t> take() {
    if (idle_.empty()) {
      std::vector<std::uint8_t> bytes;
      bytes.reserve(2048);
      return bytes;
    }
    std::vector<std::uint8_t> bytes = std::move(idle_.back());
    idle_.pop_back();
    bytes.clear();
    return bytes;
  }
  void give(std::vector<std::uint8_t>&& bytes) {
    if (idle_.size() < kKept) idle_.push_back(std::move(bytes));
  }

 private:
  static constexpr std::size_t kKept = 4096;
  std::vector<std::vector<std::uint8_t>> idle_;
};

}  // namespace iovirt::nic
