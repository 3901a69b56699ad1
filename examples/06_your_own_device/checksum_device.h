// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device to start from: it reads a buffer by DMA, adds its bytes up, writes the sum back and interrupts.
#pragma once

#include <cstring>

#include "models/pcie/endpoint_module.h"

/// BAR0, 64-bit registers: 00h source, 08h length, 10h where the sum goes, 18h doorbell (any write starts).
/// MSI-X table at 800h, pending bits at C00h, one vector.
class ChecksumDevice : public iovirt::pcie::Endpoint {
 public:
  static constexpr std::uint16_t kVendor = 0x1af4, kDevice = 0xc5c5;

  ChecksumDevice(sc_core::sc_module_name name, iovirt::sim::EventQueue& queue, iovirt::sim::TransactionPool& pool)
      : Endpoint(name, {.read_tags = 4, .register_latency = 20 * iovirt::kPsPerNs}, queue, pool) {
    auto& function = add_function({.vendor = kVendor, .device = kDevice, .class_code = 0x120000});
    function.config.add_bar(0, 4096, iovirt::pcie::BarKind::memory32);
    function.add_msix({.vectors = 1, .table_offset = 0x800, .pba_offset = 0xc00});
    function.add_express({.mps_bytes = 256, .generation = 3, .width = 4});
  }

 private:
  enum Tag : std::uint64_t { kSource, kSum };

  std::uint64_t read_bar(unsigned, unsigned, std::uint64_t offset, unsigned bytes) override {
    return offset % 8 == 0 && bytes == 8 && offset < 0x18 ? registers_[offset / 8] : 0;
  }
  void write_bar(unsigned, unsigned, std::uint64_t offset, unsigned bytes, std::uint64_t value) override {
    if (offset == 0x18) dma_read(0, registers_[0], static_cast<std::uint32_t>(registers_[1]), kSource);
    if (offset % 8 == 0 && bytes == 8 && offset < 0x18) registers_[offset / 8] = value;
  }
  void dma_read_done(std::uint64_t, std::span<const std::uint8_t> bytes, bool ok, iovirt::PacketId) override {
    std::uint64_t sum = 0;
    for (const std::uint8_t byte : bytes) sum += byte;
    if (!ok) sum = ~0ull;  // the host sees that the buffer could not be read
    std::uint8_t raw[8];
    std::memcpy(raw, &sum, sizeof raw);
    dma_write(0, registers_[2], raw, kSum);
    send_msix(0, 0);  // arrives behind the write: PCIe keeps posted requests in order
  }

  std::uint64_t registers_[3] = {};
};
