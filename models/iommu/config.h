// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What an IOMMU is built with. Times come from the profile and are 0 here.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "lib/config_field.h"

namespace iovirt::iommu {

/// Which way of a full set goes: the least recently used, the first in, any, or what a tree of bits that point away from
/// the used ways leads to.
enum class Replacement : std::uint8_t { lru, fifo, random, plru };

/// How the IOTLB is shared out among those that use it, and by what they are told apart.
enum class Partitioning : std::uint8_t { none, sets, ways };
enum class PartitionOwner : std::uint8_t { requester, domain };

/// What makes walkers fetch the next pages' translations too.
enum class Prefetch : std::uint8_t { none, miss, access };

/// What selects a set: the low bits of the page number alone, or folded with the rest and the domain.
enum class SetIndex : std::uint8_t { page, hashed };

struct CacheConfig {
  std::uint32_t entries = 0;
  std::uint32_t ways = 0;
  Replacement replacement = Replacement::lru;
  std::uint64_t seed = 1;
  double lookup_ns = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("entries", self.entries, {.unit = "entries", .doc = "what it holds; 0: not there", .min = 0, .max = 1 << 20});
    visit("ways", self.ways, {.doc = "associativity; entries / ways is a power of two", .min = 1, .max = 1 << 20});
    visit("replacement", self.replacement, {.doc = "the victim in a full set; plru needs a power of two of ways"});
    visit("seed", self.seed, {.doc = "of random replacement", .min = 1});
    visit("lookup_ns", self.lookup_ns, {.unit = "ns", .doc = "one look into it, on top of what every request, walk step and interrupt takes", .min = 0, .max = 1e6});
  }
};

struct Config {
  std::uint64_t register_base = 0xfed9'0000;

  // caches
  CacheConfig iotlb{128, 8, Replacement::lru};
  SetIndex iotlb_index = SetIndex::hashed;
  Partitioning iotlb_partitioning = Partitioning::none;
  PartitionOwner iotlb_partition_owner = PartitionOwner::requester;
  std::uint32_t iotlb_partitions = 1;
  CacheConfig context_cache{64, 4, Replacement::lru};
  CacheConfig interrupt_entry_cache{64, 4, Replacement::lru};
  CacheConfig pasid_cache{64, 4, Replacement::lru};
  CacheConfig paging_cache_l5{4, 4, Replacement::lru};   ///< level 5 entries: each covers 256 TB
  CacheConfig paging_cache_l4{4, 4, Replacement::lru};   ///< level 4 entries: each covers 512 GB
  CacheConfig paging_cache_l3{16, 4, Replacement::lru};  ///< 1 GB
  CacheConfig paging_cache_l2{32, 4, Replacement::lru};  ///< 2 MB

  // page walks
  static constexpr std::uint32_t kUnordered = 1024;
  std::uint32_t walkers = 6;
  bool merge_misses = true;
  bool queue_pipelined = false;
  std::uint32_t walk_queue = 0;
  bool hit_under_miss = true;
  Prefetch prefetch = Prefetch::none;
  std::uint32_t prefetch_pages = 1;
  std::uint32_t reads_passed = kUnordered;

  // time
  double lookup_ns = 0;
  double walk_step_ns = 0;
  double remap_ns = 0;
  double invalidation_ns = 0;
  double register_ns = 0;
  double device_tlb_timeout_ns = 0;

  // what the capability registers say
  std::uint32_t guest_address_bits = 48;
  std::uint32_t host_address_bits = 46;
  bool three_level = true;
  bool four_level = true;
  bool pages_2m = true;
  bool pages_1g = true;
  bool pass_through = true;
  bool zero_length_reads = true;
  std::uint32_t max_address_mask = 18;
  std::uint32_t fault_records = 8;
  bool collapse_faults = true;
  bool interrupt_remapping = true;
  bool extended_interrupt_mode = true;
  bool posted_interrupts = true;
  bool scalable_mode = false;
  bool device_tlbs = false;
  bool device_tlb_throttle = false;
  bool page_requests = false;
  bool caching_mode = false;
  bool write_buffer_flush = false;
  bool coherent_walks = true;
  bool protected_low_range = true;
  bool protected_high_range = true;
  bool flush_on_root_pointer = false;
  bool flush_on_interrupt_pointer = false;

  bool count_by_domain = false;
  bool five_level = false;
  bool snoop_control = true;
  // of scalable mode: without it none of these is there
  std::uint32_t pasid_bits = 20;
  bool first_stage = true;
  bool second_stage = true;
  bool nested_translation = true;
  bool first_stage_five_level = false;
  bool first_stage_1g = true;
  bool second_stage_dirty = true;
  bool page_walk_snoop = true;
  bool supervisor_requests = true;
  bool execute_requests = true;
  bool extended_accessed = true;
  bool abort_dma = true;

  /// Throws std::invalid_argument naming the key ("iotlb.ways: ...") when no hardware could be like this.
  void validate() const;
  /// CAP and ECAP (11.4.2, 11.4.3).
  std::uint64_t capability() const;
  std::uint64_t extended_capability() const;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("register_base", self.register_base, {.doc = "where the registers lie in the host's address space"});
    visit("iotlb", self.iotlb, {.doc = "translations, tagged by domain and page"});
    visit("iotlb_index", self.iotlb_index, {.doc = "what selects an IOTLB set"});
    visit("iotlb_partitioning", self.iotlb_partitioning, {.doc = "the IOTLB in equal parts, by sets or by ways, each used by its owners alone"});
    visit("iotlb_partition_owner", self.iotlb_partition_owner, {.doc = "whose number, modulo iotlb_partitions, says which part"});
    visit("iotlb_partitions", self.iotlb_partitions, {.doc = "how many parts; a power of two when they are sets", .min = 1, .max = 1 << 16});
    visit("context_cache", self.context_cache, {.doc = "context entries, tagged by source id"});
    visit("interrupt_entry_cache", self.interrupt_entry_cache, {.doc = "interrupt-remapping table entries"});
    visit("pasid_cache", self.pasid_cache, {.doc = "PASID-table entries, tagged by source id and PASID"});
    visit("paging_cache_l5", self.paging_cache_l5, {.doc = "level 5 paging entries (256 TB each)"});
    visit("paging_cache_l4", self.paging_cache_l4, {.doc = "level 4 paging entries (512 GB each)"});
    visit("paging_cache_l3", self.paging_cache_l3, {.doc = "level 3 paging entries (1 GB each)"});
    visit("paging_cache_l2", self.paging_cache_l2, {.doc = "level 2 paging entries (2 MB each)"});
    visit("walkers", self.walkers, {.doc = "page walks at once", .min = 1, .max = 256});
    visit("merge_misses", self.merge_misses, {.doc = "a miss to a page that is being walked waits for that walk"});
    visit("walk_queue", self.walk_queue, {.doc = "misses that may wait for a walker before lookups stall; 0: any number", .min = 0, .max = 65536});
    visit("hit_under_miss", self.hit_under_miss, {.doc = "later requests are looked up while a miss is served; false: they wait"});
    visit("prefetch", self.prefetch, {.doc = "walk for the next pages too: after a miss, or whenever a requester comes to another page"});
    visit("prefetch_pages", self.prefetch_pages, {.doc = "how many next pages", .min = 1, .max = 64});
    visit("reads_passed", self.reads_passed, {.doc = "how many earlier reads of its requester that wait for walks a read may pass; 1024: any", .min = 0, .max = 1024});
    visit("queue_pipelined", self.queue_pipelined, {.doc = "invalidation descriptors are fetched by the cache line, and a wait's status write is not waited for"});
    visit("lookup_ns", self.lookup_ns, {.unit = "ns", .doc = "cache lookup, paid by every DMA request", .min = 0, .max = 1e6});
    visit("walk_step_ns", self.walk_step_ns, {.unit = "ns", .doc = "a walker's own time for each entry it reads, memory apart", .min = 0, .max = 1e6});
    visit("remap_ns", self.remap_ns, {.unit = "ns", .doc = "interrupt-entry lookup and remapping of one interrupt", .min = 0, .max = 1e6});
    visit("invalidation_ns", self.invalidation_ns, {.unit = "ns", .doc = "carrying out one invalidation, fetch apart", .min = 0, .max = 1e6});
    visit("register_ns", self.register_ns, {.unit = "ns", .doc = "one register access", .min = 0, .max = 1e6});
    visit("device_tlb_timeout_ns", self.device_tlb_timeout_ns, {.unit = "ns", .doc = "a device that has not completed an invalidation by then is given up (ITE); 0: never", .min = 0, .max = 1e11});
    visit("guest_address_bits", self.guest_address_bits, {.unit = "bits", .doc = "CAP.MGAW: DMA addresses beyond fault", .min = 30, .max = 57});
    visit("host_address_bits", self.host_address_bits, {.unit = "bits", .doc = "table address bits beyond are reserved", .min = 32, .max = 52});
    visit("three_level", self.three_level, {.doc = "CAP.SAGAW: 39-bit tables"});
    visit("four_level", self.four_level, {.doc = "CAP.SAGAW: 48-bit tables"});
    visit("pages_2m", self.pages_2m, {.doc = "CAP.SLLPS: 2 MB pages"});
    visit("pages_1g", self.pages_1g, {.doc = "CAP.SLLPS: 1 GB pages"});
    visit("pass_through", self.pass_through, {.doc = "ECAP.PT: context entries may pass requests through"});
    visit("zero_length_reads", self.zero_length_reads, {.doc = "CAP.ZLR: to write-only pages"});
    visit("max_address_mask", self.max_address_mask, {.doc = "CAP.MAMV: largest page-selective invalidation, log2 of pages", .min = 0, .max = 36});
    visit("fault_records", self.fault_records, {.doc = "CAP.NFR", .min = 1, .max = 128});
    visit("collapse_faults", self.collapse_faults, {.doc = "a requester with a pending record gets no second one"});
    visit("interrupt_remapping", self.interrupt_remapping, {.doc = "ECAP.IR"});
    visit("extended_interrupt_mode", self.extended_interrupt_mode, {.doc = "ECAP.EIM: 32-bit APIC ids"});
    visit("posted_interrupts", self.posted_interrupts, {.doc = "CAP.PI"});
    visit("scalable_mode", self.scalable_mode, {.doc = "ECAP.SMTS: scalable-mode tables, PASIDs, 32-byte invalidation descriptors"});
    visit("device_tlbs", self.device_tlbs, {.doc = "ECAP.DT: translation requests (ATS), device-TLB invalidation"});
    visit("device_tlb_throttle", self.device_tlb_throttle, {.doc = "ECAP.DIT: a device-TLB invalidation names the function whose limit counts"});
    visit("page_requests", self.page_requests, {.doc = "ECAP.PRS and PDS: page requests (PRI), their queue and responses"});
    visit("caching_mode", self.caching_mode, {.doc = "CAP.CM: what is not present or faults is cached too"});
    visit("write_buffer_flush", self.write_buffer_flush, {.doc = "CAP.RWBF: software must flush write buffers (GCMD.WBF)"});
    visit("protected_low_range", self.protected_low_range, {.doc = "CAP.PLMR: a protected range of memory below 4 GB"});
    visit("protected_high_range", self.protected_high_range, {.doc = "CAP.PHMR: another one, anywhere"});
    visit("flush_on_root_pointer", self.flush_on_root_pointer, {.doc = "CAP.ESRTPS: a new root table empties the caches"});
    visit("flush_on_interrupt_pointer", self.flush_on_interrupt_pointer, {.doc = "CAP.ESIRTPS: so does a new interrupt-remapping table"});
    visit("coherent_walks", self.coherent_walks, {.doc = "ECAP.C: tables may stay in processors' caches; false: software has to flush what it writes to them"});
    visit("count_by_domain", self.count_by_domain, {.doc = "keep hits, misses, walks and reads of each domain apart"});
    visit("five_level", self.five_level, {.doc = "CAP.SAGAW: 57-bit second-stage tables"});
    visit("snoop_control", self.snoop_control, {.doc = "ECAP.SC: SNP of second-stage entries, PGSNP"});
    visit("pasid_bits", self.pasid_bits, {.unit = "bits", .doc = "ECAP.PASID, PSS; 0: requests with PASID are blocked", .min = 0, .max = 20});
    visit("first_stage", self.first_stage, {.doc = "ECAP.FSTS: first-stage translation"});
    visit("second_stage", self.second_stage, {.doc = "ECAP.SSTS: second-stage translation in scalable mode"});
    visit("nested_translation", self.nested_translation, {.doc = "ECAP.NEST"});
    visit("first_stage_five_level", self.first_stage_five_level, {.doc = "CAP.FS5LP: 57-bit first-stage tables"});
    visit("first_stage_1g", self.first_stage_1g, {.doc = "CAP.FS1GP: 1 GB first-stage pages"});
    visit("second_stage_dirty", self.second_stage_dirty, {.doc = "ECAP.SSADS: accessed and dirty bits of the second stage"});
    visit("page_walk_snoop", self.page_walk_snoop, {.doc = "ECAP.SMPWCS: walks may be coherent (PWSNP), as setting accessed and dirty bits needs"});
    visit("supervisor_requests", self.supervisor_requests, {.doc = "ECAP.SRS: SRE, RID_PRIV"});
    visit("execute_requests", self.execute_requests, {.doc = "ECAP.ERS: ERE, NXE, SMEP"});
    visit("extended_accessed", self.extended_accessed, {.doc = "ECAP.EAFS: EAFE"});
    visit("abort_dma", self.abort_dma, {.doc = "ECAP.ADMS: RTADDR.TTM 3 blocks every request"});
  }
};

}  // namespace iovirt::iommu

template <>
struct iovirt::EnumNames<iovirt::iommu::Replacement> {
  static constexpr std::pair<std::string_view, iommu::Replacement> values[] = {
      {"lru", iommu::Replacement::lru}, {"fifo", iommu::Replacement::fifo}, {"random", iommu::Replacement::random}, {"plru", iommu::Replacement::plru}};
};
template <>
struct iovirt::EnumNames<iovirt::iommu::Partitioning> {
  static constexpr std::pair<std::string_view, iommu::Partitioning> values[] = {
      {"none", iommu::Partitioning::none}, {"sets", iommu::Partitioning::sets}, {"ways", iommu::Partitioning::ways}};
};
template <>
struct iovirt::EnumNames<iovirt::iommu::PartitionOwner> {
  static constexpr std::pair<std::string_view, iommu::PartitionOwner> values[] = {{"requester", iommu::PartitionOwner::requester},
                                                                                 {"domain", iommu::PartitionOwner::domain}};
};
template <>
struct iovirt::EnumNames<iovirt::iommu::Prefetch> {
  static constexpr std::pair<std::string_view, iommu::Prefetch> values[] = {
      {"none", iommu::Prefetch::none}, {"miss", iommu::Prefetch::miss}, {"access", iommu::Prefetch::access}};
};
template <>
struct iovirt::EnumNames<iovirt::iommu::SetIndex> {
  static constexpr std::pair<std::string_view, iommu::SetIndex> values[] = {{"page", iommu::SetIndex::page},
                                                                           {"hashed", iommu::SetIndex::hashed}};
};
