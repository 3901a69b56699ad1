// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// JSON text, strictly: syntax errors with line and column, and no key twice.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace iovirt {

/// Throws ConfigError: "<origin>: line 3, column 7: ..." or "<origin>: $.a.b: key given twice".
nlohmann::ordered_json parse_json(std::string_view text, std::string_view origin);

/// The file's text; throws ConfigError naming `expected` ("a configuration file") when it cannot be read.
std::string read_text_file(const std::string& path, std::string_view expected);

}  // namespace iovirt
