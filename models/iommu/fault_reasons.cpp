// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/fault_reasons_spec.h"

namespace iovirt::iommu {

std::string_view fault_name(FaultReason reason) {
  switch (reason) {
    case FaultReason::none: break;
    case FaultReason::root_not_present: return "root_not_present";
    case FaultReason::context_not_present: return "context_not_present";
    case FaultReason::context_invalid: return "context_invalid";
    case FaultReason::address_beyond_width: return "address_beyond_width";
    case FaultReason::no_write_permission: return "no_write_permission";
    case FaultReason::no_read_permission: return "no_read_permission";
    case FaultReason::paging_entry_access: return "paging_entry_access";
    case FaultReason::root_access: return "root_access";
    case FaultReason::context_access: return "context_access";
    case FaultReason::root_reserved: return "root_reserved";
    case FaultReason::context_reserved: return "context_reserved";
    case FaultReason::paging_entry_reserved: return "paging_entry_reserved";
    case FaultReason::translation_type_blocked: return "translation_type_blocked";
    case FaultReason::output_in_interrupt_range: return "output_in_interrupt_range";
    case FaultReason::interrupt_request_reserved: return "interrupt_request_reserved";
    case FaultReason::interrupt_index_too_large: return "interrupt_index_too_large";
    case FaultReason::irte_not_present: return "irte_not_present";
    case FaultReason::irte_access: return "irte_access";
    case FaultReason::irte_reserved: return "irte_reserved";
    case FaultReason::compatibility_format_blocked: return "compatibility_format_blocked";
    case FaultReason::interrupt_source_invalid: return "interrupt_source_invalid";
    case FaultReason::posted_descriptor_access: return "posted_descriptor_access";
    case FaultReason::posted_descriptor_reserved: return "posted_descriptor_reserved";
  }
  return "none";
}

bool is_qualified(FaultReason reason) {
  switch (reason) {
    case FaultReason::root_not_present:
    case FaultReason::root_access:
    case FaultReason::context_access:
    case FaultReason::root_reserved:
    case FaultReason::interrupt_request_reserved:
    case FaultReason::interrupt_index_too_large:
    case FaultReason::irte_access:
    case FaultReason::compatibility_format_blocked: return false;
    default: return true;
  }
}

}  // namespace iovirt::iommu
