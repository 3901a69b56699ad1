// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// {"link_speed_mbps": 10000, "total_vfs": 4, "rx_fifo_bytes": 131072}
#pragma once

#include <cstdint>

#include "lib/config_field.h"
#include "lib/frame.h"

namespace iovirt::nic {

struct Config {
  std::uint32_t link_speed_mbps = 1000;
  std::uint32_t queues = 16;
  std::uint32_t pools = 8;
  std::uint32_t total_vfs = 8;
  std::uint32_t rx_fifo_bytes = 64 * 1024;
  std::uint32_t tx_fifo_bytes = 40 * 1024;
  std::uint32_t descriptor_cache = 64;
  std::uint32_t descriptor_batch = 32;
  std::uint32_t rx_frames_in_flight = 16;
  std::uint32_t tx_frames_in_flight = 16;
  std::uint32_t read_tags = 32;
  std::uint32_t pcie_generation = 1;
  std::uint32_t pcie_width = 4;
  std::uint32_t mps_bytes = 512;
  std::uint64_t mac = 0x02'1b'21'00'00'01;
  double rx_latency_ns = 0;
  double tx_latency_ns = 0;
  double register_latency_ns = 0;
  double itr_unit_ns = 0;
  double link_up_ns = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("link_speed_mbps", self.link_speed_mbps, {.unit = "mbps", .doc = "line rate of the port", .min = 1, .max = 1e6});
    visit("queues", self.queues, {.doc = "receive and transmit queue pairs; pool n owns n and n + 8", .min = 1, .max = 16});
    visit("pools", self.pools, {.doc = "VMDq pools", .min = 1, .max = 8});
    visit("total_vfs", self.total_vfs, {.doc = "TotalVFs of the SR-IOV capability; VF n owns pool n", .min = 0, .max = 8});
    visit("rx_fifo_bytes", self.rx_fifo_bytes, {.unit = "bytes", .doc = "receive packet buffer, shared by all queues", .min = 2048, .max = 1 << 30});
    visit("tx_fifo_bytes", self.tx_fifo_bytes, {.unit = "bytes", .doc = "transmit packet buffer", .min = 2048, .max = 1 << 30});
    visit("descriptor_cache", self.descriptor_cache, {.unit = "entries", .doc = "descriptors held per queue, a power of two", .min = 8, .max = 1024});
    visit("descriptor_batch", self.descriptor_batch, {.unit = "entries", .doc = "descriptors fetched with one read at most", .min = 1, .max = 256});
    visit("rx_frames_in_flight", self.rx_frames_in_flight, {.unit = "frames", .doc = "frames being written to memory at once", .min = 1, .max = 4096});
    visit("tx_frames_in_flight", self.tx_frames_in_flight, {.unit = "frames", .doc = "frames being read from memory at once", .min = 1, .max = 4096});
    visit("read_tags", self.read_tags, {.doc = "PCIe read requests in flight", .min = 1, .max = 1024});
    visit("pcie_generation", self.pcie_generation, {.doc = "highest link speed the device offers", .min = 1, .max = 5});
    visit("pcie_width", self.pcie_width, {.unit = "lanes", .doc = "widest link it offers", .min = 1, .max = 16});
    visit("mps_bytes", self.mps_bytes, {.unit = "bytes", .doc = "largest TLP payload it supports", .min = 128, .max = 4096});
    visit("rx_latency_ns", self.rx_latency_ns, {.unit = "ns", .doc = "from the last bit of a frame to its first DMA write", .min = 0, .max = 1e6});
    visit("tx_latency_ns", self.tx_latency_ns, {.unit = "ns", .doc = "from the last byte read to the first bit on the wire", .min = 0, .max = 1e6});
    visit("register_latency_ns", self.register_latency_ns, {.unit = "ns", .doc = "from the arrival of a TLP to the register file", .min = 0, .max = 1e6});
    visit("itr_unit_ns", self.itr_unit_ns, {.unit = "ns", .doc = "one count of EITR's interval", .min = 0, .max = 1e6});
    visit("link_up_ns", self.link_up_ns, {.unit = "ns", .doc = "from a reset to the link being up", .min = 0, .max = 1e10});
  }

  /// Throws std::invalid_argument naming the field and what was expected.
  void validate() const;
  MacAddress mac_bytes() const;
};

}  // namespace iovirt::nic
