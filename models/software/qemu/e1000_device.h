// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The 82540EM as QEMU emulates it: descriptors are worked off inside the tail write, interrupts are a level made of
// ICR & IMS, optionally moderated by ITR. What it does not do is listed in the README's compliance table.
#pragma once

#include <array>

#include "lib/register_bank.h"
#include "models/software/qemu/emulated_nic.h"
#include "models/software/qemu/microwire_eeprom.h"

namespace iovirt::software {

class E1000 final : public EmulatedNic {
 public:
  /// `host` must outlive the device. The NVM holds `mac` and a valid checksum.
  E1000(EmulatedNicHost& host, const MacAddress& mac);

  const EmulatedIdentity& identity() const override;
  std::uint64_t mmio_read(unsigned bar, std::uint64_t offset, unsigned size) override;
  void mmio_write(unsigned bar, std::uint64_t offset, unsigned size, std::uint64_t value) override;
  std::uint32_t io_read(unsigned bar, std::uint32_t offset, unsigned size) override;
  void io_write(unsigned bar, std::uint32_t offset, unsigned size, std::uint32_t value) override;
  bool can_receive() const override;
  Reception receive(const MacAddress& destination, std::uint32_t bytes) override;
  void reset() override;
  void set_bus_master(bool on) override;
  void timer_expired() override;

  const RegisterBank& registers() const { return bank_; }

 private:
  using Value = std::uint64_t;
  struct Descriptor {
    std::uint64_t address = 0, word = 0;
  };

  // e1000_registers.cpp
  void add_registers();
  void add_statistics();
  void load_from_nvm();
  void control_written(Value written);
  void nvm_read(Value written);
  void mdic_written(Value written);
  void phy_write(unsigned reg, std::uint16_t value);
  void count(std::uint32_t reg, std::uint64_t by = 1);
  void count64(std::uint32_t low, std::uint64_t by);

  // e1000_device.cpp
  void soft_reset();
  void raise(std::uint32_t causes);
  void update_irq();
  std::uint32_t moderation() const;
  void transmit();
  void transmit_one(const Descriptor& descriptor);
  bool accepts(const MacAddress& destination) const;
  bool receiver_ready() const;
  bool has_buffers(std::uint32_t bytes) const;
  std::uint32_t buffer_bytes() const;
  Descriptor fetch(std::uint64_t address);
  void overrun();

  EmulatedNicHost& host_;
  MacAddress mac_;
  RegisterBank bank_{"e1000"};
  MicrowireEeprom nvm_;
  std::array<std::uint16_t, 32> phy_{};
  std::uint32_t io_address_ = 0;

  // Registers of the hot paths; they live in the bank.
  Value *status_, *icr_, *ims_, *itr_, *rctl_, *tctl_;
  Value *rdbal_, *rdbah_, *rdlen_, *rdh_, *rdt_, *rdtr_, *radv_;
  Value *tdbal_, *tdbah_, *tdlen_, *tdh_, *tdt_, *tadv_;
  std::array<Value*, 32> ra_{};
  std::array<Value*, 128> mta_{};
  std::array<Value*, 64> statistics_{};

  bool bus_master_ = false;
  bool irq_ = false;
  bool moderated_ = false;      ///< the timer runs: no new interrupt until it expires
  bool delay_requested_ = false;  ///< a descriptor with IDE was written back
  bool transmitting_ = false;
  bool too_long_ = false;       ///< the frame being gathered
  std::uint32_t gathered_ = 0;
};

}  // namespace iovirt::software
