// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A naive translator: no caches, recursion, the specification's sentences one after the other. What the IOMMU's walk
// is compared with.
#pragma once

#include <cstdint>
#include <variant>

#include "lib/memory_port.h"
#include "models/iommu/config.h"

namespace iovirt::test {

struct OracleRequest {
  std::uint16_t source = 0;
  std::uint64_t address = 0;
  bool write = false;
};

/// The host-physical address, or the fault reason's number.
struct OracleFault {
  unsigned reason;
};
using OracleAnswer = std::variant<std::uint64_t, OracleFault>;

OracleAnswer translate_naively(MemoryPort& memory, const iommu::Config& config, std::uint64_t root, const OracleRequest& request);

}  // namespace iovirt::test
