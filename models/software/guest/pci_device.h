// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What every PCI driver does first: find its BARs, enable the function, set up MSI-X. Addresses have been assigned by
// whoever enumerated the bus.
#pragma once

#include <cstdint>

#include "models/software/kernel/kernel.h"

namespace iovirt::software {

class PciDevice {
 public:
  PciDevice(Kernel& kernel, Bdf function) : kernel_(kernel), function_(function) {}

  Bdf function() const { return function_; }
  std::uint16_t vendor() const;
  std::uint16_t device() const;
  std::uint8_t revision() const;
  /// The address in BAR `index`; memory or I/O, 32 or 64 bits. 0 when none was assigned.
  std::uint64_t bar(unsigned index) const;
  /// Memory decoding and bus mastering on.
  void enable();
  /// Offset in configuration space, 0 when absent.
  std::uint16_t capability(std::uint8_t id) const;
  std::uint16_t extended_capability(std::uint16_t id) const;

  // -- MSI-X (PCI 3.0, 6.8.2) --------------------------------------------------------------------------------------
  /// Entries the table has, 0 when there is no MSI-X.
  unsigned msix_entries() const;
  /// Writes one table entry and unmasks it; through the BAR, so these are device accesses.
  void write_msix_entry(unsigned entry, const MsiMessage& message);
  void enable_msix();

 private:
  std::uint32_t read(std::uint16_t offset, unsigned bytes) const { return kernel_.pci_read(function_, offset, bytes); }

  Kernel& kernel_;
  Bdf function_;
};

}  // namespace iovirt::software
