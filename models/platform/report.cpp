// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/report.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace iovirt::platform {

namespace {

/// Thousands apart: 12,345.
std::string count(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

/// Microseconds with four significant digits or so.
std::string us(double ns) {
  const double value = ns / 1000;
  return value >= 1000 ? fmt::format("{:.0f}", value) : value >= 100 ? fmt::format("{:.1f}", value) : fmt::format("{:.2f}", value);
}
std::string us_or_dash(const Latency& latency, double ns) { return latency.count() == 0 ? "-" : us(ns); }
std::string percent(double fraction) { return fmt::format("{:.1f}", fraction * 100); }

/// Rows of cells; the first column is left-aligned, the others right-aligned; no trailing blanks.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  void add_rule() { rules_.push_back(rows_.size()); }
  std::string text() const {
    std::vector<std::size_t> width(rows_.front().size(), 0);
    for (const auto& row : rows_)
      for (std::size_t c = 0; c < row.size(); ++c) width[c] = std::max(width[c], row[c].size());
    std::size_t total = 0;
    for (std::size_t w : width) total += w + 2;
    std::string out;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      if (r == 1 || std::find(rules_.begin(), rules_.end(), r) != rules_.end()) out += std::string(total - 2, '-') + "\n";
      std::string line;
      for (std::size_t c = 0; c < rows_[r].size(); ++c) {
        if (c > 0) line += "  ";
        line += c == 0 ? fmt::format("{:<{}}", rows_[r][c], width[c]) : fmt::format("{:>{}}", rows_[r][c], width[c]);
      }
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + "\n";
    }
    return out;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
  std::vector<std::size_t> rules_;
};

std::string packets_table(const std::vector<RunResult>& runs) {
  Table table({"mode", "packets", "lost", "exits/pkt", "irq/pkt", "Gbit/s", "rx mean", "rx p99", "tx mean", "tx p99", "rtt mean", "rtt p99"});
  for (const RunResult& run : runs) {
    const auto done = static_cast<double>(run.packets_done());
    table.add({std::string(name_of(run.mode)), count(run.packets_done()), count(run.packets.dropped + run.packets.corrupted),
               fmt::format("{:.2f}", run.exits_per_packet()),
               fmt::format("{:.2f}", done == 0 ? 0 : static_cast<double>(run.interrupts.taken) / done),
               fmt::format("{:.3f}", run.throughput_gbps()), us_or_dash(run.rx, run.rx.mean_ns()),
               us_or_dash(run.rx, run.rx.percentile_ns(990'000)), us_or_dash(run.tx, run.tx.mean_ns()),
               us_or_dash(run.tx, run.tx.percentile_ns(990'000)), us_or_dash(run.round_trip, run.round_trip.mean_ns()),
               us_or_dash(run.round_trip, run.round_trip.percentile_ns(990'000))});
  }
  return "Packets and latency (us)\n" + table.text();
}

std::string cpu_table(const std::vector<RunResult>& runs) {
  std::vector<std::string> head = {"mode"};
  for (std::string_view share : kShareNames) head.emplace_back(share);
  for (std::string column : {"busy us/pkt", "copied B/pkt", "IOTLB miss %", "PCIe B/pkt"}) head.push_back(std::move(column));
  Table table(std::move(head));
  for (const RunResult& run : runs) {
    const double done = std::max<double>(1, static_cast<double>(run.packets_done()));
    std::vector<std::string> row = {std::string(name_of(run.mode))};
    double busy_ns = 0;
    for (std::size_t s = 0; s < kShares; ++s) {
      row.push_back(percent(run.cpu_fraction(static_cast<Share>(s))));
      if (static_cast<Share>(s) != Share::idle) busy_ns += ps_to_ns(run.cpu[s]);
    }
    const auto lookups = static_cast<double>(run.iommu.iotlb_hits + run.iommu.iotlb_misses);
    row.push_back(us(busy_ns / done));
    row.push_back(fmt::format("{:.0f}", static_cast<double>(run.copied_bytes) / done));
    row.push_back(lookups == 0 ? "-" : percent(static_cast<double>(run.iommu.iotlb_misses) / lookups));
    row.push_back(fmt::format("{:.0f}", static_cast<double>(run.pcie.up_bytes + run.pcie.down_bytes) / done));
    table.add(std::move(row));
  }
  return "CPU time (% of all cores) and data moved\n" + table.text();
}

std::string exits_table(const std::vector<RunResult>& runs) {
  std::map<std::string, std::uint64_t> totals;
  for (const RunResult& run : runs)
    for (const auto& [reason, number] : run.exits) totals[reason] += number;
  std::vector<std::pair<std::string, std::uint64_t>> reasons;
  for (const auto& entry : totals)
    if (entry.second != 0) reasons.push_back(entry);
  if (reasons.empty()) return "";
  std::stable_sort(reasons.begin(), reasons.end(), [](const auto& a, const auto& b) { return a.second > b.second; });

  std::vector<std::string> head = {"reason"};
  for (const RunResult& run : runs) head.emplace_back(name_of(run.mode));
  Table table(std::move(head));
  const auto per_packet = [](const RunResult& run, std::uint64_t number) {
    return number == 0 ? std::string("-") : fmt::format("{:.3f}", static_cast<double>(number) / std::max<double>(1, static_cast<double>(run.packets_done())));
  };
  for (const auto& [reason, total] : reasons) {
    std::vector<std::string> row = {reason};
    for (const RunResult& run : runs) {
      const auto found = run.exits.find(reason);
      row.push_back(per_packet(run, found == run.exits.end() ? 0 : found->second));
    }
    table.add(std::move(row));
  }
  table.add_rule();
  std::vector<std::string> row = {"all"};
  for (const RunResult& run : runs) row.push_back(per_packet(run, run.exits_total()));
  table.add(std::move(row));
  return "VM exits per packet, by reason\n" + table.text();
}

std::string stages_table(const std::vector<RunResult>& runs, Latency RunResult::*kind, std::string_view title) {
  const auto used = [&](Stage stage) {
    return std::any_of(runs.begin(), runs.end(), [&](const RunResult& run) { return (run.*kind).stages()[stage] != 0; });
  };
  if (std::none_of(runs.begin(), runs.end(), [&](const RunResult& run) { return (run.*kind).count() != 0; })) return "";
  std::vector<std::string> head = {"stage"};
  for (const RunResult& run : runs) head.emplace_back(name_of(run.mode));
  Table table(std::move(head));
  for (std::size_t s = 0; s < kStages; ++s) {
    const auto stage = static_cast<Stage>(s);
    if (!used(stage)) continue;
    std::vector<std::string> row = {std::string(kStageNames[s])};
    for (const RunResult& run : runs) {
      const Latency& latency = run.*kind;
      row.push_back(latency.stages()[stage] == 0 ? "-" : us(latency.stage_mean_ns(stage)));
    }
    table.add(std::move(row));
  }
  table.add_rule();
  std::vector<std::string> row = {"mean"};
  for (const RunResult& run : runs) row.push_back(us_or_dash(run.*kind, (run.*kind).mean_ns()));
  table.add(std::move(row));
  return fmt::format("{} (mean, us)\n{}", title, table.text());
}

}  // namespace

std::string report(const std::vector<RunResult>& runs) {
  if (runs.empty()) return "";
  std::string out;
  for (const std::string& part :
       {packets_table(runs), exits_table(runs), stages_table(runs, &RunResult::rx, "Where a received packet's time goes"),
        stages_table(runs, &RunResult::tx, "Where a sent packet's time goes"),
        stages_table(runs, &RunResult::round_trip, "Where a round trip's time goes"), cpu_table(runs)}) {
    if (part.empty()) continue;
    if (!out.empty()) out += "\n";
    out += part;
  }
  for (const RunResult& run : runs) {
    for (const auto& [reason, number] : run.iommu.faults)
      if (number != 0) out += fmt::format("\n{}: {} IOMMU faults: {}", name_of(run.mode), count(number), reason);
    if (!run.iommu.fault_log.empty()) {
      const auto& fault = run.iommu.fault_log.front();
      out += fmt::format("\n{}: the first one recorded: reason {:#x}, source {:02x}:{:02x}.{}, address {:#x}, {}", name_of(run.mode),
                         fault.reason, fault.source >> 8, fault.source >> 3 & 31, fault.source & 7, fault.address,
                         fault.read ? "read" : "write");
    }
    for (const std::string& error : check(run)) out += fmt::format("\n{}: ERROR: {}", name_of(run.mode), error);
  }
  if (out.back() != '\n') out += "\n";
  return out;
}

std::string statistics_report(const RunResult& run) {
  std::size_t width = 0;
  for (const auto& counter : run.statistics) width = std::max(width, counter.name.size());
  std::string out = "Counters of the models, set-up included\n";
  for (const auto& counter : run.statistics)
    out += fmt::format("{:<{}}  {:>12}  {} ({})\n", counter.name, width, counter.value, counter.description, counter.unit);
  return out;
}

}  // namespace iovirt::platform
