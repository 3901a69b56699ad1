// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/data_files.h"

#include <cstdlib>
#include <filesystem>

namespace iovirt::platform {

namespace fs = std::filesystem;

std::vector<std::string> data_folders() {
  if (const char* given = std::getenv("IOVIRT_DATA"); given != nullptr && *given != '\0') return {given};
  std::vector<std::string> folders;
#ifdef IOVIRT_SOURCE_DIR
  folders.emplace_back(IOVIRT_SOURCE_DIR);
#endif
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error)
    folders.push_back((program.parent_path().parent_path() / "share" / "iovirt").string());
#ifdef IOVIRT_DATA_DIR
  folders.emplace_back(IOVIRT_DATA_DIR);
#endif
  return folders;
}

std::string find_file(const std::string& path, const std::vector<std::string>& folders) {
  std::error_code error;
  if (fs::path(path).is_absolute()) return fs::exists(path, error) ? path : "";
  for (const std::string& folder : folders) {
    const fs::path candidate = fs::path(folder) / path;
    if (fs::exists(candidate, error)) return folder == "." ? path : candidate.string();
  }
  return "";
}

}  // namespace iovirt::platform
