// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a simulated packet costs the host, mode by mode, in multiples of a two-thread SystemC event ping-pong measured in
// the same process just before and after, since machines differ and are noisy.
//
//   iovirt_bench [packets]             64-byte streams; default 100000 packets a run, the median of three
//   iovirt_bench translate [requests]  what a translated request costs: bench/translate.cpp
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "bench/attempts.h"
#include "bench/translate.h"
#include "models/platform/config_loader.h"
#include "models/platform/run.h"

using namespace iovirt;
using bench::ping_pong_ns;

namespace {

long resident_mb() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

struct Silent final : platform::Progress {
  void update(std::uint64_t, std::uint64_t, Ps) override {}
};

/// Receive: 100,000 packets a second for each VM, which every mode can take. Transmit: as fast as the VMs can, through a port
/// that seven of them do not fill: a VM that waits for the wire sleeps and wakes with each packet, which is other work.
enum class Stream { rx, tx };

void measure(platform::Mode mode, unsigned vms, Stream stream, unsigned long packets) {
  platform::ConfigRequest request;
  for (const std::string& set : {"vms=" + std::to_string(vms), std::string("nic.link_speed_mbps=10000"),
                                 std::string("nic.pcie_generation=3"), std::string("nic.pcie_width=8"),
                                 std::string("traffic.source=udp_stream"),
                                 std::string("traffic.size_bytes=64"), "traffic.packets=" + std::to_string(packets)})
    request.assignments.emplace_back(set, "bench");
  request.assignments.emplace_back(stream == Stream::rx ? "traffic.direction=rx" : "traffic.direction=tx", "bench");
  request.assignments.emplace_back(stream == Stream::rx ? "traffic.rate_pps=" + std::to_string(100'000 * vms) : "traffic.rate_pps=line",
                                   "bench");
  const platform::LoadedConfig loaded(request);
  const software::Traffic traffic = loaded.traffic();
  Silent silent;
  platform::RunResult run;
  const bench::Attempt median = bench::median_of_three([&] {
    run = platform::run_mode(loaded.config(), mode, traffic, silent);
    return run.host.wall_s * 1e9 / static_cast<double>(std::max<std::uint64_t>(run.packets_done(), 1));
  });
  const double done = static_cast<double>(std::max<std::uint64_t>(run.packets_done(), 1));
  std::printf("%-9s %3u  %-4s %9llu %8llu %12.0f %10.1f %10.0f %8.1f %6ld\n", std::string(platform::name_of(mode)).c_str(),
              vms, stream == Stream::rx ? "rx" : "tx", static_cast<unsigned long long>(run.packets.offered),
              static_cast<unsigned long long>(run.packets_done()), 1e9 / median.ns,
              static_cast<double>(run.host.events) / done, median.ns, median.ratio, resident_mb());
  std::fflush(stdout);
}

}  // namespace

int sc_main(int, char**) { return 0; }

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "translate") return bench::translate(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2'000'000);
  const unsigned long packets = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  std::printf("64-byte streams; ratio: to a two-thread SystemC event ping-pong, now %.1f ns; medians of three\n\n", ping_pong_ns());
  std::printf("%-9s %3s  %-4s %9s %8s %12s %10s %10s %8s %6s\n", "mode", "VMs", "", "offered", "done", "packets/s",
              "events/pkt", "ns/pkt", "ratio", "MB");
  for (platform::Mode mode : platform::kModes)
    for (unsigned vms : {1u, 7u})
      for (Stream stream : {Stream::rx, Stream::tx}) measure(mode, vms, stream, packets);
  return 0;
}
