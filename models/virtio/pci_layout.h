// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Where an emulated virtio function keeps its structures: BAR 1 holds the MSI-X table, BAR 4 (64 bit) the virtio
// structures that the vendor capabilities point to (VIRTIO 1.2, 4.1.4).
#pragma once

#include "models/pcie/function.h"
#include "models/virtio/virtio_spec.h"

namespace iovirt::virtio {

namespace pci_layout {
inline constexpr unsigned msix_bar = 1, virtio_bar = 4;
inline constexpr std::uint32_t msix_bar_bytes = 0x1000, virtio_bar_bytes = 0x4000;
inline constexpr std::uint32_t msix_table = 0, msix_pending = 0x800;
inline constexpr std::uint32_t common_at = 0, isr_at = 0x1000, device_at = 0x2000, notify_at = 0x3000;
inline constexpr std::uint32_t structure_bytes = 0x1000;
inline constexpr std::uint32_t notify_multiplier = 4;
}  // namespace pci_layout

/// The header of a modern virtio device (4.1.2).
pcie::Identity pci_identity(std::uint16_t device_id, std::uint32_t class_code);

/// Adds the BARs, MSI-X with `vectors` and the five vendor capabilities; returns the offset of the last, the
/// configuration access window (4.1.4.9), whose pci_cfg_data is the transport's to serve.
std::uint16_t add_virtio_capabilities(pcie::Function& function, unsigned vectors, std::uint32_t device_config_bytes);

}  // namespace iovirt::virtio
