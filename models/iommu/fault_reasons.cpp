// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/fault_reasons_spec.h"

#include <algorithm>
#include <iterator>

namespace iovirt::iommu {
namespace {

struct Row {
  FaultReason reason;
  bool qualified;
  std::string_view name;
};
constexpr bool kQualified = true, kUnqualified = false;
constexpr Row kRows[] = {
    {FaultReason::root_not_present, kUnqualified, "root_not_present"},
    {FaultReason::context_not_present, kQualified, "context_not_present"},
    {FaultReason::context_invalid, kQualified, "context_invalid"},
    {FaultReason::address_beyond_width, kQualified, "address_beyond_width"},
    {FaultReason::no_write_permission, kQualified, "no_write_permission"},
    {FaultReason::no_read_permission, kQualified, "no_read_permission"},
    {FaultReason::paging_entry_access, kQualified, "paging_entry_access"},
    {FaultReason::root_access, kUnqualified, "root_access"},
    {FaultReason::context_access, kUnqualified, "context_access"},
    {FaultReason::root_reserved, kUnqualified, "root_reserved"},
    {FaultReason::context_reserved, kQualified, "context_reserved"},
    {FaultReason::paging_entry_reserved, kQualified, "paging_entry_reserved"},
    {FaultReason::translation_type_blocked, kQualified, "translation_type_blocked"},
    {FaultReason::output_in_interrupt_range, kQualified, "output_in_interrupt_range"},
    {FaultReason::interrupt_request_reserved, kUnqualified, "interrupt_request_reserved"},
    {FaultReason::interrupt_index_too_large, kUnqualified, "interrupt_index_too_large"},
    {FaultReason::irte_not_present, kQualified, "irte_not_present"},
    {FaultReason::irte_access, kUnqualified, "irte_access"},
    {FaultReason::irte_reserved, kQualified, "irte_reserved"},
    {FaultReason::compatibility_format_blocked, kUnqualified, "compatibility_format_blocked"},
    {FaultReason::interrupt_source_invalid, kQualified, "interrupt_source_invalid"},
    {FaultReason::posted_descriptor_access, kQualified, "posted_descriptor_access"},
    {FaultReason::posted_descriptor_reserved, kQualified, "posted_descriptor_reserved"},
    {FaultReason::interrupt_request_malformed, kUnqualified, "interrupt_request_malformed"},
    {FaultReason::root_table_mode_invalid, kUnqualified, "root_table_mode_invalid"},
    {FaultReason::pasid_in_legacy_mode, kUnqualified, "pasid_in_legacy_mode"},
    {FaultReason::page_request_in_legacy_mode, kUnqualified, "page_request_in_legacy_mode"},
    {FaultReason::dma_aborted, kUnqualified, "dma_aborted"},
    {FaultReason::scalable_root_access, kUnqualified, "scalable_root_access"},
    {FaultReason::scalable_root_not_present, kUnqualified, "scalable_root_not_present"},
    {FaultReason::scalable_root_reserved, kUnqualified, "scalable_root_reserved"},
    {FaultReason::scalable_context_access, kUnqualified, "scalable_context_access"},
    {FaultReason::scalable_context_not_present, kQualified, "scalable_context_not_present"},
    {FaultReason::scalable_context_reserved, kQualified, "scalable_context_reserved"},
    {FaultReason::scalable_context_invalid, kQualified, "scalable_context_invalid"},
    {FaultReason::device_tlb_disabled, kQualified, "device_tlb_disabled"},
    {FaultReason::pasids_disabled, kQualified, "pasids_disabled"},
    {FaultReason::pasid_too_large, kQualified, "pasid_too_large"},
    {FaultReason::page_requests_disabled, kQualified, "page_requests_disabled"},
    {FaultReason::rid_pasid_invalid, kQualified, "rid_pasid_invalid"},
    {FaultReason::pasid_directory_access, kUnqualified, "pasid_directory_access"},
    {FaultReason::pasid_directory_not_present, kQualified, "pasid_directory_not_present"},
    {FaultReason::pasid_directory_reserved, kQualified, "pasid_directory_reserved"},
    {FaultReason::pasid_table_access, kUnqualified, "pasid_table_access"},
    {FaultReason::pasid_not_present, kQualified, "pasid_not_present"},
    {FaultReason::pasid_reserved, kQualified, "pasid_reserved"},
    {FaultReason::pasid_invalid, kQualified, "pasid_invalid"},
    {FaultReason::execute_requests_disabled, kQualified, "execute_requests_disabled"},
    {FaultReason::supervisor_requests_disabled, kQualified, "supervisor_requests_disabled"},
    {FaultReason::first_stage_access, kQualified, "first_stage_access"},
    {FaultReason::first_stage_not_present, kQualified, "first_stage_not_present"},
    {FaultReason::first_stage_reserved, kQualified, "first_stage_reserved"},
    {FaultReason::first_stage_root_access, kQualified, "first_stage_root_access"},
    {FaultReason::nested_table_beyond_width, kQualified, "nested_table_beyond_width"},
    {FaultReason::nested_root_no_read_permission, kQualified, "nested_root_no_read_permission"},
    {FaultReason::nested_table_no_read_permission, kQualified, "nested_table_no_read_permission"},
    {FaultReason::nested_table_no_write_permission, kQualified, "nested_table_no_write_permission"},
    {FaultReason::second_stage_access, kQualified, "second_stage_access"},
    {FaultReason::second_stage_not_present, kQualified, "second_stage_not_present"},
    {FaultReason::second_stage_reserved, kQualified, "second_stage_reserved"},
    {FaultReason::second_stage_root_access, kQualified, "second_stage_root_access"},
    {FaultReason::second_stage_update_without_snoop, kQualified, "second_stage_update_without_snoop"},
    {FaultReason::second_stage_update_failed, kQualified, "second_stage_update_failed"},
    {FaultReason::address_not_canonical, kQualified, "address_not_canonical"},
    {FaultReason::user_access_denied, kQualified, "user_access_denied"},
    {FaultReason::execute_denied, kQualified, "execute_denied"},
    {FaultReason::address_beyond_host, kQualified, "address_beyond_host"},
    {FaultReason::second_stage_address_beyond_width, kQualified, "second_stage_address_beyond_width"},
    {FaultReason::scalable_no_write_permission, kQualified, "scalable_no_write_permission"},
    {FaultReason::scalable_no_read_permission, kQualified, "scalable_no_read_permission"},
    {FaultReason::scalable_interrupt_range, kQualified, "scalable_interrupt_range"},
    {FaultReason::pasid_beyond_supported, kQualified, "pasid_beyond_supported"},
    {FaultReason::first_stage_update_without_snoop, kQualified, "first_stage_update_without_snoop"},
    {FaultReason::first_stage_update_failed, kQualified, "first_stage_update_failed"},
};

const Row* row_of(FaultReason reason) {
  const Row* row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.reason == reason; });
  return row == std::end(kRows) ? nullptr : row;
}

}  // namespace

std::string_view fault_name(FaultReason reason) {
  const Row* row = row_of(reason);
  return row ? row->name : "none";
}

bool is_qualified(FaultReason reason) {
  const Row* row = row_of(reason);
  return !row || row->qualified;
}

}  // namespace iovirt::iommu
