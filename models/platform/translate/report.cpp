// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/platform/translate/translate.h"

namespace iovirt::platform {
namespace {

using Json = nlohmann::ordered_json;

double ns(double ps) { return ps / 1000; }
double ns(std::uint64_t ps) { return static_cast<double>(ps) / 1000; }

/// By value: what a histogram needs to answer goes with the copy.
Json latency_json(LatencyHistogram latency) {
  Json json = {{"count", latency.count()},
               {"mean", ns(latency.mean())},
               {"min", ns(latency.min())},
               {"p50", ns(latency.percentile(500'000))},
               {"p99", ns(latency.percentile(990'000))},
               {"p999", ns(latency.percentile(999'000))},
               {"max", ns(latency.max())}};
  Json classes = Json::array();
  for (const auto& [upper, count] : latency.nonempty()) classes.push_back({ns(upper), count});
  json["distribution"] = std::move(classes);
  return json;
}

double per(std::uint64_t number, std::uint64_t of) { return of == 0 ? 0 : static_cast<double>(number) / static_cast<double>(of); }

}  // namespace

nlohmann::ordered_json requester_json(const TranslateResult::Requester& q) {
  return {{"requester", requester_name(q.id)},
          {"pages", q.pages},
          {"reads", q.reads},
          {"writes", q.writes},
          {"blocked", q.blocked},
          {"hits", q.hits},
          {"misses", q.misses},
          {"memory_reads", q.memory_reads},
          {"latency_ns", latency_json(q.latency)}};
}

nlohmann::ordered_json translate_json(const TranslateConfig& config, const std::string& trace, const TranslateResult& r) {
  const iommu::Statistics& s = r.iommu;
  Json faults = Json::object();
  for (unsigned reason = 0; reason < s.faults.size(); ++reason)
    if (s.faults[reason] != 0) faults[std::string(iommu::fault_name(static_cast<iommu::FaultReason>(reason)))] = s.faults[reason];
  Json run = {{"mode", "translate"},
              {"trace", trace},
              {"simulated_ns", ns(r.simulated)},
              {"records", r.records},
              {"requests", {{"sent", r.requests}, {"answered", r.answered}, {"blocked", r.blocked}, {"delayed", r.delayed}}},
              {"mapped", {{"requesters", r.requesters.size()}, {"pages", r.pages}, {"page_bytes", r.page_bytes}, {"table_pages", r.table_pages}}},
              {"iommu",
               {{"requests", s.requests},
                {"iotlb_hits", s.iotlb_hits},
                {"iotlb_misses", s.iotlb_misses},
                {"walks", s.walks},
                {"memory_reads", s.memory_reads},
                {"invalidations", s.invalidations},
                {"faults", std::move(faults)},
                {"context_hits", s.context_hits},
                {"context_misses", s.context_misses},
                {"merged_misses", s.merged_misses},
                {"paging_cache_hits", s.paging_cache_hits},
                {"stalled_lookups", s.stalled_lookups},
                {"prefetches", s.prefetches}}},
              {"latency_ns", latency_json(r.latency)},
              {"requesters", Json::array()}};
  run["host"] = {{"wall_s", r.host.wall_s},
                 {"map_s", r.host.map_s},
                 {"requests_per_s", r.host.wall_s > 0 ? static_cast<double>(r.requests) / r.host.wall_s : 0},
                 {"events", r.host.events},
                 {"memory_bytes", r.host.memory_bytes}, {"resident_bytes", r.host.resident_bytes}};
  Json effective = dump(config);
  effective["iommu"]["scalable_mode"] = r.scalable;
  return {{"schema", "iovirt-results/1"}, {"config", std::move(effective)}, {"seed", 0}, {"runs", Json::array({std::move(run)})}};
}

std::string translate_report(const std::string& trace, const TranslateResult& r) {
  const iommu::Statistics& s = r.iommu;
  const auto looked_up = s.iotlb_hits + s.iotlb_misses;
  std::string text = fmt::format("trace: {}: {} records, {} requests of {} requester{}, over {:.3f} us\n", trace, r.records, r.requests,
                                 r.requesters.size(), r.requesters.size() == 1 ? "" : "s", ns(r.simulated) / 1000);
  text += fmt::format("mapped: {} pages of {} bytes, {} pages of tables\n\n", r.pages, r.page_bytes, r.table_pages);
  const auto line = [&](std::string_view name, const std::string& value) { text += fmt::format("{:<28}{:>14}\n", name, value); };
  line("requests answered", fmt::format("{}", r.answered));
  line("  blocked", fmt::format("{}", r.blocked));
  line("  sent late", fmt::format("{}", r.delayed));
  line("IOTLB hits", fmt::format("{}", s.iotlb_hits));
  line("IOTLB misses", fmt::format("{}", s.iotlb_misses));
  line("  per cent", fmt::format("{:.2f}", 100 * per(s.iotlb_misses, looked_up)));
  line("context-cache misses", fmt::format("{}", s.context_misses));
  line("walks", fmt::format("{}", s.walks));
  line("memory reads", fmt::format("{}", s.memory_reads));
  line("  per request", fmt::format("{:.3f}", per(s.memory_reads, r.requests)));
  line("requests per us", fmt::format("{:.3f}", r.simulated == 0 ? 0 : static_cast<double>(r.answered) / (ns(r.simulated) / 1000)));

  text += fmt::format("\nlatency (ns)  {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>9}\n", "requests", "mean", "min", "p50", "p99", "max", "reads", "hits %");
  const auto row = [&](const std::string& name, LatencyHistogram l, std::uint64_t reads, double hits) {
    text += fmt::format("{:<13} {:>10} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10.1f} {:>10} {:>9.2f}\n", name, l.count(), ns(l.mean()),
                        ns(l.min()), ns(l.percentile(500'000)), ns(l.percentile(990'000)), ns(l.max()), reads, 100 * hits);
  };
  row("all", r.latency, s.memory_reads, per(s.iotlb_hits, looked_up));
  // The busiest first; the file has them all.
  constexpr std::size_t kShown = 16;
  std::vector<std::size_t> order(r.requesters.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return r.requesters[a].latency.count() > r.requesters[b].latency.count(); });
  for (std::size_t i = 0; i < std::min(kShown, order.size()); ++i) {
    const auto& q = r.requesters[order[i]];
    row(requester_name(q.id), q.latency, q.memory_reads, per(q.hits, q.hits + q.misses));
  }
  if (order.size() > kShown) text += fmt::format("and {} more requesters\n", order.size() - kShown);
  return text;
}

}  // namespace iovirt::platform
