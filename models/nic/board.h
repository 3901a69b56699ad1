// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What is soldered around the controller: NVM, PHY, and the semaphores shared with firmware. Enough for a driver to
// probe. Datasheet 8.2, 8.4, 3.3 (NVM), 3.5 (PHY).
#pragma once

#include <array>
#include <cstdint>

#include "lib/frame.h"
#include "models/nic/igb_spec.h"

namespace iovirt::nic {

class Board {
 public:
  explicit Board(const MacAddress& mac);

  std::uint16_t nvm(unsigned word) const { return nvm_[word % igb::kNvmWords]; }
  const MacAddress& mac() const { return mac_; }

  /// EERD as software reads it after writing `written`.
  std::uint32_t eerd(std::uint32_t written) const;
  /// MDIC likewise; writes to the PHY take effect. Sets `restarted` when autonegotiation was started anew.
  std::uint32_t mdic(std::uint32_t written, bool& restarted);

  std::uint32_t read_swsm();
  void write_swsm(std::uint32_t value) { swsm_ = value & (igb::kSwsmSmbi | igb::kSwsmSwesmbi); }
  void reset_semaphores() { swsm_ = 0; }
  void reset_phy();
  /// What the MAC sends comes back (control register, bit 14).
  bool phy_loopback() const { return (phy_[0] & 0x4000) != 0; }

 private:
  MacAddress mac_;
  std::array<std::uint16_t, igb::kNvmWords> nvm_{};
  std::array<std::uint16_t, 32> phy_{};
  std::uint32_t swsm_ = 0;
};

}  // namespace iovirt::nic
