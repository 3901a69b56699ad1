// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The six modes through the library: a configuration, its traffic, a run of each mode, and what a table of one's own
// wants of the results. `iovirt compare` is this with more columns.

#include <cstdio>
#include <stdexcept>

#include "models/platform/config_loader.h"
#include "models/platform/run.h"

using namespace iovirt;

struct Nobody final : platform::Progress {
  void update(std::uint64_t, std::uint64_t, Ps) override {}
};

int sc_main(int argc, char* argv[]) {
  platform::ConfigRequest request{.file = "compare.json"};
  for (int i = 1; i < argc; ++i) request.assignments.emplace_back(argv[i], "the command line");
  try {
    const platform::LoadedConfig loaded(request);
    for (platform::Mode mode : platform::kModes) loaded.check_mode(mode);
    const software::Traffic traffic = loaded.traffic();

    std::printf("%-9s %10s %10s %8s %8s %7s\n", "mode", "round trip", "99 %", "in exits", "exits", "busy");
    std::printf("%-9s %10s %10s %8s %8s %7s\n", "", "us", "us", "us", "each", "%");
    bool sound = true;
    for (platform::Mode mode : platform::kModes) {
      Nobody progress;
      const platform::RunResult run = platform::run_mode(loaded.config(), mode, traffic, progress);
      const platform::Latency& trip = run.round_trip;
      std::printf("%-9s %10.1f %10.1f %8.1f %8.1f %7.1f\n", platform::name_of(mode).data(), trip.mean_ns() / 1000,
                  trip.percentile_ns(990'000) / 1000, trip.stage_mean_ns(Stage::exit) / 1000,
                  static_cast<double>(run.exits_total()) / static_cast<double>(trip.count()),
                  100 * (1 - run.cpu_fraction(Share::idle)));
      for (const std::string& error : platform::check(run)) {
        std::printf("  %s\n", error.c_str());
        sound = false;
      }
    }
    return sound ? 0 : 1;
  } catch (const std::exception& error) {  // a mistake in the configuration names file, key and what was expected
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
