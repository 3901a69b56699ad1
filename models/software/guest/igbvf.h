// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The driver of an 82576 virtual function, in the order in which Linux's igbvf touches the device: three MSI-X vectors
// (transmit, receive, mailbox), transmit completions in the hard interrupt, receive by NAPI; addresses and filters by
// asking the physical function's driver through the mailbox.
//
//   TX doorbell W TDT0 | TX-completion interrupt EOI, W VTEIMS | RX interrupt and poll EOI, W RDT0, W VTEIMS
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "models/nic/igb_mailbox_spec.h"
#include "models/software/guest/igb_registers.h"
#include "models/software/guest/igb_ring.h"
#include "models/software/guest/pci_device.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

class IgbvfDriver final : public NetDriver {
 public:
  struct Options {
    unsigned rx_entries = 256;
    unsigned tx_entries = 256;
    std::uint32_t eitr = 0;  ///< VTEITR of the transmit and receive vectors, as IgbDriver's; Linux starts at 488
    MacAddress mac{};        ///< asked for when the physical function has assigned none
  };

  IgbvfDriver(Kernel& kernel, Bdf function) : IgbvfDriver(kernel, function, Options()) {}
  /// Throws std::invalid_argument when a ring size is impossible.
  IgbvfDriver(Kernel& kernel, Bdf function, const Options& options);

  /// Needs the physical function's driver to answer meanwhile.
  void open() override;
  MacAddress mac() const override { return mac_; }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;

  /// False: the probe failed or the physical function did not answer; frames are then dropped.
  bool up() const override { return up_; }
  bool link() const { return link_; }
  /// Stops the rings, does the reset handshake again, and starts: after the physical function was reset.
  void restart();
  /// The physical function's driver has forgotten this VF; restart() is due.
  bool reset_needed() const { return reset_needed_; }

  // -- requests to the physical function; false: refused or not answered -------------------------------------------
  bool set_mac(const MacAddress& mac);
  bool set_multicast(const std::vector<MacAddress>& groups);
  bool set_vlan(std::uint16_t id, bool add);
  bool set_max_frame(std::uint32_t bytes);
  bool set_multicast_promiscuous(bool on);

  const IgbRingCounters& received() const { return rx_->counters(); }
  const IgbRingCounters& transmitted() const { return tx_->counters(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  using Message = std::array<std::uint32_t, nic::igb::mailbox::kDwords>;
  enum Vector : unsigned { kTxVector = 0, kRxVector = 1, kOtherVector = 2, kVectors = 3 };

  bool handshake();
  void configure();
  void transmit_interrupt();
  void receive_interrupt();
  void other_interrupt();
  std::uint32_t read_mailbox();
  bool wait_flag(std::uint32_t bits, unsigned tries);
  bool lock();
  bool write_message(const Message& message, unsigned dwords);
  bool read_message(Message& message, unsigned dwords);
  bool ask(Message& message, unsigned dwords, unsigned reply_dwords = 1);

  Kernel& kernel_;
  PciDevice pci_;
  Options options_;
  IgbRegisters regs_;
  MacAddress mac_{};
  std::optional<IgbRxRing> rx_;
  std::optional<IgbTxRing> tx_;
  std::uint32_t flags_ = 0;  ///< V2PMAILBOX bits seen; a read clears them in the device
  bool up_ = false, link_ = false, reset_needed_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace iovirt::software
