// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/config.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_reader.h"
#include "models/platform/data_files.h"

namespace iovirt::platform {
namespace {

constexpr std::array<std::string_view, 4> kParts = {"translate", "iommu", "memory", "profile"};
/// Keys of parts that take part which mean something only in a whole machine.
constexpr std::array<std::string_view, 5> kMachineOnly = {"memory.size_bytes", "memory.hole_base", "memory.hole_bytes",
                                                          "memory.memory_parallelism", "iommu.register_base"};

void check_keys(const ConfigReader& reader, const TranslateConfig& config, unsigned profile_layers) {
  for (const ConfigField& field : config_fields(config_target(config))) {
    if (reader.layer(field.path) <= profile_layers) continue;
    const std::string_view part = std::string_view(field.path).substr(0, field.path.find('.'));
    if (std::find(kParts.begin(), kParts.end(), part) == kParts.end())
      reader.fail(field.path, fmt::format("has no part in translate: expected a key below {}", fmt::join(kParts, ", ")));
    if (std::find(kMachineOnly.begin(), kMachineOnly.end(), field.path) != kMachineOnly.end())
      reader.fail(field.path, "has no effect on translate, whose memory is as large as iommu.host_address_bits: expected it only with compare and run");
  }
}

template <class Model>
void check_model(const ConfigReader& reader, std::string_view name, const Model& model) {
  try {
    model.validate();
  } catch (const std::invalid_argument& error) {
    std::string_view what = error.what();
    const std::string prefix = fmt::format("{}.", name);
    if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
    const std::size_t colon = what.find(": ");
    if (colon == std::string_view::npos) reader.fail(name, what);
    reader.fail(fmt::format("{}.{}", name, what.substr(0, colon)), what.substr(colon + 2));
  }
}

void check(const ConfigReader& reader, const TranslateConfig& config) {
  check_model(reader, "iommu", config.machine.iommu);
  check_model(reader, "memory", config.machine.memory);
  const iommu::Config& iommu = config.machine.iommu;
  const std::uint64_t page = config.translate.page_bytes.bytes();
  if (page == 0) reader.fail("translate.page_bytes", "expected 4096, 2097152 or 1073741824, or 4K, 2M or 1G");
  if ((page == 2u << 20 && !iommu.pages_2m) || (page == 1u << 30 && !iommu.pages_1g))
    reader.fail("translate.page_bytes", fmt::format("{}, but iommu.pages_{} is false: expected true, or smaller pages", page, page == 2u << 20 ? "2m" : "1g"));
  if (!(config.translate.levels == 3 ? iommu.three_level : iommu.four_level))
    reader.fail("translate.levels", fmt::format("{}, but iommu.{}_level is false: expected true, or other levels", config.translate.levels, config.translate.levels == 3 ? "three" : "four"));
}

}  // namespace

std::uint64_t PageSize::bytes() const {
  constexpr std::array<std::uint64_t, 3> kBytes = {4096, 2u << 20, 1u << 30};
  if (word >= 0) return kBytes[static_cast<std::size_t>(word)];
  for (std::uint64_t bytes : kBytes)
    if (number == static_cast<double>(bytes)) return bytes;
  return 0;
}

TranslateConfig load_translate_config(const std::vector<std::string>& assignments) {
  // Which profile to start from is itself configured: read once to know it.
  TranslateConfig scratch;
  ConfigReader peek(config_target(scratch));
  for (const std::string& assignment : assignments) peek.set(assignment);
  const std::string& wanted = scratch.machine.profile;
  const bool named = wanted.find('/') == std::string::npos && !wanted.ends_with(".json");
  const std::string path = named ? fmt::format("models/platform/profiles/{}.json", wanted) : wanted;
  std::vector<std::string> folders = data_folders();
  if (!named) folders.insert(folders.begin(), ".");
  const std::string profile = find_file(path, folders);
  if (profile.empty()) peek.fail("profile", fmt::format("{}: no such profile (expected the name of one that comes with iovirt, or a file)", wanted));

  TranslateConfig config;
  ConfigReader reader(config_target(config));
  reader.profile_file(profile);
  reader.require_profile({"memory", "iommu"}, profile);
  for (const std::string& assignment : assignments) reader.set(assignment);
  check_keys(reader, config, 1);
  check(reader, config);
  return config;
}

nlohmann::ordered_json dump(const TranslateConfig& config) {
  const auto all = dump_config(config_target(config));
  nlohmann::ordered_json result = nlohmann::ordered_json::object();
  for (const auto& [key, value] : all.items())
    if (std::find(kParts.begin(), kParts.end(), key) != kParts.end()) result[key] = value;
  for (std::string_view path : kMachineOnly) {
    const std::string part(path.substr(0, path.find('.')));
    result[part].erase(std::string(path.substr(path.find('.') + 1)));
  }
  return result;
}

}  // namespace iovirt::platform
