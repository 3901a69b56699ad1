// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How a configuration struct lists its fields: once, in a visitor that the strict reader and the dump both use.
//
//   struct Config {
//     std::uint32_t iotlb_entries = 128;
//     Replacement replacement = Replacement::lru;
//     template <class Self, class Visitor>
//     static void fields(Self& self, Visitor&& visit) {
//       visit("iotlb_entries", self.iotlb_entries, {.unit = "entries", .doc = "translations the IOTLB holds", .min = 1, .max = 1 << 20});
//       visit("replacement", self.replacement, {.doc = "victim selection"});
//     }
//   };
//   template <> struct iovirt::EnumNames<Replacement> {
//     static constexpr std::pair<std::string_view, Replacement> values[] = {{"lru", Replacement::lru}, ...};
//   };
//
// A field is a bool, an unsigned or signed integer, a double, a std::string, an enum with EnumNames, a std::vector of
// these, or a struct with its own `fields`. Fields whose unit is a time, a rate or cycles get their value and its
// source from the profile file, never from the struct: initialise them to 0.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>

namespace iovirt {

struct FieldInfo {
  std::string_view unit = "";  ///< "ns", "cycles", "bytes", "entries", "mbps", ...; empty for a plain number or a choice
  std::string_view doc = "";
  double min = std::numeric_limits<double>::lowest();
  double max = std::numeric_limits<double>::max();
};

template <class Enum>
struct EnumNames;

}  // namespace iovirt
