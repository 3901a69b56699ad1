// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/config_command.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace iovirt::cli {

std::string config_docs(const platform::LoadedConfig& loaded) {
  std::string text;
  for (const ConfigField& field : config_fields(config_target(loaded.config()))) {
    const std::string source = loaded.reader().source(field.path);
    const std::string origin = loaded.reader().origin(field.path);
    text += fmt::format("{} = {}{}{}\n    {}{}{}\n", field.path, dump_config(field.target).dump(), field.info.unit.empty() ? "" : " ",
                        field.info.unit, field.info.doc, field.info.doc.empty() ? "" : "; ", describe(field.target, field.info));
    if (!source.empty()) text += fmt::format("    from {}\n", source);
    else if (origin != "defaults") text += fmt::format("    given by {}\n", origin);
  }
  return text;
}

}  // namespace iovirt::cli
