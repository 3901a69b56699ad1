// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a driver sees of the kernel it lives in: the same services in a guest and on the host.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "models/cpu/cpu.h"
#include "models/software/costs.h"

namespace iovirt::software {

class NetDriver;

/// A PCI function's address, [15:8] bus, [7:3] device, [2:0] function.
using Bdf = std::uint16_t;

/// What to write into a device's MSI-X table entry (PCI Local Bus 3.0, 6.8.2).
struct MsiMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};

/// Counted whether or not they exit: `accesses` in results.json.
struct Accesses {
  std::uint64_t device_reads = 0;
  std::uint64_t device_writes = 0;
  std::uint64_t eoi = 0;
  std::uint64_t tmr_reads = 0;
  std::uint64_t hlt = 0;
  std::uint64_t timer_writes = 0;
  std::uint64_t timer_interrupts = 0;
  std::uint64_t interrupts_taken = 0;  ///< device interrupts
};

class Kernel {
 public:
  virtual ~Kernel() = default;

  virtual cpu::Cpu& cpu() = 0;
  virtual const Costs& costs() const = 0;
  Accesses& accesses() { return accesses_; }

  // -- device registers: counted ----------------------------------------------------------------------------
  std::uint32_t readl(std::uint64_t address) { return static_cast<std::uint32_t>(read_device(address, 4)); }
  std::uint16_t readw(std::uint64_t address) { return static_cast<std::uint16_t>(read_device(address, 2)); }
  std::uint8_t readb(std::uint64_t address) { return static_cast<std::uint8_t>(read_device(address, 1)); }
  void writel(std::uint64_t address, std::uint32_t value) { write_device(address, 4, value); }
  void writew(std::uint64_t address, std::uint16_t value) { write_device(address, 2, value); }
  void writeb(std::uint64_t address, std::uint8_t value) { write_device(address, 1, value); }

  // -- PCI configuration space, through ECAM ------------------------------------------------------------------
  virtual std::uint32_t pci_read(Bdf function, std::uint16_t offset, unsigned bytes) = 0;
  virtual void pci_write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) = 0;

  // -- memory ---------------------------------------------------------------------------------------------------
  /// Zeroed, contiguous, never freed: rings and the like. `alignment` is a power of two.
  virtual std::uint64_t allocate(std::size_t bytes, std::size_t alignment) = 0;
  /// A packet buffer of kBufferBytes; frames start at its first byte unless the driver keeps headroom.
  virtual std::uint64_t allocate_buffer() = 0;
  virtual void free_buffer(std::uint64_t address) = 0;
  static constexpr std::size_t kBufferBytes = 2048;

  // -- DMA: what the device must be given for a buffer. Identity in a guest and with the IOMMU off. --------------
  virtual std::uint64_t dma_map(Bdf function, std::uint64_t address, std::size_t bytes) = 0;
  virtual void dma_unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) = 0;

  // -- interrupts ------------------------------------------------------------------------------------------------
  /// The kernel acknowledges (TMR read when level-triggered) and ends the interrupt (EOI); NAPI runs on the way out.
  /// For an MSI the message says what to program; for INTx (`level`) the routing is fixed and the message unused.
  virtual MsiMessage request_msi(Bdf function, unsigned entry, const std::string& name, std::function<void()> handler) = 0;
  virtual void request_intx(Bdf function, const std::string& name, std::function<void()> handler) = 0;

  // -- networking --------------------------------------------------------------------------------------------------
  /// From an interrupt handler: call driver.poll(queue) soon, in softirq context. Idempotent until poll has run.
  virtual void napi_schedule(NetDriver& driver, unsigned queue) = 0;
  /// A received frame at `address` (software's view, first byte of the Ethernet header) goes up the stack, which
  /// owns the buffer from now on and frees `buffer` with free_buffer.
  virtual void receive(NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
                       std::uint32_t bytes) = 0;
  /// The device is done with a buffer given to NetDriver::transmit.
  virtual void transmitted(NetDriver& driver, std::uint64_t buffer) = 0;
  /// After transmit() returned false: there is room again.
  virtual void wake_queue(NetDriver& driver, unsigned queue) = 0;

 protected:
  virtual std::uint64_t read_device(std::uint64_t address, unsigned bytes) {
    ++accesses_.device_reads;
    return cpu().load(address, bytes);
  }
  virtual void write_device(std::uint64_t address, unsigned bytes, std::uint64_t value) {
    ++accesses_.device_writes;
    cpu().store(address, bytes, value);
  }

 private:
  Accesses accesses_;
};

}  // namespace iovirt::software
