// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The receive-stream NIC as its driver sees it: after a ConnectX-5 with striding receive queues, reduced to what its DMA
// touches. Everything it reads or writes lies in host memory behind the IOMMU. Little-endian.
#pragma once

#include <cstdint>

namespace iovirt::platform::stream::spec {

inline constexpr std::uint16_t kVendor = 0x1af4, kDevice = 0x5eed;

// BAR0: a block of registers for each ring, 8 bytes each; MSI-X (vector r is ring r's) behind them.
inline constexpr std::uint64_t kRingBlock = 0x100, kMsixTable = 0x8000, kMsixPba = 0xc000, kBarBytes = 0x10000;
enum Register : std::uint64_t {
  kReceiveBase = 0x00,      ///< ring of receive descriptors
  kReceiveEntries = 0x08,
  kReceiveCqBase = 0x10,    ///< completions of packets
  kReceiveCqEntries = 0x18,
  kSendBase = 0x20,         ///< ring of send descriptors
  kSendEntries = 0x28,
  kSendCqBase = 0x30,
  kSendCqEntries = 0x38,
  kEventBase = 0x40,        ///< an entry for each interrupt
  kEventEntries = 0x48,
  kDoorbellRecord = 0x50,   ///< where the driver keeps the number of receive descriptors posted, 4 bytes
  kSendDoorbell = 0x58,     ///< number of send descriptors posted
  kArm = 0x60,              ///< interrupt at the next completion
  kEnable = 0x68,           ///< any value: the ring's addresses are valid
};

/// A receive descriptor is a list of pages (the device gets them by one work request of 64 translations): bus addresses,
/// 8 bytes each. Each packet takes the next page.
inline constexpr unsigned kPagesPerDescriptor = 64;
inline constexpr unsigned kReceiveDescriptorBytes = kPagesPerDescriptor * 8;

/// A send descriptor: bus address at 0, bytes at 8.
inline constexpr unsigned kSendDescriptorBytes = 64;

/// A completion, receive or send: flow at 0 (4), bytes at 4 (4), index of the page or descriptor at 8 (8); at 56 (8) how
/// often the ring has been gone round, counted from 1: valid when it is what the driver expects.
inline constexpr unsigned kCompletionBytes = 64, kCompletionLap = 56;
inline constexpr unsigned kEventBytes = 64;

/// An acknowledgement on the wire: flow at 0 (4), packets received in order at 8 (8), the last packet the receiver has
/// room for, plus one, at 16 (8). 66 bytes with its headers.
inline constexpr unsigned kAckBytes = 66;

}  // namespace iovirt::platform::stream::spec
