// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a simulated packet costs the host, mode by mode, in multiples of a two-thread SystemC event ping-pong measured in
// the same process just before and after, since machines differ and are noisy.
//
//   iovirt_bench [packets]             64-byte streams; default 300000 packets a run, medians of seven
//   iovirt_bench translate [requests]  what a translated request costs: bench/translate.cpp
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/attempts.h"
#include "bench/translate.h"
#include "models/platform/config_loader.h"
#include "models/platform/run.h"

using namespace iovirt;
using bench::ping_pong_ns;

namespace {

/// The most that this process has held.
long peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss >> 10;
}

struct Silent final : platform::Progress {
  void update(std::uint64_t, std::uint64_t, Ps) override {}
};

/// Receive: 100,000 packets a second for each VM, which every mode can take. Transmit: as fast as the VMs can, through a port
/// that seven of them do not fill: a VM that waits for the wire sleeps and wakes with each packet, which is other work.
enum class Stream { rx, tx };

constexpr unsigned kAttempts = 7;

struct Measured {
  bench::Attempt attempt;
  std::uint64_t offered = 0, done = 0, events = 0, kernel_events = 0;
  long peak_mb = 0;
};

/// One run, in a process of its own as a user's is: what earlier ones have left behind in the heap has no part in it.
template <class Run>
Measured in_own_process(Run&& run) {
  std::fflush(stdout);
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe to measure through");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process to measure in");
  if (child == 0) {
    const Measured measured = run();
    _exit(write(ends[1], &measured, sizeof measured) == sizeof measured ? 0 : 1);
  }
  close(ends[1]);
  Measured measured;
  const bool whole = read(ends[0], &measured, sizeof measured) == sizeof measured;
  close(ends[0]);
  waitpid(child, nullptr, 0);
  if (!whole) throw std::runtime_error("a measured run ended early");
  return measured;
}

class Case {
 public:
  Case(platform::Mode mode, unsigned vms, Stream stream, unsigned long packets)
      : mode_(mode), vms_(vms), stream_(stream), loaded_(request(vms, stream, packets)) {}

  void measure() {
    last_ = in_own_process([&] {
      const software::Traffic traffic = loaded_.traffic();
      Silent silent;
      platform::RunResult run;
      Measured measured;
      measured.attempt = bench::attempt([&] {
        run = platform::run_mode(loaded_.config(), mode_, traffic, silent);
        measured.done = std::max<std::uint64_t>(run.packets_done(), 1);
        return run.host.wall_s * 1e9 / static_cast<double>(measured.done);
      });
      measured.offered = run.packets.offered;
      measured.events = run.host.events;
      measured.kernel_events = run.host.kernel_events;
      measured.peak_mb = peak_mb();
      return measured;
    });
    attempts_.push_back(last_.attempt);
  }

  /// `growth`: of a packet's cost, as what to print.
  void print(const std::string& growth) const {
    const bench::Attempt median = bench::median(attempts_);
    std::printf("%-9s %3u  %-4s %9llu %8llu %10.0f %10.1f %10llu %7.0f %7.1f %5ld %7s\n", std::string(platform::name_of(mode_)).c_str(), vms_,
                stream_ == Stream::rx ? "rx" : "tx", static_cast<unsigned long long>(last_.offered),
                static_cast<unsigned long long>(last_.done), 1e9 / median.ns,
                per_packet(last_.events), static_cast<unsigned long long>(last_.kernel_events), median.ns, median.ratio, last_.peak_mb, growth.c_str());
    std::fflush(stdout);
  }

  const std::vector<bench::Attempt>& attempts() const { return attempts_; }

 private:
  double per_packet(std::uint64_t count) const { return static_cast<double>(count) / static_cast<double>(last_.done); }
  static platform::ConfigRequest request(unsigned vms, Stream stream, unsigned long packets) {
    platform::ConfigRequest request;
    for (const std::string& set :
         {"vms=" + std::to_string(vms), std::string("nic.link_speed_mbps=10000"), std::string("nic.pcie_generation=3"),
          std::string("nic.pcie_width=8"), std::string("traffic.source=udp_stream"), std::string("traffic.size_bytes=64"),
          "traffic.packets=" + std::to_string(packets), std::string(stream == Stream::rx ? "traffic.direction=rx" : "traffic.direction=tx"),
          stream == Stream::rx ? "traffic.rate_pps=" + std::to_string(100'000 * vms) : std::string("traffic.rate_pps=line")})
      request.assignments.emplace_back(set, "bench");
    return request;
  }

  platform::Mode mode_;
  unsigned vms_;
  Stream stream_;
  platform::LoadedConfig loaded_;
  Measured last_;
  std::vector<bench::Attempt> attempts_;
};

/// One VM and seven in turns, so that what the machine does meanwhile meets both.
class Comparison {
 public:
  Comparison(platform::Mode mode, Stream stream, unsigned long packets) : one_(mode, 1, stream, packets), seven_(mode, 7, stream, packets) {}

  void measure() {
    one_.measure();
    seven_.measure();
    growths_.push_back(seven_.attempts().back().ratio / one_.attempts().back().ratio);
  }
  void print() {
    std::sort(growths_.begin(), growths_.end());
    char growth[16];
    std::snprintf(growth, sizeof growth, "%+.0f%%", 100 * (growths_[growths_.size() / 2] - 1));
    one_.print("-");
    seven_.print(growth);
  }

 private:
  Case one_, seven_;
  std::vector<double> growths_;
};

}  // namespace

int sc_main(int, char**) { return 0; }

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "translate") return bench::translate(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 2'000'000);
  const unsigned long packets = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 300'000;
  std::printf("64-byte streams; ratio: to a two-thread SystemC event ping-pong, now %.1f ns; medians of %u;\n"
              "each run in a process of its own, MB: its peak; growth: the ratio of 7 VMs over that of 1, run in turns;\n"
              "events/pkt: of the fabric's queue, for each packet; kernel: events of the SystemC kernel in all\n\n",
              ping_pong_ns(), kAttempts);
  std::printf("%-9s %3s  %-4s %9s %8s %10s %10s %10s %7s %7s %5s %7s\n", "mode", "VMs", "", "offered", "done", "packets/s",
              "events/pkt", "kernel", "ns/pkt", "ratio", "MB", "growth");
  std::fflush(stdout);
  std::deque<Comparison> comparisons;
  for (platform::Mode mode : platform::kModes)
    for (Stream stream : {Stream::rx, Stream::tx}) comparisons.emplace_back(mode, stream, packets);
  // In rounds: a shared machine is slow for seconds at a time, which shall not be all of one mode's attempts.
  for (unsigned i = 0; i < kAttempts; ++i) {
    std::fprintf(stderr, "round %u of %u\r", i + 1, kAttempts);
    for (Comparison& comparison : comparisons) comparison.measure();
  }
  for (Comparison& comparison : comparisons) comparison.print();
  return 0;
}
