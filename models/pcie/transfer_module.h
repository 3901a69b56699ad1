// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a device says of a transfer beside its bytes.
#pragma once

#include <cstdint>

#include "lib/packet_ledger.h"
#include "lib/sim/transaction.h"

namespace iovirt::pcie {

/// Which packet a transfer carries, for the ledger: `first` and `last` when the packet's first and last byte are in it.
/// A read with `first` and packet 0 learns the packet from memory (dma_read_done tells).
struct PacketSpan {
  PacketId packet = 0;
  bool first = false;
  bool last = false;
};

/// Whose address a transfer has, and what it asks for beside its bytes (10.2.1, 6.20).
struct Addressing {
  sim::AddressType type = sim::AddressType::untranslated;
  bool execute = false;
  bool privileged = false;
  bool no_write = false;  ///< of a translation request
  std::uint32_t pasid = sim::kNoPasid;
  bool plain() const { return type == sim::AddressType::untranslated && pasid == sim::kNoPasid; }
};
inline constexpr Addressing kPlain;

}  // namespace iovirt::pcie
