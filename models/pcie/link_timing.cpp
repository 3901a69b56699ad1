// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/link_timing.h"

namespace iovirt::pcie {
namespace {

// Unadjusted ack latency, in symbol times: (payload + overhead) * factor / width + internal delay (PCIe 3.0, 3.5.3.1).
constexpr double kTlpOverhead = 28;

double ack_factor(unsigned width, unsigned mps) {
  if (mps >= 512) return width <= 8 ? 1.0 : 2.0;
  if (width <= 4) return 1.4;
  return width == 8 ? 2.5 : 3.0;
}

unsigned internal_delay(unsigned generation) { return generation == 1 ? 19 : generation == 2 ? 70 : 115; }

}  // namespace

LinkTiming::LinkTiming(unsigned generation, unsigned width, unsigned mps_bytes) {
  constexpr double kGigatransfers[] = {2.5, 5.0, 8.0, 16.0, 32.0};
  const double coding = generation <= 2 ? 8.0 / 10.0 : 128.0 / 130.0;
  raw_gbps_ = kGigatransfers[generation - 1] * width * coding;
  ack_limit_ = static_cast<unsigned>((mps_bytes + kTlpOverhead) * ack_factor(width, mps_bytes) / width) +
               internal_delay(generation);
  tlp_gbps_ = raw_gbps_ * (1.0 - 8.0 / ack_limit_ - 8.0 / ack_limit_ - 4.0 / 1538.0);
  ps_per_byte_q20_ = static_cast<std::uint64_t>(8000.0 / tlp_gbps_ * (1 << 20) + 0.5);
}

}  // namespace iovirt::pcie
