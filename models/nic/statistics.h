// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the controller counts: the registers of 8.18 (cleared by a read), a VF's own (which are not), and drops by reason.
#pragma once

#include <array>
#include <cstdint>

#include "models/nic/host.h"
#include "models/nic/igb_spec.h"

namespace iovirt::nic {

struct Statistics {
  struct Register {
    std::uint64_t missed = 0;  // MPC
    std::uint64_t rx_packets = 0, rx_bytes = 0, rx_broadcast = 0, rx_multicast = 0;  // good: delivered to a pool
    std::uint64_t tx_packets = 0, tx_bytes = 0, tx_broadcast = 0, tx_multicast = 0;
    std::uint64_t total_rx_packets = 0, total_rx_bytes = 0, total_tx_packets = 0, total_tx_bytes = 0;
    std::uint64_t no_buffer = 0, undersize = 0, oversize = 0, interrupts = 0;
  } port;  ///< since software last read them

  struct Function {
    std::uint32_t rx_packets = 0, tx_packets = 0, rx_bytes = 0, tx_bytes = 0, rx_multicast = 0;
    std::uint32_t rx_local_packets = 0, tx_local_packets = 0, rx_local_bytes = 0, tx_local_bytes = 0;
  };
  std::array<Function, igb::kPools> pool{};

  // Never cleared, not registers.
  std::array<std::uint64_t, kDropReasons> drops{};
  std::uint64_t received = 0;     ///< frames written to memory, each copy
  std::uint64_t sent = 0;         ///< frames given to the wire
  std::uint64_t switched = 0;     ///< copies from pool to pool
  std::uint64_t dma_errors = 0;   ///< transfers that failed
  std::uint64_t descriptor_reads = 0, write_backs = 0;  ///< transfers
  std::uint64_t rx_fifo_peak = 0;

  void drop(Drop reason) { ++drops[static_cast<unsigned>(reason)]; }
  std::uint64_t dropped(Drop reason) const { return drops[static_cast<unsigned>(reason)]; }

  bool read(std::uint32_t offset, std::uint32_t& value);  ///< false: not a statistics register
  bool read_vf(unsigned vf, std::uint32_t offset, std::uint32_t& value) const;
};

}  // namespace iovirt::nic
