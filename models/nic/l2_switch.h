// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Who gets a frame: address and VLAN filters, pools, local switching and anti-spoof. Datasheet 7.1.1 and 7.10.3.
// Pure decisions over the filter registers; moves no bytes. What was decided for the addresses seen last is remembered.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "lib/frame.h"
#include "models/nic/igb_spec.h"

namespace iovirt::nic {

struct FilterRegisters {
  std::uint32_t rctl = 0, ctrl = 0, mrqc = 0, vt_ctl = 0, dtxswc = 0, rplolr = 0, rlpml = 0, qde = 0;
  std::uint32_t vfre = 0xff, vfte = 0xff;
  std::array<std::uint32_t, igb::kPools> vmolr{}, vmvir{};
  std::array<std::uint32_t, 32> vlvf{};
  std::array<std::uint32_t, 24> ral{}, rah{};
  std::array<std::uint32_t, 128> mta{}, uta{}, vfta{};
};

struct FrameHeader {
  std::uint64_t destination = 0, source = 0;  ///< as RAL and RAH hold them: first byte lowest
  std::optional<std::uint16_t> vlan;          ///< the whole tag control word
  bool multicast() const { return (destination & 1) != 0; }
  bool broadcast() const { return destination == 0xffff'ffff'ffff; }
  bool operator==(const FrameHeader&) const = default;
};
inline constexpr std::size_t kHeaderBytes = 14, kTagBytes = 4;
inline constexpr std::uint16_t kTagProtocol = 0x8100;
/// None: shorter than an Ethernet header.
std::optional<FrameHeader> parse_header(std::span<const std::uint8_t> frame);

class L2Switch {
 public:
  /// `pools`: how many exist.
  L2Switch(const FilterRegisters& registers, unsigned pools) : r_(registers), all_pools_((1u << pools) - 1) {}

  /// VMDq or VMDq with RSS: the pools decide. Otherwise queue 0 receives.
  bool pools_enabled() const {
    const auto mode = igb::MrqcEnable::get(r_.mrqc);
    return mode == igb::kMrqcVmdq || mode == igb::kMrqcVmdqRss;
  }
  /// Whoever changes a filter register says so.
  void registers_changed() {
    received_.fill({});
    sent_.fill({});
  }
  /// Pools (queue 0 is pool 0) that receive a frame from the wire; 0: it is filtered.
  std::uint32_t from_wire(const FrameHeader& header) {
    Received& known = received_[(header.destination >> 40) % received_.size()];  // the last byte
    if (!known.valid || !(known.header == header)) known = {true, header, decide_from_wire(header)};
    return known.pools;
  }

  struct Sent {
    bool spoofed = false;     ///< the source address, or VLAN, is not the pool's although DTXSWC asks for it: goes nowhere
    std::uint32_t pools = 0;  ///< that get a copy
    bool wire = true;
  };
  /// REQUIRES: pool < igb::kPools.
  const Sent& from_pool(unsigned pool, const FrameHeader& header) {
    Sending& known = sent_[pool];
    if (!known.valid || !(known.header == header)) known = {true, header, decide_from_pool(pool, header)};
    return known.sent;
  }

  /// Of `pool`'s limits; `bytes` without FCS.
  bool too_long(unsigned pool, std::size_t bytes, bool tagged) const;
  bool strips_vlan(unsigned pool) const {
    return pools_enabled() ? (r_.vmolr[pool] & igb::kVmolrStrVlan) != 0 : (r_.ctrl & igb::kCtrlVme) != 0;
  }
  /// The queue may drop when it has no descriptor, whatever SRRCTL says.
  bool may_drop(unsigned queue) const { return (r_.qde >> queue & 1) != 0; }

 private:
  struct Received {
    bool valid = false;
    FrameHeader header;
    std::uint32_t pools = 0;
  };
  struct Sending {
    bool valid = false;
    FrameHeader header;
    Sent sent;
  };
  std::uint32_t decide_from_wire(const FrameHeader& header) const;
  Sent decide_from_pool(unsigned pool, const FrameHeader& header) const;
  bool spoofed(unsigned pool, const FrameHeader& header) const;
  /// Pools by exact match; whether any entry matched, pools or not.
  std::uint32_t exact(std::uint64_t address, bool& matched) const;
  bool hashed(const std::array<std::uint32_t, 128>& table, std::uint64_t address) const;
  std::uint32_t pools_with(std::uint32_t vmolr_bit) const;
  std::uint32_t vlan_pools(const FrameHeader& header) const;
  std::uint32_t default_pool() const { return 1u << igb::VtCtlDefaultPool::get(r_.vt_ctl); }
  /// Pools by address alone; `known`: by exact match.
  std::uint32_t by_address(const FrameHeader& header, bool& known) const;

  const FilterRegisters& r_;
  std::uint32_t all_pools_;
  std::array<Received, 16> received_{};
  std::array<Sending, igb::kPools> sent_{};
};

}  // namespace iovirt::nic
