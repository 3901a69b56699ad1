// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A large, sparsely used array in the host's memory: zero, committed by the operating system as it is touched, in its
// huge pages where it has them. Simulated RAM and caches are touched all over; with 4 KB pages most of those accesses
// miss the host's TLB too, and each page's first costs a page fault.
#pragma once

#include <cstddef>

namespace iovirt {

class HugeArea {
 public:
  /// Throws std::runtime_error when the operating system refuses the address space.
  explicit HugeArea(std::size_t bytes);
  ~HugeArea();
  HugeArea(const HugeArea&) = delete;
  HugeArea& operator=(const HugeArea&) = delete;

  /// Aligned to a huge page.
  void* data() const { return data_; }

 private:
  std::size_t mapped_bytes_;
  void* mapped_;
  void* data_;
};

}  // namespace iovirt
