// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An Ethernet frame outside memory: on the wire, or in a device's buffer. Without FCS.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/packet_ledger.h"

namespace iovirt {

struct Frame {
  std::vector<std::uint8_t> bytes;
  PacketId packet = 0;
};

using MacAddress = std::array<std::uint8_t, 6>;

}  // namespace iovirt
