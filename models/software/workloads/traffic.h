// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The frames of a run, prepared before it: who sends or receives each, when, and its bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "lib/frame.h"
#include "lib/packet_ledger.h"
#include "lib/time.h"
#include "models/software/workloads/traffic_config.h"

namespace iovirt::software {

/// Ethernet without FCS: minimum and maximum of IEEE 802.3 (3.2.7), and the preamble, start delimiter, FCS and gap
/// that each frame takes on the wire beside its bytes.
inline constexpr std::uint32_t kMinFrameBytes = 60;
inline constexpr std::uint32_t kMaxFrameBytes = 1514;
inline constexpr std::uint32_t kVlanTagBytes = 4;
inline constexpr std::uint32_t kWireOverheadBytes = 8 + 4 + 12;

/// What a frame takes on the wire, gap included.
constexpr Ps wire_time(std::uint32_t bytes, std::uint64_t link_mbps) {
  return (static_cast<Ps>(bytes) + kWireOverheadBytes) * 8 * 1'000'000 / link_mbps;
}

/// 02:00:00:00:01:<vm>, the address the VM's NIC has, and 02:00:00:00:02:<peer> of the stations on the wire.
MacAddress vm_mac(unsigned vm);
MacAddress peer_mac(unsigned peer);

struct TrafficFrame {
  Ps time = 0;  ///< rx: its first bit arrives at the NIC; tx: the application sends it; 0 throughout udp_rr
  std::uint32_t bytes = 0;
  std::uint16_t vm = 0;
  Direction direction = Direction::rx;
};

/// The user's traffic cannot be used. `key` is below "traffic": "files[1]", "server_mac".
struct TrafficError : std::invalid_argument {
  TrafficError(std::string key_, const std::string& message) : std::invalid_argument(message), key(std::move(key_)) {}
  std::string key;
};

/// Gives the bytes of frame i, the same at every call.
class FrameBytes {
 public:
  virtual ~FrameBytes() = default;
  /// REQUIRES: out.size() == the frame's bytes.
  virtual void fill(std::uint32_t frame, std::span<std::uint8_t> out) const = 0;
  virtual bool matches(std::uint32_t frame, std::span<const std::uint8_t> bytes) const = 0;
};

class Traffic {
 public:
  Traffic(std::vector<TrafficFrame> frames, std::unique_ptr<const FrameBytes> bytes, bool interactive, Ps think)
      : frames_(std::move(frames)), bytes_(std::move(bytes)), interactive_(interactive), think_(think) {}

  /// In time order. A frame's index here is PacketLedger::Packet::frame.
  const std::vector<TrafficFrame>& frames() const { return frames_; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(frames_.size()); }

  void fill(std::uint32_t frame, std::vector<std::uint8_t>& out) const {
    out.resize(frames_[frame].bytes);
    bytes_->fill(frame, out);
  }
  /// True when `bytes` are the frame's, all of them.
  bool matches(std::uint32_t frame, std::span<const std::uint8_t> bytes) const {
    return bytes.size() == frames_[frame].bytes && bytes_->matches(frame, bytes);
  }

  /// udp_rr: frames 2n (tx) and 2n + 1 (rx) are a request and its reply. A VM sends its next request when it has the
  /// reply to the one before; the peer replies think() after the request's last bit has left the NIC.
  bool interactive() const { return interactive_; }
  Ps think() const { return think_; }

  /// Frames of a capture that concern no VM (between other stations).
  std::uint64_t skipped = 0;

 private:
  std::vector<TrafficFrame> frames_;
  std::unique_ptr<const FrameBytes> bytes_;
  bool interactive_;
  Ps think_;
};

/// Captures' paths must be final: file and files are opened as they are.
/// Throws TrafficError. `link_mbps`: no two received frames overlap on the wire.
Traffic prepare_traffic(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps);

/// A capture of `traffic.file`, `traffic.files`, in their order, with the key of each.
Traffic replay_captures(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps);
Traffic generate_traffic(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps);

}  // namespace iovirt::software
