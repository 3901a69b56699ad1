// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

#include <cstdint>

#include "lib/config_field.h"

namespace iovirt::pcie {

/// A DMA engine that moves one transfer after the other, several in flight.
struct DmaEngineConfig {
  std::uint32_t read_tags = 32;
  std::uint32_t write_slots = 128;
  std::uint32_t unit_bytes = 64;
  double transfer_ns = 0;
  double unit_ns = 0;
  double write_interval_ns = 0;
  double request_ns = 0;
  double completion_ns = 0;
  double write_ns = 0;
  double timer_ns = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("read_tags", self.read_tags, {.unit = "TLPs", .doc = "read requests in flight", .min = 1, .max = 1024});
    visit("write_slots", self.write_slots, {.unit = "TLPs", .doc = "writes under way until they are in memory", .min = 1, .max = 4096});
    visit("unit_bytes", self.unit_bytes, {.unit = "bytes", .doc = "what its data path moves at a time", .min = 16, .max = 4096});
    visit("transfer_ns", self.transfer_ns, {.unit = "ns", .doc = "the engine's own time for each transfer", .min = 0, .max = 1e6});
    visit("unit_ns", self.unit_ns, {.unit = "ns", .doc = "its time for each unit of a transfer", .min = 0, .max = 1e6});
    visit("write_interval_ns", self.write_interval_ns, {.unit = "ns", .doc = "least time between the starts of two writes", .min = 0, .max = 1e6});
    visit("request_ns", self.request_ns, {.unit = "ns", .doc = "from a lone command to its first TLP", .min = 0, .max = 1e6});
    visit("completion_ns", self.completion_ns, {.unit = "ns", .doc = "from a read's last byte to the program that waits for it", .min = 0, .max = 1e6});
    visit("write_ns", self.write_ns, {.unit = "ns", .doc = "from a write's TLP to the program that waits until it is sent", .min = 0, .max = 1e6});
    visit("timer_ns", self.timer_ns, {.unit = "ns", .doc = "resolution of the clock latencies are taken with", .min = 0, .max = 1e6});
  }
};

}  // namespace iovirt::pcie
