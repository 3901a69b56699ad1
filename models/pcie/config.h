// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

#include <cstdint>

#include "lib/config_field.h"

namespace iovirt::pcie {

/// The root complex and its links; all ports are alike.
struct Config {
  std::uint32_t ports = 1;
  std::uint32_t generation = 3;
  std::uint32_t width = 8;
  std::uint32_t mps_bytes = 256;
  std::uint32_t mrrs_bytes = 512;
  std::uint32_t rcb_bytes = 64;
  bool split_at_rcb = false;
  std::uint32_t posted_credits = 64;
  std::uint32_t nonposted_credits = 64;
  double propagation_ns = 0;
  double root_complex_ns = 0;
  double mmio_accept_ns = 0;
  double config_ns = 0;
  std::uint64_t ecam_base = 0xe000'0000;
  std::uint64_t mmio_base = 0xc000'0000;
  std::uint64_t mmio_bytes = 0x2000'0000;
  std::uint64_t mmio64_base = 0x80'0000'0000;
  std::uint64_t mmio64_bytes = 0x10'0000'0000;
  std::uint64_t chipset_base = 0xfed9'0000;
  std::uint64_t chipset_bytes = 0x1000;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("generation", self.generation, {.doc = "link speed, 1 to 5", .min = 1, .max = 5});
    visit("width", self.width, {.unit = "lanes", .doc = "link width: 1, 2, 4, 8, 12 or 16", .min = 1, .max = 16});
    visit("mps_bytes", self.mps_bytes, {.unit = "bytes", .doc = "largest payload the ports support", .min = 128, .max = 4096});
    visit("mrrs_bytes", self.mrrs_bytes, {.unit = "bytes", .doc = "read request size software programs", .min = 128, .max = 4096});
    visit("rcb_bytes", self.rcb_bytes, {.unit = "bytes", .doc = "read completion boundary", .min = 64, .max = 128});
    visit("split_at_rcb", self.split_at_rcb, {.doc = "completions of rcb_bytes each, instead of up to a payload"});
    visit("posted_credits", self.posted_credits, {.unit = "TLPs", .doc = "posted headers the root port buffers", .min = 1, .max = 4096});
    visit("nonposted_credits", self.nonposted_credits, {.unit = "TLPs", .doc = "non-posted headers the root port buffers", .min = 1, .max = 4096});
    visit("propagation_ns", self.propagation_ns, {.unit = "ns", .doc = "PHY and wire, one way", .min = 0, .max = 1e6});
    visit("root_complex_ns", self.root_complex_ns, {.unit = "ns", .doc = "through the root complex, one way", .min = 0, .max = 1e6});
    visit("mmio_accept_ns", self.mmio_accept_ns, {.unit = "ns", .doc = "until the root complex has taken a posted write from a core", .min = 0, .max = 1e6});
    visit("config_ns", self.config_ns, {.unit = "ns", .doc = "an access to the root complex's own functions", .min = 0, .max = 1e6});
    visit("ecam_base", self.ecam_base, {.doc = "configuration window, 256 MiB"});
    visit("mmio_base", self.mmio_base, {.doc = "32-bit memory window software hands out"});
    visit("mmio_bytes", self.mmio_bytes, {.unit = "bytes", .doc = "its size", .min = 1 << 24});
    visit("mmio64_base", self.mmio64_base, {.doc = "prefetchable 64-bit memory window software hands out"});
    visit("mmio64_bytes", self.mmio64_bytes, {.unit = "bytes", .doc = "its size", .min = 1 << 24});
  }

  static constexpr std::uint64_t kEcamBytes = 256u << 20;
  /// As the links come up with devices of that speed and width: the lower of both ends.
  Config trained(std::uint32_t device_generation, std::uint32_t device_width) const;
  /// Throws std::invalid_argument naming the field and what was expected.
  void validate() const;
};

}  // namespace iovirt::pcie
