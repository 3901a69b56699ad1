// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// JSON into a configuration struct, strictly: nothing loads silently. Layers are applied in the order of the calls,
// the later one wins: profile, then file, then command line. Lists are replaced as a whole, structs are merged.
//
//   Config config;
//   ConfigReader reader(config_target(config));
//   reader.profile_file("default.json");
//   reader.file("two_node.json");
//   reader.set("iommu.iotlb_entries=512");
//
// Every member that applies something throws ConfigError; the struct is then half changed and to be thrown away.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/config_error.h"
#include "lib/config_target.h"

namespace iovirt {

class ConfigReader {
 public:
  explicit ConfigReader(ConfigTarget root) : root_(std::move(root)) {}

  void file(const std::string& path);
  void text(std::string_view json, const std::string& origin);
  /// "path=value": the value is JSON, or else a bare string.
  void set(std::string_view assignment, const std::string& origin = "--set");
  /// A list of {"path", "value", "unit", "source"}; the unit must be the field's.
  void profile_file(const std::string& path);
  void profile_text(std::string_view json, const std::string& origin);
  /// Throws unless every field below `roots` whose unit is a time, a rate or cycles had a profile entry.
  void require_profile(const std::vector<std::string_view>& roots, const std::string& profile) const;

  /// What last gave the value at `path` ("iommu.iotlb_entries"): a file, "--set"; "defaults" when nothing did.
  std::string origin(std::string_view path) const;
  /// How many layers had been applied when it was given: 0 for a default; the higher the later.
  unsigned layer(std::string_view path) const;
  /// The profile's source for the value at `path`; empty when it had none or has been overridden.
  std::string source(std::string_view path) const;
  /// A mistake that only shows in the whole configuration, such as one value against another.
  [[noreturn]] void fail(std::string_view path, std::string_view message) const;

 private:
  struct Given {
    std::string origin;
    std::string source;
    unsigned layer;
  };
  struct Context;
  void apply(const Context& context, const ConfigTarget& target, const FieldInfo& info, const std::string& path,
             const nlohmann::ordered_json& value);
  void apply_object(const Context& context, const ConfigTarget::Object& object, const std::string& path,
                    const nlohmann::ordered_json& value);

  ConfigTarget root_;
  std::map<std::string, Given, std::less<>> given_;
  std::map<std::string, std::string, std::less<>> profiled_;
  unsigned layers_ = 0;
};

/// The effective configuration, in the order of the fields: reading it back gives the same struct.
nlohmann::ordered_json dump_config(const ConfigTarget& target);

/// One line of a configuration's documentation.
struct ConfigField {
  std::string path;
  ConfigTarget target;
  FieldInfo info;
};
/// Every leaf, in order.
std::vector<ConfigField> config_fields(const ConfigTarget& root);
/// "an integer from 1 to 1048576 entries"
std::string describe(const ConfigTarget& target, const FieldInfo& info);
/// True for units that are a time, a rate or cycles: their values come from a profile.
bool needs_source(std::string_view unit);

}  // namespace iovirt
