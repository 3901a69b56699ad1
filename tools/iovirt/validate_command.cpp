// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/validate_command.h"

#include <filesystem>
#include <fstream>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_error.h"
#include "models/platform/data_files.h"
#include "models/platform/pcie_bench/config.h"
#include "models/platform/pcie_bench/report.h"
#include "models/platform/pcie_bench/rig_module.h"
#include "models/platform/results.h"
#include "tools/iovirt/validate_protection.h"

namespace iovirt::cli {
namespace {

namespace pb = platform::pcie_bench;

constexpr const char* kShippedData = "examples/pcie-bench/ivybridge.csv";
constexpr const char* kChartFile = "pcie-bench.svg";

std::string data_path(const ValidateOptions& options) {
  if (!options.data.empty()) return options.data;
  const std::string shipped = platform::find_file(kShippedData, platform::data_folders());
  if (shipped.empty()) throw ConfigError(fmt::format("{}: not found among the files that come with iovirt (expected a table as an argument)", kShippedData));
  return shipped;
}

pb::Comparison compare(const pb::Config& config, const pb::Measured& measured, const Streams& streams) {
  pb::Comparison comparison;
  std::size_t done = 0;
  const auto progress = [&](const pb::Point&) {
    ++done;
    if (streams.err_is_terminal) streams.err << fmt::format("\r{} of {} points", done, measured.size()) << std::flush;
  };
  for (const auto translation : {pb::Translation::off, pb::Translation::pages_4k, pb::Translation::superpages}) {
    std::vector<pb::Point> points;
    for (const auto& [point, value] : measured)
      if (point.translation == translation) points.push_back(point);
    const auto outcomes = pb::simulate(config, points, progress);
    for (std::size_t i = 0; i < points.size(); ++i) comparison.points.push_back({points[i], measured.at(points[i]), outcomes[i]});
  }
  if (streams.err_is_terminal) streams.err << "\r\x1b[K";
  return comparison;
}

}  // namespace

ValidateCommand::ValidateCommand(CLI::App& app) {
  CLI::App* validate = app.add_subcommand("validate", "Compare the models with what was measured on a real machine");
  validate->require_subcommand(1);
  pcie_bench_ = validate->add_subcommand("pcie-bench", "DMA latency and bandwidth of pcie-bench on an Ivy Bridge server");
  pcie_bench_->add_option("DATA", options_.data, "what was measured (CSV); without one, the table that comes with iovirt");
  pcie_bench_->add_flag("--iommu", options_.iommu, "also the points with the IOMMU on: 4 KB pages and superpages");
  pcie_bench_->add_option("--set", options_.sets, "path=value, JSON or a bare string: --set iommu.walkers=4 (repeatable)")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  pcie_bench_->add_option("--seed", options_.seed, "of the addresses")->type_name("N");
  pcie_bench_->add_option("--out", options_.out, "folder for results.json and pcie-bench.svg")->type_name("DIR");

  const auto add = [&](const char* name, const char* what) {
    CLI::App* command = validate->add_subcommand(name, what);
    command->add_option("--set", options_.sets, "path=value, JSON or a bare string (repeatable)")
        ->type_name("PATH=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command->add_option("--out", options_.out, "folder for results.json")->type_name("DIR");
    return command;
  };
  protection_ = add("protection", "What mapping a page for DMA costs a core, by the mode of the host's driver");
  fast_and_safe_ = add("fast-and-safe", "A 100 Gbit/s receive stream under strict protection: 5 and 10 flows of the SOSP 2024 paper");
}

bool ValidateCommand::parsed() const { return pcie_bench_->parsed() || protection_->parsed() || fast_and_safe_->parsed(); }

int ValidateCommand::run(const Streams& streams) const {
  if (protection_->parsed()) return validate_protection(options_, streams);
  return fast_and_safe_->parsed() ? validate_fast_and_safe(options_, streams) : pcie_bench(streams);
}

int ValidateCommand::pcie_bench(const Streams& streams) const {
  std::vector<std::string> assignments = options_.sets;
  if (!options_.seed.empty()) assignments.push_back("seed=" + options_.seed);
  const pb::LoadedConfig loaded(assignments);
  const std::string path = data_path(options_);
  pb::Measured measured = pb::read_measured(path);
  if (!options_.iommu) {
    std::erase_if(measured, [](const auto& entry) { return entry.first.translation != pb::Translation::off; });
    if (measured.empty()) throw ConfigError(fmt::format("{}: no points with the IOMMU off (expected some, or --iommu)", path));
  }
  std::optional<platform::ResultsFile> file;
  if (options_.out) file.emplace(*options_.out);

  const pb::Comparison comparison = compare(loaded.config(), measured, streams);
  streams.out << pb::report(comparison) << "\n" << pb::text_charts(comparison);
  if (file) {
    const auto chart = std::filesystem::path(*options_.out) / kChartFile;
    std::ofstream svg(chart, std::ios::binary);
    if (!(svg << pb::svg_charts(comparison)).flush()) throw std::runtime_error(fmt::format("{}: cannot be written", chart.string()));
    file->commit(pb::comparison_json(comparison, dump_config(config_target(loaded.config())), options_.data.empty() ? kShippedData : options_.data));
    streams.out << file->path() << "\n" << chart.string() << "\n";
  }
  return comparison.within() ? kSuccess : kSimulationError;
}

}  // namespace iovirt::cli
