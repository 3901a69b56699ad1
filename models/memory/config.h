// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

#include <cstdint>

#include "lib/config_field.h"

namespace iovirt::memory {

struct Config {
  std::uint64_t size_bytes = 4ull << 30;
  std::uint64_t hole_base = 0xc000'0000;
  std::uint64_t hole_bytes = 0x4000'0000;
  std::uint32_t channels = 4;
  double dram_latency_ns = 0;
  double channel_gbytes_per_s = 0;
  double refresh_interval_ns = 0;
  double refresh_ns = 0;
  std::uint32_t write_queue_lines = 64;
  double llc_latency_ns = 0;
  double device_latency_ns = 0;
  double device_read_interval_ns = 0;
  double device_line_interval_ns = 0;
  std::uint64_t llc_bytes = 20ull << 20;
  std::uint32_t llc_ways = 20;
  std::uint32_t ddio_ways = 2;
  std::uint32_t memory_parallelism = 8;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("size_bytes", self.size_bytes, {.unit = "bytes", .doc = "RAM; only pages that are touched cost host memory", .min = 1 << 20});
    visit("hole_base", self.hole_base, {.doc = "where RAM leaves room for devices below 4 GiB"});
    visit("hole_bytes", self.hole_bytes, {.unit = "bytes", .doc = "size of that hole"});
    visit("channels", self.channels, {.doc = "DRAM channels, interleaved by cache line", .min = 1, .max = 64});
    visit("dram_latency_ns", self.dram_latency_ns, {.unit = "ns", .doc = "a line from DRAM, unloaded, beyond the cache's latency", .min = 0, .max = 1e6});
    visit("channel_gbytes_per_s", self.channel_gbytes_per_s, {.unit = "GB/s", .doc = "bandwidth of one channel", .min = 0, .max = 1e6});
    visit("refresh_interval_ns", self.refresh_interval_ns, {.unit = "ns", .doc = "between two refreshes of a channel; 0: none", .min = 0, .max = 1e9});
    visit("refresh_ns", self.refresh_ns, {.unit = "ns", .doc = "how long a refresh keeps its channel", .min = 0, .max = 1e6});
    visit("write_queue_lines", self.write_queue_lines, {.unit = "lines", .doc = "write-backs a channel buffers before it holds up device writes", .min = 1, .max = 65536});
    visit("llc_latency_ns", self.llc_latency_ns, {.unit = "ns", .doc = "a line from the last-level cache", .min = 0, .max = 1e6});
    visit("device_latency_ns", self.device_latency_ns, {.unit = "ns", .doc = "from the I/O hub to the cache and back, on top of a core's latencies", .min = 0, .max = 1e6});
    visit("device_read_interval_ns", self.device_read_interval_ns, {.unit = "ns", .doc = "how long a device's or walker's read keeps the I/O hub's port to the cache, lines apart", .min = 0, .max = 1e6});
    visit("device_line_interval_ns", self.device_line_interval_ns, {.unit = "ns", .doc = "the same for each of its lines", .min = 0, .max = 1e6});
    visit("llc_bytes", self.llc_bytes, {.unit = "bytes", .doc = "last-level cache", .min = 64 << 10});
    visit("llc_ways", self.llc_ways, {.doc = "its ways", .min = 1, .max = 32});
    visit("ddio_ways", self.ddio_ways, {.doc = "ways that device writes may allocate; 0: device writes go to DRAM", .min = 0, .max = 32});
    visit("memory_parallelism", self.memory_parallelism, {.doc = "misses one core overlaps", .min = 1, .max = 64});
  }

  /// Throws std::invalid_argument naming the field and what was expected.
  void validate() const;
};

}  // namespace iovirt::memory
