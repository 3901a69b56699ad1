// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// From files and assignments to a checked configuration and its traffic; every mistake is a ConfigError.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lib/config_reader.h"
#include "models/platform/config.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::platform {

struct ConfigRequest {
  std::string file;  ///< empty: the default machine
  /// {"vms=3", "--set"}: in order, the later wins.
  std::vector<std::pair<std::string, std::string>> assignments;
};

/// The layers are profile, file, assignments. Relative paths in it are looked for beside the configuration file, then
/// in the current folder, then among the files that come with iovirt.
class LoadedConfig {
 public:
  /// Reads and checks what does not depend on the mode.
  explicit LoadedConfig(const ConfigRequest& request);
  LoadedConfig(const LoadedConfig&) = delete;
  LoadedConfig& operator=(const LoadedConfig&) = delete;

  const Config& config() const { return config_; }
  const ConfigReader& reader() const { return reader_; }

  /// What a mode asks of the machine.
  void check_mode(Mode mode) const;
  /// The frames of config().traffic, sorted to config().vms receivers.
  software::Traffic traffic() const;

 private:
  void apply(const ConfigRequest& request, ConfigReader& reader) const;
  void check_traffic_keys() const;
  void check_models() const;
  void check_machine() const;
  void check_address_map() const;
  std::string found(const std::string& path) const;

  std::vector<std::string> folders_;
  Config config_;
  ConfigReader reader_{config_target(config_)};
};

}  // namespace iovirt::platform
