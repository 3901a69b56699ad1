// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/statistics.h"

#include <algorithm>
#include <stdexcept>

namespace iovirt {

void Statistics::add(std::string_view name, std::string_view description, std::string_view unit, const std::uint64_t& counter) {
  add(name, description, unit, [&counter] { return counter; });
}

void Statistics::add(std::string_view name, std::string_view description, std::string_view unit, std::function<std::uint64_t()> value) {
  add_entry({std::string(name), std::string(description), std::string(unit), std::move(value)});
}

void Statistics::add(const Statistics& part) {
  for (const Entry& entry : part.entries_) add_entry(entry);
}

void Statistics::add_entry(Entry entry) {
  if (!group_.empty()) entry.name = group_ + "." + entry.name;
  const bool taken = std::any_of(entries_.begin(), entries_.end(), [&](const Entry& other) { return other.name == entry.name; });
  if (taken) throw std::logic_error("statistic " + entry.name + " exists already");
  entries_.push_back(std::move(entry));
}

std::uint64_t Statistics::value(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  if (found == entries_.end()) throw std::out_of_range("no statistic " + std::string(name));
  return found->value();
}

}  // namespace iovirt
