// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "tools/iovirt/progress.h"

#include <ostream>

#include <fmt/format.h>

namespace iovirt::cli {

void ProgressLine::begin(platform::Mode mode, std::size_t number, std::size_t runs) {
  title_ = fmt::format("[{}/{}] {}", number, runs, platform::name_of(mode));
  begun_ = Clock::now();
  next_ = begun_;
  if (is_terminal_) update(0, 0, 0);
}

void ProgressLine::update(std::uint64_t packets_done, std::uint64_t packets_total, Ps simulated) {
  if (!is_terminal_) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + std::chrono::milliseconds(100);
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double percent = packets_total == 0 ? 0 : 100.0 * static_cast<double>(packets_done) / static_cast<double>(packets_total);
  // Carriage return, and erase to the end of the line.
  err_ << fmt::format("\r\x1b[K{:<16} {:3.0f} %  {} of {} packets  {:.3f} ms simulated  {:.1f} s", title_, percent, packets_done,
                      packets_total, static_cast<double>(simulated) / static_cast<double>(kPsPerMs), seconds)
       << std::flush;
  shown_ = true;
}

void ProgressLine::clear() {
  if (shown_) err_ << "\r\x1b[K" << std::flush;
  shown_ = false;
}

}  // namespace iovirt::cli
