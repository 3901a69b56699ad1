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
  posted_descriptor_reserved = 0x28,
  interrupt_request_malformed = 0x29,
  // scalable mode; "root" of a stage is the table that the PASID-table entry points to
  root_table_mode_invalid = 0x30,
  pasid_in_legacy_mode = 0x31,
  page_request_in_legacy_mode = 0x32,
  dma_aborted = 0x33,
  scalable_root_access = 0x38,
  scalable_root_not_present = 0x39,
  scalable_root_reserved = 0x3a,
  scalable_context_access = 0x40,
  scalable_context_not_present = 0x41,
  scalable_context_reserved = 0x42,
  scalable_context_invalid = 0x43,
  device_tlb_disabled = 0x44,
  pasids_disabled = 0x45,
  pasid_too_large = 0x46,
  page_requests_disabled = 0x47,
  rid_pasid_invalid = 0x48,
  pasid_directory_access = 0x50,
  pasid_directory_not_present = 0x51,
  pasid_directory_reserved = 0x52,
  pasid_table_access = 0x58,
  pasid_not_present = 0x59,
  pasid_reserved = 0x5a,
  pasid_invalid = 0x5b,
  execute_requests_disabled = 0x5c,
  supervisor_requests_disabled = 0x5d,
  first_stage_access = 0x70,
  first_stage_not_present = 0x71,
  first_stage_reserved = 0x72,
  first_stage_root_access = 0x73,
  nested_table_beyond_width = 0x74,
  nested_root_no_read_permission = 0x75,
  nested_table_no_read_permission = 0x76,
  nested_table_no_write_permission = 0x77,
  second_stage_access = 0x78,
  second_stage_not_present = 0x79,
  second_stage_reserved = 0x7a,
  second_stage_root_access = 0x7b,
  second_stage_update_without_snoop = 0x7c,
  second_stage_update_failed = 0x7d,
  address_not_canonical = 0x80,
  user_access_denied = 0x81,
  execute_denied = 0x82,
  address_beyond_host = 0x83,
  second_stage_address_beyond_width = 0x84,
  scalable_no_write_permission = 0x85,
  scalable_no_read_permission = 0x86,
  scalable_interrupt_range = 0x87,
  pasid_beyond_supported = 0x89,
  first_stage_update_without_snoop = 0x90,
  first_stage_update_failed = 0x91
};
inline constexpr unsigned kFaultReasons = 0x92;  ///< one more than the largest

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
  misaligned_tail = 6,
  invalid_table_mode = 7
};

}  // namespace iovirt::iommu
