// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/pci_transport.h"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

namespace iovirt::virtio {
namespace {

using namespace pci_layout;

/// The `bytes` at `offset` of a little-endian `word` that starts at `base`.
std::uint64_t part(std::uint64_t word, std::uint32_t base, std::uint32_t offset, unsigned bytes) {
  word >>= 8 * (offset - base);
  return bytes >= 8 ? word : word & ((1ull << (8 * bytes)) - 1);
}

std::uint64_t merge(std::uint64_t word, unsigned shift, unsigned bytes, std::uint64_t value) {
  const std::uint64_t mask = (bytes >= 8 ? ~0ull : (1ull << (8 * bytes)) - 1) << shift;
  return (word & ~mask) | ((value << shift) & mask);
}

}  // namespace

PciTransport::PciTransport(DeviceIdentity identity, TransportEvents& events)
    : identity_(std::move(identity)),
      events_(&events),
      function_(pci_identity(identity_.device_id, identity_.class_code)),
      window_(add_virtio_capabilities(function_, identity_.queues + 1,
                                      static_cast<std::uint32_t>(identity_.device_config.size()))),
      queues_(identity_.queues) {
  if (!std::has_single_bit(identity_.queue_size) || identity_.queue_size > kMaxQueueSize)
    throw std::invalid_argument("virtio.queue_size: expected a power of two from 4 to 32768, got " +
                                std::to_string(identity_.queue_size));
  reset();
}

std::optional<std::uint64_t> PciTransport::notify_address(unsigned queue) const {
  auto base = bar_address(virtio_bar);
  if (!base || queue >= queues_.size()) return std::nullopt;
  return *base + notify_at + std::uint64_t{notify_multiplier} * queue;
}

// -- configuration space ------------------------------------------------------------------------------------------------

std::uint32_t PciTransport::config_read(std::uint16_t offset, unsigned bytes) {
  if (offset != window_ + cap::pci_cfg_data) return static_cast<std::uint32_t>(function_.config.read(offset, bytes));
  const auto window = window_access(bytes);
  return window ? static_cast<std::uint32_t>(bar_read(window->bar, window->offset, bytes)) : 0;
}

void PciTransport::config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  if (offset == window_ + cap::pci_cfg_data) {
    if (const auto window = window_access(bytes)) bar_write(window->bar, window->offset, bytes, value);
    return;
  }
  function_.config.write(offset, bytes, value);
  deliver_released();
}

std::optional<PciTransport::WindowAccess> PciTransport::window_access(unsigned bytes) const {
  auto field = [this](std::uint16_t at, unsigned width) {
    return static_cast<std::uint32_t>(function_.config.get(static_cast<std::uint16_t>(window_ + at), width));
  };
  const std::uint32_t length = field(cap::length, 4), at = field(cap::offset, 4);
  if (length != bytes || at % bytes != 0) return std::nullopt;  // 4.1.4.9.1
  return WindowAccess{field(cap::bar, 1), at};
}

// -- BARs -----------------------------------------------------------------------------------------------------------------

std::uint64_t PciTransport::bar_read(unsigned bar, std::uint32_t offset, unsigned bytes) {
  if (bar == msix_bar) return msix().covers(bar, offset) ? msix().read(bar, offset, bytes) : 0;
  if (bar != virtio_bar || offset >= virtio_bar_bytes) return 0;
  const std::uint32_t inside = offset % structure_bytes;
  switch (offset - inside) {
    case common_at: return common_read(inside, bytes);
    case isr_at: {
      if (inside != 0) return 0;
      const std::uint8_t bits = isr_;  // 4.1.4.5: reading clears and deasserts
      isr_ = 0;
      if (bits != 0 && !msix().enabled()) events_->intx(false);
      return bits;
    }
    case device_at: {
      std::uint64_t value = 0;
      for (unsigned i = 0; i < bytes; ++i)
        if (inside + i < identity_.device_config.size())
          value |= std::uint64_t{identity_.device_config[inside + i]} << (8 * i);
      return value;
    }
    default: return 0;
  }
}

void PciTransport::bar_write(unsigned bar, std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  if (bar == msix_bar) {
    if (msix().covers(bar, offset)) msix().write(bar, offset, bytes, value);
    deliver_released();
    return;
  }
  if (bar != virtio_bar || offset >= virtio_bar_bytes) return;
  const std::uint32_t inside = offset % structure_bytes;
  if (offset - inside == common_at) {
    common_write(inside, bytes, value);
  } else if (offset - inside == notify_at) {
    // Each queue has its own address, so the value (the queue's index, 4.1.5.2) says nothing new.
    const unsigned queue = inside / notify_multiplier;
    if (inside % notify_multiplier == 0 && queue_is_enabled(queue) && (status_ & kDriverOk)) events_->notify(queue);
  }
}

std::uint64_t PciTransport::common_read(std::uint32_t offset, unsigned bytes) const {
  namespace c = common;
  const Queue none{};
  const Queue& queue = queue_select_ < queues_.size() ? queues_[queue_select_] : none;
  auto half = [](std::uint64_t features, std::uint32_t select) {
    return select < 2 ? features >> (32 * select) & 0xffffffffu : 0;
  };
  switch (offset) {
    case c::device_feature_select: return device_feature_select_;
    case c::device_feature: return half(identity_.features, device_feature_select_);
    case c::driver_feature_select: return driver_feature_select_;
    case c::driver_feature: return half(driver_features_, driver_feature_select_);
    case c::config_msix_vector: return config_vector_;
    case c::num_queues: return queues_.size();
    case c::device_status: return status_;
    case c::config_generation: return generation_;
    case c::queue_select: return queue_select_;
    case c::queue_size: return queue.layout.size;
    case c::queue_msix_vector: return queue.vector;
    case c::queue_enable: return queue.enabled;
    case c::queue_notify_off: return queue_select_;
    case c::queue_desc: case c::queue_desc + 4: return part(queue.layout.desc, c::queue_desc, offset, bytes);
    case c::queue_driver: case c::queue_driver + 4: return part(queue.layout.driver, c::queue_driver, offset, bytes);
    case c::queue_device: case c::queue_device + 4: return part(queue.layout.device, c::queue_device, offset, bytes);
    default: return 0;
  }
}

std::uint16_t PciTransport::valid_vector(std::uint64_t value) const {
  return value < msix().spec().vectors ? static_cast<std::uint16_t>(value) : kNoVector;  // 4.1.5.1.2
}

void PciTransport::write_address(std::uint64_t QueueLayout::*area, unsigned shift, unsigned bytes,
                                 std::uint64_t value) {
  Queue* queue = selected();
  if (queue == nullptr || queue->enabled) return;
  queue->layout.*area = merge(queue->layout.*area, shift, bytes, value);
}

void PciTransport::common_write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  namespace c = common;
  const auto low32 = static_cast<std::uint32_t>(value);
  const auto low16 = static_cast<std::uint16_t>(value);
  Queue* queue = selected();
  switch (offset) {
    case c::device_feature_select: device_feature_select_ = low32; break;
    case c::driver_feature_select: driver_feature_select_ = low32; break;
    case c::driver_feature:
      if (driver_feature_select_ < 2 && !(status_ & kFeaturesOk))
        driver_features_ = merge(driver_features_, 32 * driver_feature_select_, 4, low32);
      break;
    case c::config_msix_vector: config_vector_ = valid_vector(low16); break;
    case c::device_status: write_status(static_cast<std::uint8_t>(value)); break;
    case c::queue_select: queue_select_ = low16; break;
    case c::queue_size:
      if (queue != nullptr && !queue->enabled && std::has_single_bit(low16) && low16 <= identity_.queue_size)
        queue->layout.size = low16;
      break;
    case c::queue_msix_vector:
      if (queue != nullptr) queue->vector = valid_vector(low16);
      break;
    case c::queue_enable:
      // Only 1 may be written (4.1.4.3.2); queues start when features are settled.
      if (queue == nullptr || low16 != 1 || queue->enabled || !(status_ & kFeaturesOk)) break;
      queue->enabled = true;
      if (status_ & kDriverOk) events_->queue_enabled(queue_select_, queue->layout, driver_features_);
      break;
    case c::queue_desc: case c::queue_desc + 4:
      write_address(&QueueLayout::desc, 8 * (offset - c::queue_desc), bytes, value);
      break;
    case c::queue_driver: case c::queue_driver + 4:
      write_address(&QueueLayout::driver, 8 * (offset - c::queue_driver), bytes, value);
      break;
    case c::queue_device: case c::queue_device + 4:
      write_address(&QueueLayout::device, 8 * (offset - c::queue_device), bytes, value);
      break;
    default: break;
  }
}

void PciTransport::write_status(std::uint8_t value) {
  if (value == 0) {
    reset();
    events_->reset();
    return;
  }
  const std::uint8_t before = status_;
  if ((value & kFeaturesOk) && !(before & kFeaturesOk)) {
    // 2.2.2, 6.2: only what was offered, and VERSION_1 is needed.
    const bool subset = (driver_features_ & ~identity_.features) == 0;
    if (!subset || !(driver_features_ & kVersion1)) value &= static_cast<std::uint8_t>(~kFeaturesOk);
  }
  if (!(value & kFeaturesOk)) value &= static_cast<std::uint8_t>(~kDriverOk);
  status_ = static_cast<std::uint8_t>(value | (before & kDeviceNeedsReset));
  if ((status_ & kDriverOk) && !(before & kDriverOk)) {
    for (unsigned i = 0; i < queues_.size(); ++i)
      if (queues_[i].enabled) events_->queue_enabled(i, queues_[i].layout, driver_features_);
  }
}

void PciTransport::reset() {
  for (Queue& queue : queues_) {
    queue = {};
    queue.layout.size = identity_.queue_size;
  }
  driver_features_ = 0;
  device_feature_select_ = driver_feature_select_ = 0;
  queue_select_ = 0;
  config_vector_ = kNoVector;
  status_ = 0;
  if (isr_ != 0 && !msix().enabled()) events_->intx(false);
  isr_ = 0;
}

// -- interrupts -----------------------------------------------------------------------------------------------------------

void PciTransport::set_isr(std::uint8_t bits) {
  isr_ |= bits;
  if (!msix().enabled()) events_->intx(true);
}

std::optional<Message> PciTransport::send(std::uint16_t vector) {
  // A function that may not master the bus sends nothing.
  if (vector == kNoVector || !function_.config.bus_master()) return std::nullopt;
  return msix().raise(vector);
}

std::optional<Message> PciTransport::interrupt(unsigned queue) {
  if (queue >= queues_.size() || !(status_ & kDriverOk)) return std::nullopt;
  if (msix().enabled()) return send(queues_[queue].vector);
  set_isr(kIsrQueue);
  return std::nullopt;
}

std::optional<Message> PciTransport::config_changed() {
  if (!(status_ & kDriverOk)) return std::nullopt;
  set_isr(kIsrConfig);
  return msix().enabled() ? send(config_vector_) : std::nullopt;
}

std::optional<Message> PciTransport::change_config(std::uint32_t offset, std::span<const std::uint8_t> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i)
    if (offset + i < identity_.device_config.size()) identity_.device_config[offset + i] = bytes[i];
  ++generation_;
  return config_changed();
}

std::optional<Message> PciTransport::needs_reset() {
  status_ |= kDeviceNeedsReset;
  return config_changed();
}

void PciTransport::deliver_released() {
  while (auto released = msix().take_released()) events_->message(released->message);
}

}  // namespace iovirt::virtio
