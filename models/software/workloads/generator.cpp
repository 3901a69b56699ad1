// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Ethernet, IPv4, UDP, a sequence number and pseudo-random bytes. A frame's bytes are a function of its index and the
// seed, so a million frames need no memory: the payload is a window on one block of random bytes whose partial sums
// are known, which makes the UDP checksum a subtraction. The block is small: every frame looks at it somewhere else, twice.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <tuple>
#include <utility>

#include "models/software/workloads/generator_random.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::software {

namespace {

constexpr std::uint32_t kEthernetBytes = 14, kIpBytes = 20, kUdpBytes = 8, kSequenceBytes = 8;
constexpr std::uint32_t kHeaderBytes = kEthernetBytes + kIpBytes + kUdpBytes;
constexpr std::uint32_t kMaxPayloadBytes = 2048, kBlockBytes = 2 * kMaxPayloadBytes;

void put16(std::uint8_t* at, std::uint64_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

/// RFC 1071: the one's complement of the one's complement sum.
std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint64_t sum(const std::uint8_t* at, std::uint32_t bytes) {
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < bytes; i += 2) total += static_cast<std::uint32_t>(at[i] << 8 | at[i + 1]);
  return total;
}

class GeneratedBytes : public FrameBytes {
 public:
  GeneratedBytes(std::uint64_t seed, const std::vector<TrafficFrame>& frames) : seed_(seed) {
    std::map<std::tuple<std::uint32_t, unsigned, bool>, std::uint32_t> known;
    kinds_of_.reserve(frames.size());
    for (const TrafficFrame& frame : frames) {
      const bool rx = frame.direction == Direction::rx;
      const auto [at, added] =
          known.try_emplace({frame.bytes, frame.vm, rx}, static_cast<std::uint32_t>(kinds_.size()));
      if (added) kinds_.emplace_back(frame.bytes, static_cast<std::uint8_t>(frame.vm), rx);
      kinds_of_.push_back(at->second);
    }
    Random random(seed);
    block_.resize(kBlockBytes);
    for (std::uint32_t i = 0; i < kBlockBytes; i += 8) {
      const std::uint64_t word = random.next();
      for (unsigned b = 0; b < 8; ++b) block_[i + b] = static_cast<std::uint8_t>(word >> (8 * b));
    }
    sums_.resize(kBlockBytes / 2 + 1);
    for (std::uint32_t i = 0; i < kBlockBytes / 2; ++i)
      sums_[i + 1] = sums_[i] + static_cast<std::uint32_t>(block_[2 * i] << 8 | block_[2 * i + 1]);
  }

  void fill(std::uint32_t frame, std::span<std::uint8_t> out) const override {
    const std::uint32_t window = headers(frame, out.data());
    std::memcpy(out.data() + kFixedBytes, block_.data() + window, out.size() - kFixedBytes);
  }

  bool matches(std::uint32_t frame, std::span<const std::uint8_t> bytes) const override {
    std::array<std::uint8_t, kFixedBytes> expected;
    const std::uint32_t window = headers(frame, expected.data());
    return std::memcmp(bytes.data(), expected.data(), expected.size()) == 0 &&
           std::memcmp(bytes.data() + expected.size(), block_.data() + window, bytes.size() - expected.size()) == 0;
  }

 private:
  static constexpr std::uint32_t kFixedBytes = kHeaderBytes + kSequenceBytes;

  /// Frames of one size, VM and direction: their headers but for what the index decides.
  struct Kind {
    Kind(std::uint32_t frame_bytes, std::uint8_t vm_index, bool rx) : payload(frame_bytes - kFixedBytes) {
      const MacAddress vm = vm_mac(vm_index), peer = peer_mac(0);
      std::memcpy(bytes.data(), rx ? vm.data() : peer.data(), 6);
      std::memcpy(bytes.data() + 6, rx ? peer.data() : vm.data(), 6);
      put16(bytes.data() + 12, 0x0800);

      std::uint8_t* ip = bytes.data() + kEthernetBytes;
      const std::uint32_t ip_bytes = frame_bytes - kEthernetBytes;
      ip[0] = 0x45;
      put16(ip + 2, ip_bytes);
      put16(ip + 6, 0x4000);  // don't fragment
      ip[8] = 64;
      ip[9] = 17;
      const std::array<std::uint8_t, 4> vm_ip = {10, 0, 1, static_cast<std::uint8_t>(vm_index + 1)}, peer_ip = {10, 0, 2, 1};
      std::memcpy(ip + 12, rx ? peer_ip.data() : vm_ip.data(), 4);
      std::memcpy(ip + 16, rx ? vm_ip.data() : peer_ip.data(), 4);
      ip_sum = sum(ip, kIpBytes);

      std::uint8_t* udp = ip + kIpBytes;
      const std::uint32_t udp_bytes = ip_bytes - kIpBytes;
      put16(udp, rx ? 40'000 : 9'000);
      put16(udp + 2, rx ? 9'000 : 40'000);
      put16(udp + 4, udp_bytes);
      udp_sum = sum(ip + 12, 8) + 17 + udp_bytes + sum(udp, kUdpBytes);
    }
    std::array<std::uint8_t, kFixedBytes> bytes{};
    std::uint32_t payload;
    std::uint64_t ip_sum;   ///< without the identification
    std::uint64_t udp_sum;  ///< pseudo-header and header
  };

  /// Writes everything before the random bytes; returns where in the block those lie (even).
  std::uint32_t headers(std::uint32_t frame, std::uint8_t* at) const {
    const Kind& kind = kinds_[kinds_of_[frame]];
    std::memcpy(at, kind.bytes.data(), kFixedBytes);
    std::uint8_t* ip = at + kEthernetBytes;
    put16(ip + 4, frame);
    put16(ip + 10, fold(kind.ip_sum + (frame & 0xffff)));
    std::uint8_t* sequence = at + kHeaderBytes;  // 64 bits
    put16(sequence + 4, frame >> 16);
    put16(sequence + 6, frame);

    // The window starts at an even offset and stays inside the block.
    std::uint64_t mixed = (frame + seed_) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 29;
    const auto window = static_cast<std::uint32_t>(mixed % (kBlockBytes - kMaxPayloadBytes)) & ~1u;
    std::uint64_t total = kind.udp_sum + (frame >> 16) + (frame & 0xffff);
    total += sums_[(window + kind.payload) / 2] - sums_[window / 2];
    if (kind.payload % 2 != 0) total += static_cast<std::uint64_t>(block_[window + kind.payload - 1]) << 8;
    const std::uint16_t checksum = fold(total);
    put16(ip + kIpBytes + 6, checksum == 0 ? 0xffff : checksum);
    return window;
  }

  std::uint64_t seed_;
  std::vector<Kind> kinds_;
  std::vector<std::uint32_t> kinds_of_;  ///< by frame
  std::vector<std::uint8_t> block_;
  std::vector<std::uint32_t> sums_;  ///< of the block's big-endian words before the index
};

/// 64, 594 and 1518 bytes with FCS, 7 : 4 : 1.
std::uint32_t imix_size(Random& random) {
  const std::uint64_t ticket = random.below(12);
  return ticket < 7 ? 60 : ticket < 11 ? 590 : 1514;
}

}  // namespace

Traffic generate_traffic(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps) {
  std::vector<TrafficFrame> frames;
  const bool interactive = config.source == TrafficSource::udp_rr;
  if (interactive) {
    frames.reserve(2ull * config.packets);
    for (std::uint32_t i = 0; i < config.packets; ++i) {
      const auto vm = static_cast<std::uint16_t>(i % vms);
      frames.push_back({0, config.size_bytes, vm, Direction::tx});
      frames.push_back({0, config.size_bytes, vm, Direction::rx});
    }
  } else {
    Random random(config.seed ^ 0x7261'6666'6963ull);
    std::array<Ps, 2> next{}, wire_free{};  // by direction
    std::array<std::uint32_t, 2> dealt{};
    frames.reserve(config.packets);
    for (std::uint32_t i = 0; i < config.packets; ++i) {
      const bool rx = config.direction == TrafficDirection::both ? i % 2 == 0 : config.direction == TrafficDirection::rx;
      const std::size_t d = rx ? 0 : 1;
      const std::uint32_t bytes = config.source == TrafficSource::imix ? imix_size(random) : config.size_bytes;
      const Ps wire = wire_time(bytes, link_mbps);
      const Ps mean = config.rate_pps.line() ? wire : static_cast<Ps>(std::llround(1e12 / config.rate_pps.number));
      if (config.source == TrafficSource::poisson) next[d] += random.exponential(mean);
      Ps time = next[d];
      if (rx) {
        time = std::max(time, wire_free[d]);
        wire_free[d] = time + wire;
      }
      if (config.source != TrafficSource::poisson) next[d] += mean;
      frames.push_back({time, bytes, static_cast<std::uint16_t>(dealt[d]++ % vms), rx ? Direction::rx : Direction::tx});
    }
    std::stable_sort(frames.begin(), frames.end(), [](const TrafficFrame& a, const TrafficFrame& b) { return a.time < b.time; });
  }
  auto bytes = std::make_unique<GeneratedBytes>(config.seed, frames);
  return Traffic(std::move(frames), std::move(bytes), interactive, config.think_ns * kPsPerNs);
}

}  // namespace iovirt::software
