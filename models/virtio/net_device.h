// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A network device (VIRTIO 1.2, 5.1) as the PCI transport needs to know it: one queue pair, no control queue, no offloads.
#pragma once

#include "lib/frame.h"
#include "models/virtio/config.h"
#include "models/virtio/pci_transport.h"

namespace iovirt::virtio {

/// Queue 0 receives, queue 1 transmits (5.1.2). `mtu` in bytes without the Ethernet header.
DeviceIdentity net_identity(const Config& config, const MacAddress& mac, std::uint16_t mtu = 1500);

}  // namespace iovirt::virtio
