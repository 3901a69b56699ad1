// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The virtio-net device's configuration: what it offers the driver, and who serves it.
#pragma once

#include "lib/config_field.h"

namespace iovirt::virtio {

/// vhost: a kernel worker thread; qemu: the device loop in user space.
enum class Backend : std::uint8_t { vhost, qemu };

struct Config {
  Backend backend = Backend::vhost;
  bool event_idx = true;
  bool indirect = true;
  std::uint16_t queue_size = 256;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("backend", self.backend, FieldInfo{.doc = "who serves the queues: a kernel worker or the user-space device loop"});
    visit("event_idx", self.event_idx, FieldInfo{.doc = "offer VIRTIO_F_EVENT_IDX"});
    visit("indirect", self.indirect, FieldInfo{.doc = "offer VIRTIO_F_INDIRECT_DESC"});
    visit("queue_size", self.queue_size,
          FieldInfo{.unit = "entries", .doc = "descriptors of each queue, a power of two", .min = 4, .max = 32768});
  }
};

}  // namespace iovirt::virtio

template <>
struct iovirt::EnumNames<iovirt::virtio::Backend> {
  static constexpr std::pair<std::string_view, iovirt::virtio::Backend> values[] = {
      {"vhost", iovirt::virtio::Backend::vhost}, {"qemu", iovirt::virtio::Backend::qemu}};
};
