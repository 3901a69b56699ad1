// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The posted-interrupt descriptor (Intel SDM volume 3, 30.6): 64 bytes in memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "lib/field.h"

namespace iovirt::cpu {

inline constexpr std::size_t kPostedDescriptorBytes = 64;

/// A view; the descriptor's memory must outlive it. The simulation is sequential: the locked operations of hardware
/// and software are plain ones.
class PostedInterruptDescriptor {
 public:
  explicit PostedInterruptDescriptor(std::span<std::uint8_t, kPostedDescriptorBytes> bytes) : bytes_(bytes.data()) {}

  using outstanding = Field<0>;        ///< ON; bits of the 64-bit word at byte 32
  using suppress = Field<1>;           ///< SN
  using vector = Field<23, 16>;        ///< NV
  using destination = Field<63, 32>;   ///< NDST; in xAPIC mode the id lies in bits 15:8 of it

  /// Sets the PIR bit; true when a notification is to be sent (ON was 0 and SN is 0), and ON is then set.
  bool post(std::uint8_t vector_number) {
    const std::uint64_t word = pir(vector_number >> 6);
    store(vector_number >> 6, word | 1ull << (vector_number & 63));
    const std::uint64_t c = control();
    if (outstanding::get(c) || suppress::get(c)) return false;
    set_control(outstanding::set(c, 1));
    return true;
  }

  std::uint64_t pir(unsigned word) const { return load(word); }  ///< vectors 64 * word and up
  std::uint64_t take_pir(unsigned word) {
    const std::uint64_t bits = load(word);
    if (bits) store(word, 0);
    return bits;
  }
  bool pir_empty() const { return (load(0) | load(1) | load(2) | load(3)) == 0; }

  std::uint64_t control() const { return load(4); }
  void set_control(std::uint64_t word) { store(4, word); }
  bool on() const { return outstanding::get(control()); }
  void set_on(bool value) { set_control(outstanding::set(control(), value)); }
  bool sn() const { return suppress::get(control()); }
  void set_sn(bool value) { set_control(suppress::set(control(), value)); }
  std::uint8_t nv() const { return static_cast<std::uint8_t>(vector::get(control())); }
  void set_nv(std::uint8_t value) { set_control(vector::set(control(), value)); }
  std::uint32_t ndst() const { return static_cast<std::uint32_t>(destination::get(control())); }
  void set_ndst(std::uint32_t value) { set_control(destination::set(control(), value)); }

 private:
  std::uint64_t load(unsigned word) const {
    std::uint64_t value;
    std::memcpy(&value, bytes_ + word * 8, sizeof value);
    return value;
  }
  void store(unsigned word, std::uint64_t value) { std::memcpy(bytes_ + word * 8, &value, sizeof value); }

  std::uint8_t* bytes_;
};

}  // namespace iovirt::cpu
