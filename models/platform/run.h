// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One mode, from a machine that does not exist yet to its results.
#pragma once

#include <cstdint>

#include "lib/time.h"
#include "lib/trace.h"
#include "models/platform/config.h"
#include "models/platform/results.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::platform {

/// Told now and then how far a run is; never asked by the simulation.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void update(std::uint64_t packets_done, std::uint64_t packets_total, Ps simulated) = 0;
};

struct RunOptions {
  /// A new one: the run's first packets are shown to it; the caller commits it. The results are the same.
  Trace* trace = nullptr;
  /// False: the event queue does not run ahead of the SystemC kernel. Slower; the results are the same, which tests check.
  bool run_ahead = true;
};

/// Builds the machine for `mode`, runs `traffic` through it and reports. REQUIRES: the configuration has been checked
/// for the mode (LoadedConfig::check_mode) and the traffic prepared for config.vms. In mode native a "VM" is a process.
/// May be called again and again.
RunResult run_mode(const Config& config, Mode mode, const software::Traffic& traffic, Progress& progress,
                   const RunOptions& options = {});

}  // namespace iovirt::platform
