// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/validate_protection.h"

#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "lib/config_error.h"
#include "models/platform/config_loader.h"
#include "models/platform/protection/map_cost.h"
#include "models/platform/results.h"
#include "models/platform/stream/fast_and_safe.h"

namespace iovirt::cli {

int validate_protection(const ValidateOptions& options, const Streams& streams) {
  platform::ConfigRequest request;
  for (const std::string& assignment : options.sets) request.assignments.emplace_back(assignment, "--set");
  const platform::LoadedConfig loaded(request);
  std::optional<platform::ResultsFile> file;
  if (options.out) file.emplace(*options.out);
  std::vector<platform::MapCost> costs;
  for (const auto& [name, config] : platform::map_cost_variants(loaded.config()))
    costs.push_back(platform::measure_map_cost(name, config));
  streams.out << platform::map_cost_report(costs);
  if (file) {
    file->commit(platform::map_cost_json(costs));
    streams.out << "\n" << file->path() << "\n";
  }
  return kSuccess;
}

int validate_fast_and_safe(const ValidateOptions& options, const Streams& streams) {
  namespace stream = platform::stream;
  for (const std::string& assignment : options.sets)
    for (const std::string_view key : {"software.iommu_mode", "stream.flows"})
      if (assignment.starts_with(key)) throw ConfigError(std::string("--set: ") + std::string(key) + ": the paper's points decide it (expected another key)");
  const stream::Scenario scenario(options.sets);
  std::optional<platform::ResultsFile> file;
  if (options.out) file.emplace(*options.out);
  const std::vector<stream::ComparedPoint> points = stream::compare_with_measured(scenario);
  streams.out << stream::fast_and_safe_report(points);
  if (file) {
    file->commit(stream::fast_and_safe_json(points, scenario.dump()));
    streams.out << "\n" << file->path() << "\n";
  }
  return stream::within(points) ? kSuccess : kSimulationError;
}

}  // namespace iovirt::cli
