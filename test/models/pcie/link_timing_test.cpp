// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/link_timing.h"

#include <cmath>

#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::pcie;

namespace {

double rounded(double value, int digits) { return std::round(value * std::pow(10, digits)) / std::pow(10, digits); }

}  // namespace

TEST_CASE("the bandwidth left for TLPs is that of the SIGCOMM 2018 model") {
  REQUIRE(rounded(LinkTiming(3, 8, 256).raw_gbps(), 2) == 63.02);
  REQUIRE(std::floor(LinkTiming(3, 8, 256).tlp_gbps() * 100) / 100 == 57.88);
  REQUIRE(rounded(LinkTiming(2, 4, 256).tlp_gbps(), 2) == 14.44);
  REQUIRE(rounded(LinkTiming(2, 8, 256).tlp_gbps(), 2) == 28.68);
  REQUIRE(rounded(LinkTiming(3, 16, 256).tlp_gbps(), 1) == 113.7);
  REQUIRE(rounded(LinkTiming(2, 4, 128).tlp_gbps(), 2) == 13.89);
  REQUIRE(rounded(LinkTiming(2, 8, 128).tlp_gbps(), 2) == 27.58);
}

TEST_CASE("acknowledgement limits are the specification's tables") {
  struct Row {
    unsigned generation, width, mps, limit;
  };
  const Row row = GENERATE(Row{3, 8, 128, 163}, Row{3, 8, 256, 203}, Row{3, 8, 512, 182}, Row{1, 1, 128, 237}, Row{1, 4, 128, 73},
                           Row{1, 8, 128, 67}, Row{1, 12, 128, 58}, Row{1, 16, 128, 48}, Row{1, 4, 256, 118}, Row{1, 8, 256, 107},
                           Row{1, 16, 256, 72}, Row{1, 1, 512, 559}, Row{1, 8, 512, 86}, Row{1, 12, 512, 109}, Row{1, 16, 512, 86},
                           Row{1, 1, 4096, 4143}, Row{1, 8, 4096, 534}, Row{2, 4, 256, 169}, Row{2, 8, 256, 158});
  CAPTURE(row.generation, row.width, row.mps);
  REQUIRE(LinkTiming(row.generation, row.width, row.mps).ack_limit() == row.limit);
}

TEST_CASE("serialisation adds up without drifting from the rate") {
  const LinkTiming timing(3, 8, 256);
  const double per_byte = 8000.0 / timing.tlp_gbps();
  REQUIRE(timing.time(0) == 0);
  REQUIRE(static_cast<double>(timing.time(88)) == Approx(88 * per_byte).margin(1));
  REQUIRE(static_cast<double>(timing.time(1'000'000'000)) == Approx(1e9 * per_byte).epsilon(1e-6));
}

TEST_CASE("completions are cut where the boundary is crossed") {
  REQUIRE(completions(0, 0, 256) == 1);
  REQUIRE(completions(0, 256, 256) == 1);
  REQUIRE(completions(0, 257, 256) == 2);
  REQUIRE(completions(0xff, 2, 256) == 2);
  REQUIRE(completions(0x20, 512, 256) == 3);
  REQUIRE(completions(0, 512, 64) == 8);
}

TEST_CASE("a transfer's pieces respect the limit and 4 KiB") {
  REQUIRE(next_piece(0, 1500, 256) == 256);
  REQUIRE(next_piece(0x1ff0, 1500, 256) == 16);
  REQUIRE(next_piece(0x1f80, 100, 256) == 100);
  REQUIRE(next_piece(0x1000, 1ull << 40, 4096) == 4096);
}
