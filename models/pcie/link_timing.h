// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How long TLPs occupy a link: framing by kind, the raw rate by generation and width, and the share that data link
// layer packets take, after "Understanding PCIe performance for end host networking" (SIGCOMM 2018).
#pragma once

#include <bit>
#include <cstdint>

#include "lib/time.h"

namespace iovirt::pcie {

/// Bytes on the wire beyond the payload: framing 2, sequence number and LCRC 6, header 16 (64-bit address) or 12.
inline constexpr unsigned kWriteOverheadBytes = 24;
inline constexpr unsigned kReadRequestBytes = 24;
inline constexpr unsigned kCompletionOverheadBytes = 20;
/// A message without data: the header is always 16 bytes (PCIe 5.0, 2.2.8). Data comes on top.
inline constexpr unsigned kMessageBytes = 24;
/// The prefix of a TLP with a PASID (2.2.10.2).
inline constexpr unsigned kPasidPrefixBytes = 4;

class LinkTiming {
 public:
  /// REQUIRES: generation 1 to 5; width 1, 2, 4, 8, 12 or 16; mps_bytes a power of two, 128 to 4096.
  LinkTiming(unsigned generation, unsigned width, unsigned mps_bytes);

  /// After line coding: 8b/10b up to generation 2, 128b/130b after.
  double raw_gbps() const { return raw_gbps_; }
  /// What is left for TLPs: raw * (1 - 8/ack - 8/update - 4/1538); an acknowledgement and a flow control update of 8
  /// bytes each per interval, a SKP ordered set every 1538 symbols.
  double tlp_gbps() const { return tlp_gbps_; }
  /// Bytes between two acknowledgements, and between two updates (PCIe 3.0, tables 3-7 to 3-9 and 2-44 to 2-46:
  /// the same formula). Generations 4 and 5 use generation 3's.
  unsigned ack_limit() const { return ack_limit_; }

  /// Serialisation of `bytes` on the wire, rounded down to a picosecond.
  Ps time(std::uint64_t bytes) const { return (bytes * ps_per_byte_q20_) >> 20; }

 private:
  double raw_gbps_, tlp_gbps_;
  unsigned ack_limit_;
  std::uint64_t ps_per_byte_q20_;
};

/// Completions that return `bytes` from `address`, cut where `boundary` (a power of two: MPS or RCB) is crossed; at least 1.
constexpr unsigned completions(std::uint64_t address, unsigned bytes, unsigned boundary) {
  if (bytes == 0) return 1;
  const int shift = std::countr_zero(boundary);
  return static_cast<unsigned>(((address + bytes - 1) >> shift) - (address >> shift)) + 1;
}

/// Bytes of the next TLP of a transfer: at most `limit`, never across a 4 KiB boundary (PCIe 5.0, 2.2.7).
constexpr unsigned next_piece(std::uint64_t address, std::uint64_t left, unsigned limit) {
  const std::uint64_t to_page = 4096 - address % 4096;
  std::uint64_t piece = limit < to_page ? limit : to_page;
  if (left < piece) piece = left;
  return static_cast<unsigned>(piece);
}

}  // namespace iovirt::pcie
