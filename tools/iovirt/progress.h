// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#pragma once

#include <chrono>
#include <iosfwd>
#include <string>

#include "models/platform/run.h"

namespace iovirt::cli {

/// One line on a terminal, rewritten a few times a second; silent on anything else.
class ProgressLine : public platform::Progress {
 public:
  ProgressLine(std::ostream& err, bool is_terminal) : err_(err), is_terminal_(is_terminal) {}
  ~ProgressLine() override { clear(); }

  /// The `number`th of `runs` begins.
  void begin(platform::Mode mode, std::size_t number, std::size_t runs);
  void update(std::uint64_t packets_done, std::uint64_t packets_total, Ps simulated) override;
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::ostream& err_;
  bool is_terminal_;
  bool shown_ = false;
  std::string title_;
  Clock::time_point begun_, next_;
};

}  // namespace iovirt::cli
