// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/vhost/guest_memory.h"

#include <cstring>
#include <stdexcept>

namespace iovirt::software {
namespace {

constexpr std::size_t kSmall = 16;

/// The widest naturally aligned access at `address` that does not pass `left` bytes.
unsigned width(std::uint64_t address, std::size_t left) {
  unsigned bytes = 8;
  while (bytes > left || address % bytes != 0) bytes /= 2;
  return bytes;
}

}  // namespace

void GuestMemoryMap::add(std::uint64_t gpa, std::uint64_t bytes, std::uint64_t hpa) {
  if (bytes == 0 || gpa + bytes - 1 < gpa || hpa + bytes - 1 < hpa)
    throw std::invalid_argument("guest memory region: expected a range that is neither empty nor wraps");
  for (const Region& r : regions_)
    if (gpa < r.gpa + r.bytes && r.gpa < gpa + bytes)
      throw std::invalid_argument("guest memory region: overlaps another");
  for (Region& r : regions_) {
    if (r.gpa + r.bytes != gpa || r.hpa + r.bytes != hpa) continue;
    r.bytes += bytes;
    return;
  }
  regions_.push_back({gpa, bytes, hpa});
}

bool GuestMemoryPeek::read(std::uint64_t gpa, std::span<std::uint8_t> bytes) {
  const auto hpa = map_.to_host(gpa, bytes.size());
  if (hpa) std::memcpy(bytes.data(), ram_ + *hpa, bytes.size());
  return hpa.has_value();
}

bool GuestMemoryPort::read(std::uint64_t gpa, std::span<std::uint8_t> bytes) {
  const auto hpa = map_->to_host(gpa, bytes.size());
  if (!hpa) return false;
  if (bytes.size() > kSmall) {
    cpu_->read(*hpa, bytes);
    return true;
  }
  for (std::size_t done = 0; done < bytes.size();) {
    const unsigned n = width(*hpa + done, bytes.size() - done);
    const std::uint64_t word = cpu_->load(*hpa + done, n);
    std::memcpy(bytes.data() + done, &word, n);
    done += n;
  }
  return true;
}

bool GuestMemoryPort::write(std::uint64_t gpa, std::span<const std::uint8_t> bytes) {
  const auto hpa = map_->to_host(gpa, bytes.size());
  if (!hpa) return false;
  if (bytes.size() > kSmall) {
    cpu_->write(*hpa, bytes);
    return true;
  }
  for (std::size_t done = 0; done < bytes.size();) {
    const unsigned n = width(*hpa + done, bytes.size() - done);
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + done, n);
    cpu_->store(*hpa + done, n, word);
    done += n;
  }
  return true;
}

}  // namespace iovirt::software
