// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How a walk begins, goes on after each access to memory, and ends.

#include "models/iommu/walk.h"

#include <algorithm>

#include "models/iommu/cache_tags.h"
#include "models/iommu/structures_spec.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {

Step Translator::begin(Walk& walk, const Request& request) {
  walk.start(request);
  walk.scalable = mode_ == TableMode::scalable;
  active_.push_back(&walk);
  ++statistics_.walks;
  if (const FaultReason reason = check_mode(request); reason != FaultReason::none) return fail(walk, reason);
  if (const ContextInfo* context = contexts_.find(context_tag(request.source), context_set(context_tag(request.source)))) {
    walk.context = *context;
    return after_context(walk, false);
  }
  return ask(walk, Walk::Stage::root, root_ + (request.source >> 8) * root_entry::kBytes, root_entry::kBytes);
}

Step Translator::resume(Walk& walk, bool ok, const std::uint64_t* words) {
  const bool legacy = !walk.scalable;
  switch (walk.stage) {
    case Walk::Stage::root:
      if (!ok) return fail(walk, legacy ? FaultReason::root_access : FaultReason::scalable_root_access);
      return legacy ? root_read(walk, words) : scalable_root_read(walk, words);
    case Walk::Stage::context:
      if (!ok) return fail(walk, legacy ? FaultReason::context_access : FaultReason::scalable_context_access);
      return legacy ? context_read(walk, words) : scalable_context_read(walk, words);
    case Walk::Stage::directory:
      return ok ? directory_read(walk, words[0]) : fail(walk, FaultReason::pasid_directory_access);
    case Walk::Stage::pasid: return ok ? pasid_read(walk, words) : fail(walk, FaultReason::pasid_table_access);
    case Walk::Stage::first:
      if (ok) return first_read(walk, words[0]);
      return fail(walk, walk.first_level == walk.space.first_levels ? FaultReason::first_stage_root_access
                                                                    : FaultReason::first_stage_access);
    case Walk::Stage::second: break;
  }
  if (ok) return second_read(walk, words[0]);
  const bool top = walk.second_level == walk.space.second_levels;
  // Where a legacy context entry leads nowhere, that is the entry's fault.
  if (walk.space.legacy) return fail(walk, top ? FaultReason::context_invalid : FaultReason::paging_entry_access);
  return fail(walk, top ? FaultReason::second_stage_root_access : FaultReason::second_stage_access);
}

Step Translator::updated(Walk& walk, Updated outcome) {
  const bool first = walk.stage == Walk::Stage::first;
  switch (outcome) {
    case Updated::done: return first ? first_read(walk, walk.update_value) : second_read(walk, walk.update_value);
    case Updated::changed: return ask(walk, walk.stage, walk.update_address, paging_entry::kBytes);
    case Updated::failed: break;
  }
  return fail(walk, first ? FaultReason::first_stage_update_failed : FaultReason::second_stage_update_failed);
}

Step Translator::give(Walk& walk, unsigned size, const Page& page) {
  const Answer answer = use_page(page, shift_of_size(size), walk.request, walk.space, walk.translation, walk.fault);
  if (answer == Answer::faulted) return finish(walk, Step::faulted);  // faulting translations are not cached
  insert_page(walk, size, page);
  return finish(walk, Step::translated);
}

Step Translator::pass(Walk& walk, bool count, bool snoop) {
  if (count) ++statistics_.untranslated;
  walk.translation = unwalked(walk.request, snoop);
  return finish(walk, Step::translated);
}

/// A translation request learns that it has no rights; any other request faults.
Step Translator::no_rights(Walk& walk, FaultReason reason) {
  if (walk.request.address_type != 1) return fail(walk, reason);
  if (config_.caching_mode) remember_absence(walk, reason);
  walk.translation = iommu::no_rights(walk.request);
  return finish(walk, Step::translated);
}

Step Translator::ask(Walk& walk, Walk::Stage stage, std::uint64_t address, unsigned bytes) {
  walk.stage = stage;
  walk.read_address = address;
  walk.read_bytes = bytes;
  ++statistics_.memory_reads;
  if (config_.count_by_domain && walk.in_tables()) ++domains_[walk.space.domain].memory_reads;
  return Step::read;
}

Step Translator::ask_update(Walk& walk, Walk::Stage stage, std::uint64_t address, std::uint64_t expected, std::uint64_t value) {
  walk.stage = stage;
  walk.update_address = address;
  walk.update_expected = expected;
  walk.update_value = value;
  ++statistics_.table_updates;
  return Step::update;
}

Step Translator::fail(Walk& walk, FaultReason reason) {
  if (config_.caching_mode) remember_absence(walk, reason);
  walk.fault = make_fault(walk.request, reason, walk.fault_processing_disabled);
  return finish(walk, Step::faulted);
}

/// Caching mode (6.1, 6.2.2 to 6.2.4): what is not present is cached too, context entries under domain 0, and software
/// that makes it present must invalidate.
void Translator::remember_absence(const Walk& walk, FaultReason reason) {
  using R = FaultReason;
  if (walk.in_tables()) {
    // What the first stage lacks is never kept; what it allows of a nested page comes before what the second stage lacks.
    const bool behind_first = walk.space.has_first() && walk.target == Walk::Target::output;
    const auto granted = static_cast<std::uint8_t>(behind_first ? rights::kRead | rights::kWrite | walk.leaf_rights : 0);
    if (walk.page_absent && walk.stage == Walk::Stage::second) insert_page(walk, 0, {0, walk.space.key, granted, reason});
  } else if (!walk.cacheable) {
    return;
  } else if (reason == R::pasid_directory_not_present || reason == R::pasid_not_present) {
    AddressSpace space;
    space.absent = reason;
    space.fault_processing_disabled = walk.fault_processing_disabled;
    insert_space(walk.request.source, walk.pasid, space);
  } else if (reason == R::root_not_present || reason == R::context_not_present || reason == R::scalable_root_not_present ||
             reason == R::scalable_context_not_present) {
    ContextInfo context;
    context.absent = reason;
    context.fault_processing_disabled = walk.fault_processing_disabled;
    insert_context(walk.request.source, context);
  }
}

void Translator::finish(Walk& walk) {
  const auto found = std::find(active_.begin(), active_.end(), &walk);
  if (found == active_.end()) return;
  *found = active_.back();
  active_.pop_back();
}

}  // namespace iovirt::iommu
