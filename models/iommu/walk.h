// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A walk in progress, as a machine that asks for one access to memory at a time, so that whoever drives it decides when
// each access happens and how many walks overlap.
#pragma once

#include <algorithm>
#include <cstdint>

#include "models/iommu/request.h"

namespace iovirt::iommu {

/// What translates a request's addresses: of a legacy context entry, or of a PASID-table entry.
struct AddressSpace {
  enum class Kind : std::uint8_t { second_stage, first_stage, nested, pass_through };
  std::uint64_t first_table = 0;   ///< FSPTPTR
  std::uint64_t second_table = 0;  ///< SLPTPTR, SSPTPTR
  std::uint64_t unreached = 0;     ///< legacy: address bits beyond the tables and the hardware
  std::uint32_t key = 0;           ///< cache_tags.h, space_key
  std::uint16_t domain = 0;
  Kind kind = Kind::second_stage;
  std::uint8_t first_levels = 0;
  std::uint8_t second_levels = 0;
  bool legacy = false;
  bool fault_processing_disabled = false;
  bool supervisor_requests = false;  ///< SRE
  bool execute_requests = false;     ///< ERE
  bool write_protect = false;        ///< WPE
  bool no_execute = false;           ///< NXE
  bool supervisor_no_execute = false;  ///< SMEP
  bool extended_accessed = false;    ///< EAFE
  bool second_dirty = false;         ///< SSADE
  bool walk_snoop = false;           ///< walks are coherent: hardware may set A and D
  bool page_snoop = false;           ///< PGSNP
  FaultReason absent = FaultReason::none;  ///< caching mode: there is no such entry

  bool has_first() const { return kind == Kind::first_stage || kind == Kind::nested; }
};

/// A context entry as the context cache keeps it.
struct ContextInfo {
  AddressSpace space;             ///< legacy mode
  bool plain = false;             ///< legacy second-stage tables
  std::uint64_t directory = 0;    ///< scalable mode from here: PASIDDIRPTR
  std::uint32_t rid_pasid = 0;    ///< PASID of requests without one
  std::uint8_t pasid_bits = 0;    ///< PDTS: PASIDs beyond have no entry
  bool scalable = false;
  bool pasids_enabled = false;
  bool page_requests = false;
  bool privileged = false;        ///< RID_PRIV
  bool fault_processing_disabled = false;
  bool device_tlb = false;        ///< TT 1, DTE
  FaultReason absent = FaultReason::none;  ///< caching mode: there is no such entry, and its domain counts as 0
};

/// What a driver of the walk does next. `update`: one atomic compare-and-swap of a paging entry in memory, which sets
/// accessed or dirty bits.
enum class Step : std::uint8_t { read, update, translated, faulted };

/// How an update ended: the entry was the expected one and has its new value; it was another, and memory is as it was;
/// memory had no answer.
enum class Updated : std::uint8_t { done, changed, failed };

inline constexpr unsigned kMaxReadBytes = 64;

/// One walk in progress. The driver owns it and must not move it between begin and the end of the walk.
struct Walk {
  std::uint64_t read_address = 0;  ///< Step::read: what to read next
  unsigned read_bytes = 0;         ///< 8, 16, 32 or 64
  std::uint64_t update_address = 0;   ///< Step::update: 8 bytes
  std::uint64_t update_expected = 0;
  std::uint64_t update_value = 0;
  Translation translation;         ///< Step::translated
  Fault fault;                     ///< Step::faulted
  Request request;

  // the translator's own
  enum class Stage : std::uint8_t { root, context, directory, pasid, first, second } stage = Stage::root;
  /// What the second stage translates: the request's address, that of a first-stage entry, or what the first stage gave.
  enum class Target : std::uint8_t { request, table, output } target = Target::request;
  bool scalable = false;                   ///< by scalable-mode root and context tables
  bool fault_processing_disabled = false;  ///< FPD of any structure read so far
  bool page_absent = false;        ///< a paging entry on the way was not present
  bool cacheable = true;           ///< false once an invalidation has overtaken it altogether
  ContextInfo context;
  AddressSpace space;
  std::uint32_t pasid = 0;         ///< the request's, or RID_PASID

  std::uint64_t first_table = 0;   ///< guest-physical when nested
  std::uint64_t first_entry_at = 0;  ///< host-physical
  std::uint64_t guest_address = 0;   ///< what the first stage gave
  std::uint8_t first_level = 0;
  std::uint8_t first_shift = 0;    ///< log2 of the first-stage page
  std::uint8_t first_rights = 0;   ///< Rights so far, the leaf's apart
  std::uint8_t leaf_rights = 0;    ///< the leaf's included
  bool first_dirty = false;
  bool set_first_dirty = false;    ///< nested: the second stage lets the page be written, so the leaf's dirty bit is due

  std::uint64_t second_input = 0;
  std::uint64_t second_table = 0;
  std::uint64_t second_entry_at = 0;
  std::uint64_t second_entry = 0;
  std::uint8_t second_level = 0;
  bool readable = true;            ///< second-stage rights so far
  bool writable = true;
  bool table_write = false;        ///< a first-stage entry is waiting for the dirty bit of the page it lies in

  std::uint64_t stale_bytes = ~0ull;  ///< page-selective invalidations have overtaken entries that cover so much, or more

  /// For another request: what is not set here is set before it is read.
  void start(const Request& its) {
    request = its;
    stage = Stage::root;
    target = Target::request;
    fault_processing_disabled = page_absent = first_dirty = set_first_dirty = table_write = false;
    cacheable = true;
    context = {};
    space = {};
    pasid = 0;
    stale_bytes = ~0ull;
  }
  bool in_tables() const { return stage == Stage::first || stage == Stage::second; }
  /// `address` is the walk's, as its entries are tagged.
  void overtaken_by(std::uint64_t address, std::uint64_t first, std::uint64_t last) {
    for (unsigned shift = 12; shift < 57; shift += 9) {
      const std::uint64_t begin = address >> shift << shift;
      if (begin > last || begin + ((1ull << shift) - 1) < first) continue;
      stale_bytes = std::min(stale_bytes, std::uint64_t{1} << shift);
      return;
    }
  }
  /// An entry that covers so much around the walk's address.
  bool may_cache(std::uint64_t bytes) const { return cacheable && bytes < stale_bytes; }
};

/// Bits of a cached translation.
namespace rights {
inline constexpr std::uint8_t kRead = 1, kWrite = 2;  ///< second stage; both set without one
inline constexpr std::uint8_t kFirstWrite = 4, kUser = 8, kExecute = 16 /* XD clear */;
inline constexpr std::uint8_t kDirty = 64;            ///< every dirty bit that a write needs is set in memory
inline constexpr std::uint8_t kSnoop = 128;
inline constexpr std::uint8_t kNoFirstStage = kFirstWrite | kUser | kExecute;
}  // namespace rights

}  // namespace iovirt::iommu
