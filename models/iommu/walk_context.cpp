// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// From the requester to its address space: root, context, PASID-directory and PASID-table entries (9.1 to 9.6).

#include "models/iommu/cache_tags.h"
#include "models/iommu/structures_spec.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {
namespace {

using Kind = AddressSpace::Kind;

/// AW of a context or PASID-table entry: 1, 2, 3 for 3, 4, 5 levels.
bool width_supported(const Config& config, unsigned width) {
  return (width == 1 && config.three_level) || (width == 2 && config.four_level) || (width == 3 && config.five_level);
}
unsigned widest(const Config& config) { return config.five_level ? 3 : config.four_level ? 2 : 1; }

}  // namespace

// -- legacy mode ---------------------------------------------------------------------------------------------------

Step Translator::root_read(Walk& walk, const std::uint64_t* words) {
  if (!root_entry::P::get(words[0])) return fail(walk, FaultReason::root_not_present);
  const std::uint64_t table = root_entry::CTP::in_place(words[0]);
  if ((words[0] & root_entry::kReservedLow) || words[1] != 0 || (table & beyond_host_))
    return fail(walk, FaultReason::root_reserved);
  return ask(walk, Walk::Stage::context, table + (walk.request.source & 0xff) * context_entry::kBytes, context_entry::kBytes);
}

Step Translator::context_read(Walk& walk, const std::uint64_t* words) {
  namespace ce = context_entry;
  const std::uint64_t low = words[0], high = words[1];
  ContextInfo& context = walk.context;
  AddressSpace& space = context.space;
  walk.fault_processing_disabled = ce::FPD::get(low);
  context.fault_processing_disabled = space.fault_processing_disabled = ce::FPD::get(low);
  if (!ce::P::get(low)) return fail(walk, FaultReason::context_not_present);
  const bool pass_through = ce::TT::get(low) == ce::pass_through;
  space.legacy = true;
  space.second_table = ce::SLPTPTR::in_place(low);
  space.domain = static_cast<std::uint16_t>(ce::DID::get(high));
  space.kind = pass_through ? Kind::pass_through : Kind::second_stage;
  // The table pointer of a pass-through entry is ignored.
  if ((low & ce::kReservedLow) || (high & ce::kReservedHigh) || (!pass_through && (space.second_table & beyond_host_)))
    return fail(walk, FaultReason::context_reserved);

  const unsigned width = static_cast<unsigned>(ce::AW::get(high));
  context.device_tlb = ce::TT::get(low) == ce::with_device_tlb && config_.device_tlbs;
  const bool type_supported = ce::TT::get(low) == ce::multi_level || context.device_tlb ||
                              (pass_through && config_.pass_through && width == widest(config_));
  if (!width_supported(config_, width) || !type_supported) return fail(walk, FaultReason::context_invalid);
  space.second_levels = static_cast<std::uint8_t>(width + 2);
  space.unreached = pass_through ? beyond_host_ : ~0ull << second_stage_bits(space);
  context.plain = !pass_through;

  if (walk.cacheable) insert_context(walk.request.source, context);
  return after_context(walk, true);
}

// -- scalable mode -------------------------------------------------------------------------------------------------

Step Translator::scalable_root_read(Walk& walk, const std::uint64_t* words) {
  namespace re = scalable_root_entry;
  const unsigned devfn = walk.request.source & 0xff;
  const std::uint64_t half = words[devfn >> 7];
  if (!re::P::get(half)) return fail(walk, FaultReason::scalable_root_not_present);
  const std::uint64_t table = re::CTP::in_place(half);
  if ((half & re::kReserved) || (table & beyond_host_)) return fail(walk, FaultReason::scalable_root_reserved);
  return ask(walk, Walk::Stage::context, table + (devfn & 0x7f) * scalable_context_entry::kBytes, scalable_context_entry::kBytes);
}

Step Translator::scalable_context_read(Walk& walk, const std::uint64_t* words) {
  namespace ce = scalable_context_entry;
  ContextInfo& context = walk.context;
  context.scalable = true;
  walk.fault_processing_disabled = context.fault_processing_disabled = ce::FPD::get(words[0]);
  if (!ce::P::get(words[0])) return fail(walk, FaultReason::scalable_context_not_present);
  context.directory = ce::PASIDDIRPTR::in_place(words[0]);
  context.device_tlb = ce::DTE::get(words[0]);
  context.pasids_enabled = ce::PASIDE::get(words[0]);
  context.page_requests = ce::PRE::get(words[0]);
  context.privileged = ce::RID_PRIV::get(words[1]);
  context.rid_pasid = static_cast<std::uint32_t>(ce::RID_PASID::get(words[1]));
  context.pasid_bits = static_cast<std::uint8_t>(ce::PDTS::get(words[0]) + 13);
  const bool unsupported = (context.device_tlb && !config_.device_tlbs) || (context.pasids_enabled && config_.pasid_bits == 0) ||
                           (context.page_requests && !config_.page_requests) ||
                           (context.privileged && !config_.supervisor_requests);
  if (unsupported || (words[0] & ce::kReserved0) || (words[1] & ce::kReserved1) || words[2] != 0 || words[3] != 0 ||
      (context.directory & beyond_host_))
    return fail(walk, FaultReason::scalable_context_reserved);
  // Pages are requested by devices that translate for themselves.
  if (context.page_requests && !context.device_tlb) return fail(walk, FaultReason::scalable_context_invalid);
  if (context.rid_pasid >> context.pasid_bits) return fail(walk, FaultReason::scalable_context_invalid);

  if (walk.cacheable) insert_context(walk.request.source, context);
  return after_context(walk, true);
}

Step Translator::directory_read(Walk& walk, std::uint64_t entry) {
  namespace de = pasid_directory_entry;
  walk.fault_processing_disabled = walk.fault_processing_disabled || de::FPD::get(entry);
  if (!de::P::get(entry)) return fail(walk, FaultReason::pasid_directory_not_present);
  const std::uint64_t table = de::SMPTBLPTR::in_place(entry);
  if ((entry & de::kReserved) || (table & beyond_host_)) return fail(walk, FaultReason::pasid_directory_reserved);
  return ask(walk, Walk::Stage::pasid, table + (walk.pasid & 0x3f) * pasid_entry::kBytes, pasid_entry::kBytes);
}

Step Translator::pasid_read(Walk& walk, const std::uint64_t* words) {
  namespace pe = pasid_entry;
  AddressSpace& space = walk.space;
  walk.fault_processing_disabled = walk.fault_processing_disabled || pe::FPD::get(words[0]);
  space.fault_processing_disabled = walk.fault_processing_disabled;
  if (!pe::P::get(words[0])) return fail(walk, FaultReason::pasid_not_present);
  const unsigned type = static_cast<unsigned>(pe::PGTT::get(words[0]));
  const bool first = type == pe::first_stage || type == pe::nested;
  const bool second = type == pe::second_stage || type == pe::nested;
  space.second_table = pe::SSPTPTR::in_place(words[0]);
  space.second_dirty = second && pe::SSADE::get(words[0]);
  space.domain = static_cast<std::uint16_t>(pe::DID::get(words[1]));
  space.walk_snoop = pe::PWSNP::get(words[1]);
  space.page_snoop = pe::PGSNP::get(words[1]);
  space.supervisor_requests = pe::SRE::get(words[2]);
  space.execute_requests = pe::ERE::get(words[2]);
  space.write_protect = pe::WPE::get(words[2]);
  space.no_execute = pe::NXE::get(words[2]) && config_.execute_requests;  // else ignored
  space.supervisor_no_execute = pe::SMEP::get(words[2]) && config_.execute_requests;
  space.extended_accessed = pe::EAFE::get(words[2]);
  space.first_table = pe::FSPTPTR::in_place(words[2]);
  // The fields of a stage that is not there are reserved; those of one that this entry does not use are ignored, but for
  // the bits of a pointer that no host address has.
  constexpr std::uint64_t second_fields = pe::SSPTPTR::mask | pe::AW::mask | pe::SSADE::mask;
  constexpr std::uint64_t first_fields = pe::FSPTPTR::mask | pe::FSPM::mask | pe::WPE::mask;
  const bool unsupported = (pe::SSADE::get(words[0]) && !config_.second_stage_dirty) ||
                           (space.walk_snoop && !config_.page_walk_snoop) || (space.page_snoop && !config_.snoop_control) ||
                           (space.supervisor_requests && !config_.supervisor_requests) ||
                           (space.execute_requests && !config_.execute_requests) ||
                           (space.extended_accessed && !config_.extended_accessed) ||
                           ((words[0] & second_fields) && !config_.second_stage) ||
                           ((words[2] & first_fields) && !config_.first_stage);
  const bool beyond = (space.second_table | space.first_table) & beyond_host_;
  if (unsupported || beyond || (words[0] & pe::kReserved0) || (words[1] & pe::kReserved1) || (words[2] & pe::kReserved2) ||
      (words[3] | words[4] | words[5] | words[6] | words[7]) != 0)
    return fail(walk, FaultReason::pasid_reserved);

  const bool type_supported = (type == pe::first_stage && config_.first_stage) ||
                              (type == pe::second_stage && config_.second_stage) ||
                              (type == pe::nested && config_.nested_translation) ||
                              (type == pe::pass_through && config_.pass_through);
  const unsigned width = static_cast<unsigned>(pe::AW::get(words[0]));
  const unsigned mode = static_cast<unsigned>(pe::FSPM::get(words[2]));
  if (!type_supported || (second && !width_supported(config_, width)) ||
      (first && mode != 0 && !(mode == 1 && config_.first_stage_five_level)))
    return fail(walk, FaultReason::pasid_invalid);
  space.second_levels = static_cast<std::uint8_t>(second ? width + 2 : 0);
  if (type == pe::nested && (space.first_table >> second_stage_bits(space)) != 0) return fail(walk, FaultReason::pasid_invalid);
  space.first_levels = static_cast<std::uint8_t>(first ? mode + 4 : 0);
  space.kind = type == pe::first_stage    ? Kind::first_stage
               : type == pe::nested       ? Kind::nested
               : type == pe::second_stage ? Kind::second_stage
                                          : Kind::pass_through;
  space.key = type == pe::first_stage ? space_key::kFirst | walk.pasid
              : type == pe::nested    ? space_key::kNested | walk.pasid
                                      : second_key(space);

  if (walk.cacheable) insert_space(walk.request.source, walk.pasid, space);
  return after_space(walk, true);
}

// -- both ----------------------------------------------------------------------------------------------------------

Step Translator::after_context(Walk& walk, bool count) {
  const ContextInfo& context = walk.context;
  walk.fault_processing_disabled = context.fault_processing_disabled;
  if (const FaultReason reason = check_context(walk.request, context); reason != FaultReason::none) return fail(walk, reason);
  if (needs_no_tables(walk.request)) return pass(walk, count, false);
  if (!context.scalable) {
    walk.space = context.space;
    return after_space(walk, count);
  }
  walk.request = effective(walk.request, context);
  walk.pasid = walk.request.pasid != kNoPasid ? walk.request.pasid : context.rid_pasid;
  const std::uint64_t tag = pasid_tag(walk.request.source, walk.pasid);
  const AddressSpace* space = pasids_.find(tag, hashed(tag));
  if (count) ++(space ? statistics_.pasid_hits : statistics_.pasid_misses);
  if (space) {
    walk.space = *space;
    return after_space(walk, count);
  }
  return ask(walk, Walk::Stage::directory, context.directory + (walk.pasid >> 6) * pasid_directory_entry::kBytes,
             pasid_directory_entry::kBytes);
}

Step Translator::after_space(Walk& walk, bool count) {
  walk.fault_processing_disabled = walk.space.fault_processing_disabled;
  if (const FaultReason reason = check_space(walk.request, walk.space); reason != FaultReason::none) return fail(walk, reason);
  if (walk.request.page_request) {
    invalidate_for(walk.request, walk.space, walk.pasid);
    return pass(walk, count, false);
  }
  if (walk.space.kind == Kind::pass_through) return pass(walk, count, walk.space.page_snoop);
  unsigned shift = 0;
  const Page* page = find_page(walk.space, walk.request.source, walk.request.address, shift);
  const Answer answer =
      page ? use_page(*page, shift, walk.request, walk.space, walk.translation, walk.fault) : Answer::miss;
  if (count) count_page(walk.space, answer);
  if (answer != Answer::miss) return finish(walk, answer == Answer::translated ? Step::translated : Step::faulted);
  if (config_.count_by_domain) ++domains_[walk.space.domain].walks;
  return walk.space.has_first() ? start_first(walk) : start_second(walk, Walk::Target::request, walk.request.address);
}

}  // namespace iovirt::iommu
