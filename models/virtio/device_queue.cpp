// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/device_queue.h"

#include <bit>

namespace iovirt::virtio {

void Chain::clear() {
  head = 0;
  readable.clear();
  writable.clear();
  readable_bytes = writable_bytes = 0;
}

std::string_view name(RingError error) {
  constexpr std::string_view names[] = {"none",       "bad_layout",     "unmapped",      "avail_index",  "head_index",
                                        "next_index", "chain_too_long", "segment_order", "bad_indirect", "bad_buffer"};
  return names[static_cast<std::size_t>(error)];
}

void DeviceQueue::configure(const QueueLayout& layout, bool event_idx, bool indirect) {
  disable();
  layout_ = layout;
  event_idx_ = event_idx;
  indirect_ = indirect;
  const bool sized = layout.size <= kMaxQueueSize && std::has_single_bit(layout.size);
  auto wraps = [](std::uint64_t at, std::size_t bytes) { return at + bytes < at; };
  if (!sized || wraps(layout.desc, QueueLayout::desc_bytes(layout.size)) ||
      wraps(layout.driver, QueueLayout::driver_bytes(layout.size)) ||
      wraps(layout.device, QueueLayout::device_bytes(layout.size))) {
    fail(RingError::bad_layout);
    return;
  }
  if (layout.desc % 16 != 0 || layout.driver % 2 != 0 || layout.device % 4 != 0) fail(RingError::bad_layout);
}

void DeviceQueue::disable() {
  ++epoch_;
  layout_ = {};
  error_ = RingError::none;
  no_notify_ = signalled_valid_ = false;
  seen_avail_ = next_avail_ = next_used_ = published_ = signalled_ = 0;
}

void DeviceQueue::fail(RingError error) {
  if (error_ == RingError::none) error_ = error;
}

template <class Word>
bool DeviceQueue::load(std::uint64_t address, Word& word) {
  const std::uint32_t epoch = epoch_;
  auto loaded = memory_->load<Word>(address);
  if (epoch != epoch_) return false;
  if (!loaded) {
    fail(RingError::unmapped);
    return false;
  }
  word = *loaded;
  return true;
}

template <class Word>
bool DeviceQueue::store(std::uint64_t address, Word word) {
  const std::uint32_t epoch = epoch_;
  const bool stored = memory_->store<Word>(address, word);
  if (epoch != epoch_) return false;
  if (!stored) fail(RingError::unmapped);
  return stored;
}

bool DeviceQueue::has_available() {
  if (!enabled() || error_ != RingError::none) return false;
  if (next_avail_ != seen_avail_) return true;
  std::uint16_t index;
  if (!load(layout_.avail_idx(), index)) return false;
  if (static_cast<std::uint16_t>(index - next_avail_) > layout_.size) {
    fail(RingError::avail_index);
    return false;
  }
  seen_avail_ = index;
  return next_avail_ != seen_avail_;
}

Pop DeviceQueue::pop(Chain& chain) {
  chain.clear();
  auto nothing = [this] { return error_ == RingError::none ? Pop::empty : Pop::broken; };
  if (!has_available()) return nothing();
  std::uint16_t head;
  if (!load(layout_.avail_ring(next_avail_), head)) return nothing();
  if (head >= layout_.size) {
    fail(RingError::head_index);
    return Pop::broken;
  }
  chain.head = head;
  if (!walk(head, chain)) return nothing();
  ++next_avail_;
  return Pop::chain;
}

bool DeviceQueue::walk(std::uint16_t head, Chain& chain) {
  std::uint64_t table = layout_.desc;
  std::uint32_t table_size = layout_.size;
  bool in_indirect = false;
  std::uint32_t index = head;
  // A chain may not be longer than the queue, indirect descriptors included; so a loop ends here too.
  for (unsigned count = 0;;) {
    Desc desc;
    if (!load(table + 16ull * index, desc)) return false;
    if (desc.flags & kDescIndirect) {
      if (!indirect_ || in_indirect || (desc.flags & kDescNext) || desc.len == 0 || desc.len % 16 != 0) {
        fail(RingError::bad_indirect);
        return false;
      }
      in_indirect = true;
      table = desc.addr;
      table_size = desc.len / 16;
      index = 0;
      continue;
    }
    if (++count > layout_.size) {
      fail(RingError::chain_too_long);
      return false;
    }
    if (desc.addr + desc.len < desc.addr) {
      fail(RingError::bad_buffer);
      return false;
    }
    if (desc.flags & kDescWrite) {
      chain.writable.push_back({desc.addr, desc.len});
      chain.writable_bytes += desc.len;
    } else if (!chain.writable.empty()) {
      fail(RingError::segment_order);
      return false;
    } else {
      chain.readable.push_back({desc.addr, desc.len});
      chain.readable_bytes += desc.len;
    }
    if (!(desc.flags & kDescNext)) return true;
    if (desc.next >= table_size) {
      fail(RingError::next_index);
      return false;
    }
    index = desc.next;
  }
}

void DeviceQueue::disable_notify() {
  if (!enabled() || error_ != RingError::none || no_notify_) return;
  no_notify_ = true;
  if (!event_idx_) store(layout_.used_flags(), kUsedNoNotify);
}

bool DeviceQueue::enable_notify() {
  if (!enabled() || error_ != RingError::none) return false;
  const bool written = no_notify_;
  no_notify_ = false;
  // 2.7.10.2: with the event index, the driver notifies when it writes the entry with this index.
  if (event_idx_ ? !store(layout_.avail_event(), next_avail_)
                 : written && !store(layout_.used_flags(), std::uint16_t{0}))
    return false;
  return has_available();
}

void DeviceQueue::push(std::uint16_t head, std::uint32_t written) {
  if (!enabled() || error_ != RingError::none) return;
  const std::uint64_t element = std::uint64_t{head} | std::uint64_t{written} << 32;
  if (store(layout_.used_ring(next_used_), element)) ++next_used_;
}

void DeviceQueue::publish() {
  if (!enabled() || error_ != RingError::none || next_used_ == published_) return;
  if (!store(layout_.used_idx(), next_used_)) return;
  // After a whole turn of the index between two questions, need_event() cannot tell: then signal.
  if (static_cast<std::uint16_t>(next_used_ - signalled_) < static_cast<std::uint16_t>(next_used_ - published_))
    signalled_valid_ = false;
  published_ = next_used_;
}

bool DeviceQueue::should_signal() {
  if (!enabled() || error_ != RingError::none || published_ == signalled_) return false;
  if (!event_idx_) {
    std::uint16_t flags;
    if (!load(layout_.avail_flags(), flags)) return false;
    signalled_ = published_;
    return !(flags & kAvailNoInterrupt);
  }
  const std::uint16_t before = signalled_;
  const bool valid = signalled_valid_;
  signalled_ = published_;
  signalled_valid_ = true;
  if (!valid) return true;
  std::uint16_t event;
  if (!load(layout_.used_event(), event)) return false;
  return need_event(event, published_, before);
}

}  // namespace iovirt::virtio
