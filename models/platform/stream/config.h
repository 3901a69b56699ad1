// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A receive stream: TCP flows from one sender machine through one NIC to processes of the host. Values come from a profile.
#pragma once

#include <cstdint>

#include "lib/config_field.h"

namespace iovirt::platform::stream {

struct Config {
  std::uint32_t flows = 5;
  std::uint32_t packets = 24'000;
  std::uint32_t warm_up_packets = 12'000;
  std::uint32_t payload_bytes = 3948;
  std::uint32_t frame_bytes = 4014;
  std::uint32_t wire_overhead_bytes = 24;
  double wire_gbps = 0;
  double wire_ns = 0;
  std::uint32_t burst_packets = 1;
  std::uint32_t in_flight_packets = 256;
  std::uint32_t ring_pages = 256;
  std::uint32_t send_entries = 1024;
  std::uint32_t event_entries = 64;
  double look_again_ns = 0;
  double moderation_us = 0;
  std::uint32_t write_depth = 4;
  std::uint32_t read_tags = 16;
  double nic_ns = 0;
  std::uint32_t gro_packets = 16;
  std::uint64_t gro_cycles = 0;
  std::uint32_t read_packets = 32;

  /// Of a flow.
  std::uint32_t window() const { return in_flight_packets / flows; }

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("flows", self.flows, {.doc = "TCP flows, dealt to the cores in turn", .min = 1, .max = 64});
    visit("packets", self.packets, {.unit = "packets", .doc = "that are measured", .min = 256, .max = 1e8});
    visit("warm_up_packets", self.warm_up_packets, {.unit = "packets", .doc = "before them", .min = 0, .max = 1e8});
    visit("payload_bytes", self.payload_bytes, {.unit = "bytes", .doc = "TCP payload of a packet", .min = 64, .max = 4096});
    visit("frame_bytes", self.frame_bytes, {.unit = "bytes", .doc = "what the NIC writes of a packet, headers included", .min = 64, .max = 4096});
    visit("wire_overhead_bytes", self.wire_overhead_bytes, {.unit = "bytes", .doc = "FCS, preamble and gap of a packet", .min = 0, .max = 256});
    visit("wire_gbps", self.wire_gbps, {.unit = "Gbit/s", .doc = "the network link", .min = 0, .max = 1e4});
    visit("wire_ns", self.wire_ns, {.unit = "ns", .doc = "from the sender's stack to the NIC, and back: each way", .min = 0, .max = 1e9});
    visit("burst_packets", self.burst_packets, {.unit = "packets", .doc = "of a flow in a row on the wire", .min = 1, .max = 64});
    visit("in_flight_packets", self.in_flight_packets, {.unit = "packets", .doc = "sent and not yet read, in equal shares of the flows: what congestion control lets be under way", .min = 16, .max = 65536});
    visit("ring_pages", self.ring_pages, {.unit = "pages", .doc = "receive ring of a core, a multiple of 64", .min = 128, .max = 8192});
    visit("send_entries", self.send_entries, {.unit = "entries", .doc = "send ring of a core, and its completions; full, it drops an acknowledgement, and the next one says the same", .min = 4, .max = 32768});
    visit("event_entries", self.event_entries, {.unit = "entries", .doc = "event ring of a core, an entry for each interrupt", .min = 1, .max = 32768});
    visit("look_again_ns", self.look_again_ns, {.unit = "ns", .doc = "between the NIC's looks at a doorbell record that tells of nothing new, while a packet waits for a page", .min = 1, .max = 1e6});
    visit("moderation_us", self.moderation_us, {.unit = "us", .doc = "from a completion to the interrupt that tells of it", .min = 0, .max = 1000});
    visit("write_depth", self.write_depth, {.unit = "packets", .doc = "the NIC's receive engine writes at once", .min = 1, .max = 64});
    visit("read_tags", self.read_tags, {.doc = "read requests of the NIC in flight", .min = 1, .max = 256});
    visit("nic_ns", self.nic_ns, {.unit = "ns", .doc = "from the wire to the receive engine, and from the send engine to the wire", .min = 0, .max = 1e6});
    visit("gro_packets", self.gro_packets, {.unit = "packets", .doc = "merged at most before they go up the stack: 64 KB", .min = 1, .max = 64});
    visit("gro_cycles", self.gro_cycles, {.unit = "cycles", .doc = "merging a packet", .min = 0, .max = 1e6});
    visit("read_packets", self.read_packets, {.unit = "packets", .doc = "of payload the application reads at once", .min = 1, .max = 1024});
  }
};

}  // namespace iovirt::platform::stream
