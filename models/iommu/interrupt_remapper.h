// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Interrupt remapping (5.1) and posting (5.2): the interrupt-entry cache, and the checks in the specification's order.
// As with Walk, whoever drives it makes the memory read that Action::read_entry asks for.
#pragma once

#include <cstdint>

#include "models/iommu/config.h"
#include "models/iommu/invalidation.h"
#include "models/iommu/request.h"
#include "models/iommu/set_associative.h"
#include "models/iommu/statistics.h"
#include "models/iommu/structures_spec.h"

namespace iovirt::iommu {

/// One interrupt request on its way. The driver owns it and must not move it while an entry is being read.
struct Remapping {
  std::uint64_t entry_address = 0;  ///< Action::read_entry: 16 bytes to read
  InterruptMessage message;         ///< Action::deliver
  std::uint64_t descriptor = 0;     ///< Action::post: the 64 bytes to update with post()
  std::uint8_t vector = 0;
  bool urgent = false;
  Fault fault;                      ///< Action::block

  InterruptRequest request;
  std::uint32_t index = 0;
  bool fault_processing_disabled = false;
  bool cacheable = true;
  Remapping* next = nullptr;  ///< the remapper's list of entries being read
};

class InterruptRemapper {
 public:
  InterruptRemapper(const Config& config, Statistics& statistics);

  void set_table(std::uint64_t irta) { irta_ = irta; }
  void set_compatibility_allowed(bool allowed) { compatibility_allowed_ = allowed; }
  void set_enabled(bool enabled) { enabled_ = enabled; }
  bool enabled() const { return enabled_; }

  enum class Action : std::uint8_t { read_entry, deliver, post, block };
  Action begin(Remapping& remapping, const InterruptRequest& request);
  /// After Action::read_entry.
  Action resume(Remapping& remapping, bool ok, std::uint64_t low, std::uint64_t high);

  /// The atomic update of a posted-interrupt descriptor (9.11): changes `words` and says whether to deliver
  /// remapping.message, or to block with remapping.fault.
  enum class Posted : std::uint8_t { quiet, notify, block };
  Posted post(Remapping& remapping, posted_descriptor::Words& words);
  /// The descriptor could not be read or written.
  void post_failed(Remapping& remapping);

  /// Of a request to the interrupt range that is neither an interrupt nor a zero-length read (3.15).
  Fault malformed(std::uint16_t source);

  void invalidate(const InterruptInvalidation& invalidation);

 private:
  struct Entry {
    std::uint64_t low, high;
  };

  Action use(Remapping& remapping, const Entry& entry);
  Action block(Remapping& remapping, FaultReason reason);
  void post_blocked(Remapping& remapping, FaultReason reason);
  bool extended() const;
  static bool source_allowed(std::uint64_t high, std::uint16_t source);

  const Config& config_;
  Statistics& statistics_;
  bool enabled_ = false;
  bool compatibility_allowed_ = false;
  std::uint64_t irta_ = 0;
  SetAssociative<Entry> entries_;
  Remapping* reading_ = nullptr;
};

}  // namespace iovirt::iommu
