// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A 93C46: 64 words of 16 bits behind a three-wire interface (Microchip DS21749, section 2). Both emulated NICs
// keep their address in one.
#pragma once

#include <array>
#include <cstdint>

namespace iovirt::software {

class MicrowireEeprom {
 public:
  static constexpr unsigned kWords = 64;

  std::array<std::uint16_t, kWords> words{};

  /// The lines as software drives them now; a rising clock with the chip selected shifts one bit.
  void drive(bool select, bool clock, bool data_in);
  /// DO: the bit being shifted out; high when idle (ready).
  bool data_out() const { return out_; }
  /// Interrupted commands are forgotten; contents and the write enable stay.
  void deselect() { drive(false, false, false); }

 private:
  enum class Phase : std::uint8_t { idle, command, reading, writing };
  void clocked(bool bit);
  void decode();

  Phase phase_ = Phase::idle;
  bool clock_ = false;
  bool out_ = true;
  bool write_enabled_ = false;
  bool pending_write_ = false;
  bool write_all_ = false;
  unsigned bits_ = 0;
  std::uint32_t shift_ = 0;
  unsigned address_ = 0;
};

}  // namespace iovirt::software
