// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/cli.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/platform/config_loader.h"
#include "models/platform/report.h"
#include "tools/iovirt/config_command.h"
#include "tools/iovirt/progress.h"
#include "tools/iovirt/translate_command.h"
#include "tools/iovirt/validate_command.h"

#ifndef IOVIRT_VERSION
#define IOVIRT_VERSION "0"
#endif

namespace iovirt::cli {

namespace {

using platform::Mode;

/// What the commands have in common.
struct Options {
  std::string config;
  std::vector<std::string> sets;
  std::string seed;
  std::string out = "out";
  std::vector<std::string> modes;
  std::string mode;
  bool docs = false;
  std::optional<std::string> trace;
  std::uint32_t trace_packets = Trace::kDefaultPackets;
  bool statistics = false;
};

platform::ConfigRequest request_of(const Options& options) {
  platform::ConfigRequest request{options.config, {}};
  for (const std::string& assignment : options.sets) request.assignments.emplace_back(assignment, "--set");
  if (!options.seed.empty()) request.assignments.emplace_back("traffic.seed=" + options.seed, "--seed");
  return request;
}

Mode parse_mode(const std::string& name, std::string_view option) {
  for (Mode mode : platform::kModes)
    if (platform::name_of(mode) == name) return mode;
  const std::vector<std::string_view> names(platform::kModeNames.begin(), platform::kModeNames.end());
  const std::string_view near = nearest_name(name, names);
  throw ConfigError(fmt::format("{}: unknown mode \"{}\"{}: expected {}", option, name,
                                near.empty() ? "" : fmt::format(" (did you mean {}?)", near), fmt::join(names, ", ")));
}

std::string describe_traffic(const platform::LoadedConfig& loaded, const software::Traffic& traffic) {
  std::uint64_t bytes = 0, received = 0;
  for (const software::TrafficFrame& frame : traffic.frames()) {
    bytes += frame.bytes;
    received += frame.direction == Direction::rx ? 1 : 0;
  }
  const platform::Config& config = loaded.config();
  std::string what = "generated";
  if (config.traffic.source == software::TrafficSource::pcap)
    what = config.traffic.file.empty() ? fmt::format("{}", fmt::join(config.traffic.files, ", ")) : config.traffic.file;
  std::string text = fmt::format("traffic: {} frames, {} to {} and {} from {}, {:.3f} MB", traffic.count(), received,
                                 config.vms == 1 ? "the VM" : fmt::format("{} VMs", config.vms), traffic.count() - received,
                                 config.vms == 1 ? "it" : "them", static_cast<double>(bytes) / 1e6);
  if (!traffic.interactive()) text += fmt::format(", over {:.3f} ms", ps_to_ns(traffic.frames().back().time) / 1e6);
  text += fmt::format("; seed {}\n  {}\n", config.traffic.seed, what);
  if (traffic.skipped != 0) text += fmt::format("  {} frames between other stations were left out\n", traffic.skipped);
  return text;
}

int simulate(const Options& options, const std::vector<Mode>& modes, const platform::LoadedConfig& loaded, const Streams& streams,
             const RunMode& run_mode) {
  // Everything that can be wrong with the input, before the first event.
  for (Mode mode : modes) loaded.check_mode(mode);
  const software::Traffic traffic = loaded.traffic();
  platform::ResultsFile file(options.out);
  std::optional<Trace> trace;
  if (options.trace) trace.emplace(*options.trace, options.trace_packets);

  std::vector<platform::RunResult> runs;
  {
    ProgressLine progress(streams.err, streams.err_is_terminal);
    for (Mode mode : modes) {
      progress.begin(mode, runs.size() + 1, modes.size());
      try {
        runs.push_back(run_mode(loaded.config(), mode, traffic, progress, {.trace = trace ? &*trace : nullptr}));
      } catch (const std::invalid_argument&) {
        throw;
      } catch (const std::exception& error) {
        progress.clear();
        throw std::runtime_error(fmt::format("{}: {}", platform::name_of(mode), error.what()));
      }
    }
  }
  file.commit(platform::results_json(dump_config(config_target(loaded.config())),
                                     loaded.config().traffic.seed, runs));
  if (trace) trace->commit();

  streams.out << describe_traffic(loaded, traffic) << "\n" << platform::report(runs) << "\n"
              << file.path() << "\n";
  if (options.statistics)
    for (const platform::RunResult& result : runs) streams.out << "\n" << platform::statistics_report(result) << "\n";
  if (trace) streams.out << trace->path() << "\n";
  const bool sound = std::all_of(runs.begin(), runs.end(), [](const auto& run) { return platform::check(run).empty(); });
  return sound ? kSuccess : kSimulationError;
}

std::vector<Mode> modes_of(const Options& options) {
  std::vector<Mode> modes;
  for (const std::string& name : options.modes) {
    const Mode mode = parse_mode(name, "--modes");
    if (std::find(modes.begin(), modes.end(), mode) == modes.end()) modes.push_back(mode);
  }
  if (modes.empty()) modes.assign(platform::kModes.begin(), platform::kModes.end());
  return modes;
}

}  // namespace

int run(int argc, const char* const* argv, const Streams& streams, const RunMode& run_mode) {
  Options options;
  CLI::App app{"What each way of giving a NIC to a virtual machine costs, in VM exits, latency and CPU time.", "iovirt"};
  app.set_version_flag("--version", "iovirt " IOVIRT_VERSION);
  app.require_subcommand(1);
  app.footer("Exit status: 0, 1 when the simulation found an error, 2 for bad usage or configuration.");

  const auto add_config = [&](CLI::App* command) {
    command->add_option("CONFIG", options.config, "configuration file (JSON); without one, the default machine and the sample captures");
    command->add_option("--set", options.sets, "path=value, JSON or a bare string: --set iommu.iotlb.entries=64 (repeatable)")
        ->type_name("PATH=VALUE")
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command->add_option("--seed", options.seed, "of everything random: traffic.seed")->type_name("N");
  };
  const auto add_out = [&](CLI::App* command) {
    command->add_option("--out", options.out, "folder for results.json")->type_name("DIR")->capture_default_str();
  };
  CLI::App* compare = app.add_subcommand("compare", "Run the same traffic through each mode");
  add_config(compare);
  add_out(compare);
  compare->add_option("--modes", options.modes, "native,emulated,virtio,vmdq,assigned,sriov; all when not given")->type_name("A,B")->delimiter(',');
  CLI::App* run = app.add_subcommand("run", "Run one mode");
  add_config(run);
  add_out(run);
  run->add_option("--mode", options.mode, "the mode; else the configuration's")->type_name("M");
  run->add_flag("--statistics", options.statistics, "every model's counters, after the tables");
  CLI::Option* trace = run->add_option("--trace", options.trace, "what happened when, to open in ui.perfetto.dev")->type_name("FILE");
  run->add_option("--trace-packets", options.trace_packets, "how many of the run's first packets it shows")
      ->type_name("N")
      ->check(CLI::Range(1u, 1'000'000u))
      ->needs(trace)
      ->capture_default_str();
  TranslateArguments translate_arguments;
  CLI::App* translate = app.add_subcommand("translate", "Play a trace of DMA accesses through the IOMMU alone");
  translate->add_option("TRACE", translate_arguments.trace, "CSV or binary: docs/translate.md")->required();
  translate->add_option("--set", translate_arguments.sets, "path=value below translate, iommu or memory (repeatable)")
      ->type_name("PATH=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  CLI::Option* out = translate->add_option("--out", translate_arguments.out, "folder for results.json")->type_name("DIR")->capture_default_str();
  translate->add_option("--convert-to", translate_arguments.convert_to, "only write the trace again: as text when FILE ends in .csv, else binary")
      ->type_name("FILE")
      ->excludes(out);
  TenantsArguments tenants_arguments;
  CLI::App* tenants = app.add_subcommand("tenants", "Make a trace for translate: many tenants, each with a working set of its own");
  tenants->add_option("FILE", tenants_arguments.file, "text when it ends in .csv, else binary");
  tenants->add_option("--set", tenants_arguments.sets, "key=value (repeatable)")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  tenants->add_flag("--docs", tenants_arguments.docs, "every key with its range and value; writes nothing");
  CLI::App* config = app.add_subcommand("config", "Print the effective configuration");
  add_config(config);
  config->add_flag("--docs", options.docs, "every key with its unit, range, value and where that comes from");
  const ValidateCommand validate(app);


  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, streams.out, streams.err) == 0 ? kSuccess : kUsageError;
  }

  try {
    if (tenants->parsed()) return tenants_command(tenants_arguments, streams);
    if (translate->parsed()) return translate_command(translate_arguments, streams);
    if (validate.parsed()) return validate.run(streams);
    std::vector<Mode> modes = modes_of(options);  // before files: a wrong option is told first
    if (!options.mode.empty()) modes = {parse_mode(options.mode, "--mode")};
    const platform::LoadedConfig loaded(request_of(options));
    if (config->parsed()) {
      streams.out << (options.docs ? config_docs(loaded) : dump_config(config_target(loaded.config())).dump(2) + "\n");
      return kSuccess;
    }
    if (run->parsed() && options.mode.empty()) modes = {loaded.config().mode};
    return simulate(options, modes, loaded, streams, run_mode);
  } catch (const std::invalid_argument& error) {
    streams.err << "iovirt: " << error.what() << "\n";
    return kUsageError;
  } catch (const std::exception& error) {
    streams.err << "iovirt: " << error.what() << "\n";
    return kSimulationError;
  }
}

}  // namespace iovirt::cli
