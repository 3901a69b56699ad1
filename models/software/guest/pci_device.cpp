// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/pci_device.h"

#include "models/pcie/pci_spec.h"

namespace iovirt::software {

namespace spec = pcie::spec;

std::uint16_t PciDevice::vendor() const { return static_cast<std::uint16_t>(read(spec::kVendorId, 2)); }
std::uint16_t PciDevice::device() const { return static_cast<std::uint16_t>(read(spec::kDeviceId, 2)); }
std::uint8_t PciDevice::revision() const { return static_cast<std::uint8_t>(read(spec::kRevision, 1)); }

std::uint64_t PciDevice::bar(unsigned index) const {
  const auto at = static_cast<std::uint16_t>(spec::kBar0 + 4 * index);
  const std::uint32_t low = read(at, 4);
  if (low & 1) return low & ~3u;
  std::uint64_t address = low & ~spec::kBarFlags;
  if ((low & spec::kBarMemory64) && index < 5) address |= std::uint64_t{read(static_cast<std::uint16_t>(at + 4), 4)} << 32;
  return address;
}

void PciDevice::enable() {
  const std::uint32_t command = read(spec::kCommand, 2);
  kernel_.pci_write(function_, spec::kCommand, 2, command | spec::kCommandMemoryEnable | spec::kCommandBusMaster);
}

std::uint16_t PciDevice::capability(std::uint8_t id) const {
  if (!(read(spec::kStatus, 2) & spec::kStatusCapabilities)) return 0;
  auto at = static_cast<std::uint16_t>(read(spec::kCapabilities, 1) & 0xfc);
  for (unsigned hops = 0; at >= 0x40 && hops < 48; ++hops) {  // no more fit: a longer list is a loop
    if (read(at, 1) == id) return at;
    at = static_cast<std::uint16_t>(read(static_cast<std::uint16_t>(at + 1), 1) & 0xfc);
  }
  return 0;
}

std::uint16_t PciDevice::extended_capability(std::uint16_t id) const {
  std::uint16_t at = 0x100;
  for (unsigned hops = 0; at >= 0x100 && hops < 480; ++hops) {
    const std::uint32_t header = read(at, 4);
    if (header == 0 || header == 0xffffffff) return 0;
    if ((header & 0xffff) == id) return at;
    at = static_cast<std::uint16_t>((header >> 20) & 0xffc);
  }
  return 0;
}

unsigned PciDevice::msix_entries() const {
  const std::uint16_t at = capability(spec::kCapMsix);
  if (at == 0) return 0;
  return static_cast<unsigned>(spec::MsixTableSize::get(read(static_cast<std::uint16_t>(at + spec::kMsixControl), 2))) + 1;
}

void PciDevice::write_msix_entry(unsigned entry, const MsiMessage& message) {
  const std::uint16_t at = capability(spec::kCapMsix);
  const std::uint32_t table = read(static_cast<std::uint16_t>(at + spec::kMsixTable), 4);
  const std::uint64_t address = bar(table & 7) + (table & ~7u) + spec::kMsixEntryBytes * entry;
  kernel_.writel(address, static_cast<std::uint32_t>(message.address));
  kernel_.writel(address + 4, static_cast<std::uint32_t>(message.address >> 32));
  kernel_.writel(address + 8, message.data);
  kernel_.writel(address + 12, 0);
}

void PciDevice::enable_msix() {
  const auto at = static_cast<std::uint16_t>(capability(spec::kCapMsix) + spec::kMsixControl);
  kernel_.pci_write(function_, at, 2, (read(at, 2) | spec::kMsixEnable) & ~std::uint32_t{spec::kMsixFunctionMask});
}

}  // namespace iovirt::software
