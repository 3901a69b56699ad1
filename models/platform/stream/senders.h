// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The other machine: TCP senders with all the data in the world, each as far as its receiver's window reaches.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace iovirt::platform::stream {

/// A packet on the wire; its number counts from 0 in its flow.
struct Packet {
  std::uint32_t flow = 0;
  std::uint64_t number = 0;
};

class Senders {
 public:
  /// The flows take turns of `burst` packets on the wire.
  Senders(unsigned flows, unsigned burst) : flows_(flows), burst_(burst) {}

  /// What the wire takes next; none when every window is full.
  std::optional<Packet> next() {
    for (std::size_t tried = 0; tried <= flows_.size(); ++tried) {
      Flow& flow = flows_[turn_];
      if (in_turn_ < burst_ && flow.sent < flow.edge) {
        ++in_turn_;
        return Packet{static_cast<std::uint32_t>(turn_), flow.sent++};
      }
      turn_ = (turn_ + 1) % flows_.size();
      in_turn_ = 0;
    }
    return std::nullopt;
  }
  /// The receiver of `flow` has room for packets below `edge`.
  void window(std::uint32_t flow, std::uint64_t edge) {
    if (edge > flows_[flow].edge) flows_[flow].edge = edge;
  }

 private:
  struct Flow {
    std::uint64_t sent = 0, edge = 0;
  };
  std::vector<Flow> flows_;
  unsigned burst_;
  std::size_t turn_ = 0;
  unsigned in_turn_ = 0;
};

}  // namespace iovirt::platform::stream
