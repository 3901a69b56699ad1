// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/config.h"

#include <bit>
#include <stdexcept>
#include <string>
#include <utility>

#include "models/nic/igb_spec.h"

namespace iovirt::nic {
namespace {

void require(bool holds, const char* key, const std::string& expected) {
  if (!holds) throw std::invalid_argument(std::string("nic.") + key + ": expected " + expected);
}

}  // namespace

void Config::validate() const {
  require(link_speed_mbps >= 1 && link_speed_mbps <= 1'000'000, "link_speed_mbps", "1 to 1000000");
  require(queues >= 1 && queues <= igb::kQueues, "queues", "1 to 16 (IVAR maps no more)");
  require(pools >= 1 && pools <= igb::kPools, "pools", "1 to 8 (RAH and VLVF have 8 pool bits)");
  require(pools <= queues, "pools", "at most queues, " + std::to_string(queues) + ": a pool needs one of its own");
  require(total_vfs <= igb::kVfs, "total_vfs", "0 to 8 (the mailboxes and EICR serve no more)");
  require(total_vfs <= pools, "total_vfs", "at most pools, " + std::to_string(pools) + ": a VF needs one of its own");
  require(rx_fifo_bytes >= 2048, "rx_fifo_bytes", "at least 2048");
  require(tx_fifo_bytes >= 2048, "tx_fifo_bytes", "at least 2048");
  require(descriptor_cache >= 8 && descriptor_cache <= 1024 && std::has_single_bit(descriptor_cache), "descriptor_cache",
          "a power of two from 8 to 1024");
  require(descriptor_batch >= 1 && descriptor_batch <= 256, "descriptor_batch", "1 to 256");
  require(rx_frames_in_flight >= 1 && rx_frames_in_flight <= 4096, "rx_frames_in_flight", "1 to 4096");
  require(tx_frames_in_flight >= 1 && tx_frames_in_flight <= 4096, "tx_frames_in_flight", "1 to 4096");
  require(read_tags >= 1, "read_tags", "at least 1");
  require(pcie_generation >= 1 && pcie_generation <= 5, "pcie_generation", "1 to 5");
  require(std::has_single_bit(pcie_width) && pcie_width <= 16, "pcie_width", "1, 2, 4, 8 or 16");
  require(std::has_single_bit(mps_bytes) && mps_bytes >= 128 && mps_bytes <= 4096, "mps_bytes", "128, 256, ... 4096");
  require(mac >> 48 == 0 && (mac >> 40 & 1) == 0 && mac != 0, "mac", "a unicast address of 48 bits");
  for (const auto& [key, ns] : {std::pair{"rx_latency_ns", rx_latency_ns}, {"tx_latency_ns", tx_latency_ns},
                                {"register_latency_ns", register_latency_ns}, {"itr_unit_ns", itr_unit_ns}})
    require(ns >= 0 && ns <= 1e6, key, "0 to 1000000");
  require(link_up_ns >= 0 && link_up_ns <= 1e10, "link_up_ns", "0 to 10000000000");
}

MacAddress Config::mac_bytes() const {
  MacAddress out{};
  for (unsigned i = 0; i < 6; ++i) out[i] = static_cast<std::uint8_t>(mac >> (40 - 8 * i));
  return out;
}

}  // namespace iovirt::nic
