// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/board.h"

namespace iovirt::nic {

using namespace igb;

namespace {

// IEEE 802.3 clause 22 registers and bits.
enum : unsigned {
  kControl = 0, kStatus = 1, kId1 = 2, kId2 = 3, kAdvertise = 4, kPartner = 5, kExpansion = 6, kGigControl = 9, kGigStatus = 10,
  kExtStatus = 15, kPortStatus = 17  // IGP3 port status
};
constexpr std::uint16_t kControlReset = 0x8000, kControlRestart = 0x0200;

}  // namespace

Board::Board(const MacAddress& mac) : mac_(mac) {
  nvm_.fill(0);
  for (unsigned i = 0; i < 3; ++i) nvm_[i] = static_cast<std::uint16_t>(mac[2 * i] | mac[2 * i + 1] << 8);
  nvm_[0x03] = 0x0000;  // compatibility
  nvm_[0x05] = 0x1014;  // image version
  nvm_[0x0b] = 0x0000;
  nvm_[0x0c] = kVendor;  // subsystem ids
  nvm_[0x0d] = kPfDevice;
  nvm_[0x0e] = kVendor;
  nvm_[0x0f] = 0x4802;  // initialization control 2: valid signature, 16 Kb part
  nvm_[0x24] = 0x0000;
  nvm_[0x37] = 0xffff;  // no alternate MAC address
  std::uint16_t sum = 0;
  for (unsigned i = 0; i < kNvmWords - 1; ++i) sum = static_cast<std::uint16_t>(sum + nvm_[i]);
  nvm_[kNvmWords - 1] = static_cast<std::uint16_t>(kNvmSum - sum);
  reset_phy();
}

void Board::reset_phy() {
  phy_.fill(0);
  phy_[kControl] = 0x1140;    // autonegotiation, full duplex, 1000 Mb/s
  phy_[kStatus] = 0x796d;     // autonegotiation complete, link up, extended status
  phy_[kId1] = 0x02a8;        // IGP3
  phy_[kId2] = 0x0391;
  phy_[kAdvertise] = 0x0de1;
  phy_[kPartner] = 0x45e1;    // acknowledged, all 10 and 100 modes
  phy_[kExpansion] = 0x0001;
  phy_[kGigControl] = 0x0200;
  phy_[kGigStatus] = 0x7800;  // both receivers good, partner can 1000 full and half
  phy_[kExtStatus] = 0x3000;
  phy_[kPortStatus] = 0xc404;  // 1000 Mb/s, full duplex, link
}

std::uint32_t Board::eerd(std::uint32_t written) const {
  if ((written & kEerdStart) == 0) return written & ~kEerdDone;
  const auto word = static_cast<unsigned>(EerdAddress::get(written));
  const std::uint64_t data = word < kNvmWords ? nvm_[word] : 0xffff;
  return static_cast<std::uint32_t>(EerdData::set(EerdAddress::of(word) | kEerdDone, data));
}

std::uint32_t Board::mdic(std::uint32_t written, bool& restarted) {
  restarted = false;
  std::uint32_t value = (written & ~(kMdicReady | kMdicError)) | kMdicReady;
  if (MdicPhy::get(written) != kPhyAddress) return value | kMdicError;
  const auto index = static_cast<unsigned>(MdicRegister::get(written));
  std::uint16_t& reg = phy_[index];
  if (MdicOp::get(written) == 2) return static_cast<std::uint32_t>(MdicData::set(value, reg));
  if (MdicOp::get(written) != 1) return value | kMdicError;
  const auto data = static_cast<std::uint16_t>(MdicData::get(written));
  switch (index) {
    case kControl:
      if ((data & kControlReset) != 0) reset_phy();
      else reg = static_cast<std::uint16_t>(data & ~kControlRestart);
      restarted = (data & (kControlReset | kControlRestart)) != 0;
      break;
    case kStatus: case kId1: case kId2: case kPartner: case kExpansion: case kGigStatus: case kExtStatus: case kPortStatus:
      break;
    default: reg = data;
  }
  return value;
}

std::uint32_t Board::read_swsm() {
  const std::uint32_t value = swsm_;
  swsm_ |= kSwsmSmbi;  // taken by whoever reads it as free
  return value;
}

}  // namespace iovirt::nic
