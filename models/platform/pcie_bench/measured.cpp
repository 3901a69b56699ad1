// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/measured.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "lib/config_error.h"

namespace iovirt::platform::pcie_bench {
namespace {

enum Column : unsigned { kIommu, kTest, kPattern, kCache, kHostOffset, kDeviceOffset, kWindow, kSize, kAverage, kBandwidth, kColumns };
constexpr std::string_view kColumnNames[kColumns] = {"iommu", "test", "pattern", "cache", "host_offset_B", "device_offset_B",
                                                     "window", "size_B", "avg_ns", "bandwidth_gbps"};
const std::vector<std::string_view> kAllTests = {"LAT_DMA_RD", "LAT_DMA_WRRD", "BW_DMA_RD", "BW_DMA_WR", "BW_DMA_RW", "LAT_CMD_RD", "LAT_CMD_WRRD"};
const std::vector<std::string_view> kAllCaches = {"HWarm", "DWarm", "Cold", "DThrash"};
const std::vector<std::string_view> kPatterns = {"Rand", "Seq"};
constexpr std::uint64_t kLeastWindow = 8 << 10, kMostWindow = 64 << 20;

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  for (;;) {
    const std::size_t comma = line.find(',');
    fields.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) return fields;
    line.remove_prefix(comma + 1);
  }
}

/// The whole of `text` as a number.
template <class Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "8KB", "1.5MB"
std::optional<std::uint64_t> window_bytes(std::string_view text) {
  if (text.size() < 3 || text.back() != 'B') return std::nullopt;
  const char prefix = text[text.size() - 2];
  const auto amount = number<double>(text.substr(0, text.size() - 2));
  if (!amount || !(*amount > 0) || *amount > 1e6 || (prefix != 'K' && prefix != 'M' && prefix != 'G')) return std::nullopt;
  const double bytes = *amount * (prefix == 'K' ? 1 << 10 : prefix == 'M' ? 1 << 20 : 1 << 30);
  if (bytes != std::floor(bytes)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

class Row {
 public:
  Row(const std::string& origin, unsigned line, const std::vector<std::size_t>& where, const std::vector<std::string_view>& fields)
      : origin_(origin), line_(line), where_(where), fields_(fields) {}

  std::string_view operator[](Column column) const { return fields_[where_[column]]; }

  [[noreturn]] void fail(Column column, std::string_view expected) const {
    throw ConfigError(fmt::format("{}:{}: column {}: \"{}\": expected {}", origin_, line_, kColumnNames[column], (*this)[column], expected));
  }
  std::string_view one_of(Column column, const std::vector<std::string_view>& names) const {
    if (std::find(names.begin(), names.end(), (*this)[column]) != names.end()) return (*this)[column];
    const std::string_view near = nearest_name((*this)[column], names);
    fail(column, fmt::format("{}{}", fmt::join(names, ", "), near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
  }
  std::uint64_t integer(Column column) const {
    if (const auto value = number<std::uint64_t>((*this)[column])) return *value;
    fail(column, "a whole number of bytes");
  }

 private:
  const std::string& origin_;
  unsigned line_;
  const std::vector<std::size_t>& where_;
  const std::vector<std::string_view>& fields_;
};

template <class Enum, std::size_t N>
std::optional<Enum> named(std::string_view text, const std::array<std::string_view, N>& names) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<Enum>(found - names.begin());
}

std::vector<std::size_t> locate_columns(std::string_view header, const std::string& origin) {
  const auto names = split(header);
  std::vector<std::size_t> where;
  for (const std::string_view name : kColumnNames) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      throw ConfigError(fmt::format("{}:1: no column {}: expected a header with {}", origin, name, fmt::join(kColumnNames, ",")));
    where.push_back(static_cast<std::size_t>(found - names.begin()));
  }
  return where;
}

/// Nothing for a row of the benchmark that is not compared.
std::optional<Point> point_of(const Row& row) {
  const auto translation =
      named<Translation>(row.one_of(kIommu, {kTranslationNames.begin(), kTranslationNames.end()}), kTranslationNames);
  const auto test = named<Test>(row.one_of(kTest, kAllTests), kTestNames);
  const auto cache = named<Cache>(row.one_of(kCache, kAllCaches), kCacheNames);
  const bool random = row.one_of(kPattern, kPatterns) == "Rand";
  const std::uint64_t offsets = row.integer(kHostOffset) | row.integer(kDeviceOffset);
  const std::uint64_t bytes = row.integer(kSize);
  const auto window = window_bytes(row[kWindow]);
  if (!window) row.fail(kWindow, "a size as 8KB or 1.5MB");
  if (!test || !cache || !random || offsets != 0 || *test == Test::bandwidth_both) return std::nullopt;
  if (*window < kLeastWindow || *window > kMostWindow) return std::nullopt;
  const bool size_compared = is_latency(*test) ? bytes == 64 : bytes == 64 || bytes == 128 || bytes == 256 || bytes == 512;
  if (!size_compared) return std::nullopt;
  return Point{*translation, *test, *cache, static_cast<std::uint32_t>(bytes), *window};
}

}  // namespace

Measured parse_measured(std::string_view csv, const std::string& origin) {
  Measured measured;
  std::vector<std::size_t> where;
  std::size_t columns = 0;
  for (unsigned line = 1; !csv.empty(); ++line) {
    const std::size_t end = csv.find('\n');
    std::string_view text = csv.substr(0, end);
    csv.remove_prefix(end == std::string_view::npos ? csv.size() : end + 1);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
    if (line == 1) {
      where = locate_columns(text, origin);
      columns = split(text).size();
      continue;
    }
    if (text.empty()) continue;
    const auto fields = split(text);
    if (fields.size() != columns)
      throw ConfigError(fmt::format("{}:{}: {} columns: expected {}, as in the header", origin, line, fields.size(), columns));
    const Row row(origin, line, where, fields);
    const auto point = point_of(row);
    if (!point) continue;
    const Column column = is_latency(point->test) ? kAverage : kBandwidth;
    const auto value = number<double>(row[column]);
    if (!value || !(*value > 0) || !std::isfinite(*value)) row.fail(column, is_latency(point->test) ? "nanoseconds above 0" : "Gb/s above 0");
    if (!measured.emplace(*point, *value).second)
      throw ConfigError(fmt::format("{}:{}: the same point as in an earlier line: expected each once", origin, line));
  }
  if (measured.empty())
    throw ConfigError(fmt::format("{}: nothing to compare: expected random accesses of LAT_DMA_RD, LAT_DMA_WRRD, BW_DMA_RD or BW_DMA_WR", origin));
  return measured;
}

Measured read_measured(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  if (in) text << in.rdbuf();
  if (!in || in.bad()) throw ConfigError(fmt::format("{}: cannot be read (expected a table of measurements in CSV)", path));
  return parse_measured(text.str(), path);
}

}  // namespace iovirt::platform::pcie_bench
