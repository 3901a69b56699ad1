// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/virtio_ring.h"

#include <numeric>

namespace iovirt::software {

using virtio::QueueLayout;

void VirtioRing::create(Kernel& kernel, Bdf function, std::uint16_t size, bool event_idx, bool indirect) {
  *this = {};
  kernel_ = &kernel;
  event_idx_ = event_idx;
  indirect_ = indirect;
  auto area = [&](std::size_t bytes, std::uint64_t& bus) {
    const std::uint64_t address = kernel.allocate(bytes, 4096);
    bus = kernel.dma_map(function, address, bytes);
    return address;
  };
  ring_.size = bus_.size = size;
  ring_.desc = area(QueueLayout::desc_bytes(size), bus_.desc);
  ring_.driver = area(QueueLayout::driver_bytes(size), bus_.driver);
  ring_.device = area(QueueLayout::device_bytes(size), bus_.device);
  if (indirect) tables_ = area(std::size_t{16} * kMaxBuffers * size, tables_bus_);
  next_.resize(size);
  std::iota(next_.begin(), next_.end(), std::uint16_t{1});
  held_.assign(size, 0);
  free_ = size;
}

void VirtioRing::write_desc(std::uint64_t at, const Buffer& buffer, std::uint16_t flags, std::uint16_t next) {
  cpu().store(at, 8, buffer.address);
  cpu().store(at + 8, 8, buffer.bytes | std::uint64_t{flags} << 32 | std::uint64_t{next} << 48);
}

std::uint16_t VirtioRing::add(std::initializer_list<Buffer> buffers, bool device_writes) {
  const std::uint16_t write = device_writes ? virtio::kDescWrite : 0;
  const std::uint16_t head = free_head_;
  const unsigned count = needed(buffers.size());
  if (count < buffers.size()) {
    const std::uint64_t offset = std::uint64_t{16} * kMaxBuffers * head;
    std::uint16_t i = 0;
    for (const Buffer& buffer : buffers) {
      const bool last = i + 1u == buffers.size();
      write_desc(tables_ + offset + 16ull * i, buffer, write | (last ? 0 : virtio::kDescNext), last ? 0 : i + 1);
      ++i;
    }
    write_desc(ring_.desc_at(head), {tables_bus_ + offset, static_cast<std::uint32_t>(16 * buffers.size())},
               virtio::kDescIndirect, 0);
    free_head_ = next_[head];
  } else {
    unsigned left = count;
    for (const Buffer& buffer : buffers) {
      const std::uint16_t at = free_head_;
      free_head_ = next_[at];
      const bool last = --left == 0;
      write_desc(ring_.desc_at(at), buffer, write | (last ? 0 : virtio::kDescNext), last ? 0 : free_head_);
    }
  }
  held_[head] = static_cast<std::uint8_t>(count);
  free_ -= count;
  cpu().store(ring_.avail_ring(avail_), 2, head);
  ++avail_;
  ++added_;
  cpu().fence();  // after the entry: the device may look at any time
  cpu().store(ring_.avail_idx(), 2, avail_);
  return head;
}

bool VirtioRing::kick_prepare() {
  const auto before = static_cast<std::uint16_t>(avail_ - added_);
  added_ = 0;
  cpu().fence();
  if (event_idx_) {
    const auto event = static_cast<std::uint16_t>(cpu().load(ring_.avail_event(), 2));
    return virtio::need_event(event, avail_, before);
  }
  return !(cpu().load(ring_.used_flags(), 2) & virtio::kUsedNoNotify);
}

bool VirtioRing::more_used() {
  return !broken_ && static_cast<std::uint16_t>(cpu().load(ring_.used_idx(), 2)) != last_used_;
}

std::optional<VirtioRing::Used> VirtioRing::get() {
  if (!more_used()) return std::nullopt;
  const std::uint64_t at = ring_.used_ring(last_used_);
  const auto id = static_cast<std::uint32_t>(cpu().load(at, 4));
  const auto bytes = static_cast<std::uint32_t>(cpu().load(at + 4, 4));
  if (id >= ring_.size || held_[id] == 0) {
    broken_ = true;
    return std::nullopt;
  }
  const auto head = static_cast<std::uint16_t>(id);
  std::uint16_t last = head;
  for (unsigned i = 1; i < held_[head]; ++i) last = next_[last];
  next_[last] = free_head_;
  free_head_ = head;
  free_ += held_[head];
  held_[head] = 0;
  ++last_used_;
  // Callbacks are on: the device is to compare with what the driver has seen.
  if (event_idx_ && !(avail_flags_ & virtio::kAvailNoInterrupt)) cpu().store(ring_.used_event(), 2, last_used_);
  return Used{head, bytes};
}

void VirtioRing::disable_callback() {
  if (avail_flags_ & virtio::kAvailNoInterrupt) return;
  avail_flags_ |= virtio::kAvailNoInterrupt;
  // Once the event index was passed the device stays silent by itself until the driver moves it.
  if (event_triggered_) return;
  cpu().fence();
  if (event_idx_)
    cpu().store(ring_.used_event(), 2, 0);
  else
    cpu().store(ring_.avail_flags(), 2, avail_flags_);
}

void VirtioRing::allow_callbacks() {
  cpu().fence();
  event_triggered_ = false;
  if (!(avail_flags_ & virtio::kAvailNoInterrupt)) return;
  avail_flags_ &= static_cast<std::uint16_t>(~virtio::kAvailNoInterrupt);
  if (!event_idx_) cpu().store(ring_.avail_flags(), 2, avail_flags_);
}

std::uint16_t VirtioRing::enable_callback_prepare() {
  allow_callbacks();
  if (event_idx_) cpu().store(ring_.used_event(), 2, last_used_);
  return last_used_;
}

bool VirtioRing::poll(std::uint16_t since) {
  return !broken_ && static_cast<std::uint16_t>(cpu().load(ring_.used_idx(), 2)) != since;
}

bool VirtioRing::enable_callback_delayed() {
  allow_callbacks();
  const auto outstanding = static_cast<std::uint16_t>(avail_ - last_used_);
  const auto wait = static_cast<std::uint16_t>(outstanding * 3u / 4);
  if (event_idx_) cpu().store(ring_.used_event(), 2, static_cast<std::uint16_t>(last_used_ + wait));
  const auto used = static_cast<std::uint16_t>(cpu().load(ring_.used_idx(), 2));
  return broken_ || static_cast<std::uint16_t>(used - last_used_) <= wait;
}

}  // namespace iovirt::software
