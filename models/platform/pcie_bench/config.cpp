// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/config.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/platform/data_files.h"
#include "models/platform/pcie_bench/address_space.h"

namespace iovirt::platform::pcie_bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kProfile = "models/platform/profiles/pcie-bench-ivybridge.json";
constexpr const char* kDefaults = "models/platform/profiles/default.json";
constexpr std::array<std::string_view, 3> kShared = {"memory.", "pcie.", "iommu."};

Json entries_of(const char* profile) {
  const std::string path = find_file(profile, data_folders());
  if (path.empty()) throw ConfigError(fmt::format("{}: not found among the files that come with iovirt", profile));
  std::ifstream in(path);
  Json entries = Json::parse(in, nullptr, false);
  if (!entries.is_array()) throw ConfigError(fmt::format("{}: expected a profile: a list of {{path, value, unit, source}}", path));
  return entries;
}

/// What this machine's profile does not say of the models it shares is as everywhere.
std::string merged_profile() {
  Json merged = entries_of(kProfile);
  const auto path_of = [](const Json& entry) { return entry.is_object() ? entry.value("path", std::string()) : std::string(); };
  for (const Json& entry : entries_of(kDefaults)) {
    const std::string path = path_of(entry);
    const bool shared = std::any_of(kShared.begin(), kShared.end(), [&](std::string_view folder) { return path.starts_with(folder); });
    const bool said = std::any_of(merged.begin(), merged.end(), [&](const Json& mine) { return path_of(mine) == path; });
    if (shared && !said) merged.push_back(entry);
  }
  return merged.dump();
}

/// A model's own rule, told as the key it is about: "iotlb.ways: ..." or "memory.llc_ways: ...".
template <class Model>
void check(const ConfigReader& reader, std::string_view folder, const Model& model) {
  try {
    model.validate();
  } catch (const std::invalid_argument& error) {
    std::string_view what = error.what();
    if (const std::string prefix = fmt::format("{}.", folder); what.starts_with(prefix)) what.remove_prefix(prefix.size());
    const std::size_t colon = what.find(": ");
    if (colon == std::string_view::npos) reader.fail(folder, what);
    reader.fail(fmt::format("{}.{}", folder, what.substr(0, colon)), what.substr(colon + 2));
  }
}

}  // namespace

LoadedConfig::LoadedConfig(const std::vector<std::string>& assignments) {
  reader_.profile_text(merged_profile(), kProfile);
  reader_.require_profile({"memory", "pcie", "iommu", "engine"}, kProfile);
  for (const std::string& assignment : assignments) reader_.set(assignment, "--set");

  check(reader_, "memory", config_.memory);
  check(reader_, "pcie", config_.pcie);
  check(reader_, "iommu", config_.iommu);
  if (!config_.iommu.four_level) reader_.fail("iommu.four_level", "false, but the tables have 4 levels: expected true");
  if (!config_.iommu.pages_2m) reader_.fail("iommu.pages_2m", "false, but superpages are part of the comparison: expected true");
  if (config_.memory.size_bytes < layout::kEnd || config_.memory.hole_base < layout::kEnd)
    reader_.fail("memory.size_bytes", fmt::format("too little RAM below the hole for devices: expected at least {} bytes", layout::kEnd));
}

}  // namespace iovirt::platform::pcie_bench
