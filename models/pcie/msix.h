// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The MSI-X capability with its table and pending bit array in a BAR (PCI Local Bus 3.0, 6.8.2).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "models/pcie/config_space.h"

namespace iovirt::pcie {

class Msix {
 public:
  struct Spec {
    unsigned vectors = 1;  ///< 1 to 2048
    unsigned table_bar = 0;
    std::uint32_t table_offset = 0;
    unsigned pba_bar = 0;
    std::uint32_t pba_offset = 0;
  };
  struct Message {
    std::uint64_t address = 0;
    std::uint32_t data = 0;
  };

  /// The capability goes to `at` (0: next free place). `config` must outlive this.
  Msix(ConfigSpace& config, const Spec& spec, std::uint16_t at = 0);

  const Spec& spec() const { return spec_; }
  bool enabled() const;
  bool function_masked() const;
  bool vector_masked(unsigned vector) const;
  bool pending(unsigned vector) const;

  // -- what software sees through the BAR ------------------------------------------------------------------------------
  /// The table or the pending bits lie at `offset` of `bar`.
  bool covers(unsigned bar, std::uint64_t offset) const;
  /// REQUIRES: covers(bar, offset). 4 or 8 bytes, naturally aligned, other accesses are undefined by 6.8.2: served bytewise.
  std::uint64_t read(unsigned bar, std::uint64_t offset, unsigned bytes) const;
  void write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value);

  // -- what the device does ------------------------------------------------------------------------------------------------
  /// The message to send now; none when the vector or the function is masked (it is then pending), or MSI-X is off
  /// or there is no such vector (it is lost).
  std::optional<Message> raise(unsigned vector);
  /// A pending vector that may be sent by now, its pending bit cleared; call until none is left, after any write to
  /// the table or to Message Control.
  struct Released {
    unsigned vector;
    Message message;
  };
  std::optional<Released> take_released();

  /// Table masked, nothing pending. Message Control is configuration space's own to reset.
  void reset();

 private:
  Message message(unsigned vector) const;

  ConfigSpace& config_;
  Spec spec_;
  std::uint16_t control_;
  std::vector<std::uint8_t> table_;  // as bytes, 16 a vector
  std::vector<std::uint64_t> pba_;
  unsigned pending_count_ = 0;
};

}  // namespace iovirt::pcie
