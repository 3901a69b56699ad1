// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What `iovirt translate` is told: the machine's `iommu` and `memory`, and `translate`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/config_field.h"
#include "models/platform/config.h"

namespace iovirt::platform {

/// 4096, 2097152 or 1073741824; or one of the words.
struct PageSize {
  int word = -1;
  double number = 4096;
  static constexpr std::string_view words[] = {"4K", "2M", "1G"};

  /// 0: not a page size.
  std::uint64_t bytes() const;
};

struct TranslateOptions {
  PageSize page_bytes;
  std::uint32_t levels = 4;
  std::uint32_t outstanding = 1024;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("page_bytes", self.page_bytes, {.unit = "bytes", .doc = "pages the trace's accesses are mapped in: 4096, 2M or 1G"});
    visit("levels", self.levels, {.doc = "levels of each domain's tables", .min = 3, .max = 4});
    visit("outstanding", self.outstanding, {.unit = "requests", .doc = "in flight at once over all requesters; a record due beyond waits for an answer", .min = 1, .max = 1 << 20});
  }
};

struct TranslateConfig {
  TranslateOptions translate;
  Config machine;  ///< iommu and memory count

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("translate", self.translate, {.doc = "the trace player"});
    Config::fields(self.machine, visit);
  }
};

/// Profile, then the assignments in their order. Throws ConfigError; a key of a part that does not take part is refused.
TranslateConfig load_translate_config(const std::vector<std::string>& assignments);
/// The effective configuration: the parts that take part.
nlohmann::ordered_json dump(const TranslateConfig& config);

}  // namespace iovirt::platform
