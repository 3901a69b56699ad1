// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The driver of the 82540EM, in the order in which Linux's e1000 touches the device: legacy descriptors, INTx, NAPI.
#pragma once

#include <cstdint>
#include <vector>

#include "models/software/guest/pci_device.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

class E1000Driver final : public NetDriver {
 public:
  /// Linux's defaults (e1000_param.c); times in the registers' own units.
  struct Options {
    unsigned rx_entries = 256;
    unsigned tx_entries = 256;
    std::uint32_t itr = 195;  ///< 20,000 interrupts a second at most, in 256 ns
    std::uint32_t radv = 8, tidv = 8, tadv = 32;
  };
  struct Counters {
    std::uint64_t rx_errors = 0;   ///< frames the device marked bad, or in more than one buffer
    std::uint64_t tx_dropped = 0;  ///< frames given to a device that is not there
  };

  E1000Driver(Kernel& kernel, Bdf function) : E1000Driver(kernel, function, Options()) {}
  E1000Driver(Kernel& kernel, Bdf function, const Options& options);

  void open() override;
  MacAddress mac() const override { return mac_; }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;

  /// False: the probe failed (no such device, or its NVM's checksum is wrong); frames are then dropped.
  bool up() const override { return up_; }
  bool link() const { return link_; }
  /// Stops the device, gives back what lies on the rings, and starts again: Linux's transmit time-out.
  void restart();
  const Counters& counters() const { return counters_; }

 private:
  struct Slot {
    std::uint64_t buffer = 0, bus = 0, address = 0;
    std::uint32_t bytes = 0;
  };

  std::uint32_t read(std::uint32_t reg) { return kernel_.readl(regs_ + reg); }
  void write(std::uint32_t reg, std::uint32_t value) { kernel_.writel(regs_ + reg, value); }
  std::uint16_t read_nvm(unsigned word);
  bool probe();
  void configure();
  void enable_interrupts();
  void interrupt();
  void refill();
  void clean_transmitted();
  unsigned take_received(unsigned budget);
  void ring_doorbell();
  unsigned tx_unused() const;

  Kernel& kernel_;
  PciDevice pci_;
  Options options_;
  MacAddress mac_{};
  Counters counters_;
  std::uint64_t regs_ = 0;
  bool up_ = false, link_ = false;

  std::uint64_t rx_ring_ = 0, rx_ring_bus_ = 0, tx_ring_ = 0, tx_ring_bus_ = 0;
  std::vector<Slot> rx_, tx_;
  unsigned rx_next_ = 0, rx_fill_ = 0;      ///< next to take, next to fill
  bool rx_discard_ = false;                 ///< in a frame that did not fit one buffer
  unsigned tx_next_ = 0, tx_clean_ = 0;     ///< next to use, next to clean
  unsigned tx_rung_ = 0;                    ///< announced up to here
  bool tx_stopped_ = false;
};

}  // namespace iovirt::software
