// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/igb_sriov.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "models/nic/igb_spec.h"
#include "models/pcie/pci_spec.h"

namespace iovirt::software {

using namespace nic::igb;
namespace mb = nic::igb::mailbox;

namespace {

constexpr unsigned kAddressEntries = 24;
constexpr unsigned kVlanEntries = 32;
constexpr std::uint32_t kStandardFrame = 1522;
constexpr std::uint32_t kLargestFrame = 9728;  // MAX_JUMBO_FRAME_SIZE

bool usable(const MacAddress& mac) { return !(mac[0] & 1) && mac != MacAddress{}; }

MacAddress mac_of(std::uint32_t low, std::uint32_t high) {
  MacAddress mac;
  std::memcpy(mac.data(), &low, 4);
  std::memcpy(mac.data() + 4, &high, 2);
  return mac;
}

}  // namespace

IgbSriov::IgbSriov(IgbRegisters& registers, unsigned vfs, const std::vector<MacAddress>& macs, bool spoof_check)
    : regs_(registers), spoof_check_(spoof_check), state_(vfs) {
  for (std::size_t i = 0; i < macs.size() && i < state_.size(); ++i) {
    state_[i].mac = macs[i];
    state_[i].mac_fixed = usable(macs[i]);
  }
}

bool IgbSriov::enable(Kernel& kernel, PciDevice& pci) {
  namespace spec = pcie::spec;
  const std::uint16_t at = pci.extended_capability(spec::kExtSriov);
  if (at == 0) return false;
  const auto field = [at](std::uint16_t offset) { return static_cast<std::uint16_t>(at + offset); };
  const Bdf pf = pci.function();
  if (kernel.pci_read(pf, field(spec::kSriovTotalVfs), 2) < vfs()) return false;
  const std::uint32_t control = kernel.pci_read(pf, field(spec::kSriovControl), 2);
  if (!(control & spec::kSriovVfEnable)) kernel.pci_write(pf, field(spec::kSriovNumVfs), 2, vfs());
  kernel.pci_write(pf, field(spec::kSriovControl), 2, control | spec::kSriovVfEnable | spec::kSriovVfMemoryEnable);
  return kernel.pci_read(pf, field(spec::kSriovNumVfs), 2) >= vfs();
}

void IgbSriov::configure() {
  for (unsigned vf = 0; vf < vfs(); ++vf) state_[vf].clear_to_send = false;
  mta_.fill(0);
  vfta_.fill(0);
  const std::uint32_t own = 1u << vfs();
  regs_.write(VFRE, own);
  regs_.write(VFTE, own);
  std::uint32_t dtxswc = kDtxswcLoopbackEnable;
  if (spoof_check_)
    dtxswc |= static_cast<std::uint32_t>(DtxswcMacSpoof::of(0xff & ~own) | DtxswcVlanSpoof::of(0xff & ~own));
  regs_.write(DTXSWC, dtxswc);
}

void IgbSriov::reset_done() { regs_.set(CTRL_EXT, kCtrlExtPfRstd); }

// -- the mailbox (igb_mbx.c) ---------------------------------------------------------------------------------------------

bool IgbSriov::lock(unsigned vf) {
  for (unsigned tries = 0; tries < 10; ++tries) {
    regs_.write(P2VMAILBOX(vf), kP2vPfu);
    if (regs_.read(P2VMAILBOX(vf)) & kP2vPfu) return true;
    regs_.kernel.cpu().pause();
  }
  return false;
}

void IgbSriov::unlock(unsigned vf) { regs_.write(P2VMAILBOX(vf), 0); }

bool IgbSriov::take_flag(std::uint32_t bits) {
  if (!(regs_.read(MBVFICR) & bits)) return false;
  regs_.write(MBVFICR, bits);
  return true;
}

bool IgbSriov::read_message(unsigned vf, Message& message) {
  if (!lock(vf)) return false;
  for (unsigned i = 0; i < message.size(); ++i) message[i] = regs_.read(VMBMEM(vf) + 4 * i);
  regs_.write(P2VMAILBOX(vf), kP2vAck | kP2vPfu);  // the buffer stays ours until the reply
  return true;
}

bool IgbSriov::write_message(unsigned vf, const Message& message, unsigned dwords) {
  if (!lock(vf)) return false;
  for (unsigned i = 0; i < dwords; ++i) regs_.write(VMBMEM(vf) + 4 * i, message[i]);
  regs_.write(P2VMAILBOX(vf), kP2vSts);
  return true;
}

void IgbSriov::service() {
  for (unsigned vf = 0; vf < vfs(); ++vf) {
    if (regs_.read(VFLRE) & 1u << vf) {
      regs_.write(VFLRE, 1u << vf);
      forget(vf);
    }
    if (take_flag(static_cast<std::uint32_t>(MbvficrReq::of(1u << vf)))) serve(vf);
    take_flag(static_cast<std::uint32_t>(MbvficrAck::of(1u << vf)));
  }
}

void IgbSriov::ping() {
  for (unsigned vf = 0; vf < vfs(); ++vf) {
    // A request that waits will be answered soon; its text must not be overwritten.
    if (regs_.read(MBVFICR) & MbvficrReq::of(1u << vf)) continue;
    Message message{};
    message[0] = mb::kPfControl | (state_[vf].clear_to_send ? mb::kClearToSend : 0u);
    write_message(vf, message, 1);
  }
}

void IgbSriov::check_spoofing() {
  const std::uint32_t who = regs_.read(WVBR);
  counters_.spoofed += static_cast<unsigned>(std::popcount(who));
}

// igb_rcv_msg_from_vf
void IgbSriov::serve(unsigned vf) {
  Message message{};
  if (!read_message(vf, message)) return;
  if (message[0] & (mb::kAck | mb::kNack)) return unlock(vf);  // our own reply, still there
  if (mb::Message::get(message[0]) == mb::kVfReset) return reset_message(vf);
  ++counters_.messages;
  bool good = false;
  if (state_[vf].clear_to_send) {
    switch (mb::Message::get(message[0])) {
      case mb::kVfSetMac: good = set_mac_message(vf, message); break;
      case mb::kVfSetMulticast: good = multicast_message(vf, message); break;
      case mb::kVfSetVlan: good = vlan_message(vf, message); break;
      case mb::kVfSetMaxFrame: good = max_frame_message(vf, message); break;
      case mb::kVfSetPromiscuous: good = promiscuous_message(vf, message); break;
      default: break;
    }
    message[0] |= mb::kClearToSend;
  }
  message[0] |= good ? mb::kAck : mb::kNack;
  if (!good) ++counters_.refused;
  write_message(vf, message, 1);
}

// -- reset ---------------------------------------------------------------------------------------------------------------

void IgbSriov::forget(unsigned vf) {
  Vf& state = state_[vf];
  state.clear_to_send = false;
  state.multicast.clear();
  state.multicast_promiscuous = false;
  if (!state.mac_fixed) state.mac = {};
  clear_vlans(vf);
  regs_.write(VMOLR(vf), static_cast<std::uint32_t>(VmolrRlpml::of(kStandardFrame)) | kVmolrAupe | kVmolrBam |
                             kVmolrStrCrc);
}

void IgbSriov::reset_message(unsigned vf) {
  ++counters_.resets;
  forget(vf);
  Vf& state = state_[vf];
  write_address(vf);
  regs_.set(VFTE, 1u << vf);
  regs_.set(VFRE, 1u << vf);
  state.clear_to_send = true;
  Message reply{};
  reply[0] = mb::kVfReset | (usable(state.mac) ? mb::kAck : mb::kNack);  // NACK: the VF picks an address itself
  std::memcpy(&reply[1], state.mac.data(), 4);
  std::memcpy(&reply[2], state.mac.data() + 4, 2);
  write_message(vf, reply, 3);
}

void IgbSriov::set_mac(unsigned vf, const MacAddress& mac) {
  state_[vf].mac = mac;
  state_[vf].mac_fixed = true;
  if (regs_.base != 0) write_address(vf);
}

// VFs' addresses are at the end of the table, the PF's at its beginning.
void IgbSriov::write_address(unsigned vf) {
  const unsigned entry = kAddressEntries - 1 - vf;
  const MacAddress& mac = state_[vf].mac;
  std::uint32_t low;
  std::uint16_t high;
  std::memcpy(&low, mac.data(), 4);
  std::memcpy(&high, mac.data() + 4, 2);
  const bool valid = usable(mac);
  regs_.write(RAL(entry), valid ? low : 0);
  regs_.write(RAH(entry), valid ? high | kRahValid | static_cast<std::uint32_t>(RahPools::of(1u << vf)) : 0);
}

// -- requests ------------------------------------------------------------------------------------------------------------

bool IgbSriov::set_mac_message(unsigned vf, const Message& message) {
  Vf& state = state_[vf];
  const MacAddress mac = mac_of(message[1], message[2]);
  if (!usable(mac) || (state.mac_fixed && mac != state.mac)) return false;
  state.mac = mac;
  write_address(vf);
  return true;
}

bool IgbSriov::multicast_message(unsigned vf, const Message& message) {
  const auto count = static_cast<unsigned>(mb::Info::get(message[0]));
  auto& hashes = state_[vf].multicast;
  hashes.clear();
  for (unsigned i = 0; i < std::min(count, mb::kMaxMulticastHashes); ++i)
    hashes.push_back(static_cast<std::uint16_t>(message[1 + i / 2] >> (16 * (i % 2)) & 0xfff));
  if (count > mb::kMaxMulticastHashes) state_[vf].multicast_promiscuous = true;
  apply_multicast(vf);
  return true;
}

void IgbSriov::apply_multicast(unsigned vf) {
  const Vf& state = state_[vf];
  std::uint32_t vmolr = regs_.read(VMOLR(vf)) & ~(kVmolrRompe | kVmolrMpe);
  if (state.multicast_promiscuous) vmolr |= kVmolrMpe;
  else if (!state.multicast.empty()) vmolr |= kVmolrRompe;
  regs_.write(VMOLR(vf), vmolr);
  // The table is shared: it holds what any VF wants.
  std::array<std::uint32_t, 128> wanted{};
  for (const Vf& each : state_)
    for (std::uint16_t hash : each.multicast) wanted[hash >> 5] |= 1u << (hash & 31);
  for (unsigned i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == mta_[i]) continue;
    mta_[i] = wanted[i];
    regs_.write(MTA0 + 4 * i, wanted[i]);
  }
}

bool IgbSriov::vlan_message(unsigned vf, const Message& message) {
  const bool add = mb::Info::get(message[0]) != 0;
  const std::uint32_t id = message[1] & 0xfff;
  unsigned free = kVlanEntries, found = kVlanEntries;
  for (unsigned i = kVlanEntries; i-- > 0;) {
    const std::uint32_t entry = regs_.read(VLVF(i));
    if (!(entry & kVlvfEnable)) free = i;
    else if (VlvfVlan::get(entry) == id) found = i;
  }
  if (found == kVlanEntries && !add) return true;
  if (found == kVlanEntries && free == kVlanEntries) return false;
  const unsigned at = found != kVlanEntries ? found : free;
  std::uint64_t pools = found != kVlanEntries ? VlvfPools::get(regs_.read(VLVF(at))) : 0;
  pools = add ? pools | 1u << vf : pools & ~std::uint64_t{1u << vf};
  regs_.write(VLVF(at), pools == 0 ? 0 : static_cast<std::uint32_t>(VlvfVlan::of(id) | VlvfPools::of(pools)) | kVlvfEnable);
  std::uint32_t& word = vfta_[id >> 5];
  word = pools == 0 ? word & ~(1u << (id & 31)) : word | 1u << (id & 31);
  regs_.write(VFTA0 + 4 * (id >> 5), word);
  // Filtering by VLAN is on while any VF asks for it.
  const bool any = std::any_of(vfta_.begin(), vfta_.end(), [](std::uint32_t w) { return w != 0; });
  const std::uint32_t rctl = regs_.read(RCTL);
  if (((rctl & kRctlVfe) != 0) != any) regs_.write(RCTL, rctl ^ kRctlVfe);
  return true;
}

void IgbSriov::clear_vlans(unsigned vf) {
  for (unsigned i = 0; i < kVlanEntries; ++i) {
    const std::uint32_t entry = regs_.read(VLVF(i));
    if (!(entry & kVlvfEnable) || !(VlvfPools::get(entry) >> vf & 1)) continue;
    Message message{};
    message[1] = static_cast<std::uint32_t>(VlvfVlan::get(entry));  // Info 0: remove
    vlan_message(vf, message);
  }
}

bool IgbSriov::max_frame_message(unsigned vf, const Message& message) {
  const std::uint32_t bytes = message[1];
  if (bytes > kLargestFrame) return false;
  const std::uint32_t vmolr = regs_.read(VMOLR(vf));
  regs_.write(VMOLR(vf), static_cast<std::uint32_t>(VmolrRlpml::set(vmolr, bytes)) | kVmolrLpe);
  return true;
}

bool IgbSriov::promiscuous_message(unsigned vf, const Message& message) {
  if (message[0] & ~(mb::kVfSetPromiscuous | mb::kPromiscuousMulticast)) return false;  // unicast is refused
  state_[vf].multicast_promiscuous = (message[0] & mb::kPromiscuousMulticast) != 0;
  apply_multicast(vf);
  return true;
}

}  // namespace iovirt::software
