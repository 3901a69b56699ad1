// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What each invalidation takes from the caches (6.5.2), and from walks that it overtakes: those go on with what they have
// read, but what they find must not be cached.

#include "models/iommu/cache_tags.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {

void Translator::invalidate(const ContextInvalidation& invalidation) {
  ++changes_;
  const bool global = invalidation.granularity == Granularity::global;
  const bool domain = invalidation.granularity == Granularity::domain;
  // Scalable-mode context entries have no domain: a domain-selective invalidation takes them all.
  if (global)
    contexts_.clear();
  else if (domain)
    contexts_.erase_if([&](std::uint64_t, const ContextInfo& c) { return c.scalable || c.space.domain == invalidation.domain; });
  else
    contexts_.erase_if([&](std::uint64_t tag, const ContextInfo&) { return invalidation.covers(source_of_tag(tag)); });
  for (Walk* walk : active_)
    if (global || !walk->in_tables() || (domain && (walk->context.scalable || walk->space.domain == invalidation.domain)) ||
        (!domain && invalidation.covers(walk->request.source)))
      walk->cacheable = false;
}

void Translator::invalidate(const PasidCacheInvalidation& invalidation) {
  ++changes_;
  using G = PasidCacheGranularity;
  const auto goes = [&](const AddressSpace& space, std::uint32_t pasid) {
    if (invalidation.granularity == G::global) return true;
    if (invalidation.granularity == G::domain) return space.domain == invalidation.domain;
    // Which domain an absent entry will have, only software knows.
    return pasid == invalidation.pasid && (space.domain == invalidation.domain || space.absent != FaultReason::none);
  };
  pasids_.erase_if([&](std::uint64_t tag, const AddressSpace& space) { return goes(space, pasid_of_tag(tag)); });
  for (Walk* walk : active_)
    if (!walk->in_tables() || goes(walk->space, walk->pasid)) walk->cacheable = false;
}

void Translator::invalidate(const IotlbInvalidation& invalidation) {
  ++changes_;
  const bool global = invalidation.granularity == Granularity::global;
  const bool selective = invalidation.granularity == Granularity::selective;
  const std::uint64_t first = invalidation.first();
  const std::uint64_t last = first + (invalidation.bytes() - 1);
  // First-stage translations stay: they have invalidations of their own (6.5.2.4). Nested ones are tagged by the address
  // before the first stage, so none can be told to lie outside a range behind it.
  const auto goes = [&](std::uint64_t tag, const auto& value) {
    if (domain_of_tag(tag) != invalidation.domain || !space_key::has_second_stage(value.key)) return false;
    if (!selective || space_key::has_pasid(value.key)) return true;
    const std::uint64_t begin = address_of_tag(tag);
    return begin <= last && begin + (bytes_of_tag(tag) - 1) >= first;
  };
  if (global) {
    pages_.clear();
    for (unsigned level = 2; level <= 5; ++level) directory_cache(level).clear();
  } else {
    if (selective && invalidation.address_mask == 0 && !keyed_pages_ && config_.iotlb_partitions == 1) {  // the usual unmap: at most one entry of each size
      for (unsigned size = 0; size < 3; ++size) {
        if (pages_of_size_[size] == 0) continue;
        const std::uint64_t tag = page_tag(invalidation.domain, tagged_address(first), size);
        pages_.erase(tag, page_set(tag, 0));
      }
    } else {
      pages_.erase_if(goes);
    }
    // The hint is about the second stage's own directories: those of a nested first stage lie behind its leaves.
    const auto directory_goes = [&](std::uint64_t tag, const Directory& directory) {
      return (!selective || !invalidation.leaf_only || space_key::has_pasid(directory.key)) && goes(tag, directory);
    };
    if (!selective || !invalidation.leaf_only || config_.scalable_mode)
      for (unsigned level = 2; level <= 5; ++level) directory_cache(level).erase_if(directory_goes);
  }
  if (pages_.used() == 0) {
    pages_of_size_[0] = pages_of_size_[1] = pages_of_size_[2] = 0;
    keyed_pages_ = false;
  }
  for (Walk* walk : active_) {
    if (!walk->in_tables()) continue;
    if (!global && (walk->space.domain != invalidation.domain || walk->space.kind == AddressSpace::Kind::first_stage)) continue;
    if (selective && walk->space.kind == AddressSpace::Kind::second_stage)
      walk->overtaken_by(tagged_address(walk->request.address), first, last);
    else
      walk->cacheable = false;
  }
}

void Translator::invalidate_for(const Request& request, const AddressSpace& space, std::uint32_t pasid) {
  const std::uint64_t page = request.address & ~0xfffull;
  if (space.kind == AddressSpace::Kind::first_stage)
    return invalidate(PasidIotlbInvalidation{PasidIotlbGranularity::page, space.domain, pasid, page, 0, false});
  const bool nested = space.kind == AddressSpace::Kind::nested;
  invalidate(IotlbInvalidation{nested ? Granularity::domain : Granularity::selective, space.domain, page});
}

void Translator::invalidate(const PasidIotlbInvalidation& invalidation) {
  ++changes_;
  const bool selective = invalidation.granularity == PasidIotlbGranularity::page;
  const std::uint64_t first = tagged_address(invalidation.first());
  const std::uint64_t last = first + (invalidation.bytes() - 1);
  const auto goes = [&](std::uint64_t tag, const auto& value) {
    if (domain_of_tag(tag) != invalidation.domain || !space_key::has_pasid(value.key) ||
        space_key::pasid(value.key) != invalidation.pasid)
      return false;
    const std::uint64_t begin = address_of_tag(tag);
    return !selective || (begin <= last && begin + (bytes_of_tag(tag) - 1) >= first);
  };
  // Pages of the second stage alone are of no PASID here: with that of the whole PASID, all of the domain's go (table 24).
  pages_.erase_if([&](std::uint64_t tag, const Page& page) {
    return goes(tag, page) || (!selective && domain_of_tag(tag) == invalidation.domain && !space_key::has_pasid(page.key));
  });
  if (!selective || !invalidation.leaf_only)
    for (unsigned level = 2; level <= 5; ++level) directory_cache(level).erase_if(goes);
  for (Walk* walk : active_) {
    if (!walk->in_tables() || walk->space.domain != invalidation.domain || walk->pasid != invalidation.pasid) continue;
    if (selective && !walk->space.has_first()) continue;
    if (selective && walk->space.kind == AddressSpace::Kind::first_stage)
      walk->overtaken_by(tagged_address(walk->request.address), first, last);
    else
      walk->cacheable = false;
  }
}

}  // namespace iovirt::iommu
