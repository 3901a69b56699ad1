// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/link_timing.h"

#include <algorithm>
#include <cmath>

#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::pcie;

namespace {

/// What a NIC and its driver exchange for each packet, as bytes on the wire in either direction (SIGCOMM 2018, section 3).
struct Exchange {
  static constexpr unsigned kMps = 256, kMrrs = 512;
  double up = 0, down = 0;
  static double tlps(unsigned bytes, unsigned limit) { return std::ceil(static_cast<double>(bytes) / limit); }
  void device_writes(unsigned bytes, double per_packet = 1) {
    up += per_packet * (tlps(bytes, kMps) * kWriteOverheadBytes + bytes);
  }
  void device_reads(unsigned bytes, double per_packet = 1, bool count_request = true) {
    if (count_request) up += per_packet * tlps(bytes, kMrrs) * kReadRequestBytes;
    down += per_packet * (completions(0, bytes, kMps) * kCompletionOverheadBytes + bytes);
  }
  void host_writes(unsigned bytes, double per_packet) { down += per_packet * (kWriteOverheadBytes + bytes); }
  void host_reads(unsigned bytes, double per_packet) {
    down += per_packet * kReadRequestBytes;
    up += per_packet * (kCompletionOverheadBytes + bytes);
  }
  double gbps(unsigned payload) const { return LinkTiming(3, 8, kMps).tlp_gbps() * payload / std::max(up, down); }
};

enum class Nic { simple, kernel, poll_mode };

/// One packet sent and one received. `published`: without the request for the receive descriptor, which the public
/// program loses.
double bidirectional_gbps(Nic nic, unsigned frame, bool published) {
  const unsigned payload = frame - 4;  // the checksum stays in the NIC
  const bool simple = nic == Nic::simple;
  const bool interrupts = nic != Nic::poll_mode;
  Exchange x;
  x.host_writes(4, nic == Nic::poll_mode ? 1.0 / 32 : 1);              // transmit tail
  x.device_reads(simple ? 16 : 40 * 16, simple ? 1 : 1.0 / 40);        // transmit descriptors
  x.device_reads(payload);
  if (!simple) x.device_writes(8 * 16, 1.0 / 8);                       // their write-back
  x.host_writes(4, simple ? 1 : 1.0 / 32);                             // receive tail
  x.device_reads(16, 1, !published);                                   // receive descriptor
  x.device_writes(payload);
  x.device_writes(16);                                                 // its write-back
  if (interrupts) {
    x.device_writes(4, simple ? 2 : 2.0 / 32);
    x.host_reads(4, 1);                                                // transmit head
    x.host_reads(4, simple ? 1 : 1.0 / 8);                             // receive head
  }
  return x.gbps(payload);
}

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

TEST_CASE("NICs get the bidirectional bandwidth of the SIGCOMM 2018 model") {
  struct Row {
    unsigned frame;
    double simple, kernel, poll_mode;
  };
  const Row row = GENERATE(Row{64, 12.58, 17.63, 20.65}, Row{128, 21.11, 27.51, 30.91}, Row{256, 31.17, 37.50, 40.50},
                           Row{512, 39.31, 43.96, 45.93}, Row{1024, 44.33, 47.12, 48.23});
  CAPTURE(row.frame);
  REQUIRE(rounded(bidirectional_gbps(Nic::simple, row.frame, true), 2) == row.simple);
  REQUIRE(rounded(bidirectional_gbps(Nic::kernel, row.frame, true), 2) == row.kernel);
  REQUIRE(rounded(bidirectional_gbps(Nic::poll_mode, row.frame, true), 2) == row.poll_mode);
  // With that request, a packet needs 24 bytes more on the way up.
  const auto bytes = [&](bool published) {
    return LinkTiming(3, 8, 256).tlp_gbps() * (row.frame - 4) / bidirectional_gbps(Nic::poll_mode, row.frame, published);
  };
  REQUIRE(bytes(false) - bytes(true) == Approx(24).margin(1e-6));
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
