// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Bounds, tables and charts over values that are made up.

#include "models/platform/pcie_bench/comparison.h"

#include <nlohmann/json.hpp>

#include "models/platform/pcie_bench/report.h"
#include "models/platform/pcie_bench/series.h"
#include "test/support/catch.h"

using namespace iovirt::platform::pcie_bench;
using Catch::Matchers::ContainsSubstring;

namespace {

Compared compared(Test test, double measured, double simulated, Translation translation = Translation::pages_4k,
                  std::uint64_t window = 8192, std::uint32_t bytes = 64) {
  return {{translation, test, Cache::host_warm, bytes, window}, measured, {.value = simulated}};
}

}  // namespace

TEST_CASE("read latency may be off by a twentieth, bandwidth by a tenth") {
  CHECK(compared(Test::latency_read, 800, 839).within());
  CHECK(compared(Test::latency_read, 800, 761).within());
  CHECK_FALSE(compared(Test::latency_read, 800, 841).within());
  CHECK_FALSE(compared(Test::latency_read, 800, 759).within());
  for (Test test : {Test::bandwidth_read, Test::bandwidth_write, Test::latency_write_read}) {
    CHECK(compared(test, 10, 10.9).within());
    CHECK_FALSE(compared(test, 10, 11.1).within());
    CHECK_FALSE(compared(test, 10, 8.9).within());
  }
}

TEST_CASE("one point outside its bound fails the whole comparison") {
  Comparison comparison{{compared(Test::latency_read, 800, 801), compared(Test::bandwidth_read, 10, 10)}};
  CHECK(comparison.within());
  comparison.points.push_back(compared(Test::bandwidth_write, 10, 12));
  CHECK_FALSE(comparison.within());
}

TEST_CASE("superpages must not be slower than no IOMMU, whatever was measured") {
  Comparison comparison{{compared(Test::bandwidth_read, 10, 10, Translation::off), compared(Test::latency_read, 500, 500, Translation::off),
                         compared(Test::bandwidth_read, 10, 9.9, Translation::superpages),
                         compared(Test::latency_read, 500, 490, Translation::superpages)}};
  REQUIRE(comparison.superpages().size() == 2);
  CHECK(comparison.superpages()[0].slower == Approx(10 / 9.9 - 1));
  CHECK(comparison.superpages()[1].slower == Approx(-0.02));
  CHECK(comparison.within());
  comparison.points[3].simulated.value = 511;  // within its bound of what was measured, yet 2.2 % slower
  CHECK_FALSE(comparison.within());
}

TEST_CASE("the JSON has measured beside simulated for every point") {
  const Comparison comparison{{compared(Test::bandwidth_read, 10, 10.5, Translation::off), compared(Test::latency_read, 800, 700)}};
  const auto json = comparison_json(comparison, {{"seed", 1}}, "table.csv");
  CHECK(json["benchmark"] == "pcie-bench");
  CHECK(json["data"] == "table.csv");
  CHECK(json["config"]["seed"] == 1);
  CHECK(json["within"] == false);
  REQUIRE(json["points"].size() == 2);
  CHECK(json["points"][0]["measured"] == 10);
  CHECK(json["points"][0]["simulated"] == 10.5);
  CHECK(json["points"][0]["unit"] == "Gb/s");
  CHECK(json["points"][0]["within"] == true);
  CHECK_FALSE(json["points"][0].contains("walks_per_s"));
  CHECK(json["points"][1]["iommu"] == "on_4KiB");
  CHECK(json["points"][1]["within"] == false);
  CHECK(json["points"][1].contains("walks_per_s"));
}

TEST_CASE("the report shows windows, errors and the verdict in at most 118 columns") {
  const Comparison comparison{{compared(Test::latency_read, 563.2, 550.1), compared(Test::latency_read, 825.5, 900, Translation::pages_4k, 4 << 20),
                               compared(Test::bandwidth_read, 10, 10.4, Translation::pages_4k, 1536 << 10, 512)}};
  const std::string text = report(comparison);
  CHECK_THAT(text, ContainsSubstring("563.2|550.1"));
  CHECK_THAT(text, ContainsSubstring("10.0|10.4"));
  CHECK_THAT(text, ContainsSubstring("1.5 MB"));
  CHECK_THAT(text, ContainsSubstring("outside"));
  CHECK_THAT(text, ContainsSubstring("3 points, 1 outside their bounds"));
  CHECK_THAT(text, ContainsSubstring("NOT validated"));
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    CHECK(end - begin <= 118);
    begin = end + 1;
  }
}

TEST_CASE("charts show measured and simulated where they are") {
  const Comparison comparison{{compared(Test::latency_read, 500, 510), compared(Test::latency_read, 600, 900, Translation::pages_4k, 1 << 20),
                               compared(Test::bandwidth_write, 20, 20.1)}};
  const auto charts = charts_of(comparison);
  REQUIRE(charts.size() == 2);
  CHECK(charts[0].windows() == std::vector<std::uint64_t>{8192, 1 << 20});
  CHECK(charts[0].highest() == 900);
  const std::string text = text_charts(comparison);
  CHECK_THAT(text, ContainsSubstring("average read latency, 4 KB pages in ns"));
  CHECK_THAT(text, ContainsSubstring("*"));
  CHECK_THAT(text, ContainsSubstring("1 MB"));
  const std::string svg = svg_charts(comparison);
  CHECK(svg.starts_with("<svg"));
  CHECK(svg.ends_with("</svg>\n"));
  std::size_t circles = 0;
  for (std::size_t at = svg.find("<circle"); at != std::string::npos; at = svg.find("<circle", at + 1)) ++circles;
  CHECK(circles == 3);
}
