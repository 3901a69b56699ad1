// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/pci_layout.h"

namespace iovirt::virtio {

using namespace pci_layout;

namespace {

std::uint16_t add(pcie::ConfigSpace& config, CfgType type, unsigned bytes, std::uint32_t offset, std::uint32_t length) {
  const std::uint16_t at = config.add_capability(kVendorCapability, bytes);
  auto in_cap = [at](std::uint16_t field) { return static_cast<std::uint16_t>(at + field); };
  config.define(in_cap(2), 1, bytes);
  config.define(in_cap(cap::cfg_type), 1, static_cast<std::uint8_t>(type));
  const bool window = type == CfgType::pci;
  config.define(in_cap(cap::bar), 1, window ? 0 : virtio_bar, window ? 0xff : 0);
  config.define(in_cap(cap::offset), 4, offset, window ? ~0u : 0);
  config.define(in_cap(cap::length), 4, length, window ? ~0u : 0);
  return at;
}

}  // namespace

pcie::Identity pci_identity(std::uint16_t device_id, std::uint32_t class_code) {
  pcie::Identity identity;
  identity.vendor = kVendorId;
  identity.device = device_id;
  identity.class_code = class_code;
  identity.revision = 1;  // no transitional interface (4.1.2.1)
  identity.subsystem_vendor = kVendorId;
  identity.subsystem = 0x1100;
  identity.interrupt_pin = 1;
  return identity;
}

std::uint16_t add_virtio_capabilities(pcie::Function& function, unsigned vectors, std::uint32_t device_config_bytes) {
  pcie::ConfigSpace& config = function.config;
  config.add_bar(msix_bar, msix_bar_bytes, pcie::BarKind::memory32);
  config.add_bar(virtio_bar, virtio_bar_bytes, pcie::BarKind::memory64);
  function.add_msix({.vectors = vectors,
                     .table_bar = msix_bar,
                     .table_offset = msix_table,
                     .pba_bar = msix_bar,
                     .pba_offset = msix_pending});
  add(config, CfgType::common, 16, common_at, common::length);
  add(config, CfgType::isr, 16, isr_at, 1);
  add(config, CfgType::device, 16, device_at, device_config_bytes);
  const std::uint16_t notify = add(config, CfgType::notify, 20, notify_at, structure_bytes);
  config.define(static_cast<std::uint16_t>(notify + cap::notify_off_multiplier), 4, notify_multiplier);
  return add(config, CfgType::pci, 20, 0, 0);
}

}  // namespace iovirt::virtio
