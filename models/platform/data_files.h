// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Where the files that come with iovirt lie: profiles and sample captures, under their names in the source tree.
#pragma once

#include <string>
#include <vector>

namespace iovirt::platform {

/// $IOVIRT_DATA when it is set, else the source tree this was built from, ../share/iovirt beside the program, and
/// where `install` put them.
std::vector<std::string> data_folders();

/// `path` itself when it is absolute, else the first of `folders`/path that exists; empty when there is none.
std::string find_file(const std::string& path, const std::vector<std::string>& folders);

}  // namespace iovirt::platform
