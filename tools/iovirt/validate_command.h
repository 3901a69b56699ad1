// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// `iovirt validate`: models beside what was measured on real machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/iovirt/cli.h"

namespace CLI {
class App;
}

namespace iovirt::cli {

struct ValidateOptions {
  std::string data;  ///< empty: the table that comes with iovirt
  bool iommu = false;
  std::vector<std::string> sets;
  std::string seed;
  std::optional<std::string> out;
};

class ValidateCommand {
 public:
  /// Adds the command to `app`, which fills in its options.
  explicit ValidateCommand(CLI::App& app);
  bool parsed() const;
  /// Returns the exit status: kSuccess only when everything lies within its bounds. Throws ConfigError.
  int run(const Streams& streams) const;

 private:
  int pcie_bench(const Streams& streams) const;

  CLI::App* pcie_bench_;
  CLI::App* protection_;
  CLI::App* fast_and_safe_;
  ValidateOptions options_;
};

}  // namespace iovirt::cli
