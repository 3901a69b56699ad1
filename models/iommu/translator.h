// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// DMA remapping, legacy mode: the caches, and the walk as a machine that asks for one memory read at a time, so that
// whoever drives it decides when each read happens and how many walks overlap.
#pragma once

#include <cstdint>
#include <vector>

#include "models/iommu/config.h"
#include "models/iommu/invalidation.h"
#include "models/iommu/request.h"
#include "models/iommu/set_associative.h"
#include "models/iommu/statistics.h"
#include "models/iommu/walk.h"

namespace iovirt::iommu {

class Translator {
 public:
  /// REQUIRES: a validated configuration. Both must outlive it.
  Translator(const Config& config, Statistics& statistics);

  /// The root-table pointer in force (GCMD.SRTP). Caches keep what they hold.
  void set_root(std::uint64_t rtaddr) { root_ = rtaddr & ~0xfffull; }

  enum class Answer : std::uint8_t { translated, miss, faulted };
  /// From the caches alone. `count` is false when the same request asks again.
  Answer lookup(const Request& request, Translation& translation, Fault& fault, bool count = true);

  /// Starts at the deepest cached entry.
  Step begin(Walk& walk, const Request& request);
  /// After Step::read: the read_bytes / 8 words at read_address, or ok = false when memory had no answer.
  Step resume(Walk& walk, bool ok, const std::uint64_t* words);
  /// After Step::update.
  Step updated(Walk& walk, Updated outcome);
  /// Gives up a walk before its end.
  void abandon(Walk& walk) { finish(walk); }

  void invalidate(const ContextInvalidation& invalidation);
  void invalidate(const IotlbInvalidation& invalidation);
  void invalidate(const PasidCacheInvalidation&) {}  // legacy mode caches nothing of PASIDs
  void invalidate(const PasidIotlbInvalidation&) {}

 private:
  struct Page {
    std::uint64_t base;
    bool readable;
    bool writable;
  };
  struct Directory {
    std::uint64_t table;
    bool readable;
    bool writable;
  };

  const Page* find_page(std::uint16_t domain, std::uint64_t address, unsigned& shift);
  Answer use_page(const Page& page, unsigned shift, const Request& request, const ContextInfo& context,
                  Translation& translation, Fault& fault) const;
  FaultReason check_context(const Request& request, const ContextInfo& context) const;
  Step after_context(Walk& walk, bool count);
  Step root_read(Walk& walk, std::uint64_t low, std::uint64_t high);
  Step context_read(Walk& walk, std::uint64_t low, std::uint64_t high);
  Step paging_read(Walk& walk, std::uint64_t entry);
  Step leaf(Walk& walk, std::uint64_t entry, unsigned shift);
  Step ask(Walk& walk, Walk::Stage stage, std::uint64_t address, unsigned bytes);
  Step fail(Walk& walk, FaultReason reason);
  Step finish(Walk& walk, Step step) {
    finish(walk);
    return step;
  }
  void finish(Walk& walk);
  std::uint64_t page_set(std::uint64_t tag) const;
  SetAssociative<Directory>& directory_cache(unsigned level) { return level == 2 ? l2_ : level == 3 ? l3_ : l4_; }

  const Config& config_;
  Statistics& statistics_;
  std::uint64_t root_ = 0;
  std::uint64_t beyond_host_;  ///< address bits above the host address width
  SetAssociative<ContextInfo> contexts_;
  SetAssociative<Page> pages_;
  SetAssociative<Directory> l2_, l3_, l4_;
  std::uint32_t pages_of_size_[3] = {};  ///< in the IOTLB: 4 KB, 2 MB, 1 GB; may count too many, never too few
  std::vector<Walk*> active_;
};

}  // namespace iovirt::iommu
