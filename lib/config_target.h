// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A configuration value whatever its C++ type: what the reader and the dump walk.
// config_target(x) refers to x and must not outlive it.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "lib/config_field.h"

namespace iovirt {

struct ConfigTarget;
using FieldSink = std::function<void(std::string_view name, const ConfigTarget& field, const FieldInfo& info)>;

struct ConfigTarget {
  struct Integer {
    void* at;
    unsigned bytes;
    bool is_signed;
  };
  struct Choice {
    void* at;
    std::vector<std::string_view> names;
    std::size_t (*get)(const void* at);  ///< index into `names`
    void (*set)(void* at, std::size_t index);
  };
  /// One of a few words, or a number: {"speed": "line"} or {"speed": 2}.
  struct WordOrNumber {
    int* word;  ///< index into `words`, or -1: the number counts
    double* number;
    std::vector<std::string_view> words;
  };
  struct List {
    void* at;
    std::size_t (*size)(const void* at);
    void (*reset)(void* at, std::size_t size);  ///< that many default elements
    ConfigTarget (*element)(void* at, std::size_t index);
  };
  struct Object {
    void* at;
    void (*visit)(void* at, const FieldSink& sink);
  };
  std::variant<bool*, Integer, double*, std::string*, Choice, WordOrNumber, List, Object> ref;
};

namespace config_detail {
template <class T>
concept IsVector = std::same_as<T, std::vector<typename T::value_type>>;
template <class T>
concept HasWords = requires(T& t) {
  { t.word } -> std::same_as<int&>;
  { t.number } -> std::same_as<double&>;
  T::words;
};
struct AnyVisitor {
  template <class T>
  void operator()(std::string_view, T&, FieldInfo = {}) const {}
};
template <class T>
concept HasFields = requires(T& t, AnyVisitor visitor) { T::fields(t, visitor); };
}  // namespace config_detail

template <class T>
  requires(!std::is_const_v<T>)
ConfigTarget config_target(T& value) {
  using namespace config_detail;
  if constexpr (std::same_as<T, bool> || std::same_as<T, double> || std::same_as<T, std::string>) {
    return {&value};
  } else if constexpr (std::integral<T>) {
    return {ConfigTarget::Integer{&value, sizeof(T), std::signed_integral<T>}};
  } else if constexpr (std::is_enum_v<T>) {
    ConfigTarget::Choice choice{&value, {}, nullptr, nullptr};
    for (const auto& [name, unused] : EnumNames<T>::values) choice.names.push_back(name);
    choice.get = [](const void* at) {
      std::size_t i = 0;
      for (const auto& [name, enumerator] : EnumNames<T>::values) {
        if (enumerator == *static_cast<const T*>(at)) break;
        ++i;
      }
      return i;
    };
    choice.set = [](void* at, std::size_t index) { *static_cast<T*>(at) = EnumNames<T>::values[index].second; };
    return {std::move(choice)};
  } else if constexpr (HasWords<T>) {
    return {ConfigTarget::WordOrNumber{&value.word, &value.number, {std::begin(T::words), std::end(T::words)}}};
  } else if constexpr (HasFields<T>) {
    return {ConfigTarget::Object{&value, [](void* at, const FieldSink& sink) {
                                   T::fields(*static_cast<T*>(at), [&](std::string_view name, auto& field, FieldInfo info = {}) {
                                     sink(name, config_target(field), info);
                                   });
                                 }}};
  } else {
    static_assert(IsVector<T>, "not a type a configuration can hold: see lib/config_field.h");
    static_assert(!std::same_as<T, std::vector<bool>>);
    return {ConfigTarget::List{&value,
                               [](const void* at) { return static_cast<const T*>(at)->size(); },
                               [](void* at, std::size_t size) { *static_cast<T*>(at) = T(size); },
                               [](void* at, std::size_t i) { return config_target((*static_cast<T*>(at))[i]); }}};
  }
}

/// For what only looks (dump_config, config_fields): never to be given to a reader.
template <class T>
ConfigTarget config_target(const T& value) {
  return config_target(const_cast<T&>(value));
}

}  // namespace iovirt
