// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A receive stream through a whole machine: what came out.
#pragma once

#include <cstdint>

#include "models/platform/config.h"
#include "models/platform/stream/config.h"

namespace iovirt::platform::stream {

struct Result {
  std::uint32_t flows = 0;
  std::uint64_t packets = 0;     ///< measured; each fills a page
  double gbps = 0;               ///< of payload read by the processes
  // for each page
  double misses = 0;             ///< page walks that the IOTLB's misses led to
  double memory_reads = 0;       ///< table entries read
  double acks = 0;
  double invalidations = 0;
  double l1_misses = 0, l2_misses = 0, l3_misses = 0;  ///< of the caches of entries that cover 512 GB, 1 GB and 2 MB
  double packets_per_poll = 0, packets_per_segment = 0;
  double cpu_busy = 0;           ///< of the cores' time
  double unmap_ns = 0, map_ns = 0;
  std::uint64_t starved = 0, errors = 0, faults = 0;
};

/// REQUIRES: checked configurations. Throws std::runtime_error when the stream does not come to its end.
Result run(const platform::Config& machine, const Config& stream);

}  // namespace iovirt::platform::stream
