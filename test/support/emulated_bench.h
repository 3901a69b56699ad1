// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An emulated NIC behind a FakeKernel: its BARs, configuration header and INTx line, guest memory as its host, and a
// wire at which frames go in and come out.
#pragma once

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "models/software/qemu/emulated_nic.h"
#include "test/support/fake_kernel.h"

namespace iovirt::test {

class EmulatedBench final : public software::EmulatedNicHost {
 public:
  static constexpr software::Bdf kFunction = 0x0018;
  static constexpr std::uint64_t kMmioBase = 0xfe000000;
  static constexpr std::uint16_t kPortBase = 0xc000;

  using Bytes = std::vector<std::uint8_t>;

  EmulatedBench(FakeKernel& the_kernel, software::EmulatedModel model, const MacAddress& mac)
      : kernel(the_kernel), nic(software::make_emulated_nic(model, *this, mac)) {
    const auto& bars = nic->identity().bars;
    for (unsigned i = 0; i < bars.size(); ++i) {
      if (bars[i].bytes == 0) continue;
      if (bars[i].io) {
        kernel.cpu().map_ports(
            kPortBase, static_cast<std::uint16_t>(bars[i].bytes),
            [this, i](std::uint64_t at, unsigned size) { return nic->io_read(i, static_cast<std::uint32_t>(at), size); },
            [this, i](std::uint64_t at, unsigned size, std::uint64_t value) {
              nic->io_write(i, static_cast<std::uint32_t>(at), size, static_cast<std::uint32_t>(value));
            });
      } else {
        kernel.cpu().map_mmio(
            kMmioBase, bars[i].bytes,
            [this, i](std::uint64_t at, unsigned size) { return nic->mmio_read(i, at, size); },
            [this, i](std::uint64_t at, unsigned size, std::uint64_t value) { nic->mmio_write(i, at, size, value); });
      }
    }
    kernel.set_pci(
        kFunction, [this](std::uint16_t offset, unsigned bytes) { return config_read(offset, bytes); },
        [this](std::uint16_t offset, unsigned, std::uint32_t value) {
          if (offset == 0x04) {
            command = static_cast<std::uint16_t>(value);
            nic->set_bus_master(command & 4);
          }
        });
  }

  FakeKernel& kernel;
  std::unique_ptr<software::EmulatedNic> nic;
  std::uint16_t command = 0;

  // -- the wire -------------------------------------------------------------------------------------------------------
  std::vector<Bytes> sent;
  /// Offers a frame. As QEMU's net queue: kept while the device cannot receive.
  software::Reception arrive(const Bytes& frame) {
    arriving_ = &frame;
    MacAddress destination;
    std::memcpy(destination.data(), frame.data(), destination.size());
    const auto result = nic->receive(destination, static_cast<std::uint32_t>(frame.size()));
    arriving_ = nullptr;
    return result;
  }

  // -- what happened -----------------------------------------------------------------------------------------------------
  unsigned discarded = 0, ready_calls = 0, irq_edges = 0, bad_accesses = 0;
  bool irq = false;
  bool timers = false;  ///< the loop has timers
  std::vector<Ps> timers_started;

  // -- EmulatedNicHost ---------------------------------------------------------------------------------------------------
  bool read_guest(std::uint64_t gpa, std::span<std::uint8_t> bytes) override {
    if (!in_ram(gpa, bytes.size())) return false;
    std::memcpy(bytes.data(), kernel.cpu().memory.data() + gpa, bytes.size());
    return true;
  }
  bool write_guest(std::uint64_t gpa, std::span<const std::uint8_t> bytes) override {
    if (!in_ram(gpa, bytes.size())) return false;
    std::memcpy(kernel.cpu().memory.data() + gpa, bytes.data(), bytes.size());
    return true;
  }
  void gather(std::uint64_t gpa, std::uint32_t bytes) override {
    const std::size_t at = building_.size();
    building_.resize(at + bytes);
    if (!read_guest(gpa, {building_.data() + at, bytes})) std::memset(building_.data() + at, 0, bytes);
  }
  void send() override {
    sent.push_back(std::move(building_));
    building_.clear();
  }
  void discard() override {
    ++discarded;
    building_.clear();
  }
  void scatter(std::uint64_t gpa, std::uint32_t frame_offset, std::uint32_t bytes) override {
    static_cast<void>(write_guest(gpa, {arriving_->data() + frame_offset, bytes}));
  }
  void set_irq(bool level) override {
    ++irq_edges;
    irq = level;
    kernel.set_intx(kFunction, level);
  }
  void receive_ready() override { ++ready_calls; }
  bool start_timer(Ps delay) override {
    if (timers) timers_started.push_back(delay);
    return timers;
  }

 private:
  bool in_ram(std::uint64_t gpa, std::size_t bytes) {
    const bool inside = gpa <= kernel.cpu().memory.size() && bytes <= kernel.cpu().memory.size() - gpa;
    if (!inside) ++bad_accesses;
    return inside;
  }
  std::uint32_t config_read(std::uint16_t offset, unsigned bytes) const {
    const auto& id = nic->identity();
    std::uint32_t word = 0;
    switch (offset & ~3u) {
      case 0x00: word = id.vendor | std::uint32_t{id.device} << 16; break;
      case 0x04: word = command; break;
      case 0x08: word = id.revision | id.class_code << 8; break;
      default:
        if (offset >= 0x10 && offset < 0x28) {
          const auto& bar = id.bars[(offset - 0x10) / 4];
          if (bar.bytes != 0) word = bar.io ? kPortBase | 1u : static_cast<std::uint32_t>(kMmioBase);
        }
    }
    word >>= 8 * (offset & 3);
    return bytes == 4 ? word : word & ((1u << (8 * bytes)) - 1);
  }

  Bytes building_;
  const Bytes* arriving_ = nullptr;
};

/// A frame of `bytes` bytes to `destination` whose content depends on `number`.
inline std::vector<std::uint8_t> numbered_frame(const MacAddress& destination, std::uint32_t number, std::size_t bytes) {
  std::vector<std::uint8_t> frame(bytes);
  std::uint32_t state = number * 2654435761u + 1;
  for (auto& byte : frame) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  std::memcpy(frame.data(), destination.data(), std::min<std::size_t>(bytes, 6));
  return frame;
}

}  // namespace iovirt::test
