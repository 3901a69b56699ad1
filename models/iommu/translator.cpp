// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Answers from the caches, and the rules that cached and walked translations share.

#include "models/iommu/translator.h"

#include "models/iommu/cache_tags.h"

namespace iovirt::iommu {

Translator::Translator(const Config& config, Statistics& statistics)
    : config_(config),
      statistics_(statistics),
      beyond_host_(~0ull << config.host_address_bits),
      contexts_(config.context_cache),
      pasids_(config.scalable_mode ? config.pasid_cache : CacheConfig{}),
      pages_(config.iotlb, config.iotlb_partitioning, config.iotlb_partitions),
      directories_{SetAssociative<Directory>(config.paging_cache_l2), SetAssociative<Directory>(config.paging_cache_l3),
                   SetAssociative<Directory>(config.paging_cache_l4), SetAssociative<Directory>(config.paging_cache_l5)},
      trails_(config.context_cache.replacement != Replacement::plru && config.iotlb.replacement != Replacement::plru) {
  active_.reserve(config.walkers);
}

void Translator::set_root(std::uint64_t rtaddr) {
  root_ = rtaddr & ~0xfffull;
  ++changes_;
  mode_ = static_cast<TableMode>((rtaddr >> 10) & 3);
  if (mode_ == TableMode::scalable && !config_.scalable_mode) mode_ = TableMode::reserved;
  if (mode_ == TableMode::abort && !config_.abort_dma) mode_ = TableMode::reserved;
}

// -- rules ---------------------------------------------------------------------------------------------------------

FaultReason Translator::check_mode(const Request& request) const {
  switch (mode_) {
    case TableMode::legacy:
      if (request.page_request) return FaultReason::page_request_in_legacy_mode;
      return request.pasid != kNoPasid ? FaultReason::pasid_in_legacy_mode : FaultReason::none;
    case TableMode::scalable: return FaultReason::none;
    case TableMode::reserved: return FaultReason::root_table_mode_invalid;
    case TableMode::abort: return FaultReason::dma_aborted;
  }
  return FaultReason::none;
}

FaultReason Translator::check_context(const Request& request, const ContextInfo& context) const {
  if (context.absent != FaultReason::none) return context.absent;
  if (request.address_type != 0 && !context.device_tlb)
    return context.scalable ? FaultReason::device_tlb_disabled : FaultReason::translation_type_blocked;
  if (context.scalable) {
    if (request.page_request && !context.page_requests) return FaultReason::page_requests_disabled;
    if (request.pasid != kNoPasid) {
      if (!context.pasids_enabled) return FaultReason::pasids_disabled;
      if (request.pasid >> context.pasid_bits) return FaultReason::pasid_too_large;
      if (request.pasid == context.rid_pasid) return FaultReason::rid_pasid_invalid;
      if (request.pasid >> config_.pasid_bits && !request.page_request) return FaultReason::pasid_beyond_supported;
    }
  }
  if (request.address_type == 2) {  // a host address already
    if (is_interrupt_address(request.address))
      return context.scalable ? FaultReason::scalable_interrupt_range : FaultReason::output_in_interrupt_range;
    if (request.address & beyond_host_)
      return context.scalable ? FaultReason::address_beyond_host : FaultReason::address_beyond_width;
  }
  return FaultReason::none;
}

bool Translator::needs_no_tables(const Request& request) {
  return request.address_type == 2 ||
         (request.address_type == 1 && request.pasid == kNoPasid && is_interrupt_address(request.address));
}

Translation Translator::unwalked(const Request& request, bool snoop) {
  Translation translation{request.address, 0};
  translation.snoop = snoop;
  if (request.address_type == 1 && needs_no_tables(request)) {
    translation.untranslated_only = true;
    translation.readable = false;
  }
  return translation;
}

Request Translator::effective(const Request& request, const ContextInfo& context) {
  Request result = request;
  if (request.pasid != kNoPasid) return result;
  result.privileged = context.privileged;  // these two travel with the PASID only
  result.execute = false;
  return result;
}

unsigned Translator::second_stage_bits(const AddressSpace& space) const {
  const unsigned table_bits = 12u + 9u * space.second_levels;
  return table_bits < config_.guest_address_bits ? table_bits : config_.guest_address_bits;
}

std::uint32_t Translator::second_key(const AddressSpace& space) {
  return space.second_dirty ? space_key::kTracked : space_key::kSecond;
}

FaultReason Translator::check_space(const Request& request, const AddressSpace& space) const {
  using Kind = AddressSpace::Kind;
  if (space.absent != FaultReason::none || request.page_request) return space.absent;
  if (space.legacy) {
    if ((request.address & space.unreached) != 0) return FaultReason::address_beyond_width;
    return space.kind == Kind::pass_through && is_interrupt_address(request.address) ? FaultReason::output_in_interrupt_range
                                                                                     : FaultReason::none;
  }
  if (request.execute && !space.execute_requests) return FaultReason::execute_requests_disabled;
  if (request.privileged && !space.supervisor_requests) return FaultReason::supervisor_requests_disabled;
  if (space.kind == Kind::pass_through) {
    if (is_interrupt_address(request.address)) return FaultReason::scalable_interrupt_range;
    return request.address & beyond_host_ ? FaultReason::address_beyond_host : FaultReason::none;
  }
  if (space.kind == Kind::second_stage)
    return (request.address >> second_stage_bits(space)) != 0 ? FaultReason::second_stage_address_beyond_width : FaultReason::none;
  const unsigned unused = 64 - (12 + 9 * space.first_levels);
  const std::uint64_t canonical = static_cast<std::uint64_t>(static_cast<std::int64_t>(request.address << unused) >> unused);
  return canonical != request.address ? FaultReason::address_not_canonical : FaultReason::none;
}

bool Translator::grants_write(const Request& request, const AddressSpace& space, std::uint8_t page) {
  if (!(page & rights::kWrite)) return false;
  if (!space.has_first()) return true;
  if (request.privileged) return (page & rights::kFirstWrite) || !space.write_protect;
  return (page & rights::kUser) && (page & rights::kFirstWrite);
}

FaultReason Translator::check_rights(const Request& request, const AddressSpace& space, std::uint8_t page) const {
  if (space.has_first()) {
    if (!request.privileged && !(page & rights::kUser)) return FaultReason::user_access_denied;
    if (request.execute && space.no_execute && !(page & rights::kExecute)) return FaultReason::execute_denied;
    if (request.execute && request.privileged && space.supervisor_no_execute && (page & rights::kUser))
      return FaultReason::execute_denied;
  }
  if (request.write) {
    if (grants_write(request, space, page)) return FaultReason::none;
    return space.legacy ? FaultReason::no_write_permission : FaultReason::scalable_no_write_permission;
  }
  if ((page & rights::kRead) || (request.zero_length && config_.zero_length_reads && (page & rights::kWrite)))
    return FaultReason::none;
  return space.legacy ? FaultReason::no_read_permission : FaultReason::scalable_no_read_permission;
}

bool Translator::dirties(const Request& request, const AddressSpace& space, std::uint8_t page) {
  if (request.address_type == 1) return !request.no_write && grants_write(request, space, page);
  return request.write;
}

// -- caches --------------------------------------------------------------------------------------------------------

std::uint64_t Translator::page_set(std::uint64_t tag, std::uint32_t key) const {
  return config_.iotlb_index == SetIndex::hashed ? hashed(tag, key) : page_of_tag(tag);
}

const Translator::Page* Translator::find_page(const AddressSpace& space, std::uint16_t source, std::uint64_t address, unsigned& shift) {
  const std::uint32_t partition = partition_of(source, space.domain);
  address = tagged_address(address);
  for (unsigned size = 0; size < 3; ++size) {
    if (pages_of_size_[size] == 0) continue;
    shift = kPageShift[size];
    const std::uint64_t tag = page_tag(space.domain, address, size);
    const auto same = [&](const Page& page) { return page.key == space.key; };
    if (const Page* page = pages_.find(tag, page_set(tag, space.key), same, partition)) return page;
  }
  return nullptr;
}

void Translator::insert_page(const Walk& walk, unsigned size, const Page& page) {
  const std::uint64_t tag = page_tag(walk.space.domain, tagged_address(walk.request.address), size);
  if (!walk.may_cache(1ull << kPageShift[size])) return;
  pages_.insert(tag, page_set(tag, page.key), page, [&](const Page& other) { return other.key == page.key; },
                partition_of(walk.request.source, walk.space.domain));
  ++pages_of_size_[size];
  ++changes_;
  keyed_pages_ = keyed_pages_ || page.key != 0;
}

void Translator::insert_context(std::uint16_t source, const ContextInfo& context) {
  contexts_.insert(context_tag(source), context_set(context_tag(source)), context);
  ++changes_;
}

void Translator::insert_space(std::uint16_t source, std::uint32_t pasid, const AddressSpace& space) {
  const std::uint64_t tag = pasid_tag(source, pasid);
  pasids_.insert(tag, hashed(tag), space);
  ++changes_;
}

void Translator::count_page(const AddressSpace& space, Answer answer) {
  const bool miss = answer == Answer::miss;
  ++(miss ? statistics_.iotlb_misses : statistics_.iotlb_hits);
  if (!config_.count_by_domain) return;
  DomainCounters& counters = domains_[space.domain];
  ++(miss ? counters.iotlb_misses : counters.iotlb_hits);
}

const Translator::Directory* Translator::find_directory(std::uint16_t domain, std::uint32_t key, std::uint64_t address, unsigned level) {
  const std::uint64_t tag = page_tag(domain, address, level - 1);
  const auto same = [key](const Directory& directory) { return directory.key == key; };
  const Directory* directory = directory_cache(level).find(tag, hashed(tag, key), same);
  ++(directory ? statistics_.paging_hits : statistics_.paging_misses)[level - 2];
  if (directory) ++statistics_.paging_cache_hits;
  return directory;
}

void Translator::insert_directory(const Walk& walk, std::uint64_t address, unsigned level, const Directory& directory) {
  const std::uint64_t tag = page_tag(walk.space.domain, address, level - 1);
  if (!walk.may_cache(1ull << shift_of_size(level - 1))) return;
  directory_cache(level).insert(tag, hashed(tag, directory.key), directory,
                                [&](const Directory& other) { return other.key == directory.key; });
}

Translator::Answer Translator::use_page(const Page& page, unsigned shift, const Request& request,
                                        const AddressSpace& space, Translation& translation, Fault& fault) const {
  const std::uint64_t address = page.base + (request.address & ((1ull << shift) - 1));
  const bool interrupts = reaches_interrupts(request, address, shift);
  FaultReason reason = check_rights(request, space, page.rights);
  const bool absent = page.absent != FaultReason::none;
  if (absent && !space.legacy && (page.rights == 0 || reason == FaultReason::none)) reason = page.absent;
  if (request.address_type == 1) {
    const bool any = !absent && is_accessible(request, space, page.rights);
    if (any && interrupts) {
      fault = make_fault(request, space.legacy ? FaultReason::output_in_interrupt_range : FaultReason::scalable_interrupt_range,
                         space.fault_processing_disabled);
      return Answer::faulted;
    }
    translation = Translation{address, 1ull << shift};
    translation.readable = any && (page.rights & rights::kRead);
    translation.writable = any && !request.no_write && grants_write(request, space, page.rights);
    translation.executable = translation.readable && request.execute && reason != FaultReason::execute_denied;
    translation.snoop = page.rights & rights::kSnoop;
    return translation.writable && !(page.rights & rights::kDirty) ? Answer::miss : Answer::translated;
  }
  if (reason == FaultReason::none && interrupts)
    reason = space.legacy ? FaultReason::output_in_interrupt_range : FaultReason::scalable_interrupt_range;
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, space.fault_processing_disabled);
    return Answer::faulted;
  }
  if (request.write && !(page.rights & rights::kDirty)) return Answer::miss;  // a walk sets the dirty bit
  translation = {address, 1ull << shift};
  translation.snoop = page.rights & rights::kSnoop;
  return Answer::translated;
}

bool Translator::is_accessible(const Request& request, const AddressSpace& space, std::uint8_t page) {
  return !space.has_first() || request.privileged || (page & rights::kUser);
}

inline bool Translator::plainly_allows(const Page& page, const Request& request) {
  const std::uint8_t needed = request.write ? rights::kWrite | rights::kDirty : rights::kRead;
  return (page.rights & needed) == needed;
}

inline Translator::Answer Translator::use_plain_page(const Page& page, unsigned shift, const Request& request,
                                                     const AddressSpace& space, Translation& translation, Fault& fault) const {
  const std::uint64_t address = page.base + (request.address & ((1ull << shift) - 1));
  if (!plainly_allows(page, request) || is_interrupt_address(address))
    return use_page(page, shift, request, space, translation, fault);
  translation = {address, 1ull << shift};
  translation.snoop = page.rights & rights::kSnoop;
  return Answer::translated;
}

bool Translator::find_along(const Trail& trail, const Request& request, Translation& translation) {
  if (mode_ != TableMode::legacy || request.pasid != kNoPasid || request.address_type != 0 || request.page_request || !trails_) return false;
  const ContextInfo* context = contexts_.at(trail.context, context_tag(request.source));
  if (!context || !context->plain || (request.address & context->space.unreached) != 0) return false;
  // A page of another size would have to be looked for behind the smaller ones.
  const AddressSpace& space = context->space;
  const Page* page = pages_.at(trail.page, page_tag(space.domain, request.address, 0));
  if (!page || page->key != space.key || !plainly_allows(*page, request)) return false;
  const std::uint64_t address = page->base | (request.address & 0xfff);
  if (is_interrupt_address(address)) return false;
  contexts_.touch(trail.context);
  pages_.touch(trail.page);
  ++statistics_.context_hits;
  count_page(space, Answer::translated);
  translation.address = address;
  translation.page_bytes = 4096;
  translation.snoop = page->rights & rights::kSnoop;
  return true;
}

Translator::Answer Translator::lookup(const Request& request, Translation& translation, Fault& fault, bool count, Trail* trail) {
  const bool plain = mode_ == TableMode::legacy && request.pasid == kNoPasid && request.address_type == 0 && !request.page_request;
  FaultReason reason = plain ? FaultReason::none : check_mode(request);
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, false);
    return Answer::faulted;
  }
  const ContextInfo* context = contexts_.find(context_tag(request.source), context_set(context_tag(request.source)));
  if (!context) {
    if (count) ++statistics_.context_misses;
    return Answer::miss;
  }
  if (count) ++statistics_.context_hits;
  if (plain && context->plain && (request.address & context->space.unreached) == 0) {
    // The usual request, through legacy second-stage tables: nothing else has a say.
    const AddressSpace& space = context->space;
    unsigned shift = 0;
    const Page* page = find_page(space, request.source, request.address, shift);
    if (page && trail) *trail = {contexts_.place_of(context), pages_.place_of(page)};
    const Answer answer = page ? use_plain_page(*page, shift, request, space, translation, fault) : Answer::miss;
    if (count) count_page(space, answer);
    return answer;
  }
  reason = check_context(request, *context);
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, context->fault_processing_disabled);
    return Answer::faulted;
  }
  if (needs_no_tables(request)) {
    if (count) ++statistics_.untranslated;
    translation = unwalked(request, false);
    return Answer::translated;
  }
  if (!context->scalable) return lookup(request, context->space, translation, fault, count);

  const std::uint64_t tag = pasid_tag(request.source, request.pasid != kNoPasid ? request.pasid : context->rid_pasid);
  const AddressSpace* space = pasids_.find(tag, hashed(tag));
  if (count) ++(space ? statistics_.pasid_hits : statistics_.pasid_misses);
  if (!space) return Answer::miss;
  const Answer answer = lookup(effective(request, *context), *space, translation, fault, count);
  if (request.page_request && answer == Answer::translated) invalidate_for(request, *space, pasid_of_tag(tag));
  return answer;
}

Translator::Answer Translator::lookup(const Request& request, const AddressSpace& space, Translation& translation,
                                      Fault& fault, bool count) {
  const FaultReason reason = check_space(request, space);
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, space.fault_processing_disabled);
    return Answer::faulted;
  }
  if (space.kind == AddressSpace::Kind::pass_through || request.page_request) {
    if (count) ++statistics_.untranslated;
    translation = unwalked(request, space.page_snoop);
    return Answer::translated;
  }
  unsigned shift = 0;
  const Page* page = find_page(space, request.source, request.address, shift);
  const Answer answer = page ? use_page(*page, shift, request, space, translation, fault) : Answer::miss;
  if (count) count_page(space, answer);
  return answer;
}

bool Translator::holds(const Request& request) {
  Translation translation;
  Fault fault;
  return lookup(request, translation, fault, false) != Answer::miss;
}

}  // namespace iovirt::iommu
