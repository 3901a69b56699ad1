// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/net_device.h"

namespace iovirt::virtio {

DeviceIdentity net_identity(const Config& config, const MacAddress& mac, std::uint16_t mtu) {
  DeviceIdentity identity;
  identity.device_id = kNetDeviceId;
  identity.class_code = 0x020000;  // Ethernet controller
  identity.features = kVersion1 | kNetMac | kNetStatus | kNetMtu;
  if (config.event_idx) identity.features |= kRingEventIdx;
  if (config.indirect) identity.features |= kRingIndirectDesc;
  identity.queue_size = config.queue_size;
  identity.queues = 2;
  auto& bytes = identity.device_config;
  bytes.assign(net_config::length, 0);
  for (std::size_t i = 0; i < mac.size(); ++i) bytes[net_config::mac + i] = mac[i];
  bytes[net_config::status] = kNetLinkUp;
  bytes[net_config::max_virtqueue_pairs] = 1;
  bytes[net_config::mtu] = static_cast<std::uint8_t>(mtu);
  bytes[net_config::mtu + 1] = static_cast<std::uint8_t>(mtu >> 8);
  return identity;
}

}  // namespace iovirt::virtio
