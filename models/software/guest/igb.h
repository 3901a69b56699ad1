// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The driver of the 82576's physical function, in the order in which Linux's igb touches the device: MSI-X with one
// vector for each queue pair, automatic masking, NAPI. Native on the host, or in a guest that was assigned the device.
//
//   TX doorbell W TDT | TX-completion interrupt EOI, W EIMS | RX interrupt and poll EOI, W RDT, W EIMS
//
// Three ways to use the queues: plain (queue_pairs, spread by RSS), VMDq (vmdq_pools, one queue pair and vector each,
// chosen by MAC address) and SR-IOV (vfs, the PF keeps pool `vfs`).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/software/guest/igb_registers.h"
#include "models/software/guest/igb_ring.h"
#include "models/software/guest/pci_device.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

class IgbSriov;

class IgbDriver final : public NetDriver {
 public:
  struct Options {
    unsigned queue_pairs = 1;  ///< 1 to 8; 1 or 2 with vfs; ignored with vmdq_pools
    unsigned vmdq_pools = 0;   ///< 2 to 8: pool 0 is this driver's own, and takes what no other pool wants
    unsigned vfs = 0;          ///< 1 to 7
    unsigned rx_entries = 256;
    unsigned tx_entries = 256;
    /// EITR of every queue's vector, bits 14:2 in about 1 us; 0: no moderation. Linux starts at 648.
    std::uint32_t eitr = 0;
    /// Linux's adaptive moderation (conservative): from the average frame size, at most 20,000 a second.
    bool adaptive = false;
    /// Of the VFs, set by the host's administrator; a VF may then not change its own. Missing ones: none.
    std::vector<MacAddress> vf_macs{};
    /// VFs may send from their own address and VLANs only, as Linux sets it up.
    bool spoof_check = true;
  };

  /// Throws std::invalid_argument when the options contradict each other.
  IgbDriver(Kernel& kernel, Bdf function, const Options& options);
  ~IgbDriver() override;

  void open() override;
  MacAddress mac() const override { return mac_; }
  unsigned queues() const override { return static_cast<unsigned>(pairs_.size()); }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;

  /// False: the probe failed; frames are then dropped.
  bool up() const override { return up_; }
  bool link() const { return link_; }
  /// VMDq: frames to `mac` go to `pool`, which is also the queue. REQUIRES: open, pool in 1 to vmdq_pools - 1.
  void set_pool_mac(unsigned pool, const MacAddress& mac);
  /// Promiscuous for what no other pool or VF wants: what a bridge port needs.
  void set_promiscuous(bool on);
  void set_moderation(std::uint32_t eitr);
  /// Stops the device, gives back what lies on the rings, and starts again. VFs must redo their reset.
  void restart();
  /// The PF's side of SR-IOV; null without vfs.
  IgbSriov* sriov() { return sriov_.get(); }

  const IgbRingCounters& received(unsigned queue) const { return pairs_[queue].rx.counters(); }
  const IgbRingCounters& transmitted(unsigned queue) const { return pairs_[queue].tx.counters(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  struct Pair {
    IgbRxRing rx;
    IgbTxRing tx;
    unsigned hardware;    ///< queue number in the device
    unsigned vector;
    std::uint32_t eitr;
    std::uint64_t seen_packets[2] = {0, 0}, seen_bytes[2] = {0, 0};  ///< rx, tx: at the last adaptation
  };

  // igb_setup.cpp
  bool probe();
  bool reset_hardware();
  bool read_nvm(unsigned word, std::uint16_t& value);
  void configure();
  void configure_filters();
  void configure_pools();
  void configure_interrupts();
  void apply_promiscuous();
  void start_rings();
  void stop_rings();
  void write_address(unsigned entry, const MacAddress& mac, unsigned pool);
  void enable_interrupts();
  std::uint32_t vector_mask() const;

  // igb.cpp
  void queue_interrupt(unsigned queue);
  void other_interrupt();
  void adapt(Pair& pair);
  unsigned own_pool() const { return options_.vfs; }  // 0 when there are no VFs
  bool virtualized() const { return options_.vfs != 0 || options_.vmdq_pools != 0; }

  Kernel& kernel_;
  PciDevice pci_;
  Options options_;
  IgbRegisters regs_;
  MacAddress mac_{};
  std::vector<Pair> pairs_;
  std::unique_ptr<IgbSriov> sriov_;
  std::vector<std::pair<unsigned, MacAddress>> pool_macs_;
  bool up_ = false, link_ = false, promiscuous_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace iovirt::software
