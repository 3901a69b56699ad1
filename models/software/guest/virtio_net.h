// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtio-net driver as Linux's: modern PCI, one queue pair, MSI-X, NAPI on both queues (napi_tx), small receive
// buffers, callbacks and kicks suppressed by event index or flags.
//
// Per request and response of a guest that sleeps in between: no device read, one device write (the kick of the reply),
// two interrupts (receive, transmit completion).
//
// Every frame has a 12-byte virtio_net_hdr before it. A receive buffer holds it at kHeadroom, so the frame starts at
// kHeadroom + 12 of the buffer given to the stack. For transmit the header is put right before the frame when the buffer
// has that much room there (one descriptor); otherwise it comes from an array of the driver's own (two descriptors, or
// one indirect one).
#pragma once

#include <vector>

#include "models/software/guest/virtio_ring.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

class VirtioNet final : public NetDriver {
 public:
  /// NAPI contexts, as the `queue` of poll() and Kernel::napi_schedule(); the stack knows one queue, 0.
  static constexpr unsigned kRxPoll = 0, kTxPoll = 1;
  static constexpr std::uint32_t kHeadroom = 64;

  VirtioNet(Kernel& kernel, Bdf function) : kernel_(kernel), function_(function) {}

  /// When there is no virtio-net device, or it refuses the features, the driver gives up: failed().
  void open() override;
  MacAddress mac() const override { return mac_; }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;

  bool failed() const { return failed_; }
  bool up() const override { return !failed_; }
  bool link_up() const { return link_up_; }
  std::uint64_t features() const { return features_; }
  struct Counters {
    std::uint64_t tx_kicks = 0;
    std::uint64_t rx_kicks = 0;    ///< refills the device wanted to know of
    std::uint64_t rx_errors = 0;   ///< frames too short to be one
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Capability {
    std::uint64_t address = 0;  ///< of the structure, in memory space
    std::uint32_t multiplier = 0;
    bool found = false;
  };
  bool find_structures();
  std::uint64_t bar_address(unsigned bar);
  bool negotiate();
  void set_up_msix();
  void set_up_queue(unsigned queue, VirtioRing& ring, std::uint64_t& notify);
  void set_status(std::uint8_t bits);

  void rx_interrupt();
  void tx_interrupt();
  void config_interrupt();
  unsigned poll_rx(unsigned budget);
  unsigned poll_tx();
  unsigned receive(unsigned budget);
  void refill();
  void clean_tx();
  void clean_tx_from_rx();
  void wake_if_room();
  void kick_tx();
  void unlock_tx();

  Kernel& kernel_;
  Bdf function_;
  MacAddress mac_{};
  bool failed_ = false, link_up_ = false;
  std::uint64_t features_ = 0;
  std::uint32_t rx_bytes_ = 0;        ///< of a receive buffer, header included
  Capability common_, notify_, device_;
  std::uint16_t msix_cap_ = 0;
  std::uint64_t rx_notify_ = 0, tx_notify_ = 0;

  VirtioRing rx_, tx_;
  struct Slot {
    std::uint64_t buffer = 0, bus = 0;
    std::uint32_t bytes = 0;          ///< mapped
  };
  std::vector<Slot> rx_slots_, tx_slots_;  ///< by head
  std::uint64_t headers_ = 0, headers_bus_ = 0;  ///< 16 bytes for each transmit head
  bool rx_scheduled_ = false, tx_scheduled_ = false;
  bool tx_locked_ = false;            ///< transmit or a cleaner is at work on tx_
  bool tx_poll_missed_ = false;
  bool tx_stopped_ = false;           ///< the stack waits for wake_queue
  Counters counters_;
};

}  // namespace iovirt::software
