// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The machine and the stream of `iovirt validate fast-and-safe`: one set of parameters, each with its source, in
// models/platform/profiles/fast-and-safe.json.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/config_reader.h"
#include "models/platform/config_loader.h"
#include "models/platform/stream/config.h"

namespace iovirt::platform::stream {

class Scenario {
 public:
  /// The profile, for what it leaves open the default one, then `assignments` ("path=value"; those of the stream begin
  /// with "stream."). Throws ConfigError.
  explicit Scenario(const std::vector<std::string>& assignments);
  ~Scenario();
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  const platform::Config& machine() const { return machine_->config(); }
  const Config& stream() const { return root_.stream; }
  /// Effective, `stream` among the other keys.
  nlohmann::ordered_json dump() const;

 private:
  struct Root {
    Config stream;
    template <class Self, class Visitor>
    static void fields(Self& self, Visitor&& visit) {
      visit("stream", self.stream, {.doc = "the receive stream"});
    }
  };
  Root root_;
  ConfigReader reader_{config_target(root_)};
  std::unique_ptr<platform::LoadedConfig> machine_;
};

}  // namespace iovirt::platform::stream
