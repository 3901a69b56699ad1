// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// DMA remapping: the caches, and the walk through the tables in memory (walk.h).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/iommu/config.h"
#include "models/iommu/domain_counters.h"
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

  /// The root-table pointer and the translation table mode in force (RTADDR, by GCMD.SRTP). Caches keep what they hold.
  void set_root(std::uint64_t rtaddr);

  TableMode mode() const { return mode_; }

  enum class Answer : std::uint8_t { translated, miss, faulted };
  /// Whether the caches have an answer; counts nothing, but touches what it finds. A prefetcher asks.
  bool holds(const Request& request);
  /// Unchanged since a lookup missed: the same lookup would miss again.
  std::uint64_t changes() const { return changes_; }
  /// Where the caches had what a requester last asked for.
  struct Trail {
    std::uint32_t context = 0, page = 0;
  };
  /// The usual request, through legacy second-stage tables, whose context entry and page are where those of the one before
  /// were: its host address, all that lookup() would have done with it done. False: nothing done.
  bool find_along(const Trail& trail, const Request& request, Translation& translation);
  /// From the caches alone. `count` is false when the same request asks again. `trail`, if given, is kept.
  Answer lookup(const Request& request, Translation& translation, Fault& fault, bool count = true, Trail* trail = nullptr);

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
  void invalidate(const PasidCacheInvalidation& invalidation);
  void invalidate(const PasidIotlbInvalidation& invalidation);

  /// Empty unless Config::count_by_domain.
  const DomainTable& domains() const { return domains_; }

 private:
  struct Page {
    std::uint64_t base;
    std::uint32_t key;
    std::uint8_t rights;
    FaultReason absent = FaultReason::none;  ///< caching mode: there is no such page
  };
  struct Directory {
    std::uint64_t table;
    std::uint32_t key;
    std::uint8_t rights;
  };

  // caches
  Answer lookup(const Request& request, const AddressSpace& space, Translation& translation, Fault& fault, bool count);
  const Page* find_page(const AddressSpace& space, std::uint16_t source, std::uint64_t address, unsigned& shift);
  std::uint32_t partition_of(std::uint16_t source, std::uint16_t domain) const {
    if (config_.iotlb_partitions == 1) return 0;
    return (config_.iotlb_partition_owner == PartitionOwner::requester ? source : domain) % config_.iotlb_partitions;
  }
  void insert_page(const Walk& walk, unsigned size, const Page& page);
  void insert_context(std::uint16_t source, const ContextInfo& context);
  void insert_space(std::uint16_t source, std::uint32_t pasid, const AddressSpace& space);
  void count_page(const AddressSpace& space, Answer answer);
  Answer use_page(const Page& page, unsigned shift, const Request& request, const AddressSpace& space,
                  Translation& translation, Fault& fault) const;
  static bool plainly_allows(const Page& page, const Request& request);
  Answer use_plain_page(const Page& page, unsigned shift, const Request& request, const AddressSpace& space,
                        Translation& translation, Fault& fault) const;
  const Directory* find_directory(std::uint16_t domain, std::uint32_t key, std::uint64_t address, unsigned level);
  void insert_directory(const Walk& walk, std::uint64_t address, unsigned level, const Directory& directory);
  std::uint64_t page_set(std::uint64_t tag, std::uint32_t key) const;
  SetAssociative<Directory>& directory_cache(unsigned level) {
    return directories_[level - 2];
  }

  // rules
  FaultReason check_mode(const Request& request) const;
  FaultReason check_context(const Request& request, const ContextInfo& context) const;
  FaultReason check_space(const Request& request, const AddressSpace& space) const;
  FaultReason check_rights(const Request& request, const AddressSpace& space, std::uint8_t page) const;
  static bool needs_no_tables(const Request& request);
  /// What such a request, or one that passes through, is given.
  static Translation unwalked(const Request& request, bool snoop);
  /// A page request takes what the caches hold of its page (6.5.3.1).
  void invalidate_for(const Request& request, const AddressSpace& space, std::uint32_t pasid);
  /// With the privilege that requests without PASID have by their context entry.
  static Request effective(const Request& request, const ContextInfo& context);
  static bool grants_write(const Request& request, const AddressSpace& space, std::uint8_t page);
  static bool is_accessible(const Request& request, const AddressSpace& space, std::uint8_t page);
  /// The page may be written as a consequence: its dirty bits must be set first.
  static bool dirties(const Request& request, const AddressSpace& space, std::uint8_t page);
  unsigned second_stage_bits(const AddressSpace& space) const;
  static std::uint32_t second_key(const AddressSpace& space);

  // walk_context.cpp
  Step root_read(Walk& walk, const std::uint64_t* words);
  Step context_read(Walk& walk, const std::uint64_t* words);
  [[gnu::noinline]] Step scalable_root_read(Walk& walk, const std::uint64_t* words);
  [[gnu::noinline]] Step scalable_context_read(Walk& walk, const std::uint64_t* words);
  [[gnu::noinline]] Step directory_read(Walk& walk, std::uint64_t entry);
  [[gnu::noinline]] Step pasid_read(Walk& walk, const std::uint64_t* words);
  Step after_context(Walk& walk, bool count);
  Step after_space(Walk& walk, bool count);
  // walk_first_stage.cpp
  [[gnu::noinline]] Step start_first(Walk& walk);
  Step fetch_first(Walk& walk);
  [[gnu::noinline]] Step first_read(Walk& walk, std::uint64_t entry);
  Step first_leaf(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page);
  [[gnu::noinline]] Step update_first(Walk& walk, std::uint64_t entry, std::uint64_t bits);
  // walk_second_stage.cpp
  Step start_second(Walk& walk, Walk::Target target, std::uint64_t input);
  Step second_read(Walk& walk, std::uint64_t entry);
  Step second_leaf(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page);
  Step second_done(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page);
  [[gnu::noinline]] Step update_second(Walk& walk, std::uint64_t entry_at, std::uint64_t entry, std::uint64_t bits);
  // walk.cpp
  Step give(Walk& walk, unsigned size, const Page& page);
  [[gnu::noinline]] Step pass(Walk& walk, bool count, bool snoop);
  [[gnu::noinline]] Step no_rights(Walk& walk, FaultReason reason);
  Step ask(Walk& walk, Walk::Stage stage, std::uint64_t address, unsigned bytes);
  Step ask_update(Walk& walk, Walk::Stage stage, std::uint64_t address, std::uint64_t expected, std::uint64_t value);
  [[gnu::noinline]] Step fail(Walk& walk, FaultReason reason);
  [[gnu::noinline]] void remember_absence(const Walk& walk, FaultReason reason);
  Step finish(Walk& walk, Step step) {
    finish(walk);
    return step;
  }
  void finish(Walk& walk);

  const Config& config_;
  Statistics& statistics_;
  std::uint64_t root_ = 0;
  TableMode mode_ = TableMode::legacy;
  std::uint64_t beyond_host_;  ///< address bits above the host address width
  SetAssociative<ContextInfo> contexts_;
  SetAssociative<AddressSpace> pasids_;
  SetAssociative<Page> pages_;
  DomainTable domains_;
  std::array<SetAssociative<Directory>, 4> directories_;  ///< of levels 2 to 5
  std::uint32_t pages_of_size_[3] = {};  ///< in the IOTLB: 4 KB, 2 MB, 1 GB; may count too many, never too few
  std::uint64_t changes_ = 0;            ///< entries cached, invalidations, root tables set
  const bool trails_;                    ///< places can be remembered: neither of the two caches concerned is plru
  bool keyed_pages_ = false;             ///< pages of other address spaces than plain second-stage ones have been cached
  std::vector<Walk*> active_;
};

}  // namespace iovirt::iommu
