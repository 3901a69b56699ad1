// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a run found, as results.json has it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lib/activity.h"
#include "lib/histogram.h"
#include "lib/packet_ledger.h"
#include "lib/time.h"
#include "models/platform/mode.h"
#include "models/software/kernel/kernel.h"

namespace iovirt::platform {

/// Latencies of one kind, each with its stages; a sample is the sum of its stages.
class Latency {
 public:
  void add(const StageTimes& stages);
  std::uint64_t count() const { return totals_.count(); }
  double mean_ns() const { return totals_.mean() / 1000; }
  double percentile_ns(std::uint32_t per_million) const { return ps_to_ns(totals_.percentile(per_million)); }
  double max_ns() const { return ps_to_ns(totals_.max()); }
  double stage_mean_ns(Stage stage) const;
  Ps total() const { return totals_.sum(); }
  const StageTimes& stages() const { return stages_; }

 private:
  Histogram totals_;
  StageTimes stages_;
};

/// One mode's run.
struct RunResult {
  Mode mode = Mode::native;
  unsigned vms = 1;
  Ps simulated = 0;

  struct {
    std::uint64_t offered = 0, received = 0, transmitted = 0, dropped = 0, corrupted = 0;
  } packets;
  std::map<std::string, std::uint64_t> exits;  ///< by KVM's name of the reason
  struct {
    std::uint64_t msi = 0, remapped = 0, posted = 0, injected = 0, taken = 0;
  } interrupts;
  software::Accesses accesses;
  Latency rx, tx, round_trip;
  std::uint64_t delivered_bytes = 0;         ///< of received and transmitted frames, without FCS
  std::array<Ps, kShares> cpu{};             ///< over all CPUs
  struct {
    std::uint64_t requests = 0, iotlb_hits = 0, iotlb_misses = 0, walks = 0, memory_reads = 0, invalidations = 0;
    std::map<std::string, std::uint64_t> faults;  ///< by reason
    std::map<std::string, std::uint64_t> counters;  ///< by name: iommu::describe
    struct Device {
      std::uint64_t requests = 0, hits = 0, misses = 0, memory_reads = 0;
    };
    std::map<std::uint16_t, Device> by_device;  ///< by requester id
    struct Domain {
      std::uint64_t iotlb_hits = 0, iotlb_misses = 0, walks = 0, memory_reads = 0;
    };
    std::map<std::uint16_t, Domain> by_domain;  ///< with iommu.count_by_domain
    struct Fault {
      std::uint16_t source = 0;   ///< requester id
      std::uint8_t reason = 0;    ///< VT-d's code
      std::uint64_t address = 0;  ///< of an interrupt request: its index in bits 63:48
      bool read = false;
    };
    std::vector<Fault> fault_log;  ///< as the host's driver read them from the fault records; the first 64
  } iommu;
  struct {
    std::uint64_t up_bytes = 0, down_bytes = 0, tlps = 0;
    Ps stalled = 0;
  } pcie;
  std::uint64_t copied_bytes = 0;
  struct {
    double wall_s = 0;
    std::uint64_t events = 0;         ///< of the fabric's queue
    std::uint64_t kernel_events = 0;  ///< of the SystemC kernel's that served it
  } host;
  struct Counter {
    std::string name, description, unit;
    std::uint64_t value = 0;
  };
  std::vector<Counter> statistics;  ///< every model's own counters since the machine was made; not in results.json
  std::vector<std::string> errors;  ///< what the run itself found wrong, beside check()

  std::uint64_t packets_done() const { return packets.received + packets.transmitted; }
  std::uint64_t exits_total() const;
  double exits_per_packet() const;
  double throughput_gbps() const;
  double cpu_fraction(Share share) const;
};

/// What must hold of any run (design rule 2 and the promise that payloads arrive whole); empty when it does.
std::vector<std::string> check(const RunResult& run);

nlohmann::ordered_json to_json(const RunResult& run);

/// {"schema": "iovirt-results/1", "config": ..., "seed": ..., "runs": [...]}
nlohmann::ordered_json results_json(const nlohmann::ordered_json& config, std::uint64_t seed, const std::vector<RunResult>& runs);

/// DIR/results.json, whole or not at all. The constructor creates the folder and proves that it can be written, so
/// that nobody simulates for nothing; without commit() it leaves nothing behind, nor an older file changed.
class ResultsFile {
 public:
  /// Throws ConfigError.
  explicit ResultsFile(const std::string& folder);
  ~ResultsFile();
  ResultsFile(const ResultsFile&) = delete;
  ResultsFile& operator=(const ResultsFile&) = delete;

  /// Throws std::runtime_error when the disk is full or the like.
  void commit(const nlohmann::ordered_json& results);
  /// The same, but that the array `list`, empty in `results`, is written element by element, for lists too long to be held:
  /// `next` makes one, or returns false when there is none left. REQUIRES: one empty array of that name.
  void commit(const nlohmann::ordered_json& results, const std::string& list,
              const std::function<bool(nlohmann::ordered_json&)>& next);
  const std::string& path() const { return path_; }

 private:
  void write(const std::array<std::string, 2>& halves, const std::function<bool(nlohmann::ordered_json&)>& next, std::size_t indent);

  std::string path_, temporary_;
  std::string created_;  ///< the folder, when it was not there before
  bool committed_ = false;
};

}  // namespace iovirt::platform
