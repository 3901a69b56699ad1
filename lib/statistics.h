// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Counters with a name, a description and a unit. A model counts in plain integers of its own and lists them here, so
// that counting costs nothing more; whoever reports walks the list.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace iovirt {

class Statistics {
 public:
  struct Entry {
    std::string name;  ///< "nic.rx_frames": group, dot, name
    std::string description;
    std::string unit;
    std::function<std::uint64_t()> value;
  };

  explicit Statistics(std::string group = "") : group_(std::move(group)) {}

  /// `counter` must outlive this. Throws std::logic_error when the name is taken.
  void add(std::string_view name, std::string_view description, std::string_view unit, const std::uint64_t& counter);
  void add(std::string_view name, std::string_view description, std::string_view unit, std::function<std::uint64_t()> value);
  /// All of `part`, below this group.
  void add(const Statistics& part);

  /// In the order they were added.
  const std::vector<Entry>& entries() const { return entries_; }
  /// Throws std::out_of_range naming what is missing.
  std::uint64_t value(std::string_view name) const;

 private:
  void add_entry(Entry entry);

  std::string group_;
  std::vector<Entry> entries_;
};

}  // namespace iovirt
