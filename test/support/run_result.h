// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Builds the result of a run that never happened, but could have: everything in it adds up.
#pragma once

#include "models/platform/results.h"
#include "models/software/workloads/generator_random.h"

namespace iovirt::test {

inline platform::RunResult sample_run(platform::Mode mode, std::uint64_t seed) {
  software::Random random(seed);
  platform::RunResult run;
  run.mode = mode;
  run.simulated = 1'000'000 + random.below(1'000'000'000);
  run.packets.received = 1 + random.below(200);
  run.packets.transmitted = 1 + random.below(200);
  run.packets.dropped = random.below(5);
  run.packets.offered = run.packets.received + run.packets.transmitted + run.packets.dropped;
  const auto latency = [&](platform::Latency& to, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      StageTimes stages;
      for (Ps& stage : stages.ps) stage = random.below(2) * random.below(10'000'000);
      to.add(stages);
    }
  };
  latency(run.rx, run.packets.received);
  latency(run.tx, run.packets.transmitted);
  latency(run.round_trip, random.below(50));
  if (mode != platform::Mode::native) run.exits = {{"EPT_MISCONFIG", random.below(1000)}, {"HLT", 1 + random.below(1000)}, {"MSR_WRITE", 0}};
  run.interrupts.taken = random.below(500);
  run.delivered_bytes = random.below(1'000'000);
  constexpr Ps cores = 4;
  Ps left = cores * run.simulated;
  for (std::size_t s = 0; s + 1 < kShares; ++s) left -= run.cpu[s] = random.below(run.simulated);
  run.cpu[kShares - 1] = left;
  run.iommu.requests = run.iommu.iotlb_hits = random.below(1000);
  run.iommu.faults = {{"5", random.below(2)}};
  run.copied_bytes = random.below(1'000'000);
  return run;
}

}  // namespace iovirt::test
