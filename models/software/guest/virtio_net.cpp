// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Virtio-net: finding the device, negotiation, set-up (VIRTIO 1.2, 3.1.1). The data path is in virtio_net_path.cpp.
#include "models/software/guest/virtio_net.h"

#include <algorithm>

#include "models/pcie/pci_spec.h"

namespace iovirt::software {

using namespace virtio;
namespace pci = pcie::spec;

std::uint64_t VirtioNet::bar_address(unsigned bar) {
  const auto at = static_cast<std::uint16_t>(pci::kBar0 + 4 * bar);
  const std::uint32_t low = kernel_.pci_read(function_, at, 4);
  std::uint64_t address = low & ~pci::kBarFlags;
  if (low & pci::kBarMemory64)
    address |= std::uint64_t{kernel_.pci_read(function_, static_cast<std::uint16_t>(at + 4), 4)} << 32;
  return address;
}

bool VirtioNet::find_structures() {
  if (kernel_.pci_read(function_, pci::kVendorId, 2) != virtio::kVendorId ||
      kernel_.pci_read(function_, pci::kDeviceId, 2) != kNetDeviceId)
    return false;
  auto at = static_cast<std::uint16_t>(kernel_.pci_read(function_, pci::kCapabilities, 1) & ~3u);
  for (unsigned guard = 0; at != 0 && guard < 48; ++guard) {
    auto field = [&](std::uint16_t offset, unsigned bytes) {
      return kernel_.pci_read(function_, static_cast<std::uint16_t>(at + offset), bytes);
    };
    const std::uint32_t id = field(0, 1);
    if (id == pci::kCapMsix) msix_cap_ = at;
    if (id == kVendorCapability) {
      const auto type = static_cast<CfgType>(field(cap::cfg_type, 1));
      Capability* found = type == CfgType::common   ? &common_
                          : type == CfgType::notify ? &notify_
                          : type == CfgType::device ? &device_
                                                    : nullptr;
      // The first of a kind is the one the device prefers (4.1.4.1).
      if (found != nullptr && !found->found) {
        found->address = bar_address(field(cap::bar, 1)) + field(cap::offset, 4);
        if (type == CfgType::notify) found->multiplier = field(cap::notify_off_multiplier, 4);
        found->found = true;
      }
    }
    at = static_cast<std::uint16_t>(field(1, 1) & ~3u);
  }
  return common_.found && notify_.found && device_.found && msix_cap_ != 0;
}

void VirtioNet::set_status(std::uint8_t bits) {
  const std::uint8_t now = kernel_.readb(common_.address + common::device_status);
  kernel_.writeb(common_.address + common::device_status, now | bits);
}

bool VirtioNet::negotiate() {
  const std::uint64_t base = common_.address;
  kernel_.writeb(base + common::device_status, 0);
  // The reset is complete when 0 reads back (4.1.4.3.2); a device that never gets there is given up.
  for (unsigned i = 0; kernel_.readb(base + common::device_status) != 0; ++i)
    if (i == 1000) return false;
  set_status(kAcknowledge);
  set_status(kDriver);
  std::uint64_t offered = 0;
  for (std::uint32_t half = 0; half < 2; ++half) {
    kernel_.writel(base + common::device_feature_select, half);
    offered |= std::uint64_t{kernel_.readl(base + common::device_feature)} << (32 * half);
  }
  features_ = offered & (kVersion1 | kRingEventIdx | kRingIndirectDesc | kNetMac | kNetStatus | kNetMtu);
  if (!(features_ & kVersion1)) return false;
  for (std::uint32_t half = 0; half < 2; ++half) {
    kernel_.writel(base + common::driver_feature_select, half);
    kernel_.writel(base + common::driver_feature, static_cast<std::uint32_t>(features_ >> (32 * half)));
  }
  set_status(kFeaturesOk);
  return kernel_.readb(base + common::device_status) & kFeaturesOk;
}

void VirtioNet::set_up_msix() {
  const auto control_at = static_cast<std::uint16_t>(msix_cap_ + pci::kMsixControl);
  const std::uint32_t table = kernel_.pci_read(function_, static_cast<std::uint16_t>(msix_cap_ + 4), 4);
  const std::uint64_t entries = bar_address(table & 7) + (table & ~7u);
  auto program = [&](unsigned entry, const char* name, void (VirtioNet::*handler)()) {
    const MsiMessage message = kernel_.request_msi(function_, entry, name, [this, handler] { (this->*handler)(); });
    const std::uint64_t at = entries + 16ull * entry;
    kernel_.writel(at, static_cast<std::uint32_t>(message.address));
    kernel_.writel(at + 4, static_cast<std::uint32_t>(message.address >> 32));
    kernel_.writel(at + 8, message.data);
    kernel_.writel(at + 12, 0);
  };
  const std::uint32_t control = kernel_.pci_read(function_, control_at, 2);
  kernel_.pci_write(function_, control_at, 2, control | 0xc000);  // enabled and masked while the table is written
  program(0, "virtio0-config", &VirtioNet::config_interrupt);
  program(1, "virtio0-input.0", &VirtioNet::rx_interrupt);
  program(2, "virtio0-output.0", &VirtioNet::tx_interrupt);
  kernel_.pci_write(function_, control_at, 2, (control | 0x8000) & ~0x4000u);
  kernel_.writew(common_.address + common::config_msix_vector, 0);
}

void VirtioNet::set_up_queue(unsigned queue, VirtioRing& ring, std::uint64_t& notify) {
  const std::uint64_t base = common_.address;
  kernel_.writew(base + common::queue_select, static_cast<std::uint16_t>(queue));
  const std::uint16_t size = kernel_.readw(base + common::queue_size);
  ring.create(kernel_, function_, size, features_ & kRingEventIdx, features_ & kRingIndirectDesc);
  kernel_.writew(base + common::queue_size, size);
  auto address = [&](std::uint32_t at, std::uint64_t value) {
    kernel_.writel(base + at, static_cast<std::uint32_t>(value));
    kernel_.writel(base + at + 4, static_cast<std::uint32_t>(value >> 32));
  };
  address(common::queue_desc, ring.layout().desc);
  address(common::queue_driver, ring.layout().driver);
  address(common::queue_device, ring.layout().device);
  notify = notify_.address + std::uint64_t{kernel_.readw(base + common::queue_notify_off)} * notify_.multiplier;
  kernel_.writew(base + common::queue_msix_vector, static_cast<std::uint16_t>(queue + 1));
  kernel_.writew(base + common::queue_enable, 1);
}

void VirtioNet::open() {
  if (!find_structures()) {
    failed_ = true;
    return;
  }
  const std::uint32_t command = kernel_.pci_read(function_, pci::kCommand, 2);
  kernel_.pci_write(function_, pci::kCommand, 2, command | pci::kCommandMemoryEnable | pci::kCommandBusMaster);
  if (!negotiate()) {
    set_status(kFailed);
    failed_ = true;
    return;
  }
  for (std::size_t i = 0; i < mac_.size(); ++i)
    mac_[i] = kernel_.readb(device_.address + net_config::mac + i);
  link_up_ = !(features_ & kNetStatus) || (kernel_.readw(device_.address + net_config::status) & kNetLinkUp);
  const std::uint32_t mtu = features_ & kNetMtu ? kernel_.readw(device_.address + net_config::mtu) : 1500;
  // A whole frame with one VLAN tag, as far as it fits the kernel's buffer.
  rx_bytes_ = std::min<std::uint32_t>(kNetHeaderBytes + 18 + std::max<std::uint32_t>(mtu, 1500),
                                      Kernel::kBufferBytes - kHeadroom);
  set_up_msix();
  set_up_queue(kNetReceiveQueue, rx_, rx_notify_);
  set_up_queue(kNetTransmitQueue, tx_, tx_notify_);
  rx_slots_.resize(rx_.size());
  tx_slots_.resize(tx_.size());
  headers_ = kernel_.allocate(16ull * tx_.size(), 4096);
  headers_bus_ = kernel_.dma_map(function_, headers_, 16ull * tx_.size());
  set_status(kDriverOk);
  refill();
}

}  // namespace iovirt::software
