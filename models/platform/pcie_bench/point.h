// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One point of pcie-bench: what is done, under which conditions, and what came out.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>

namespace iovirt::platform::pcie_bench {

enum class Translation : std::uint8_t { off, pages_4k, superpages };
enum class Test : std::uint8_t { latency_read, latency_write_read, bandwidth_read, bandwidth_write, bandwidth_both };
/// What the last-level cache holds of the window: what the host wrote last, what the card wrote last, nothing.
enum class Cache : std::uint8_t { host_warm, device_warm, cold };

/// As the data spell them.
inline constexpr std::array<std::string_view, 3> kTranslationNames = {"off", "on_4KiB", "on_superpages"};
inline constexpr std::array<std::string_view, 5> kTestNames = {"LAT_DMA_RD", "LAT_DMA_WRRD", "BW_DMA_RD", "BW_DMA_WR", "BW_DMA_RW"};
inline constexpr std::array<std::string_view, 3> kCacheNames = {"HWarm", "DWarm", "Cold"};

constexpr std::string_view name_of(Translation t) { return kTranslationNames[static_cast<unsigned>(t)]; }
constexpr std::string_view name_of(Test t) { return kTestNames[static_cast<unsigned>(t)]; }
constexpr std::string_view name_of(Cache c) { return kCacheNames[static_cast<unsigned>(c)]; }
constexpr bool is_latency(Test t) { return t == Test::latency_read || t == Test::latency_write_read; }

struct Point {
  Translation translation = Translation::off;
  Test test = Test::latency_read;
  Cache cache = Cache::host_warm;
  std::uint32_t bytes = 64;
  std::uint64_t window = 8192;

  auto operator<=>(const Point&) const = default;
};

/// ns of a latency test (average), Gb/s of payload of a bandwidth test.
struct Outcome {
  double value = 0;
  double median = 0, p95 = 0, least = 0;  ///< ns, latency tests only
  double misses_per_transfer = 0;         ///< IOTLB misses; simulated only
  double walks_per_s = 0;
};

}  // namespace iovirt::platform::pcie_bench
