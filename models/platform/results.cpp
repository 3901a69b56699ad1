// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/results.h"

#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "lib/config_error.h"

namespace iovirt::platform {

using Json = nlohmann::ordered_json;

void Latency::add(const StageTimes& stages) {
  totals_.add(stages.sum());
  for (std::size_t s = 0; s < kStages; ++s) stages_.ps[s] += stages.ps[s];
}

double Latency::stage_mean_ns(Stage stage) const {
  return count() == 0 ? 0 : static_cast<double>(stages_[stage]) / static_cast<double>(count()) / 1000;
}

std::uint64_t RunResult::exits_total() const {
  std::uint64_t total = 0;
  for (const auto& [reason, number] : exits) total += number;
  return total;
}

double RunResult::exits_per_packet() const {
  return packets_done() == 0 ? 0 : static_cast<double>(exits_total()) / static_cast<double>(packets_done());
}

double RunResult::throughput_gbps() const {
  // bits per ps are Tbit/s
  return simulated == 0 ? 0 : static_cast<double>(delivered_bytes) * 8 * 1000 / static_cast<double>(simulated);
}

double RunResult::cpu_fraction(Share share) const {
  const Ps total = std::accumulate(cpu.begin(), cpu.end(), Ps{0});
  return total == 0 ? 0 : static_cast<double>(cpu[static_cast<std::size_t>(share)]) / static_cast<double>(total);
}

std::vector<std::string> check(const RunResult& run) {
  std::vector<std::string> errors = run.errors;
  const auto require = [&](bool holds, const std::string& message) {
    if (!holds) errors.push_back(message);
  };
  const auto& packets = run.packets;
  require(packets.corrupted == 0, fmt::format("{} packets arrived with other bytes than were sent", packets.corrupted));
  require(packets.received + packets.transmitted + packets.dropped == packets.offered,
          fmt::format("of {} packets offered, {} were received, {} transmitted and {} dropped: {} are unaccounted for", packets.offered,
                      packets.received, packets.transmitted, packets.dropped,
                      static_cast<std::int64_t>(packets.offered - packets.received - packets.transmitted - packets.dropped)));
  for (const auto& [name, latency] : {std::pair<const char*, const Latency&>{"rx", run.rx}, {"tx", run.tx}, {"round trip", run.round_trip}})
    require(latency.stages().sum() == latency.total(),
            fmt::format("the stages of {} latency sum to {} ps, the latencies to {} ps", name, latency.stages().sum(), latency.total()));
  require(run.rx.count() == packets.received,
          fmt::format("{} packets were received, {} have a latency", packets.received, run.rx.count()));
  require(run.tx.count() == packets.transmitted,
          fmt::format("{} packets were transmitted, {} have a latency", packets.transmitted, run.tx.count()));
  const Ps busy = std::accumulate(run.cpu.begin(), run.cpu.end(), Ps{0});
  require(run.simulated == 0 || (busy > 0 && busy % run.simulated == 0),
          fmt::format("the CPUs account for {} ps, not a multiple of the {} ps simulated", busy, run.simulated));
  require(run.mode != Mode::native || run.exits_total() == 0, fmt::format("{} exits without a VM", run.exits_total()));
  return errors;
}

namespace {

Json latency_json(const Latency& latency) {
  Json stages = Json::object();
  for (std::size_t s = 0; s < kStages; ++s) stages[std::string(kStageNames[s])] = latency.stage_mean_ns(static_cast<Stage>(s));
  return {{"count", latency.count()},
          {"mean", latency.mean_ns()},
          {"p50", latency.percentile_ns(500'000)},
          {"p99", latency.percentile_ns(990'000)},
          {"p999", latency.percentile_ns(999'000)},
          {"max", latency.max_ns()},
          {"stages", std::move(stages)}};
}

Json fault_log(const RunResult& run) {
  Json log = Json::array();
  for (const auto& fault : run.iommu.fault_log)
    log.push_back({{"source", fmt::format("{:02x}:{:02x}.{}", fault.source >> 8, fault.source >> 3 & 31, fault.source & 7)},
                   {"reason", fmt::format("{:#x}", fault.reason)},
                   {"address", fmt::format("{:#x}", fault.address)},
                   {"access", fault.read ? "r" : "w"}});
  return log;
}

Json by_device(const RunResult& run) {
  Json all = Json::object();
  for (const auto& [id, d] : run.iommu.by_device)
    if (d.requests != 0)
      all[fmt::format("{:02x}:{:02x}.{}", id >> 8, id >> 3 & 31, id & 7)] = {
          {"requests", d.requests}, {"hits", d.hits}, {"misses", d.misses}, {"memory_reads", d.memory_reads}};
  return all;
}

Json by_domain(const RunResult& run) {
  Json all = Json::object();
  for (const auto& [id, d] : run.iommu.by_domain)
    all[std::to_string(id)] = {
        {"iotlb_hits", d.iotlb_hits}, {"iotlb_misses", d.iotlb_misses}, {"walks", d.walks}, {"memory_reads", d.memory_reads}};
  return all;
}

Json counts(const std::map<std::string, std::uint64_t>& numbers) {
  Json object = Json::object();
  for (const auto& [name, number] : numbers)
    if (number != 0) object[name] = number;
  return object;
}

}  // namespace

Json to_json(const RunResult& run) {
  Json cpu = Json::object();
  for (std::size_t s = 0; s < kShares; ++s) cpu[std::string(kShareNames[s])] = run.cpu_fraction(static_cast<Share>(s));
  const auto& p = run.packets;
  const auto& i = run.interrupts;
  const auto& a = run.accesses;
  Json json = {
      {"mode", std::string(name_of(run.mode))},
      {"vms", run.vms},
      {"simulated_ns", ps_to_ns(run.simulated)},
      {"packets",
       {{"offered", p.offered}, {"received", p.received}, {"transmitted", p.transmitted}, {"dropped", p.dropped}, {"corrupted", p.corrupted}}},
      {"exits", {{"total", run.exits_total()}, {"per_packet", run.exits_per_packet()}, {"by_reason", counts(run.exits)}}},
      {"interrupts", {{"msi", i.msi}, {"remapped", i.remapped}, {"posted", i.posted}, {"injected", i.injected}, {"taken", i.taken}}},
      {"accesses",
       {{"device_reads", a.device_reads},
        {"device_writes", a.device_writes},
        {"eoi", a.eoi},
        {"tmr_reads", a.tmr_reads},
        {"hlt", a.hlt},
        {"timer_writes", a.timer_writes},
        {"timer_interrupts", a.timer_interrupts}}},
      {"latency_ns", {{"rx", latency_json(run.rx)}, {"tx", latency_json(run.tx)}, {"round_trip", latency_json(run.round_trip)}}},
      {"throughput_gbps", run.throughput_gbps()},
      {"cpu", std::move(cpu)},
      {"iommu",
       {{"requests", run.iommu.requests},
        {"iotlb_hits", run.iommu.iotlb_hits},
        {"iotlb_misses", run.iommu.iotlb_misses},
        {"walks", run.iommu.walks},
        {"memory_reads", run.iommu.memory_reads},
        {"invalidations", run.iommu.invalidations},
        {"faults", counts(run.iommu.faults)},
        {"fault_log", fault_log(run)},
        {"counters", counts(run.iommu.counters)},
        {"by_device", by_device(run)},
        {"by_domain", by_domain(run)}}},
      {"pcie",
       {{"up_bytes", run.pcie.up_bytes},
        {"down_bytes", run.pcie.down_bytes},
        {"tlps", run.pcie.tlps},
        {"stalled_ns", ps_to_ns(run.pcie.stalled)}}},
      {"copied_bytes", run.copied_bytes},
  };
  if (const auto errors = check(run); !errors.empty()) json["errors"] = errors;
  const double rate = run.host.wall_s > 0 ? static_cast<double>(run.packets_done()) / run.host.wall_s : 0;
  json["host"] = {{"wall_s", run.host.wall_s}, {"packets_per_s", rate}, {"events", run.host.events}, {"kernel_events", run.host.kernel_events}};
  return json;
}

Json results_json(const Json& config, std::uint64_t seed, const std::vector<RunResult>& runs) {
  Json list = Json::array();
  for (const RunResult& run : runs) list.push_back(to_json(run));
  return {{"schema", "iovirt-results/1"}, {"config", config}, {"seed", seed}, {"runs", std::move(list)}};
}

ResultsFile::ResultsFile(const std::string& folder) {
  namespace fs = std::filesystem;
  const auto refuse = [&](const std::string& reason) {
    if (!created_.empty()) ::rmdir(created_.c_str());
    throw ConfigError(fmt::format("--out: {}: {} (expected a folder that can be written)", folder, reason));
  };
  std::error_code error;
  const bool existed = fs::exists(folder, error);
  fs::create_directories(folder, error);
  if (error) refuse(error.message());
  if (!fs::is_directory(folder, error)) refuse("is not a folder");
  if (!existed) created_ = folder;
  path_ = (fs::path(folder) / "results.json").string();
  if (fs::is_directory(path_, error)) refuse("results.json is a folder there");
  // Written once and taken away again: a run that is interrupted leaves nothing.
  temporary_ = fmt::format("{}.{}.tmp", path_, ::getpid());
  const int file = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) refuse(std::strerror(errno));
  ::close(file);
  ::unlink(temporary_.c_str());
}

ResultsFile::~ResultsFile() {
  if (committed_) return;
  ::unlink(temporary_.c_str());
  if (!created_.empty()) ::rmdir(created_.c_str());  // stays when somebody else put something there
}

void ResultsFile::commit(const Json& results) { write({results.dump(2), "\n"}, {}, 0); }

void ResultsFile::commit(const Json& results, const std::string& list, const std::function<bool(Json&)>& next) {
  const std::string text = results.dump(2), empty = "\"" + list + "\": []";
  const std::size_t at = text.find(empty), bracket = at + empty.size() - 1;
  assert(at != std::string::npos && text.find(empty, at + 1) == std::string::npos);
  write({text.substr(0, bracket), text.substr(bracket) + "\n"}, next, at - text.rfind('\n', at) - 1);
}

/// The list between the two halves; its own brackets are theirs, and stand `indent` deep.
void ResultsFile::write(const std::array<std::string, 2>& halves, const std::function<bool(Json&)>& next, std::size_t indent) {
  std::FILE* file = std::fopen(temporary_.c_str(), "wb");
  bool written = file != nullptr;
  const auto put = [&](const std::string& text) { written = written && std::fwrite(text.data(), 1, text.size(), file) == text.size(); };
  put(halves[0]);
  bool first = true;
  for (Json element; written && next && next(element); first = false) {
    std::string text = (first ? "\n" : ",\n") + element.dump(2);
    const std::string margin(indent + 2, ' ');
    for (std::size_t end = text.rfind('\n'); end != std::string::npos; end = end == 0 ? std::string::npos : text.rfind('\n', end - 1))
      text.insert(end + 1, margin);
    put(text);
  }
  if (!first) put("\n" + std::string(indent, ' '));
  put(halves[1]);
  if (file != nullptr) {
    written = std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0 && written;
    written = std::fclose(file) == 0 && written;
  }
  if (!written || std::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw std::runtime_error(fmt::format("{}: cannot be written: {}", path_, std::strerror(errno)));
  committed_ = true;
}

}  // namespace iovirt::platform
