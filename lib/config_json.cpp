// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/config_json.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_error.h"

namespace iovirt {

namespace {

using Json = nlohmann::ordered_json;

/// Builds the document as the parser reports its parts; the library's own builder drops repeated keys silently.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, std::string_view origin) : text_(text), origin_(origin) {}

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(value); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    level.key = name;
    if (level.value.contains(name)) throw ConfigError(origin_, path(), "key given twice");
    return true;
  }
  bool parse_error(std::size_t position, const std::string& token, const Json::exception& error) override {
    std::size_t line = 1, column = 0;
    for (std::size_t i = 0; i < position && i < text_.size(); ++i) {
      ++column;
      if (text_[i] == '\n' && i + 1 < position) {
        ++line;
        column = 0;
      }
    }
    std::string what = error.what();
    if (std::size_t detail = what.rfind(" - "); detail != std::string::npos) what = what.substr(detail + 3);
    if (error.id == 406) what = fmt::format("{} overflows a number", token);
    if (std::size_t end = what.find("] "); what.starts_with("[json.exception") && end != std::string::npos)
      what = what.substr(end + 2);
    throw ConfigError(fmt::format("{}: line {}, column {}: JSON syntax error: {}", origin_, line, column == 0 ? 1 : column, what));
  }

  Json take() { return std::move(root_); }

 private:
  struct Level {
    Json value;
    std::string key;
  };
  bool put(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (Level& top = levels_.back(); top.value.is_object()) {
      top.value[top.key] = std::move(value);
    } else {
      top.value.push_back(std::move(value));
    }
    return true;
  }
  bool open(Json value) {
    levels_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Json done = std::move(levels_.back().value);
    levels_.pop_back();
    return put(std::move(done));
  }
  std::string path() const {
    std::string path = "$";
    for (const Level& level : levels_)
      path += level.value.is_object() ? "." + level.key : fmt::format("[{}]", level.value.size());
    return path;
  }

  std::string_view text_;
  std::string_view origin_;
  std::vector<Level> levels_;
  Json root_;
};

}  // namespace

nlohmann::ordered_json parse_json(std::string_view text, std::string_view origin) {
  Builder builder(text, origin);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string read_text_file(const std::string& path, std::string_view expected) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    throw ConfigError(fmt::format("{}: is a folder (expected {})", path, expected));
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file.is_open() || file.bad())
    throw ConfigError(fmt::format("{}: cannot be read: {} (expected {})", path, std::strerror(errno), expected));
  return std::move(text).str();
}

}  // namespace iovirt
