// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// `iovirt translate`: a trace of DMA accesses through the IOMMU alone; `iovirt tenants`: such traces, made.
#pragma once

#include <string>
#include <vector>

#include "tools/iovirt/cli.h"

namespace iovirt::cli {

struct TranslateArguments {
  std::string trace;
  std::vector<std::string> sets;
  std::string out = "out";
  std::string convert_to;  ///< instead of playing: write the trace again, as .csv or binary
};

struct TenantsArguments {
  std::string file;
  std::vector<std::string> sets;
  bool docs = false;
};

/// Both return the exit status and throw std::invalid_argument for what the user did wrong.
int translate_command(const TranslateArguments& arguments, const Streams& streams);
int tenants_command(const TenantsArguments& arguments, const Streams& streams);

}  // namespace iovirt::cli
