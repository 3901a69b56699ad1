// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtio-net function in a FakeKernel's machine: its registers are mapped, its interrupts raised; who serves its queues
// is the test's choice (on_enabled, on_notify). Guest-physical addresses are the kernel's plus kernel.dma_offset.
#pragma once

#include <algorithm>
#include <array>

#include "models/virtio/net_device.h"
#include "test/support/fake_kernel.h"

namespace iovirt::test {

class VirtioNetDevice final : public virtio::TransportEvents {
 public:
  static constexpr software::Bdf kBdf = 0x0018;
  static constexpr std::uint64_t kMsixBar = 0xfe000000, kVirtioBar = 0x8'0000'0000;

  explicit VirtioNetDevice(FakeKernel& in, const virtio::Config& config = {},
                           MacAddress mac = {0x52, 0x54, 0, 0, 0, 1}, std::uint16_t mtu = 1500)
      : kernel(in), transport(virtio::net_identity(config, mac, mtu), *this) {
    // Firmware: addresses for the BARs.
    transport.config_write(0x14, 4, static_cast<std::uint32_t>(kMsixBar));
    transport.config_write(0x20, 4, static_cast<std::uint32_t>(kVirtioBar));
    transport.config_write(0x24, 4, static_cast<std::uint32_t>(kVirtioBar >> 32));
    kernel.set_pci(
        kBdf, [this](std::uint16_t at, unsigned bytes) { return transport.config_read(at, bytes); },
        [this](std::uint16_t at, unsigned bytes, std::uint32_t value) { transport.config_write(at, bytes, value); });
    map(1, kMsixBar);
    map(4, kVirtioBar);
    kernel.cpu().name(kVirtioBar + 0x3000, "notify rx");
    kernel.cpu().name(kVirtioBar + 0x3004, "notify");
  }

  void queue_enabled(unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features) override {
    layouts[queue] = layout;
    if (on_enabled) on_enabled(queue, layout, features);
  }
  void notify(unsigned queue) override {
    ++notified[queue];
    if (on_notify) on_notify(queue);
  }
  void reset() override {
    ++resets;
    if (on_reset) on_reset();
  }
  void message(const virtio::Message& m) override { kernel.raise_msi(m.address, m.data); }
  void intx(bool asserted) override { kernel.set_intx(kBdf, asserted); }
  /// Interrupts the driver for `queue`.
  void interrupt(unsigned queue) {
    ++interrupts[queue];
    if (auto m = transport.interrupt(queue)) kernel.raise_msi(m->address, m->data);
  }

  FakeKernel& kernel;
  virtio::PciTransport transport;
  std::array<virtio::QueueLayout, 2> layouts{};
  std::array<unsigned, 2> notified{}, interrupts{};
  unsigned resets = 0;
  std::function<void(unsigned, const virtio::QueueLayout&, std::uint64_t)> on_enabled;
  std::function<void(unsigned)> on_notify;
  std::function<void()> on_reset;

 private:
  void map(unsigned bar, std::uint64_t base) {
    kernel.cpu().map_mmio(
        base, transport.bar_bytes(bar),
        [this, bar](std::uint64_t at, unsigned bytes) {
          return transport.bar_read(bar, static_cast<std::uint32_t>(at), bytes);
        },
        [this, bar](std::uint64_t at, unsigned bytes, std::uint64_t value) {
          transport.bar_write(bar, static_cast<std::uint32_t>(at), bytes, value);
        });
  }
};

/// A FakeKernel's memory as devices address it; costs nothing and counts nothing.
class DeviceView final : public MemoryPort {
 public:
  explicit DeviceView(FakeKernel& kernel) : kernel_(kernel) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override {
    std::uint8_t* at = find(address, bytes.size());
    if (at == nullptr) return false;
    std::copy_n(at, bytes.size(), bytes.begin());
    return true;
  }
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override {
    std::uint8_t* at = find(address, bytes.size());
    if (at == nullptr) return false;
    std::copy_n(bytes.begin(), bytes.size(), at);
    return true;
  }

 private:
  std::uint8_t* find(std::uint64_t address, std::size_t bytes) {
    auto& memory = kernel_.cpu().memory;
    const std::uint64_t offset = address - kernel_.dma_offset;
    return offset <= memory.size() && bytes <= memory.size() - offset ? memory.data() + offset : nullptr;
  }
  FakeKernel& kernel_;
};

}  // namespace iovirt::test
