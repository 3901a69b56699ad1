// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The generators.

#include "models/software/workloads/traffic.h"

#include <cmath>
#include <map>
#include <vector>

#include "models/software/workloads/generator_random.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::software;

namespace {

TrafficConfig generator(TrafficSource source, std::uint32_t packets) {
  TrafficConfig config;
  config.source = source;
  config.packets = packets;
  return config;
}

std::vector<std::uint8_t> bytes_of(const Traffic& traffic, std::uint32_t frame) {
  std::vector<std::uint8_t> bytes;
  traffic.fill(frame, bytes);
  return bytes;
}

/// The one's complement sum of big-endian words; 0xffff when a checksum inside is right (RFC 1071).
std::uint32_t ones_sum(const std::uint8_t* at, std::size_t bytes, std::uint32_t start = 0) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i < bytes; i += 2) sum += static_cast<unsigned>(at[i] << 8) | (i + 1 < bytes ? at[i + 1] : 0u);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(sum);
}

void check_udp_frame(const std::vector<std::uint8_t>& f) {
  REQUIRE(f.size() >= 60);
  REQUIRE((f[12] == 0x08 && f[13] == 0x00));
  const std::uint8_t* ip = f.data() + 14;
  REQUIRE(ip[0] == 0x45);
  REQUIRE(static_cast<std::size_t>(ip[2] << 8 | ip[3]) == f.size() - 14);
  REQUIRE(ip[9] == 17);
  REQUIRE(ones_sum(ip, 20) == 0xffff);
  const std::size_t udp_bytes = f.size() - 34;
  REQUIRE(static_cast<std::size_t>(ip[24] << 8 | ip[25]) == udp_bytes);
  const std::uint32_t pseudo = ones_sum(ip + 12, 8) + 17 + static_cast<std::uint32_t>(udp_bytes);
  REQUIRE(ones_sum(ip + 20, udp_bytes, pseudo) == 0xffff);
}

}  // namespace

TEST_CASE("generated frames of every size have right lengths and checksums") {
  for (std::uint32_t size = 60; size <= 1514; ++size) {
    TrafficConfig config = generator(TrafficSource::udp_stream, 3);
    config.size_bytes = size;
    config.seed = size;
    config.direction = TrafficDirection::both;
    const Traffic traffic = prepare_traffic(config, 2, 1000);
    for (std::uint32_t i = 0; i < traffic.count(); ++i) {
      const auto bytes = bytes_of(traffic, i);
      REQUIRE(bytes.size() == size);
      check_udp_frame(bytes);
    }
  }
}

TEST_CASE("the same seed generates the same frames and times, another seed others") {
  for (TrafficSource source : {TrafficSource::udp_stream, TrafficSource::imix, TrafficSource::poisson, TrafficSource::udp_rr}) {
    TrafficConfig config = generator(source, 500);
    config.seed = 42;
    const Traffic a = prepare_traffic(config, 3, 1000), b = prepare_traffic(config, 3, 1000);
    config.seed = 43;
    const Traffic c = prepare_traffic(config, 3, 1000);
    REQUIRE(a.count() == b.count());
    bool differs = false;
    for (std::uint32_t i = 0; i < a.count(); ++i) {
      REQUIRE(a.frames()[i].time == b.frames()[i].time);
      REQUIRE(bytes_of(a, i) == bytes_of(b, i));
      differs = differs || bytes_of(a, i) != bytes_of(c, i);
    }
    CHECK(differs);
  }
}

TEST_CASE("the generators' output is pinned, so that it cannot differ between machines") {
  Random random(1);
  CHECK(random.next() == 0xb3f2af6d0fc710c5);
  CHECK(random.next() == 0x853b559647364cea);
  TrafficConfig config = generator(TrafficSource::poisson, 4);
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a over times and bytes
  for (std::uint32_t i = 0; i < traffic.count(); ++i) {
    hash = (hash ^ traffic.frames()[i].time) * 0x100000001b3;
    for (std::uint8_t byte : bytes_of(traffic, i)) hash = (hash ^ byte) * 0x100000001b3;
  }
  CHECK(hash == 0xfb783c1a616ba5da);
}

TEST_CASE("a frame matches its own bytes and nothing else") {
  TrafficConfig config = generator(TrafficSource::imix, 200);
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  Random random(7);
  for (std::uint32_t i = 0; i < traffic.count(); ++i) {
    auto bytes = bytes_of(traffic, i);
    REQUIRE(traffic.matches(i, bytes));
    REQUIRE_FALSE(traffic.matches((i + 1) % traffic.count(), bytes));
    bytes[random.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << random.below(8));
    REQUIRE_FALSE(traffic.matches(i, bytes));
    bytes = bytes_of(traffic, i);
    bytes.pop_back();
    REQUIRE_FALSE(traffic.matches(i, bytes));
  }
}

TEST_CASE("a stream keeps its rate and never overlaps on the wire") {
  TrafficConfig config = generator(TrafficSource::udp_stream, 1000);
  config.rate_pps = {-1, 250'000};
  const Traffic steady = prepare_traffic(config, 1, 1000);
  CHECK(steady.frames()[1].time == 4 * kPsPerUs);
  CHECK(steady.frames().back().time == 999 * 4 * kPsPerUs);

  config.rate_pps = {0, 0};
  const Traffic line = prepare_traffic(config, 1, 1000);
  CHECK(line.frames()[1].time == 672'000);  // 84 bytes at 1 Gbit/s
  config.rate_pps = {-1, 1e9};
  const Traffic too_fast = prepare_traffic(config, 1, 1000);
  CHECK(too_fast.frames()[1].time == 672'000);
}

TEST_CASE("both directions take turns, and frames are dealt to the VMs in turn") {
  TrafficConfig config = generator(TrafficSource::udp_stream, 600);
  config.direction = TrafficDirection::both;
  const Traffic traffic = prepare_traffic(config, 3, 1000);
  std::map<std::pair<Direction, unsigned>, unsigned> counts;
  Ps last = 0;
  for (std::uint32_t i = 0; i < traffic.count(); ++i) {
    const TrafficFrame& frame = traffic.frames()[i];
    ++counts[{frame.direction, frame.vm}];
    CHECK(frame.time >= last);
    last = frame.time;
    const auto bytes = bytes_of(traffic, i);
    const MacAddress vm = vm_mac(frame.vm);
    const auto at = bytes.begin() + (frame.direction == Direction::rx ? 0 : 6);
    CHECK(std::equal(vm.begin(), vm.end(), at));
  }
  CHECK(counts.size() == 6);
  for (const auto& [who, count] : counts) CHECK(count == 100);
}

TEST_CASE("imix mixes its three sizes 7 to 4 to 1") {
  const Traffic traffic = prepare_traffic(generator(TrafficSource::imix, 12'000), 1, 1000);
  std::map<std::uint32_t, double> counts;
  for (const TrafficFrame& frame : traffic.frames()) ++counts[frame.bytes];
  CHECK(counts.size() == 3);
  CHECK(std::abs(counts[60] - 7000) < 250);
  CHECK(std::abs(counts[590] - 4000) < 250);
  CHECK(std::abs(counts[1514] - 1000) < 150);
}

TEST_CASE("poisson arrivals have exponential gaps of the right mean") {
  TrafficConfig config = generator(TrafficSource::poisson, 50'000);
  config.rate_pps = {-1, 1000};
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  const double mean = static_cast<double>(traffic.frames().back().time) / 50'000;
  CHECK(mean == Approx(1e9).epsilon(0.02));
  double above = 0;
  Ps last = 0;
  for (const TrafficFrame& frame : traffic.frames()) {
    above += frame.time - last > 1'000'000'000 ? 1 : 0;
    last = frame.time;
  }
  CHECK(above / 50'000 == Approx(std::exp(-1)).epsilon(0.02));
}

TEST_CASE("the integer logarithm agrees with the library's") {
  Random random(3);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t x = random.next() >> random.below(63);
    if (x == 0) continue;
    const double expected = 64 * std::log(2.0) - std::log(static_cast<double>(x));
    REQUIRE(std::abs(static_cast<double>(minus_ln(x)) / 4294967296.0 - expected) < 1e-7);
  }
}

TEST_CASE("request and response come in pairs, one VM after the other") {
  TrafficConfig config = generator(TrafficSource::udp_rr, 10);
  config.think_ns = 5000;
  const Traffic traffic = prepare_traffic(config, 2, 1000);
  REQUIRE(traffic.interactive());
  CHECK(traffic.think() == 5 * kPsPerUs);
  REQUIRE(traffic.count() == 20);
  for (std::uint32_t i = 0; i < 10; ++i) {
    CHECK(traffic.frames()[2 * i].direction == Direction::tx);
    CHECK(traffic.frames()[2 * i + 1].direction == Direction::rx);
    CHECK(traffic.frames()[2 * i].vm == i % 2);
    CHECK(traffic.frames()[2 * i + 1].vm == i % 2);
    check_udp_frame(bytes_of(traffic, 2 * i + 1));
  }
}
