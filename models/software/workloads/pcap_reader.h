// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A pcap or pcapng file in memory: Ethernet frames with nanosecond times.
#pragma once

#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace iovirt::software {

struct CapturedFrame {
  std::int64_t time_ns = 0;
  std::uint64_t offset = 0;  ///< into Capture::bytes
  std::uint32_t bytes = 0;
};

struct Capture {
  std::vector<CapturedFrame> frames;  ///< in the file's order
  std::vector<std::uint8_t> bytes;

  std::span<const std::uint8_t> frame(std::size_t i) const { return {bytes.data() + frames[i].offset, frames[i].bytes}; }
};

/// what() names the file, and the packet by its number as other tools count, from 1.
struct CaptureError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Throws CaptureError when the file is missing, unreadable, not a capture, not Ethernet, empty, cut off, recorded
/// with a snap length below its frames, or holds a frame above the MTU of 1500.
Capture read_capture(const std::string& path);

}  // namespace iovirt::software
