// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A 24-pin I/O APIC (82093AA, with the EOI register of version 0x20): indirect registers, redirection table, level and
// edge pins, remote IRR. RTEs may be in VT-d's remappable format (VT-d 5.1.5.1); they are passed on, not remapped.
#pragma once

#include <array>
#include <cstdint>

#include "lib/field.h"
#include "models/cpu/interrupt_message.h"

namespace iovirt::cpu {

namespace rte {
using vector = Field<7, 0>;
using delivery = Field<10, 8>;
using logical = Field<11>;
using delivery_status = Field<12>;
using active_low = Field<13>;  ///< stored; pins are given by their logical state
using remote_irr = Field<14>;
using level = Field<15>;
using mask = Field<16>;
using remappable = Field<48>;
using index_high = Field<11>;    ///< remappable: interrupt index bit 15
using index_low = Field<63, 49>; ///< remappable: interrupt index bits 14:0
using destination = Field<63, 56>;
}  // namespace rte

/// Receives what the I/O APIC sends; called from within write(), set_pin() and eoi(), never re-entered by them.
class IoApicSink {
 public:
  /// `message` is decoded as compatibility format; `address` and `data` are what goes out on the fabric, which for a
  /// remappable RTE is a remappable-format request (then `message` holds only vector, mode and trigger).
  virtual void io_apic_send(unsigned pin, const InterruptMessage& message, std::uint64_t address,
                            std::uint32_t data) = 0;

 protected:
  ~IoApicSink() = default;
};

class IoApic {
 public:
  static constexpr unsigned kPins = 24;
  static constexpr std::uint64_t kDefaultAddress = 0xfec0'0000;

  /// `sink` must outlive this.
  explicit IoApic(IoApicSink& sink, std::uint8_t id = 0);
  void reset();

  // -- registers: offset in the 4 KiB page; IOREGSEL 0x00, IOWIN 0x10, EOI 0x40 ---------------------------------------
  std::uint32_t read(std::uint32_t offset) const;
  void write(std::uint32_t offset, std::uint32_t value);

  /// The pin's logical state. An edge pin sends on the rise (lost while masked); a level pin sends while asserted and
  /// not in service.
  void set_pin(unsigned pin, bool asserted);
  /// An EOI broadcast: clears remote IRR of level RTEs with this vector and sends again for pins still asserted.
  void eoi(std::uint8_t vector);

  std::uint64_t rte(unsigned pin) const { return table_[pin]; }
  bool asserted(unsigned pin) const { return pins_ >> pin & 1; }

 private:
  void service(unsigned pin);
  void send(unsigned pin);
  std::uint32_t read_register(std::uint8_t index) const;
  void write_register(std::uint8_t index, std::uint32_t value);

  IoApicSink& sink_;
  std::uint8_t reset_id_;
  std::uint8_t id_ = 0;
  std::uint8_t select_ = 0;
  std::uint32_t pins_ = 0;
  std::array<std::uint64_t, kPins> table_{};
};

}  // namespace iovirt::cpu
