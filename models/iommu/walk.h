// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A walk in progress, as a machine that asks for one access to memory at a time, so that whoever drives it decides when
// each access happens and how many walks overlap.
#pragma once

#include <cstdint>

#include "models/iommu/request.h"

namespace iovirt::iommu {

/// A context entry as the context cache keeps it.
struct ContextInfo {
  std::uint64_t table = 0;  ///< SLPTPTR
  std::uint16_t domain = 0;
  std::uint8_t levels = 0;
  bool pass_through = false;
  bool fault_processing_disabled = false;
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
  enum class Stage : std::uint8_t { root, context, paging } stage = Stage::root;
  ContextInfo context;
  std::uint64_t table = 0;
  std::uint8_t level = 0;
  bool readable = true;
  bool writable = true;
  bool cacheable = true;           ///< false once an invalidation has overtaken it altogether
  std::uint64_t stale_first = ~0ull;  ///< page-selective invalidations have overtaken it for this range
  std::uint64_t stale_last = 0;

  void overtaken_by(std::uint64_t first, std::uint64_t last) {
    stale_first = first < stale_first ? first : stale_first;
    stale_last = last > stale_last ? last : stale_last;
  }
  bool may_cache(std::uint64_t first, std::uint64_t last) const {
    return cacheable && (last < stale_first || first > stale_last);
  }
};

}  // namespace iovirt::iommu
