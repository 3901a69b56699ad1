// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The caches' side of translation: lookup and invalidation. The walk is in walk.cpp.

#include "models/iommu/translator.h"

#include "models/iommu/cache_tags.h"

namespace iovirt::iommu {

Translator::Translator(const Config& config, Statistics& statistics)
    : config_(config),
      statistics_(statistics),
      beyond_host_(~0ull << config.host_address_bits),
      contexts_(config.context_cache),
      pages_(config.iotlb),
      l2_(config.paging_cache_l2),
      l3_(config.paging_cache_l3),
      l4_(config.paging_cache_l4) {
  active_.reserve(config.walkers);
}

std::uint64_t Translator::page_set(std::uint64_t tag) const {
  return config_.iotlb_index == SetIndex::hashed ? hashed(tag) : page_of_tag(tag);
}

const Translator::Page* Translator::find_page(std::uint16_t domain, std::uint64_t address, unsigned& shift) {
  for (unsigned size = 0; size < 3; ++size) {
    if (pages_of_size_[size] == 0) continue;
    shift = kPageShift[size];
    const std::uint64_t tag = page_tag(domain, address, size);
    if (const Page* page = pages_.find(tag, page_set(tag))) return page;
  }
  return nullptr;
}

FaultReason Translator::check_context(const Request& request, const ContextInfo& context) const {
  // Translation requests and translated requests need TT = 1, which needs device-TLBs (9.3).
  if (request.address_type != 0) return FaultReason::translation_type_blocked;
  if (context.pass_through) return FaultReason::none;
  const unsigned table_bits = 12 + 9 * context.levels;
  const unsigned bits = table_bits < config_.guest_address_bits ? table_bits : config_.guest_address_bits;
  return (request.address >> bits) != 0 ? FaultReason::address_beyond_width : FaultReason::none;
}

Translator::Answer Translator::use_page(const Page& page, unsigned shift, const Request& request,
                                        const ContextInfo& context, Translation& translation, Fault& fault) const {
  const bool allowed = request.write ? page.writable
                                     : page.readable || (request.zero_length && config_.zero_length_reads && page.writable);
  const std::uint64_t offset = request.address & ((1ull << shift) - 1);
  FaultReason reason = FaultReason::none;
  if (!allowed)
    reason = request.write ? FaultReason::no_write_permission : FaultReason::no_read_permission;
  else if (is_interrupt_address(page.base + offset))
    reason = FaultReason::output_in_interrupt_range;
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, context.fault_processing_disabled);
    return Answer::faulted;
  }
  translation = {page.base + offset, 1ull << shift};
  return Answer::translated;
}

Translator::Answer Translator::lookup(const Request& request, Translation& translation, Fault& fault, bool count) {
  const ContextInfo* context = contexts_.find(context_tag(request.source), hashed(context_tag(request.source)));
  if (!context) {
    if (count) ++statistics_.context_misses;
    return Answer::miss;
  }
  if (count) ++statistics_.context_hits;
  const FaultReason reason = check_context(request, *context);
  if (reason != FaultReason::none) {
    fault = make_fault(request, reason, context->fault_processing_disabled);
    return Answer::faulted;
  }
  if (context->pass_through) {
    if (count) ++statistics_.untranslated;
    translation = {request.address, 0};
    return Answer::translated;
  }
  unsigned shift = 0;
  const Page* page = find_page(context->domain, request.address, shift);
  if (count) ++(page ? statistics_.iotlb_hits : statistics_.iotlb_misses);
  return page ? use_page(*page, shift, request, *context, translation, fault) : Answer::miss;
}

void Translator::invalidate(const ContextInvalidation& invalidation) {
  switch (invalidation.granularity) {
    case Granularity::global: contexts_.clear(); break;
    case Granularity::domain:
      contexts_.erase_if([&](std::uint64_t, const ContextInfo& c) { return c.domain == invalidation.domain; });
      break;
    case Granularity::selective:
      contexts_.erase_if([&](std::uint64_t tag, const ContextInfo&) { return invalidation.covers(source_of_tag(tag)); });
      break;
  }
  for (Walk* walk : active_)
    if (invalidation.granularity == Granularity::global || walk->stage != Walk::Stage::paging ||
        (invalidation.granularity == Granularity::domain && walk->context.domain == invalidation.domain) ||
        (invalidation.granularity == Granularity::selective && invalidation.covers(walk->request.source)))
      walk->cacheable = false;
}

void Translator::invalidate(const IotlbInvalidation& invalidation) {
  const bool selective = invalidation.granularity == Granularity::selective;
  const std::uint64_t first = invalidation.first();
  const std::uint64_t last = first + (invalidation.bytes() - 1);
  const auto overlaps = [&](std::uint64_t tag) {
    const std::uint64_t begin = address_of_tag(tag);
    return begin <= last && begin + (bytes_of_tag(tag) - 1) >= first;
  };
  const auto goes = [&](std::uint64_t tag, const auto&) {
    return domain_of_tag(tag) == invalidation.domain && (!selective || overlaps(tag));
  };
  if (invalidation.granularity == Granularity::global) {
    pages_.clear();
    l2_.clear();
    l3_.clear();
    l4_.clear();
  } else {
    if (selective && invalidation.address_mask == 0) {
      for (unsigned size = 0; size < 3; ++size) {
        if (pages_of_size_[size] == 0) continue;
        const std::uint64_t tag = page_tag(invalidation.domain, first, size);
        pages_.erase(tag, page_set(tag));
      }
    } else {
      pages_.erase_if(goes);
    }
    if (!selective || !invalidation.leaf_only) {
      l2_.erase_if(goes);
      l3_.erase_if(goes);
      l4_.erase_if(goes);
    }
  }
  if (pages_.used() == 0) pages_of_size_[0] = pages_of_size_[1] = pages_of_size_[2] = 0;
  // A walk that has read paging entries may hold old ones: what it finds there must not be cached.
  for (Walk* walk : active_) {
    if (walk->stage != Walk::Stage::paging) continue;
    if (invalidation.granularity != Granularity::global && walk->context.domain != invalidation.domain) continue;
    if (selective)
      walk->overtaken_by(first, last);
    else
      walk->cacheable = false;
  }
}

}  // namespace iovirt::iommu
