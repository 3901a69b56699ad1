// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/translate_command.h"

#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_reader.h"
#include "models/platform/results.h"
#include "models/platform/translate/tenant_mix.h"
#include "models/platform/translate/translate.h"

namespace iovirt::cli {
namespace {

int convert(const TranslateArguments& arguments, const Streams& streams) {
  platform::AccessTrace trace(arguments.trace);
  platform::AccessTraceWriter writer(arguments.convert_to, "--convert-to");
  platform::AccessRecord record;
  while (trace.next(record)) writer.add(record);
  writer.commit();
  streams.out << fmt::format("{}: {} records\n", arguments.convert_to, writer.records());
  return kSuccess;
}

}  // namespace

int translate_command(const TranslateArguments& arguments, const Streams& streams) {
  if (!arguments.convert_to.empty()) return convert(arguments, streams);
  const platform::TranslateConfig config = platform::load_translate_config(arguments.sets);
  platform::AccessTrace trace(arguments.trace);
  platform::ResultsFile file(arguments.out);
  const platform::TranslateResult result = platform::translate(config, trace);
  file.commit(platform::translate_json(config, arguments.trace, result), "requesters",
              [&, at = result.requesters.begin()](nlohmann::ordered_json& element) mutable {
                if (at == result.requesters.end()) return false;
                element = platform::requester_json(*at++);
                return true;
              });
  streams.out << platform::translate_report(arguments.trace, result) << "\n"
              << fmt::format("{:.2f} million requests a second, {:.2f} s\n", static_cast<double>(result.requests) / result.host.wall_s / 1e6, result.host.wall_s)
              << file.path() << "\n";
  return kSuccess;
}

int tenants_command(const TenantsArguments& arguments, const Streams& streams) {
  platform::TenantMix mix;
  ConfigReader reader(config_target(mix));
  for (const std::string& assignment : arguments.sets) reader.set(assignment);
  try {
    mix.validate();
  } catch (const std::invalid_argument& error) {
    const std::string_view what = error.what();
    const std::size_t colon = what.find(": ");
    reader.fail(what.substr(0, colon), what.substr(colon + 2));
  }
  if (arguments.docs) {
    for (const ConfigField& field : config_fields(config_target(mix)))
      streams.out << fmt::format("{} = {}\n    {}; {}\n", field.path, dump_config(field.target).dump(), field.info.doc, describe(field.target, field.info));
    return kSuccess;
  }
  if (arguments.file.empty()) throw ConfigError("FILE: missing: expected the trace to write, or --docs");
  platform::AccessTraceWriter writer(arguments.file, "FILE");
  mix.generate([&](const platform::AccessRecord& record) { writer.add(record); });
  writer.commit();
  streams.out << fmt::format("{}: {} records\n", arguments.file, writer.records());
  return kSuccess;
}

}  // namespace iovirt::cli
