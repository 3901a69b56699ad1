// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a simulated packet costs the host, mode by mode, in multiples of a two-thread SystemC event ping-pong measured in
// the same process just before, since machines differ and are noisy.
//
//   iovirt_bench [packets]        64-byte streams; default 100000 packets a run, the best of three
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "lib/sim/simulation.h"
#include "models/platform/config_loader.h"
#include "models/platform/run.h"

using namespace iovirt;

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Two SC_THREADs that wake each other without time passing: nanoseconds a hand-over.
double ping_pong_ns() {
  constexpr int kRounds = 300'000;
  double best = 1e18;
  for (int attempt = 0; attempt < 3; ++attempt) {
    sim::Simulation simulation;
    sc_core::sc_event ping, pong;
    sc_core::sc_spawn([&] {
      for (int i = 0; i < kRounds; ++i) {
        pong.notify(sc_core::SC_ZERO_TIME);
        sc_core::wait(ping);
      }
    });
    sc_core::sc_spawn([&] {
      for (;;) {
        sc_core::wait(pong);
        ping.notify(sc_core::SC_ZERO_TIME);
      }
    });
    const auto start = std::chrono::steady_clock::now();
    sc_core::sc_start();
    best = std::min(best, seconds_since(start) * 1e9 / (2.0 * kRounds));
  }
  return best;
}

long resident_mb() {
  long pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE) >> 20;
}

struct Silent final : platform::Progress {
  void update(std::uint64_t, std::uint64_t, Ps) override {}
};

struct Stream {
  const char* name;
  std::vector<std::string> settings;
};

void measure(platform::Mode mode, unsigned vms, const Stream& stream, unsigned long packets, double ping_pong) {
  platform::ConfigRequest request;
  for (const std::string& set : {"vms=" + std::to_string(vms), std::string("traffic.source=udp_stream"),
                                 std::string("traffic.size_bytes=64"), "traffic.packets=" + std::to_string(packets)})
    request.assignments.emplace_back(set, "bench");
  for (const std::string& set : stream.settings) request.assignments.emplace_back(set, "bench");
  const platform::LoadedConfig loaded(request);
  const software::Traffic traffic = loaded.traffic();
  Silent silent;
  double best = 1e18;
  platform::RunResult run;
  for (int attempt = 0; attempt < 3; ++attempt) {
    run = platform::run_mode(loaded.config(), mode, traffic, silent);
    best = std::min(best, run.host.wall_s);
  }
  const double done = static_cast<double>(std::max<std::uint64_t>(run.packets_done(), 1));
  std::printf("%-9s %3u  %-4s %9llu %8llu %12.0f %10.1f %10.0f %8.1f %6ld\n", std::string(platform::name_of(mode)).c_str(),
              vms, stream.name, static_cast<unsigned long long>(run.packets.offered),
              static_cast<unsigned long long>(run.packets_done()), done / best,
              static_cast<double>(run.host.events) / done, best * 1e9 / done, best * 1e9 / done / ping_pong, resident_mb());
  std::fflush(stdout);
}

}  // namespace

int sc_main(int, char**) { return 0; }

int main(int argc, char** argv) {
  const unsigned long packets = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100'000;
  const double ping_pong = ping_pong_ns();
  std::printf("two-thread SystemC event ping-pong: %.1f ns\n\n", ping_pong);
  std::printf("%-9s %3s  %-4s %9s %8s %12s %10s %10s %8s %6s\n", "mode", "VMs", "", "offered", "done", "packets/s",
              "events/pkt", "ns/pkt", "ratio", "MB");
  const Stream streams[] = {{"rx", {"traffic.direction=rx", "traffic.rate_pps=150000"}},
                            {"tx", {"traffic.direction=tx", "traffic.rate_pps=\"line\""}}};
  for (platform::Mode mode : platform::kModes)
    for (unsigned vms : {1u, 7u})
      for (const Stream& stream : streams) measure(mode, vms, stream, packets, ping_pong);
  return 0;
}
