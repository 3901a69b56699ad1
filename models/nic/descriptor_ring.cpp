// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/descriptor_ring.h"

#include <algorithm>
#include <cstring>

namespace iovirt::nic {

DescriptorRing::DescriptorRing(std::uint32_t cache_entries, std::uint32_t batch)
    : mask_(cache_entries - 1), batch_(batch), cache_(cache_entries) {}

void DescriptorRing::restart() {
  ++generation_;
  used_ = fetch_at_ = count() == 0 ? 0 : head_ % count();
  used_count_ = fetched_count_ = 0;
  fetching_ = 0;
}

void DescriptorRing::set_length(std::uint32_t value) {
  length = value & 0x000f'ff80;
  restart();
}

void DescriptorRing::set_head(std::uint32_t value) {
  head_ = value & 0xffff;
  restart();
}

bool DescriptorRing::set_control(std::uint32_t value) {
  const bool changed = ((control ^ value) & igb::kDctlEnable) != 0;
  control = value & ~igb::kDctlFlush;  // SWFLSH clears itself
  if (changed) restart();
  return changed;
}

void DescriptorRing::reset() {
  base_low = base_high = length = control = dca = 0;
  head_ = tail_ = 0;
  restart();
}

std::uint32_t DescriptorRing::in_memory() const {
  const std::uint32_t size = count();
  if (size == 0) return 0;
  const std::uint32_t tail = wrapped(tail_);
  return tail >= fetch_at_ ? tail - fetch_at_ : tail + size - fetch_at_;
}

std::optional<DescriptorRing::Fetch> DescriptorRing::want_fetch(bool starved) {
  if (!enabled() || fetching_ != 0) return std::nullopt;
  const std::uint32_t waiting = in_memory();
  const std::uint32_t room = cache_entries() - held();
  if (waiting == 0 || room == 0) return std::nullopt;
  if (!starved && held() != 0) {
    const auto prefetch = igb::DctlPthresh::get(control), host = igb::DctlHthresh::get(control);
    if (held() >= prefetch || waiting < host) return std::nullopt;
  }
  fetching_ = std::min({waiting, room, batch_, count() - fetch_at_});
  return Fetch{address_of(fetch_at_), fetching_ * igb::kDescriptorBytes};
}

void DescriptorRing::fetched(std::span<const std::uint8_t> bytes, bool ok) {
  for (std::uint32_t i = 0; i < fetching_; ++i) {
    Entry& entry = cache_[(fetched_count_ + i) & mask_];
    entry.bad = !ok || bytes.size() < (i + 1) * igb::kDescriptorBytes;
    entry.descriptor = {};
    if (!entry.bad) std::memcpy(&entry.descriptor, bytes.data() + i * igb::kDescriptorBytes, igb::kDescriptorBytes);
  }
  fetched_count_ += fetching_;
  fetch_at_ = after(fetch_at_, fetching_);
  fetching_ = 0;
}

void DescriptorRing::use(std::uint32_t n) {
  used_count_ += n;
  used_ = after(used_, n);
}

void DescriptorRing::retire(std::uint32_t n) {
  if (count() != 0) head_ = after(wrapped(head_), n);
}

}  // namespace iovirt::nic
