// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/scenario.h"

#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/platform/data_files.h"
#include "models/platform/stream/nic_spec.h"

namespace iovirt::platform::stream {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kProfile = "models/platform/profiles/fast-and-safe.json";

Json profile_entries() {
  const std::string path = find_file(kProfile, data_folders());
  if (path.empty()) throw ConfigError(fmt::format("{}: not found among the files that come with iovirt", kProfile));
  std::ifstream in(path);
  Json entries = Json::parse(in, nullptr, false);
  if (!entries.is_array()) throw ConfigError(fmt::format("{}: expected a profile: a list of {{path, value, unit, source}}", path));
  return entries;
}

}  // namespace

Scenario::Scenario(const std::vector<std::string>& assignments) {
  ConfigRequest request;
  Json own = Json::array();
  for (const Json& entry : profile_entries()) {
    const std::string path = entry.is_object() ? entry.value("path", std::string()) : std::string();
    if (path.starts_with("stream."))
      own.push_back(entry);
    else
      request.assignments.emplace_back(fmt::format("{}={}", path, entry.value("value", Json()).dump()), kProfile);
  }
  reader_.profile_text(own.dump(), kProfile);
  reader_.require_profile({"stream"}, kProfile);
  for (const std::string& assignment : assignments) {
    if (assignment.starts_with("stream."))
      reader_.set(assignment, "--set");
    else
      request.assignments.emplace_back(assignment, "--set");
  }
  machine_ = std::make_unique<platform::LoadedConfig>(request);

  const Config& stream = root_.stream;
  if (stream.ring_pages % spec::kPagesPerDescriptor != 0)
    reader_.fail("stream.ring_pages", fmt::format("{}: expected a multiple of {}", stream.ring_pages, spec::kPagesPerDescriptor));
  if (stream.frame_bytes < stream.payload_bytes + 16)
    reader_.fail("stream.frame_bytes", fmt::format("{}: expected at least stream.payload_bytes and 16 of headers", stream.frame_bytes));
  if (stream.wire_gbps <= 0) reader_.fail("stream.wire_gbps", "expected more than 0");
  if (stream.window() < 4)
    reader_.fail("stream.in_flight_packets", fmt::format("{} for {} flows: expected at least 4 for each", stream.in_flight_packets, stream.flows));
  if (stream.flows < machine().cpu.cores)
    reader_.fail("stream.flows", fmt::format("{}: expected at least a flow for each of cpu.cores = {}", stream.flows, machine().cpu.cores));
}

Scenario::~Scenario() = default;

Json Scenario::dump() const {
  Json all = dump_config(config_target(machine()));
  all.erase("traffic");
  all["stream"] = dump_config(config_target(root_))["stream"];
  return all;
}

}  // namespace iovirt::platform::stream
