// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The command line; everything but main, so that tests can call it with a machine of their own.
#pragma once

#include <functional>
#include <iosfwd>

#include "models/platform/run.h"

namespace iovirt::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kSimulationError = 1;  ///< the simulation found an error
inline constexpr int kUsageError = 2;       ///< bad usage or configuration

using RunMode = std::function<platform::RunResult(const platform::Config&, platform::Mode, const software::Traffic&, platform::Progress&,
                                                      const platform::RunOptions&)>;

struct Streams {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
};

/// Returns the exit status.
int run(int argc, const char* const* argv, const Streams& streams, const RunMode& run_mode);

}  // namespace iovirt::cli
