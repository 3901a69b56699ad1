// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/l2_switch.h"

#include <bit>
#include <cstring>

namespace iovirt::nic {

using namespace igb;

std::optional<FrameHeader> parse_header(std::span<const std::uint8_t> frame) {
  if (frame.size() < kHeaderBytes) return std::nullopt;
  FrameHeader header;
  std::memcpy(&header.destination, frame.data(), 6);
  std::memcpy(&header.source, frame.data() + 6, 6);
  const auto type = static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
  if (type == kTagProtocol && frame.size() >= kHeaderBytes + kTagBytes)
    header.vlan = static_cast<std::uint16_t>(frame[14] << 8 | frame[15]);
  return header;
}

std::uint32_t L2Switch::exact(std::uint64_t address, bool& matched) const {
  std::uint32_t pools = 0;
  const auto low = static_cast<std::uint32_t>(address);
  bool any = false;  // most addresses are no one's: one look at all of them
  for (const std::uint32_t ral : r_.ral) any |= ral == low;
  if (!any) return 0;
  for (std::size_t i = 0; i < r_.ral.size(); ++i) {
    if (r_.ral[i] != low || (r_.rah[i] & kRahValid) == 0 || (r_.rah[i] & 0xffff) != address >> 32) continue;
    matched = true;
    pools |= static_cast<std::uint32_t>(RahPools::get(r_.rah[i]));
  }
  return pools;
}

bool L2Switch::hashed(const std::array<std::uint32_t, 128>& table, std::uint64_t address) const {
  // 7.1.1: twelve bits of the last two bytes, RCTL.MO tells which.
  constexpr unsigned shift[4] = {4, 3, 2, 0};
  const auto index = (address >> 32 & 0xffff) >> shift[RctlMo::get(r_.rctl)] & 0xfff;
  return (table[index >> 5] >> (index & 31) & 1) != 0;
}

std::uint32_t L2Switch::pools_with(std::uint32_t vmolr_bit) const {
  std::uint32_t pools = 0;
  for (unsigned i = 0; i < kPools; ++i)
    if ((r_.vmolr[i] & vmolr_bit) != 0) pools |= 1u << i;
  return pools;
}

std::uint32_t L2Switch::vlan_pools(const FrameHeader& header) const {
  if ((r_.rctl & kRctlVfe) == 0) return ~0u;
  if (!header.vlan || (*header.vlan & 0xfff) == 0) return pools_with(kVmolrAupe);
  std::uint32_t pools = 0;
  for (std::uint32_t entry : r_.vlvf)
    if ((entry & kVlvfEnable) != 0 && VlvfVlan::get(entry) == (*header.vlan & 0xfffu))
      pools |= static_cast<std::uint32_t>(VlvfPools::get(entry));
  return pools;
}

std::uint32_t L2Switch::by_address(const FrameHeader& header, bool& known) const {
  if (header.broadcast()) return pools_with(kVmolrBam);
  std::uint32_t pools = exact(header.destination, known);
  if (header.multicast()) {
    if (hashed(r_.mta, header.destination)) pools |= pools_with(kVmolrRompe);
    pools |= pools_with(kVmolrMpe);
  } else if (!known && hashed(r_.uta, header.destination)) {
    pools |= pools_with(kVmolrRope);
  }
  return pools;
}

std::uint32_t L2Switch::decide_from_wire(const FrameHeader& header) const {
  bool known = false;
  if (!pools_enabled()) {
    if ((r_.rctl & kRctlVfe) != 0 && header.vlan) {
      const unsigned id = *header.vlan & 0xfff;
      if ((r_.vfta[id >> 5] >> (id & 31) & 1) == 0) return 0;
    }
    if (header.broadcast()) return (r_.rctl & kRctlBam) != 0 ? 1 : 0;
    exact(header.destination, known);
    if (known) return 1;
    if (header.multicast()) return (r_.rctl & kRctlMpe) != 0 || hashed(r_.mta, header.destination) ? 1 : 0;
    return (r_.rctl & kRctlUpe) != 0 ? 1 : 0;
  }

  if ((r_.vt_ctl & kVtCtlIgnoreMac) != 0) return vlan_pools(header) & all_pools_;
  std::uint32_t pools = by_address(header, known);
  // The first filter (7.1.1): a unicast frame must be known by address or hash unless RCTL.UPE, a multicast one
  // by address, hash or promiscuity of somebody.
  const bool passes = known || pools != 0 || (r_.rctl & (header.multicast() ? kRctlMpe : kRctlUpe)) != 0;
  if (!passes) return 0;
  pools &= vlan_pools(header) & all_pools_;
  if (pools == 0 && !header.multicast() && (r_.vt_ctl & kVtCtlDisableDefault) == 0) pools = default_pool() & all_pools_;
  if (header.multicast() && pools != 0 && (r_.vt_ctl & kVtCtlReplication) == 0 && !std::has_single_bit(pools))
    pools = default_pool() & all_pools_;
  return pools;
}

L2Switch::Sent L2Switch::decide_from_pool(unsigned pool, const FrameHeader& header) const {
  if (spoofed(pool, header)) return {.spoofed = true, .wire = false};
  if (!pools_enabled() || (r_.dtxswc & kDtxswcLoopbackEnable) == 0) return {};
  bool known = false;
  std::uint32_t pools = by_address(header, known) & vlan_pools(header) & all_pools_;
  const bool to_itself = (DtxswcLocalLoopback::get(r_.dtxswc) >> pool & 1) != 0;
  const bool local = known && !header.multicast() && pools != 0;
  if (!to_itself) pools &= ~(1u << pool);
  return {.pools = pools, .wire = !local};
}

bool L2Switch::too_long(unsigned pool, std::size_t bytes, bool tagged) const {
  const std::size_t on_wire = bytes + 4;  // with FCS
  const std::size_t standard = 1518 + (tagged ? kTagBytes : 0);
  if (pools_enabled()) {
    const std::uint32_t vmolr = r_.vmolr[pool];
    return on_wire > ((vmolr & kVmolrLpe) != 0 ? VmolrRlpml::get(vmolr) : standard);
  }
  return on_wire > ((r_.rctl & kRctlLpe) != 0 ? r_.rlpml & 0x3fff : standard);
}

bool L2Switch::spoofed(unsigned pool, const FrameHeader& header) const {
  if ((DtxswcMacSpoof::get(r_.dtxswc) >> pool & 1) != 0) {
    bool known = false;
    if ((exact(header.source, known) >> pool & 1) == 0) return true;
  }
  if ((DtxswcVlanSpoof::get(r_.dtxswc) >> pool & 1) != 0 && header.vlan) {
    for (std::uint32_t entry : r_.vlvf)
      if ((entry & kVlvfEnable) != 0 && VlvfVlan::get(entry) == (*header.vlan & 0xfffu) &&
          (VlvfPools::get(entry) >> pool & 1) != 0)
        return false;
    return true;
  }
  return false;
}

}  // namespace iovirt::nic
