// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Numbers of the Virtual I/O Device (VIRTIO) specification, version 1.2: the parts a split-ring network device on
// modern PCI needs. Used by the device and by the guest's driver alike.
#pragma once

#include <cstdint>

namespace iovirt::virtio {

// -- 2.1 Device Status ------------------------------------------------------------------------------------------------
inline constexpr std::uint8_t kAcknowledge = 1;
inline constexpr std::uint8_t kDriver = 2;
inline constexpr std::uint8_t kDriverOk = 4;
inline constexpr std::uint8_t kFeaturesOk = 8;
inline constexpr std::uint8_t kDeviceNeedsReset = 64;
inline constexpr std::uint8_t kFailed = 128;

// -- 2.2 Feature Bits: 6 (ring) and 5.1.3 (network) -----------------------------------------------------------------
constexpr std::uint64_t feature(unsigned bit) { return std::uint64_t{1} << bit; }
inline constexpr std::uint64_t kNetMtu = feature(3);
inline constexpr std::uint64_t kNetMac = feature(5);
inline constexpr std::uint64_t kNetMrgRxbuf = feature(15);
inline constexpr std::uint64_t kNetStatus = feature(16);
inline constexpr std::uint64_t kNetCtrlVq = feature(17);
inline constexpr std::uint64_t kRingIndirectDesc = feature(28);
inline constexpr std::uint64_t kRingEventIdx = feature(29);
inline constexpr std::uint64_t kVersion1 = feature(32);

// -- 2.7 Split Virtqueues ---------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kDescNext = 1;      ///< VIRTQ_DESC_F_NEXT
inline constexpr std::uint16_t kDescWrite = 2;     ///< VIRTQ_DESC_F_WRITE
inline constexpr std::uint16_t kDescIndirect = 4;  ///< VIRTQ_DESC_F_INDIRECT
inline constexpr std::uint16_t kAvailNoInterrupt = 1;
inline constexpr std::uint16_t kUsedNoNotify = 1;
inline constexpr unsigned kMaxQueueSize = 32768;

/// struct virtq_desc (2.7.5), little-endian: addr, len, flags, next.
struct Desc {
  std::uint64_t addr;
  std::uint32_t len;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(Desc) == 16);

/// Where the three parts of a queue lie, in the driver's addresses, and offsets inside them (2.7.6, 2.7.8).
struct QueueLayout {
  std::uint16_t size = 0;
  std::uint64_t desc = 0;    ///< descriptor area: 16 bytes each, aligned to 16
  std::uint64_t driver = 0;  ///< driver area (available ring), aligned to 2
  std::uint64_t device = 0;  ///< device area (used ring), aligned to 4

  std::uint64_t desc_at(std::uint16_t i) const { return desc + 16ull * i; }
  std::uint64_t avail_flags() const { return driver; }
  std::uint64_t avail_idx() const { return driver + 2; }
  std::uint64_t avail_ring(std::uint16_t i) const { return driver + 4 + 2ull * (i & (size - 1u)); }
  std::uint64_t used_event() const { return driver + 4 + 2ull * size; }
  std::uint64_t used_flags() const { return device; }
  std::uint64_t used_idx() const { return device + 2; }
  std::uint64_t used_ring(std::uint16_t i) const { return device + 4 + 8ull * (i & (size - 1u)); }
  std::uint64_t avail_event() const { return device + 4 + 8ull * size; }

  static constexpr std::size_t desc_bytes(std::uint16_t size) { return 16ull * size; }
  static constexpr std::size_t driver_bytes(std::uint16_t size) { return 6 + 2ull * size; }
  static constexpr std::size_t device_bytes(std::uint16_t size) { return 6 + 8ull * size; }
};

/// 2.7.10.1: does moving an index from `before` to `now` pass `event`? All indices run freely modulo 2^16.
constexpr bool need_event(std::uint16_t event, std::uint16_t now, std::uint16_t before) {
  return static_cast<std::uint16_t>(now - event - 1) < static_cast<std::uint16_t>(now - before);
}

// -- 4.1 Virtio over PCI Bus ------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kVendorId = 0x1af4;
inline constexpr std::uint16_t kNetDeviceId = 0x1041;  ///< 0x1040 + device type 1 (4.1.2.1)
inline constexpr std::uint8_t kVendorCapability = 0x09;
/// cfg_type of struct virtio_pci_cap (4.1.4).
enum class CfgType : std::uint8_t { common = 1, notify = 2, isr = 3, device = 4, pci = 5 };
/// Offsets in struct virtio_pci_cap; pci_cfg_data only in the window capability.
namespace cap {
inline constexpr std::uint16_t cfg_type = 3, bar = 4, id = 5, offset = 8, length = 12, notify_off_multiplier = 16,
                               pci_cfg_data = 16;
}
/// Offsets in struct virtio_pci_common_cfg (4.1.4.3).
namespace common {
inline constexpr std::uint32_t device_feature_select = 0x00, device_feature = 0x04, driver_feature_select = 0x08,
                               driver_feature = 0x0c, config_msix_vector = 0x10, num_queues = 0x12,
                               device_status = 0x14, config_generation = 0x15, queue_select = 0x16, queue_size = 0x18,
                               queue_msix_vector = 0x1a, queue_enable = 0x1c, queue_notify_off = 0x1e,
                               queue_desc = 0x20, queue_driver = 0x28, queue_device = 0x30, length = 0x38;
}
inline constexpr std::uint16_t kNoVector = 0xffff;  ///< VIRTIO_MSI_NO_VECTOR
inline constexpr std::uint8_t kIsrQueue = 1;        ///< 4.1.4.5
inline constexpr std::uint8_t kIsrConfig = 2;

// -- 5.1 Network Device -------------------------------------------------------------------------------------------------
inline constexpr unsigned kNetReceiveQueue = 0;
inline constexpr unsigned kNetTransmitQueue = 1;
/// struct virtio_net_hdr with VERSION_1 (5.1.6): num_buffers is always there.
inline constexpr std::uint32_t kNetHeaderBytes = 12;
inline constexpr std::uint32_t kNetHeaderNumBuffers = 10;  ///< its offset
/// struct virtio_net_config (5.1.4).
namespace net_config {
inline constexpr std::uint32_t mac = 0, status = 6, max_virtqueue_pairs = 8, mtu = 10, length = 12;
}
inline constexpr std::uint16_t kNetLinkUp = 1;

}  // namespace iovirt::virtio
