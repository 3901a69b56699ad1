// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/ram.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace iovirt::memory {

Ram::Ram(std::uint64_t bytes, std::uint64_t hole_base, std::uint64_t hole_bytes)
    : bytes_(bytes), low_end_(std::min(bytes, hole_base)) {
  if (bytes == 0 || bytes % 4096 != 0 || hole_base % 4096 != 0 || hole_bytes % 4096 != 0)
    throw std::invalid_argument("memory: sizes are multiples of 4096");
  high_begin_ = hole_base + hole_bytes;
  high_end_ = high_begin_ + (bytes - low_end_);
  area_.emplace(end());
  data_ = static_cast<std::uint8_t*>(area_->data());
}

bool Ram::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  if (!contains(address, bytes.size())) return false;
  std::memcpy(bytes.data(), data_ + address, bytes.size());
  return true;
}

bool Ram::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (!contains(address, bytes.size())) return false;
  std::memcpy(data_ + address, bytes.data(), bytes.size());
  return true;
}

Ram::Region Ram::region(std::uint64_t address) const {
  if (address < low_end_) return {0, low_end_};
  if (address >= high_begin_ && address < high_end_) return {high_begin_, high_end_};
  return {};
}

}  // namespace iovirt::memory
