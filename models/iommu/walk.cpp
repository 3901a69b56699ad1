// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The walk: root entry, context entry, second-stage tables (9.1, 9.3, 9.10; faults: 7.1.3).

#include <algorithm>

#include "models/iommu/cache_tags.h"
#include "models/iommu/structures_spec.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {
namespace {

constexpr unsigned shift_of_level(unsigned level) { return 12 + 9 * (level - 1); }
constexpr std::uint64_t kTransientMapping = 1ull << 62;  // TM: reserved without device-TLBs

}  // namespace

Step Translator::begin(Walk& walk, const Request& request) {
  walk = Walk{};
  walk.request = request;
  active_.push_back(&walk);
  ++statistics_.walks;
  if (const ContextInfo* context = contexts_.find(context_tag(request.source), hashed(context_tag(request.source)))) {
    walk.context = *context;
    return after_context(walk, false);
  }
  return ask(walk, Walk::Stage::root, root_ + (request.source >> 8) * root_entry::kBytes, root_entry::kBytes);
}

Step Translator::resume(Walk& walk, bool ok, const std::uint64_t* words) {
  switch (walk.stage) {
    case Walk::Stage::root: return ok ? root_read(walk, words[0], words[1]) : fail(walk, FaultReason::root_access);
    case Walk::Stage::context: return ok ? context_read(walk, words[0], words[1]) : fail(walk, FaultReason::context_access);
    case Walk::Stage::paging: break;
  }
  return ok ? paging_read(walk, words[0]) : fail(walk, FaultReason::paging_entry_access);
}

Step Translator::updated(Walk& walk, Updated outcome) {
  if (outcome == Updated::failed) return fail(walk, FaultReason::paging_entry_access);
  return ask(walk, Walk::Stage::paging, walk.update_address, paging_entry::kBytes);
}

Step Translator::root_read(Walk& walk, std::uint64_t low, std::uint64_t high) {
  if (!root_entry::P::get(low)) return fail(walk, FaultReason::root_not_present);
  const std::uint64_t table = root_entry::CTP::in_place(low);
  if ((low & root_entry::kReservedLow) || high != 0 || (table & beyond_host_)) return fail(walk, FaultReason::root_reserved);
  return ask(walk, Walk::Stage::context, table + (walk.request.source & 0xff) * context_entry::kBytes, context_entry::kBytes);
}

Step Translator::context_read(Walk& walk, std::uint64_t low, std::uint64_t high) {
  namespace ce = context_entry;
  ContextInfo& context = walk.context;
  context.fault_processing_disabled = ce::FPD::get(low);
  if (!ce::P::get(low)) return fail(walk, FaultReason::context_not_present);
  context.table = ce::SLPTPTR::in_place(low);
  context.domain = static_cast<std::uint16_t>(ce::DID::get(high));
  context.pass_through = ce::TT::get(low) == ce::pass_through;
  // The table pointer of a pass-through entry is ignored.
  if ((low & ce::kReservedLow) || (high & ce::kReservedHigh) || (!context.pass_through && (context.table & beyond_host_)))
    return fail(walk, FaultReason::context_reserved);

  const unsigned width = static_cast<unsigned>(ce::AW::get(high));  // 1: 3 levels, 2: 4 levels
  const bool width_supported = (width == 1 && config_.three_level) || (width == 2 && config_.four_level);
  const bool widest = width == (config_.four_level ? 2u : 1u);
  const bool type_supported =
      ce::TT::get(low) == ce::multi_level || (context.pass_through && config_.pass_through && widest);
  if (!width_supported || !type_supported) return fail(walk, FaultReason::context_invalid);
  context.levels = static_cast<std::uint8_t>(width + 2);

  if (walk.cacheable)
    contexts_.insert(context_tag(walk.request.source), hashed(context_tag(walk.request.source)), context);
  return after_context(walk, true);
}

Step Translator::after_context(Walk& walk, bool count) {
  const FaultReason reason = check_context(walk.request, walk.context);
  if (reason != FaultReason::none) return fail(walk, reason);
  if (walk.context.pass_through) {
    if (count) ++statistics_.untranslated;
    walk.translation = {walk.request.address, 0};
    return finish(walk, Step::translated);
  }
  unsigned shift = 0;
  const Page* page = find_page(walk.context.domain, walk.request.address, shift);
  if (count) ++(page ? statistics_.iotlb_hits : statistics_.iotlb_misses);
  if (page) {
    const Answer answer = use_page(*page, shift, walk.request, walk.context, walk.translation, walk.fault);
    return finish(walk, answer == Answer::translated ? Step::translated : Step::faulted);
  }
  walk.table = walk.context.table;
  walk.level = walk.context.levels;
  for (unsigned level = 2; level <= walk.context.levels; ++level) {
    const std::uint64_t tag = page_tag(walk.context.domain, walk.request.address, level - 1);
    const Directory* directory = directory_cache(level).find(tag, hashed(tag));
    if (!directory) continue;
    ++statistics_.paging_cache_hits;
    walk.table = directory->table;
    walk.readable = directory->readable;
    walk.writable = directory->writable;
    walk.level = static_cast<std::uint8_t>(level - 1);
    break;
  }
  const std::uint64_t index = (walk.request.address >> shift_of_level(walk.level)) & 0x1ff;
  return ask(walk, Walk::Stage::paging, walk.table + index * paging_entry::kBytes, paging_entry::kBytes);
}

Step Translator::paging_read(Walk& walk, std::uint64_t entry) {
  namespace pe = paging_entry;
  const Request& request = walk.request;
  const unsigned shift = shift_of_level(walk.level);
  if (!pe::R::get(entry) && !pe::W::get(entry))
    return fail(walk, request.write ? FaultReason::no_write_permission : FaultReason::no_read_permission);

  const bool large = walk.level > 1 && pe::PS::get(entry);
  const bool large_supported =
      (walk.level == 2 && config_.pages_2m) || (walk.level == 3 && config_.pages_1g);
  std::uint64_t reserved = (pe::Address::mask & beyond_host_) | kTransientMapping;
  if (large) reserved |= large_supported ? pe::Address::mask & ((1ull << shift) - 1) : pe::PS::mask;
  if (entry & reserved) return fail(walk, FaultReason::paging_entry_reserved);

  walk.readable = walk.readable && pe::R::get(entry);
  walk.writable = walk.writable && pe::W::get(entry);
  if (walk.level == 1 || large) return leaf(walk, entry, shift);

  const std::uint64_t tag = page_tag(walk.context.domain, request.address, walk.level - 1u);
  walk.table = pe::Address::in_place(entry);
  if (walk.may_cache(address_of_tag(tag), address_of_tag(tag) + (bytes_of_tag(tag) - 1)))
    directory_cache(walk.level).insert(tag, hashed(tag), {walk.table, walk.readable, walk.writable});
  --walk.level;
  const std::uint64_t index = (request.address >> shift_of_level(walk.level)) & 0x1ff;
  return ask(walk, Walk::Stage::paging, walk.table + index * pe::kBytes, pe::kBytes);
}

Step Translator::leaf(Walk& walk, std::uint64_t entry, unsigned shift) {
  const unsigned size = (shift - 12) / 9;
  const Page page{paging_entry::Address::in_place(entry), walk.readable, walk.writable};
  const Answer answer = use_page(page, shift, walk.request, walk.context, walk.translation, walk.fault);
  if (answer == Answer::faulted) return finish(walk, Step::faulted);  // faulting translations are not cached
  const std::uint64_t tag = page_tag(walk.context.domain, walk.request.address, size);
  if (walk.may_cache(address_of_tag(tag), address_of_tag(tag) + (bytes_of_tag(tag) - 1))) {
    pages_.insert(tag, page_set(tag), page);
    ++pages_of_size_[size];
  }
  return finish(walk, Step::translated);
}

Step Translator::ask(Walk& walk, Walk::Stage stage, std::uint64_t address, unsigned bytes) {
  walk.stage = stage;
  walk.read_address = address;
  walk.read_bytes = bytes;
  ++statistics_.memory_reads;
  return Step::read;
}

Step Translator::fail(Walk& walk, FaultReason reason) {
  walk.fault = make_fault(walk.request, reason, walk.context.fault_processing_disabled);
  return finish(walk, Step::faulted);
}

void Translator::finish(Walk& walk) {
  const auto found = std::find(active_.begin(), active_.end(), &walk);
  if (found == active_.end()) return;
  *found = active_.back();
  active_.pop_back();
}

}  // namespace iovirt::iommu
