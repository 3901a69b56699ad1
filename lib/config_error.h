// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the user did wrong: thrown before elaboration, never during a simulation.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace iovirt {

/// what() is the whole message: where it was said, which key, what was expected.
struct ConfigError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
  /// "two_node.json: $.iommu.iotlb_entries: message"
  ConfigError(std::string_view origin, std::string_view path, std::string_view message);
};

/// The candidate fewest edits away (insert, delete, replace, swap of neighbours); empty when none is near.
std::string_view nearest_name(std::string_view name, const std::vector<std::string_view>& candidates);

}  // namespace iovirt
