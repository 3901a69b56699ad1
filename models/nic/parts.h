// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the receive and the transmit path share; owned by Core.
#pragma once

#include "models/nic/config.h"
#include "models/nic/frame_pool.h"
#include "models/nic/host.h"
#include "models/nic/interrupts.h"
#include "models/nic/l2_switch.h"
#include "models/nic/statistics.h"

namespace iovirt::nic {

struct Parts {
  Parts(Host& host_, const Config& config_, PacketLedger* ledger_)
      : host(host_), config(config_), ledger(ledger_), l2(filters, config_.pools), interrupts(host_, config_, ledger_) {}

  Host& host;
  const Config config;
  /// 0 where it is no whole number.
  const std::uint64_t ps_per_byte = 8'000'000 % config.link_speed_mbps == 0 ? 8'000'000 / config.link_speed_mbps : 0;
  PacketLedger* ledger;
  FilterRegisters filters;
  L2Switch l2;
  Interrupts interrupts;
  Statistics statistics;
  FramePool frames;
  unsigned vfs = 0;  ///< enabled: VF n has function n + 1, pool n

  /// Whose requester id a queue's transfers carry.
  unsigned function_of(unsigned queue) const {
    const unsigned pool = queue % igb::kPools;
    return pool < vfs ? pool + 1 : 0;
  }
  void charge(PacketId packet, Stage stage, Ps until) {
    if (ledger && packet != 0) ledger->charge(packet, stage, until);
  }
  /// A frame, or a copy of one when `packet` is 0, comes to nothing; its buffer is taken back.
  void drop(Frame& frame, PacketId packet, Drop reason) {
    statistics.drop(reason);
    frames.give(std::move(frame.bytes));
    if (packet != 0) host.frame_dropped(packet, reason);
  }
  Ps byte_time(std::uint64_t bytes) const {
    return ps_per_byte != 0 ? bytes * ps_per_byte : bytes * 8'000'000 / config.link_speed_mbps;
  }
};

/// On the wire: 8 bytes of preamble before, 4 of FCS and 12 of gap after; never less than 60 between them.
inline constexpr std::uint64_t kPreambleBytes = 8, kFcsBytes = 4, kGapBytes = 12, kMinFrameBytes = 60;
inline constexpr std::uint64_t kMaxFrameBytes = 9728;  ///< without FCS
constexpr std::uint64_t bytes_to_last_bit(std::uint64_t frame) {
  return kPreambleBytes + (frame < kMinFrameBytes ? kMinFrameBytes : frame) + kFcsBytes;
}

}  // namespace iovirt::nic
