// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/fast_and_safe.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace iovirt::platform::stream {

using Json = nlohmann::ordered_json;

bool ComparedPoint::within() const {
  const auto sound = [](const Result& run) { return run.errors == 0 && run.faults == 0; };
  return std::abs(error_off()) <= kBound && std::abs(error_on()) <= kBound && std::abs(error_misses()) <= kBound && sound(off) && sound(on);
}

bool within(const std::vector<ComparedPoint>& points) {
  return std::all_of(points.begin(), points.end(), [](const ComparedPoint& point) { return point.within(); });
}

namespace {

std::string row(const std::string& what, std::uint32_t flows, double measured, double simulated, bool bounded) {
  const std::string error = measured == 0 ? "" : fmt::format("{:+.1f} %", (simulated / measured - 1) * 100);
  const std::string verdict = !bounded ? "" : std::abs(simulated / measured - 1) <= kBound ? "within 10 %" : "OUTSIDE 10 %";
  return fmt::format("{:<46}{:>6}{:>10.2f}{:>11.2f}{:>11}  {}\n", what, flows, measured, simulated, bounded ? error : "", verdict);
}

}  // namespace

std::string fast_and_safe_report(const std::vector<ComparedPoint>& points) {
  std::string text = fmt::format("{:<46}{:>6}{:>10}{:>11}{:>11}\n{}\n", "", "flows", "measured", "simulated", "error", std::string(98, '-'));
  const auto rows = [&](const char* what, auto&& measured, auto&& simulated, bool bounded) {
    for (const ComparedPoint& p : points) text += row(what, p.measured.flows, measured(p), simulated(p), bounded);
  };
  rows("throughput, IOMMU off (Gbit/s)", [](auto& p) { return p.measured.off_gbps; }, [](auto& p) { return p.off.gbps; }, true);
  rows("throughput, strict (Gbit/s)", [](auto& p) { return p.measured.on_gbps; }, [](auto& p) { return p.on.gbps; }, true);
  rows("IOTLB misses a page", [](auto& p) { return p.measured.misses; }, [](auto& p) { return p.on.misses; }, true);
  rows("paging cache misses a page, 512 GB entries", [](auto& p) { return p.measured.l1_misses; }, [](auto& p) { return p.on.l1_misses; }, false);
  rows("paging cache misses a page, 2 MB entries", [](auto& p) { return p.measured.l3_misses; }, [](auto& p) { return p.on.l3_misses; }, false);
  text += "\nsimulated, strict\n";
  for (const ComparedPoint& p : points) {
    const Result& r = p.on;
    text += fmt::format("{:>4} flows: {:.3f} acknowledgements, {:.3f} invalidations and {:.2f} table entries read a page; {:.1f} packets a poll, {:.1f} merged; "
                        "map {:.0f} ns, unmap {:.0f} ns; cores {:.0f} % busy\n",
                        r.flows, r.acks, r.invalidations, r.memory_reads, r.packets_per_poll, r.packets_per_segment, r.map_ns, r.unmap_ns, r.cpu_busy * 100);
    if (r.errors + p.off.errors + r.faults + p.off.faults != 0)
      text += fmt::format("{:>4} flows: {} errors, {} faults: expected none\n", r.flows, r.errors + p.off.errors, r.faults + p.off.faults);
  }
  return text;
}

namespace {

Json to_json(const Result& r) {
  return {{"gbps", r.gbps},
          {"iotlb_misses_per_page", r.misses},
          {"l1_misses_per_page", r.l1_misses},
          {"l2_misses_per_page", r.l2_misses},
          {"l3_misses_per_page", r.l3_misses},
          {"memory_reads_per_page", r.memory_reads},
          {"acks_per_page", r.acks},
          {"invalidations_per_page", r.invalidations},
          {"packets_per_poll", r.packets_per_poll},
          {"packets_per_segment", r.packets_per_segment},
          {"map_ns", r.map_ns},
          {"unmap_ns", r.unmap_ns},
          {"cpu_busy", r.cpu_busy},
          {"packets", r.packets},
          {"starved", r.starved},
          {"errors", r.errors},
          {"faults", r.faults}};
}

}  // namespace

Json fast_and_safe_json(const std::vector<ComparedPoint>& points, const Json& config) {
  Json list = Json::array();
  for (const ComparedPoint& p : points)
    list.push_back({{"flows", p.measured.flows},
                    {"measured", {{"off", {{"gbps", p.measured.off_gbps}}},
                                  {"strict", {{"gbps", p.measured.on_gbps}, {"iotlb_misses_per_page", p.measured.misses},
                                              {"l1_misses_per_page", p.measured.l1_misses}, {"l3_misses_per_page", p.measured.l3_misses}}}}},
                    {"simulated", {{"off", to_json(p.off)}, {"strict", to_json(p.on)}}},
                    {"errors", {{"off_gbps", p.error_off()}, {"strict_gbps", p.error_on()}, {"iotlb_misses", p.error_misses()}}},
                    {"within", p.within()}});
  return {{"schema", "iovirt-validate-fast-and-safe/1"}, {"bound", kBound}, {"within", within(points)}, {"config", config}, {"points", std::move(list)}};
}

}  // namespace iovirt::platform::stream
