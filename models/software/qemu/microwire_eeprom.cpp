// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/microwire_eeprom.h"

namespace iovirt::software {
namespace {

constexpr unsigned kCommandBits = 8;  // after the start bit: two of opcode, six of address
constexpr unsigned kWordBits = 16;

}  // namespace

void MicrowireEeprom::drive(bool select, bool clock, bool data_in) {
  const bool rising = clock && !clock_;
  clock_ = clock;
  if (!select) {
    // Programming starts when the chip is deselected; it is instantaneous here, so the chip is ready at once.
    if (pending_write_) {
      if (write_all_) words.fill(static_cast<std::uint16_t>(shift_));
      else words[address_] = static_cast<std::uint16_t>(shift_);
    }
    pending_write_ = false;
    phase_ = Phase::idle;
    out_ = true;
    return;
  }
  if (rising) clocked(data_in);
}

void MicrowireEeprom::clocked(bool bit) {
  switch (phase_) {
    case Phase::idle:
      if (!bit || pending_write_) return;  // waiting for the start bit
      phase_ = Phase::command;
      bits_ = 0;
      shift_ = 0;
      return;
    case Phase::command:
      shift_ = shift_ << 1 | (bit ? 1u : 0u);
      if (++bits_ == kCommandBits) decode();
      return;
    case Phase::reading:
      out_ = (words[address_] >> (kWordBits - 1 - bits_)) & 1;
      if (++bits_ == kWordBits) {  // a further clock goes on with the next word
        bits_ = 0;
        address_ = (address_ + 1) % kWords;
      }
      return;
    case Phase::writing:
      shift_ = shift_ << 1 | (bit ? 1u : 0u);
      if (++bits_ == kWordBits) {
        pending_write_ = write_enabled_;
        phase_ = Phase::idle;
      }
      return;
  }
}

void MicrowireEeprom::decode() {
  const unsigned opcode = shift_ >> 6;
  address_ = shift_ & (kWords - 1);
  bits_ = 0;
  shift_ = 0;
  write_all_ = false;
  switch (opcode) {
    case 2:  // READ: a dummy zero, then the word
      out_ = false;
      phase_ = Phase::reading;
      return;
    case 1:  // WRITE
      phase_ = Phase::writing;
      return;
    case 3:  // ERASE
      shift_ = 0xffff;
      pending_write_ = write_enabled_;
      phase_ = Phase::idle;
      return;
    default:  // the two upper address bits extend the opcode
      switch (address_ >> 4) {
        case 0: write_enabled_ = false; break;  // EWDS
        case 3: write_enabled_ = true; break;   // EWEN
        case 2:                                 // ERAL
          shift_ = 0xffff;
          write_all_ = true;
          pending_write_ = write_enabled_;
          break;
        case 1:  // WRAL
          write_all_ = true;
          phase_ = Phase::writing;
          return;
      }
      phase_ = Phase::idle;
  }
}

}  // namespace iovirt::software
