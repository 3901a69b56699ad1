// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The RTL8139C+ as QEMU emulates it, in the C+ mode that Linux's 8139cp drives: descriptor rings with an owner bit,
// a poll register as doorbell, one level-triggered interrupt. The older C mode is absent.
#pragma once

#include "lib/register_bank.h"
#include "models/software/qemu/emulated_nic.h"
#include "models/software/qemu/microwire_eeprom.h"

namespace iovirt::software {

class Rtl8139 final : public EmulatedNic {
 public:
  /// `host` must outlive the device. The EEPROM holds `mac`.
  Rtl8139(EmulatedNicHost& host, const MacAddress& mac);

  const EmulatedIdentity& identity() const override;
  std::uint64_t mmio_read(unsigned bar, std::uint64_t offset, unsigned size) override;
  void mmio_write(unsigned bar, std::uint64_t offset, unsigned size, std::uint64_t value) override;
  std::uint32_t io_read(unsigned bar, std::uint32_t offset, unsigned size) override;
  void io_write(unsigned bar, std::uint32_t offset, unsigned size, std::uint32_t value) override;
  /// Always: the chip has no flow control in C+ mode. It drops (and counts) what finds no descriptor.
  bool can_receive() const override { return true; }
  Reception receive(const MacAddress& destination, std::uint32_t bytes) override;
  void reset() override;
  void set_bus_master(bool on) override { bus_master_ = on; }

  const RegisterBank& registers() const { return bank_; }

 private:
  using Value = std::uint64_t;
  struct Descriptor {
    std::uint32_t command = 0, vlan = 0;
    std::uint64_t address = 0;
  };
  /// What DTCCR dumps, DS 6.3.
  struct Tally {
    std::uint64_t tx_ok, rx_ok, tx_error;
    std::uint32_t rx_error;
    std::uint16_t missed, alignment;
    std::uint32_t one_collision, more_collisions;
    std::uint64_t rx_ok_physical, rx_ok_broadcast;
    std::uint32_t rx_ok_multicast;
    std::uint16_t tx_abort, tx_underrun;
  };
  static_assert(sizeof(Tally) == 64);

  void add_registers();
  void soft_reset();
  void load_from_eeprom();
  bool unlocked() const;
  void raise(std::uint16_t causes);
  void update_irq();
  void poll(Value written);
  bool transmit_ring(std::uint64_t ring, unsigned& index);
  void transmit_one(const Descriptor& descriptor);
  /// The receive status of an accepted destination, 0 when it is not accepted.
  std::uint32_t filter(const MacAddress& destination);
  Reception miss();
  Descriptor fetch(std::uint64_t address);
  void put(std::uint64_t address, std::uint32_t word);
  void dump_tally();
  void eeprom_control(Value written);
  void mii_control(Value written, Value before);

  EmulatedNicHost& host_;
  RegisterBank bank_{"rtl8139"};
  MicrowireEeprom eeprom_;
  Tally tally_{};

  Value *cr_, *imr_, *isr_, *rcr_, *mpc_, *cr9346_, *bmcr_, *bmsr_, *cpcr_;
  Value *idr_[2], *mar_[2], *dtccr_[2], *tnpds_[2], *thpds_[2], *rdsar_[2];

  unsigned tx_index_ = 0, high_index_ = 0, rx_index_ = 0;
  std::uint32_t gathered_ = 0;
  bool bad_frame_ = false;  ///< the frame being gathered cannot be sent
  bool bus_master_ = false;
  bool irq_ = false;
};

}  // namespace iovirt::software
