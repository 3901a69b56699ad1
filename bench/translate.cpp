// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a timed translation costs the host, from the binary form of a trace and reading it included: 1,024 tenants in turn,
// once with working sets far above the IOTLB, once with one that holds them. And what a tenant that is idle costs.

#include "bench/translate.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "bench/attempts.h"
#include "models/platform/translate/tenant_mix.h"
#include "models/platform/translate/translate.h"

namespace iovirt::bench {
namespace {

std::string write_trace(const platform::TenantMix& mix) {
  const std::string path = "/tmp/iovirt_bench_" + std::to_string(getpid()) + ".bin";
  platform::AccessTraceWriter writer(path, "bench");
  mix.generate([&](const platform::AccessRecord& record) { writer.add(record); });
  writer.commit();
  return path;
}

void measure(const char* name, const platform::TenantMix& mix, const std::vector<std::string>& sets) {
  const platform::TranslateConfig config = platform::load_translate_config(sets);
  const std::string path = write_trace(mix);
  platform::TranslateResult result;
  std::vector<Attempt> attempts;
  for (unsigned i = 0; i < 3; ++i)
    attempts.push_back(attempt([&] {
      platform::AccessTrace trace(path);
      result = platform::translate(config, trace);
      return result.host.wall_s * 1e9 / static_cast<double>(result.requests);
    }));
  const Attempt middle = median(std::move(attempts));
  unlink(path.c_str());
  const double requests = static_cast<double>(result.requests);
  std::printf("%-8s %9.0f %10.2f %10.0f %8.1f %8.3f %11.2f %10.2f\n", name, requests, 1e3 / middle.ns, middle.ns, middle.ratio,
              static_cast<double>(result.iommu.iotlb_hits) / requests, static_cast<double>(result.iommu.memory_reads) / requests,
              static_cast<double>(result.host.events) / requests);
}

/// Of what a tenant keeps resident. REQUIRES: called first: what the process has freed before would not count.
double idle_tenant_bytes() {
  constexpr unsigned kTenants = 30'000;
  const platform::TranslateConfig config = platform::load_translate_config({});
  const auto resident = [&](std::uint32_t idle) {
    const std::string path = write_trace({.tenants = 1, .requests = 100, .interval_ns = 10'000, .idle_tenants = idle});
    platform::AccessTrace trace(path);
    unlink(path.c_str());
    return static_cast<double>(platform::translate(config, trace).host.resident_bytes);
  };
  const double few = resident(1);
  return (resident(kTenants) - few) / kTenants;
}

}  // namespace

int translate(unsigned long requests) {
  const double idle = idle_tenant_bytes();
  std::printf("1,024 tenants in turn; ratio: to a two-thread SystemC event ping-pong, now %.1f ns; medians of three\n\n", ping_pong_ns());
  std::printf("%-8s %9s %10s %10s %8s %8s %11s %10s\n", "", "requests", "million/s", "ns", "ratio", "hits", "table reads", "events");
  measure("misses", {.tenants = 1024, .requests = requests, .pages = 64, .interval_ns = 1000}, {});
  measure("hits", {.tenants = 1024, .requests = requests, .pages = 1, .interval_ns = 10},
          {"iommu.iotlb={\"entries\": 4096, \"ways\": 8}", "iommu.context_cache={\"entries\": 4096, \"ways\": 8}"});
  std::printf("\na tenant that made one request and then none: %.0f bytes resident\n", idle);
  return 0;
}

}  // namespace iovirt::bench
