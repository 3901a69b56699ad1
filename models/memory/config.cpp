// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/config.h"

#include <stdexcept>
#include <string>

namespace iovirt::memory {
namespace {

[[noreturn]] void complain(const char* field, const char* expected) {
  throw std::invalid_argument(std::string("memory.") + field + ": expected " + expected);
}

}  // namespace

void Config::validate() const {
  if (size_bytes < 1 << 20 || size_bytes % 4096 != 0) complain("size_bytes", "at least 1 MiB, in whole 4 KiB pages");
  if (hole_base == 0 || hole_base % 4096 != 0) complain("hole_base", "a multiple of 4096 above 0");
  if (hole_bytes % 4096 != 0) complain("hole_bytes", "a multiple of 4096");
  if (channels < 1 || channels > 64) complain("channels", "1 to 64");
  if (write_queue_lines < 1) complain("write_queue_lines", "at least 1");
  if (!(dram_latency_ns >= 0)) complain("dram_latency_ns", "no negative time");
  if (!(llc_latency_ns >= 0)) complain("llc_latency_ns", "no negative time");
  if (!(device_read_interval_ns >= 0)) complain("device_read_interval_ns", "no negative time");
  if (!(device_line_interval_ns >= 0)) complain("device_line_interval_ns", "no negative time");
  if (!(device_latency_ns >= 0)) complain("device_latency_ns", "no negative time");
  if (!(channel_gbytes_per_s > 0)) complain("channel_gbytes_per_s", "a rate above 0");
  if (!(refresh_interval_ns >= 0)) complain("refresh_interval_ns", "no negative time");
  if (!(refresh_ns >= 0) || (refresh_interval_ns > 0 && refresh_ns >= refresh_interval_ns))
    complain("refresh_ns", "less than refresh_interval_ns");
  if (llc_ways < 1 || llc_ways > 32) complain("llc_ways", "1 to 32");
  if (ddio_ways > llc_ways) complain("ddio_ways", "at most llc_ways");
  if (llc_bytes < 64ull * llc_ways) complain("llc_bytes", "at least one line of 64 bytes a way");
  if (memory_parallelism < 1) complain("memory_parallelism", "at least 1");
}

}  // namespace iovirt::memory
