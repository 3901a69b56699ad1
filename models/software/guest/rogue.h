// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A guest that misbehaves on purpose: what the IOMMU must stop.
#pragma once

#include <memory>

#include "models/software/guest/guest_kernel.h"
#include "models/software/guest/pci_device.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

/// Gives the device, for every kEvery-th receive buffer, a bus address just above the VM's memory: untranslated it would
/// be another VM's, or the host's.
class RogueDmaKernel final : public GuestKernel {
 public:
  static constexpr unsigned kEvery = 16;
  using GuestKernel::GuestKernel;
  std::uint64_t dma_map(Bdf function, std::uint64_t address, std::size_t bytes) override;
  void dma_unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) override;

 private:
  unsigned mapped_ = 0;
};

/// Another driver, which first uses the device's second transmit queue to write interrupt messages: a transmit head
/// write-back is a DMA write of 4 bytes, here to the interrupt address range with an index that is not the device's.
class RogueMsiDriver final : public NetDriver {
 public:
  /// REQUIRES: `function` is a virtual function; `driver` leaves its second queue alone.
  RogueMsiDriver(Kernel& kernel, Bdf function, std::unique_ptr<NetDriver> driver);

  void open() override;
  bool up() const override { return driver_->up(); }
  MacAddress mac() const override { return driver_->mac(); }
  unsigned queues() const override { return driver_->queues(); }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override { return driver_->poll(queue, budget); }

 private:
  void attack();

  Kernel& kernel_;
  PciDevice pci_;
  std::unique_ptr<NetDriver> driver_;
  std::uint64_t registers_ = 0;
  std::uint64_t ring_ = 0;
  unsigned transmits_ = 0;
  unsigned attacks_ = 0;
};

}  // namespace iovirt::software
