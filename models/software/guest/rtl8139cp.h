// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The driver of the RTL8139C+, in the order in which Linux 6.1's 8139cp touches the device: C+ rings of 64, INTx,
// receive by NAPI, transmit completions in the hard interrupt, one poll request a frame.
//
//   TX doorbell              W TxPoll
//   TX-completion interrupt  R IntrMask, R IntrStatus, W IntrStatus, TMR, EOI
//   RX interrupt             R IntrMask, R IntrStatus, W IntrStatus, W IntrMask, R IntrMask, TMR, EOI,
//   and its poll             W IntrStatus, W IntrMask, R IntrMask
#pragma once

#include <array>
#include <cstdint>

#include "models/software/guest/pci_device.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

class Rtl8139cpDriver final : public NetDriver {
 public:
  static constexpr unsigned kEntries = 64;
  static constexpr std::uint32_t kRxBytes = 1536;  ///< of a receive buffer the device may fill

  struct Counters {
    std::uint64_t rx_errors = 0;   ///< frames the device marked bad, or in more than one buffer
    std::uint64_t tx_errors = 0;
    std::uint64_t tx_dropped = 0;  ///< frames given to a device that is not there
  };

  Rtl8139cpDriver(Kernel& kernel, Bdf function) : kernel_(kernel), pci_(kernel, function) {}

  void open() override;
  MacAddress mac() const override { return mac_; }
  /// `more` is ignored, as in Linux: every frame has its own poll request.
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;

  bool up() const override { return up_; }
  bool link() const { return link_; }
  /// Stops the device, gives back what lies on the rings, and starts again: Linux's cp_tx_timeout.
  void restart();
  const Counters& counters() const { return counters_; }

 private:
  struct Slot {
    std::uint64_t buffer = 0, bus = 0;
    std::uint32_t bytes = 0;
  };

  bool probe();
  std::uint16_t read_eeprom(unsigned word, unsigned address_bits);
  void eeprom_lines(std::uint8_t lines);
  void reset_hardware();
  void start_hardware();
  void set_receive_mode();
  void fill_rings();
  void give_buffer(unsigned index);
  void enable_interrupts();
  void interrupt();
  void clean_transmitted();
  unsigned tx_available() const;
  std::uint64_t rx_descriptor(unsigned index) const { return rx_ring_ + 16 * index; }
  std::uint64_t tx_descriptor(unsigned index) const { return rx_ring_ + 16 * (kEntries + index); }
  void write32_flushed(std::uint32_t reg, std::uint32_t value);
  void write16_flushed(std::uint32_t reg, std::uint16_t value);
  void write8_flushed(std::uint32_t reg, std::uint8_t value);

  Kernel& kernel_;
  PciDevice pci_;
  MacAddress mac_{};
  Counters counters_;
  std::uint64_t regs_ = 0;
  bool up_ = false, link_ = false;
  bool polling_ = false;  ///< scheduled or running: the receive causes are masked

  std::uint64_t rx_ring_ = 0, ring_bus_ = 0;  ///< the transmit ring follows the receive ring
  std::array<Slot, kEntries> rx_{}, tx_{};
  unsigned rx_tail_ = 0, tx_head_ = 0, tx_tail_ = 0;
  bool tx_stopped_ = false;
};

}  // namespace iovirt::software
