// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/config_reader.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_json.h"

namespace iovirt {

namespace {

using Json = nlohmann::ordered_json;

/// The value as the user wrote it, shortened.
std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::string_view kind(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a string";
  return value.is_array() ? "a list" : "an object";
}

struct IntegerLimits {
  std::int64_t min;
  std::uint64_t max;
};

IntegerLimits limits(const ConfigTarget::Integer& integer, const FieldInfo& info) {
  const unsigned bits = integer.bytes * 8 - (integer.is_signed ? 1 : 0);
  IntegerLimits limits{0, bits == 64 ? ~0ull : (1ull << bits) - 1};
  if (integer.is_signed) limits.min = -static_cast<std::int64_t>(limits.max) - 1;
  if (info.min > static_cast<double>(limits.min)) limits.min = static_cast<std::int64_t>(info.min);
  if (info.max < static_cast<double>(limits.max)) limits.max = static_cast<std::uint64_t>(info.max);
  return limits;
}

/// A quantity with a unit is never negative unless its field says so.
double least(const FieldInfo& info) {
  return info.min == std::numeric_limits<double>::lowest() && !info.unit.empty() ? 0 : info.min;
}

std::string join(const std::vector<std::string_view>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

void store(const ConfigTarget::Integer& integer, std::uint64_t value) {
  // The width is the field's own type's: go through it, whatever the byte order.
  const auto as = [&]<class Word>(Word word) { std::memcpy(integer.at, &word, sizeof word); };
  switch (integer.bytes) {
    case 1: return as(static_cast<std::uint8_t>(value));
    case 2: return as(static_cast<std::uint16_t>(value));
    case 4: return as(static_cast<std::uint32_t>(value));
    default: return as(value);
  }
}

Json load(const ConfigTarget::Integer& integer) {
  const auto as = [&]<class Unsigned, class Signed>(Unsigned word, Signed) -> Json {
    std::memcpy(&word, integer.at, sizeof word);
    if (integer.is_signed) return static_cast<std::int64_t>(static_cast<Signed>(word));
    return static_cast<std::uint64_t>(word);
  };
  switch (integer.bytes) {
    case 1: return as(std::uint8_t{}, std::int8_t{});
    case 2: return as(std::uint16_t{}, std::int16_t{});
    case 4: return as(std::uint32_t{}, std::int32_t{});
    default: return as(std::uint64_t{}, std::int64_t{});
  }
}

/// Whole numbers keep an integer's spelling: 10, not 10.0, so that a dump reads back the same.
Json number(double value) {
  if (std::abs(value) < 9e15 && value == std::floor(value)) return static_cast<std::int64_t>(value);
  return value;
}

std::vector<std::string_view> field_names(const ConfigTarget::Object& object) {
  std::vector<std::string_view> names;
  object.visit(object.at, [&](std::string_view name, const ConfigTarget&, const FieldInfo&) { names.push_back(name); });
  return names;
}

/// Every key of the configuration with this name, as a path.
void paths_named(std::string_view name, const ConfigTarget& target, const std::string& path, std::vector<std::string>& out) {
  const auto* object = std::get_if<ConfigTarget::Object>(&target.ref);
  if (object == nullptr) return;
  object->visit(object->at, [&](std::string_view field, const ConfigTarget& child, const FieldInfo&) {
    const std::string child_path = path.empty() ? std::string(field) : fmt::format("{}.{}", path, field);
    if (field == name) out.push_back(child_path);
    paths_named(name, child, child_path, out);
  });
}

std::string rooted(std::string_view path) { return path.empty() ? "$" : fmt::format("$.{}", path); }

struct Found {
  ConfigTarget target;
  FieldInfo info;
};

std::optional<Found> find_field(const ConfigTarget& root, std::string_view path) {
  Found found{root, {}};
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string_view name = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    const auto* object = std::get_if<ConfigTarget::Object>(&found.target.ref);
    if (object == nullptr) return std::nullopt;
    std::optional<Found> next;
    object->visit(object->at, [&](std::string_view field, const ConfigTarget& child, const FieldInfo& info) {
      if (field == name) next = Found{child, info};
    });
    if (!next) return std::nullopt;
    found = std::move(*next);
  }
  return found;
}

}  // namespace

struct ConfigReader::Context {
  std::string origin;
  std::string source;
};

void ConfigReader::apply(const Context& context, const ConfigTarget& target, const FieldInfo& info, const std::string& path,
                         const Json& value) {
  const auto fail_here = [&](std::string_view message) { throw ConfigError(context.origin, rooted(path), message); };
  const auto wrong_type = [&] {
    fail_here(fmt::format("{} is {}: expected {}", shown(value), kind(value), describe(target, info)));
  };
  const auto out_of_range = [&] {
    fail_here(fmt::format("{} is out of range: expected {}", shown(value), describe(target, info)));
  };
  const auto remember = [&] { given_[path] = {context.origin, context.source, layers_}; };

  if (auto* flag = std::get_if<bool*>(&target.ref)) {
    if (!value.is_boolean()) wrong_type();
    **flag = value.get<bool>();
  } else if (auto* integer = std::get_if<ConfigTarget::Integer>(&target.ref)) {
    if (!value.is_number()) wrong_type();
    const IntegerLimits range = limits(*integer, info);
    std::uint64_t magnitude = 0;
    bool negative = false;
    if (value.is_number_float()) {
      const double real = value.get<double>();
      if (real != std::floor(real)) fail_here(fmt::format("{} is not whole: expected {}", shown(value), describe(target, info)));
      if (std::abs(real) >= 9223372036854775808.0) out_of_range();
      negative = real < 0;
      magnitude = static_cast<std::uint64_t>(std::abs(real));
    } else if (value.is_number_unsigned()) {
      magnitude = value.get<std::uint64_t>();
    } else {
      const std::int64_t whole = value.get<std::int64_t>();
      negative = whole < 0;
      magnitude = negative ? 0 - static_cast<std::uint64_t>(whole) : static_cast<std::uint64_t>(whole);
    }
    if (negative ? range.min >= 0 || magnitude > 0 - static_cast<std::uint64_t>(range.min)
                 : magnitude > range.max || (range.min > 0 && magnitude < static_cast<std::uint64_t>(range.min)))
      out_of_range();
    store(*integer, negative ? 0 - magnitude : magnitude);
  } else if (auto* real = std::get_if<double*>(&target.ref)) {
    if (!value.is_number()) wrong_type();
    const double number = value.get<double>();
    if (number < least(info) || number > info.max) out_of_range();
    **real = number;
  } else if (auto* text = std::get_if<std::string*>(&target.ref)) {
    if (!value.is_string()) wrong_type();
    **text = value.get<std::string>();
  } else if (auto* choice = std::get_if<ConfigTarget::Choice>(&target.ref)) {
    if (!value.is_string()) wrong_type();
    const auto name = value.get<std::string>();
    for (std::size_t i = 0; i < choice->names.size(); ++i) {
      if (choice->names[i] == name) {
        choice->set(choice->at, i);
        return remember();
      }
    }
    const std::string_view near = nearest_name(name, choice->names);
    fail_here(fmt::format("unknown value {}{}: expected {}", shown(value),
                          near.empty() ? "" : fmt::format(" (did you mean {}?)", near), describe(target, info)));
  } else if (auto* either = std::get_if<ConfigTarget::WordOrNumber>(&target.ref)) {
    if (value.is_number()) {
      const double number = value.get<double>();
      if (number < least(info) || number > info.max) out_of_range();
      *either->word = -1;
      *either->number = number;
      return remember();
    }
    if (!value.is_string()) wrong_type();
    const auto word = value.get<std::string>();
    for (std::size_t i = 0; i < either->words.size(); ++i) {
      if (either->words[i] != word) continue;
      *either->word = static_cast<int>(i);
      *either->number = 0;
      return remember();
    }
    fail_here(fmt::format("unknown value {}: expected {}", shown(value), describe(target, info)));
  } else if (auto* list = std::get_if<ConfigTarget::List>(&target.ref)) {
    if (!value.is_array()) wrong_type();
    list->reset(list->at, value.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      apply(context, list->element(list->at, i), info, fmt::format("{}[{}]", path, i), value[i]);
  } else {
    return apply_object(context, std::get<ConfigTarget::Object>(target.ref), path, value);
  }
  remember();
}

void ConfigReader::apply_object(const Context& context, const ConfigTarget::Object& object, const std::string& path,
                                const Json& value) {
  if (!value.is_object())
    throw ConfigError(context.origin, rooted(path),
                      fmt::format("{} is {}: expected an object with {}", shown(value), kind(value), join(field_names(object))));
  const std::vector<std::string_view> names = field_names(object);
  for (const auto& [key, unused] : value.items()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    std::string hint;
    std::vector<std::string> elsewhere;
    paths_named(key, root_, "", elsewhere);
    if (const std::string_view near = nearest_name(key, names); !near.empty()) {
      hint = fmt::format("did you mean {}?", near);
    } else if (!elsewhere.empty()) {
      hint = fmt::format("did you mean {}?", elsewhere.front());
    } else {
      hint = fmt::format("known here: {}", join(names));
    }
    const std::string child = path.empty() ? key : fmt::format("{}.{}", path, key);
    throw ConfigError(context.origin, rooted(child), fmt::format("unknown key ({})", hint));
  }
  object.visit(object.at, [&](std::string_view name, const ConfigTarget& child, const FieldInfo& info) {
    const auto found = value.find(std::string(name));
    if (found == value.end()) return;
    apply(context, child, info, path.empty() ? std::string(name) : fmt::format("{}.{}", path, name), *found);
  });
}

void ConfigReader::file(const std::string& path) { text(read_text_file(path, "a configuration file"), path); }

void ConfigReader::text(std::string_view json, const std::string& origin) {
  ++layers_;
  apply({origin, ""}, root_, {}, "", parse_json(json, origin));
}

void ConfigReader::set(std::string_view assignment, const std::string& origin) {
  ++layers_;
  const std::size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0)
    throw ConfigError(fmt::format("{}: \"{}\": expected path=value, such as iommu.iotlb.entries=512", origin, assignment));
  std::string path(assignment.substr(0, equals));
  if (path.starts_with("$.")) path = path.substr(2);
  const std::string raw(assignment.substr(equals + 1));

  Json value;
  try {
    value = parse_json(raw, origin);
  } catch (const ConfigError&) {
    const bool meant_as_json = !raw.empty() && (raw[0] == '{' || raw[0] == '[' || raw[0] == '"');
    if (meant_as_json) throw ConfigError(origin, rooted(path), fmt::format("{}: neither JSON nor a bare word", raw));
    value = raw;
  }
  // "traffic.file=2024" means a file of that name.
  if (const auto found = find_field(root_, path); found && std::holds_alternative<std::string*>(found->target.ref) && !value.is_string())
    value = raw;

  Json document = std::move(value);
  for (std::string rest = path;;) {
    const std::size_t dot = rest.rfind('.');
    const std::string name = dot == std::string::npos ? rest : rest.substr(dot + 1);
    if (name.empty() || name.find('[') != std::string::npos)
      throw ConfigError(fmt::format("{}: \"{}\": expected path=value with names between dots; a list is given whole, as JSON", origin,
                                    assignment));
    document = Json::object({{name, std::move(document)}});
    if (dot == std::string::npos) break;
    rest.resize(dot);
  }
  apply({origin, ""}, root_, {}, "", document);
}

void ConfigReader::profile_file(const std::string& path) { profile_text(read_text_file(path, "a profile"), path); }

void ConfigReader::profile_text(std::string_view json, const std::string& origin) {
  ++layers_;
  const Json entries = parse_json(json, origin);
  if (!entries.is_array()) throw ConfigError(origin, "$", "expected a list of {path, value, unit, source}");
  static const std::vector<std::string_view> keys = {"path", "value", "unit", "source"};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Json& entry = entries[i];
    const std::string at = fmt::format("$[{}]", i);
    if (!entry.is_object()) throw ConfigError(origin, at, "expected {path, value, unit, source}");
    for (const auto& [key, unused] : entry.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const std::string_view near = nearest_name(key, keys);
      throw ConfigError(origin, fmt::format("{}.{}", at, key),
                        fmt::format("unknown key ({})", near.empty() ? "known here: " + join(keys) : fmt::format("did you mean {}?", near)));
    }
    for (std::string_view key : keys) {
      const auto found = entry.find(std::string(key));
      if (found == entry.end()) throw ConfigError(origin, at, fmt::format("{} is missing", key));
      if (key != "value" && !found->is_string()) throw ConfigError(origin, fmt::format("{}.{}", at, key), "expected a string");
    }
    const auto path = entry["path"].get<std::string>();
    const auto unit = entry["unit"].get<std::string>();
    const auto source = entry["source"].get<std::string>();
    const auto fail_entry = [&](std::string_view message) {
      throw ConfigError(origin, fmt::format("{} ({})", at, path), message);
    };
    const auto found = find_field(root_, path);
    if (!found || std::holds_alternative<ConfigTarget::Object>(found->target.ref)) {
      const std::vector<ConfigField> fields = config_fields(root_);
      std::vector<std::string_view> paths;
      for (const ConfigField& field : fields) paths.push_back(field.path);
      const std::string_view near = nearest_name(path, paths);
      fail_entry(near.empty() ? "no such field" : fmt::format("no such field (did you mean {}?)", near));
    }
    if (unit != found->info.unit) fail_entry(fmt::format("the unit is \"{}\": expected \"{}\"", unit, found->info.unit));
    if (source.empty()) fail_entry("the source is empty: expected where the value comes from");
    if (!profiled_.emplace(path, source).second) fail_entry("given twice");
    apply({origin, source}, found->target, found->info, path, entry["value"]);
  }
}

void ConfigReader::require_profile(const std::vector<std::string_view>& roots, const std::string& profile) const {
  for (const ConfigField& field : config_fields(root_)) {
    const bool below = std::any_of(roots.begin(), roots.end(), [&](std::string_view root) {
      return field.path.size() > root.size() && field.path.starts_with(root) && field.path[root.size()] == '.';
    });
    if (below && needs_source(field.info.unit) && !profiled_.contains(field.path))
      throw ConfigError(profile, rooted(field.path),
                        fmt::format("no entry: a value in {} needs one, with its source", field.info.unit));
  }
}

std::string ConfigReader::origin(std::string_view path) const {
  const auto found = given_.find(path);
  return found == given_.end() ? "defaults" : found->second.origin;
}

unsigned ConfigReader::layer(std::string_view path) const {
  const auto found = given_.find(path);
  return found == given_.end() ? 0 : found->second.layer;
}

std::string ConfigReader::source(std::string_view path) const {
  const auto found = given_.find(path);
  return found == given_.end() ? "" : found->second.source;
}

void ConfigReader::fail(std::string_view path, std::string_view message) const {
  throw ConfigError(origin(path), rooted(path), message);
}

Json dump_config(const ConfigTarget& target) {
  return std::visit(
      [&](const auto& ref) -> Json {
        using Ref = std::decay_t<decltype(ref)>;
        if constexpr (std::same_as<Ref, double*>) {
          return number(*ref);
        } else if constexpr (std::is_pointer_v<Ref>) {
          return *ref;
        } else if constexpr (std::same_as<Ref, ConfigTarget::Integer>) {
          return load(ref);
        } else if constexpr (std::same_as<Ref, ConfigTarget::Choice>) {
          return std::string(ref.names.at(ref.get(ref.at)));
        } else if constexpr (std::same_as<Ref, ConfigTarget::WordOrNumber>) {
          return *ref.word < 0 ? number(*ref.number) : Json(std::string(ref.words.at(static_cast<std::size_t>(*ref.word))));
        } else if constexpr (std::same_as<Ref, ConfigTarget::List>) {
          Json list = Json::array();
          for (std::size_t i = 0; i < ref.size(ref.at); ++i) list.push_back(dump_config(ref.element(ref.at, i)));
          return list;
        } else {
          Json object = Json::object();
          ref.visit(ref.at, [&](std::string_view name, const ConfigTarget& child, const FieldInfo&) {
            object[std::string(name)] = dump_config(child);
          });
          return object;
        }
      },
      target.ref);
}

namespace {

void collect(const ConfigTarget& target, const FieldInfo& info, const std::string& path, std::vector<ConfigField>& out) {
  if (const auto* object = std::get_if<ConfigTarget::Object>(&target.ref)) {
    object->visit(object->at, [&](std::string_view name, const ConfigTarget& child, const FieldInfo& child_info) {
      collect(child, child_info, path.empty() ? std::string(name) : fmt::format("{}.{}", path, name), out);
    });
  } else {
    out.push_back({path, target, info});
  }
}

std::string range_text(const std::string& kind, bool has_min, double min, bool has_max, double max, std::string_view unit) {
  std::string text = kind;
  if (has_min && has_max) text += fmt::format(" from {} to {}", min, max);
  else if (has_min) text += fmt::format(" of at least {}", min);
  else if (has_max) text += fmt::format(" of at most {}", max);
  if (!unit.empty()) text += has_min || has_max ? fmt::format(" {}", unit) : fmt::format(" of {}", unit);
  return text;
}

}  // namespace

std::vector<ConfigField> config_fields(const ConfigTarget& root) {
  std::vector<ConfigField> fields;
  collect(root, {}, "", fields);
  return fields;
}

std::string describe(const ConfigTarget& target, const FieldInfo& info) {
  const bool has_max = info.max != std::numeric_limits<double>::max();
  const bool has_min = least(info) != std::numeric_limits<double>::lowest();
  if (std::holds_alternative<bool*>(target.ref)) return "true or false";
  if (std::holds_alternative<std::string*>(target.ref)) return "a string";
  if (const auto* choice = std::get_if<ConfigTarget::Choice>(&target.ref)) return "one of " + join(choice->names);
  if (std::holds_alternative<double*>(target.ref)) return range_text("a number", has_min, least(info), has_max, info.max, info.unit);
  if (const auto* either = std::get_if<ConfigTarget::WordOrNumber>(&target.ref))
    return fmt::format("{}, or {}", join(either->words), range_text("a number", has_min, least(info), has_max, info.max, info.unit));
  if (const auto* integer = std::get_if<ConfigTarget::Integer>(&target.ref)) {
    const IntegerLimits range = limits(*integer, info);
    return fmt::format("an integer from {} to {}{}{}", range.min, range.max, info.unit.empty() ? "" : " ", info.unit);
  }
  if (std::holds_alternative<ConfigTarget::List>(target.ref)) return "a list";
  return "an object with " + join(field_names(std::get<ConfigTarget::Object>(target.ref)));
}

bool needs_source(std::string_view unit) {
  static constexpr std::string_view units[] = {"ps",  "ns",   "us",   "ms",   "s",   "cycles", "pps",  "bps",  "kbps", "mbps",
                                               "gbps", "hz",  "khz",  "mhz",  "ghz", "mt/s",   "gt/s", "Mbps", "Gbps", "Hz",
                                               "kHz",  "MHz", "GHz",  "MT/s", "GT/s"};
  for (std::string_view known : units)
    if (unit == known) return true;
  return unit.find('/') != std::string_view::npos;
}

}  // namespace iovirt
