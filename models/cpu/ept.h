// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The EPT walk: guest-physical to host-physical through tables in memory (Intel SDM volume 3, 29.3).
#pragma once

#include <cstdint>
#include <variant>

#include "lib/memory_port.h"
#include "models/cpu/ept_spec.h"

namespace iovirt::cpu {

/// Bits as in an EPT entry, so that they compare with rights directly.
enum class EptAccess : std::uint8_t { read = 1, write = 2, fetch = 4 };

struct EptTranslation {
  std::uint64_t host_physical = 0;  ///< of the address asked for
  std::uint64_t page_bytes = 0;     ///< 4 KiB, 2 MiB or 1 GiB
  std::uint8_t rights = 0;          ///< [2:0] X W R over all levels
  /// What may be cached: as `rights`, but without W while accessed/dirty flags are on and the dirty flag is clear.
  std::uint8_t cacheable_rights = 0;
  std::uint8_t memory_type = 0;
  std::uint8_t memory_reads = 0;    ///< entries read, 2 to 4
  std::uint8_t memory_writes = 0;   ///< entries whose accessed or dirty flag was set
};

struct EptViolation {
  std::uint64_t qualification = 0;
  std::uint64_t guest_physical = 0;
  std::uint8_t memory_reads = 0;
};

struct EptMisconfig {
  std::uint64_t guest_physical = 0;
  std::uint64_t entry = 0;  ///< the offending entry
  unsigned level = 0;       ///< 4 PML4E, 3 PDPTE, 2 PDE, 1 PTE
  std::uint8_t memory_reads = 0;
};

using EptResult = std::variant<EptTranslation, EptViolation, EptMisconfig>;

struct EptOptions {
  unsigned physical_bits = 46;
  bool execute_only = false;  ///< entries with X and not R are allowed
};

/// A guest-physical address above 48 bits is a violation. An entry outside memory reads as all ones, which is a
/// misconfiguration. Accessed and dirty flags are set when EPTP[6] is 1 and the access is allowed.
/// REQUIRES: valid EPTP (vm_entry_checks.h).
EptResult ept_walk(MemoryPort& memory, std::uint64_t eptp, std::uint64_t guest_physical, EptAccess access,
                   const EptOptions& options = {});

}  // namespace iovirt::cpu
