// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

#include <string>

#include "models/platform/config_loader.h"

namespace iovirt::cli {

/// Every key: value, what it means, what it may be, where the value comes from.
std::string config_docs(const platform::LoadedConfig& loaded);

}  // namespace iovirt::cli
