// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One run of the whole machine, configured as the command line does it: profile, then assignments.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "models/platform/config_loader.h"
#include "models/platform/run.h"
#include "test/support/catch.h"

namespace iovirt::test {

using platform::Mode;

/// Assignments as after --set.
using Settings = std::vector<std::string>;

inline Settings operator+(Settings settings, const Settings& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

/// Those through which a guest is reached.
inline constexpr std::array kVmModes = {Mode::emulated, Mode::virtio, Mode::vmdq, Mode::assigned, Mode::sriov};

/// For INFO: what to give to `iovirt run` to see the same.
inline std::string command_of(Mode mode, const Settings& settings) {
  std::string text = "iovirt run --mode " + std::string(platform::name_of(mode));
  for (const std::string& setting : settings) text += " --set " + setting;
  return text;
}

/// The run, whatever came out of it. May be called again and again.
inline platform::RunResult run_unchecked(Mode mode, const Settings& settings, const platform::RunOptions& options = {}) {
  struct : platform::Progress {
    void update(std::uint64_t, std::uint64_t, Ps) override {}
  } nobody;
  platform::ConfigRequest request;
  for (const std::string& setting : settings) request.assignments.emplace_back(setting, "the test");
  const platform::LoadedConfig loaded(request);
  loaded.check_mode(mode);
  return platform::run_mode(loaded.config(), mode, loaded.traffic(), nobody, options);
}

/// A run whose books balance.
inline platform::RunResult run(Mode mode, const Settings& settings, const platform::RunOptions& options = {}) {
  INFO(command_of(mode, settings));
  platform::RunResult result = run_unchecked(mode, settings, options);
  REQUIRE(platform::check(result) == std::vector<std::string>{});
  return result;
}

/// results.json's entry without what may differ from machine to machine.
inline std::string json_of(const platform::RunResult& result) {
  auto json = platform::to_json(result);
  json.erase("host");
  return json.dump(1);
}

inline std::uint64_t exits_of(const platform::RunResult& result, const char* reason) {
  const auto found = result.exits.find(reason);
  return found == result.exits.end() ? 0 : found->second;
}

/// A request at a time, the peer answering after 1 ms, so that the guest sleeps in between.
inline Settings request_response(unsigned transactions) {
  return {"traffic.source=udp_rr", "traffic.size_bytes=64", "traffic.think_ns=1000000",
          "traffic.packets=" + std::to_string(transactions)};
}

inline Settings stream(unsigned packets, const char* direction = "rx") {
  return {"traffic.source=udp_stream", "traffic.packets=" + std::to_string(packets),
          std::string("traffic.direction=") + direction};
}

}  // namespace iovirt::test
