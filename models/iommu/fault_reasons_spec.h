// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Fault reasons with the specification's encodings (7.1.3), and the invalidation queue's error codes.
#pragma once

#include <cstdint>
#include <string_view>

namespace iovirt::iommu {

/// The reasons the modelled features raise.
enum class FaultReason : std::uint8_t {
  none = 0,
  root_not_present = 0x01,
  context_not_present = 0x02,
  context_invalid = 0x03,
  address_beyond_width = 0x04,
  no_write_permission = 0x05,
  no_read_permission = 0x06,
  paging_entry_access = 0x07,
  root_access = 0x08,
  context_access = 0x09,
  root_reserved = 0x0a,
  context_reserved = 0x0b,
  paging_entry_reserved = 0x0c,
  translation_type_blocked = 0x0d,
  output_in_interrupt_range = 0x0e,
  interrupt_request_reserved = 0x20,
  interrupt_index_too_large = 0x21,
  irte_not_present = 0x22,
  irte_access = 0x23,
  irte_reserved = 0x24,
  compatibility_format_blocked = 0x25,
  interrupt_source_invalid = 0x26,
  posted_descriptor_access = 0x27,
  posted_descriptor_reserved = 0x28
};
inline constexpr unsigned kFaultReasons = 0x29;  ///< one more than the largest

/// "root_not_present", ...: the keys of `iommu.faults` in results.json. "none" for a number that is no reason.
std::string_view fault_name(FaultReason reason);

/// True when FPD can suppress recording (7.1.3, "qualified"): the structure that holds FPD has been read.
bool is_qualified(FaultReason reason);

/// IQER.IQEI (11.4.9.9).
enum class QueueError : std::uint8_t {
  none = 0,
  invalid_tail = 1,
  fetch_error = 2,
  invalid_type = 3,
  reserved_field = 4,
  invalid_width = 5,
  misaligned_tail = 6
};

}  // namespace iovirt::iommu
