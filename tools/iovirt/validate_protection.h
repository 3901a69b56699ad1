// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// `iovirt validate protection` and `fast-and-safe`: what protecting memory from devices costs.
#pragma once

#include "tools/iovirt/validate_command.h"

namespace iovirt::cli {

/// Returns the exit status. Throws ConfigError.
int validate_protection(const ValidateOptions& options, const Streams& streams);
/// kSuccess only when everything lies within its bounds.
int validate_fast_and_safe(const ValidateOptions& options, const Streams& streams);

}  // namespace iovirt::cli
