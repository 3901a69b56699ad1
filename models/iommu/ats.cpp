// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/ats.h"

#include "models/iommu/ats_spec.h"

namespace iovirt::iommu {

std::uint64_t translation_completion_of(const Request& request, const Translation& translation, std::uint64_t pass_through_bytes) {
  namespace tc = translation_completion;
  const bool with_pasid = request.pasid != kNoPasid;
  const std::uint64_t privileged = tc::Priv::of(with_pasid && request.privileged);
  const bool writable = translation.writable && !request.no_write;
  // Interrupts: without rights to translated addresses, and to none at all where no write is asked for (S.1, S.2).
  if (translation.untranslated_only) return writable ? tc::U::of(1) | tc::W::of(1) : 0;
  if (!translation.readable && !translation.writable) return privileged;
  const std::uint64_t bytes = translation.page_bytes == 0 ? pass_through_bytes : translation.page_bytes;
  const AtsRange range = ats_range(translation.address & ~(bytes - 1), bytes);
  // Global is always 0: a translation is of one PASID.
  return range.address | tc::S::of(range.size) | tc::R::of(translation.readable) | tc::W::of(writable) |
         tc::N::of(translation.snoop) | privileged |
         tc::Exe::of(with_pasid && request.execute && translation.executable && translation.readable);
}

AtsAnswer ats_answer(FaultReason reason) {
  using R = FaultReason;
  switch (reason) {
    // What the tables do not allow, and first-stage tables altogether: those are the guest's.
    case R::address_beyond_width:
    case R::no_write_permission:
    case R::no_read_permission:
    case R::pasid_directory_not_present:
    case R::pasid_not_present:
    case R::execute_requests_disabled:
    case R::supervisor_requests_disabled:
    case R::first_stage_access:
    case R::first_stage_not_present:
    case R::first_stage_reserved:
    case R::first_stage_root_access:
    case R::nested_table_beyond_width:
    case R::nested_root_no_read_permission:
    case R::nested_table_no_read_permission:
    case R::nested_table_no_write_permission:
    case R::second_stage_not_present:
    case R::address_not_canonical:
    case R::user_access_denied:
    case R::execute_denied:
    case R::address_beyond_host:
    case R::second_stage_address_beyond_width:
    case R::scalable_no_write_permission:
    case R::scalable_no_read_permission:
    case R::first_stage_update_without_snoop:
    case R::first_stage_update_failed: return AtsAnswer::no_rights;
    // Not present, or not for requests like this.
    case R::root_not_present:
    case R::context_not_present:
    case R::translation_type_blocked:
    case R::pasid_in_legacy_mode:
    case R::dma_aborted:
    case R::scalable_root_not_present:
    case R::scalable_context_not_present:
    case R::device_tlb_disabled:
    case R::pasids_disabled:
    case R::pasid_too_large:
    case R::rid_pasid_invalid:
    case R::pasid_beyond_supported: return AtsAnswer::unsupported;
    default: return AtsAnswer::completer_abort;
  }
}

bool ats_records(FaultReason reason) {
  return ats_answer(reason) != AtsAnswer::no_rights || reason == FaultReason::first_stage_update_failed;
}

}  // namespace iovirt::iommu
