// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Ethernet, IPv4, UDP, a sequence number and pseudo-random bytes. A frame's bytes are a function of its index and the
// seed, so a million frames need no memory: the payload is a window on one block of random bytes whose partial sums
// are known, which makes the UDP checksum a subtraction.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

#include "models/software/workloads/generator_random.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::software {

namespace {

constexpr std::uint32_t kEthernetBytes = 14, kIpBytes = 20, kUdpBytes = 8, kSequenceBytes = 8;
constexpr std::uint32_t kHeaderBytes = kEthernetBytes + kIpBytes + kUdpBytes;
constexpr std::uint32_t kBlockBytes = 1u << 16;

void put16(std::uint8_t* at, std::uint64_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

/// RFC 1071: the one's complement of the one's complement sum.
std::uint16_t fold(std::uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

class GeneratedBytes : public FrameBytes {
 public:
  GeneratedBytes(std::uint64_t seed, const std::vector<TrafficFrame>& frames) : seed_(seed) {
    records_.reserve(frames.size());
    for (const TrafficFrame& frame : frames)
      records_.push_back({static_cast<std::uint16_t>(frame.bytes), static_cast<std::uint8_t>(frame.vm),
                          frame.direction == Direction::rx});
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
    constexpr std::uint32_t fixed = kHeaderBytes + kSequenceBytes;
    std::memcpy(out.data() + fixed, block_.data() + window, out.size() - fixed);
  }

  bool matches(std::uint32_t frame, std::span<const std::uint8_t> bytes) const override {
    std::array<std::uint8_t, kHeaderBytes + kSequenceBytes> expected;
    const std::uint32_t window = headers(frame, expected.data());
    return std::memcmp(bytes.data(), expected.data(), expected.size()) == 0 &&
           std::memcmp(bytes.data() + expected.size(), block_.data() + window, bytes.size() - expected.size()) == 0;
  }

 private:
  struct Record {
    std::uint16_t bytes;
    std::uint8_t vm;
    bool rx;
  };

  /// Writes everything before the random bytes; returns where in the block those lie (even).
  std::uint32_t headers(std::uint32_t frame, std::uint8_t* at) const {
    const Record& record = records_[frame];
    const MacAddress vm = vm_mac(record.vm), peer = peer_mac(0);
    std::memcpy(at, record.rx ? vm.data() : peer.data(), 6);
    std::memcpy(at + 6, record.rx ? peer.data() : vm.data(), 6);
    put16(at + 12, 0x0800);

    std::uint8_t* ip = at + kEthernetBytes;
    const std::uint32_t ip_bytes = record.bytes - kEthernetBytes;
    std::memset(ip, 0, kIpBytes);
    ip[0] = 0x45;
    put16(ip + 2, ip_bytes);
    put16(ip + 4, frame);
    put16(ip + 6, 0x4000);  // don't fragment
    ip[8] = 64;
    ip[9] = 17;
    const std::array<std::uint8_t, 4> vm_ip = {10, 0, 1, static_cast<std::uint8_t>(record.vm + 1)}, peer_ip = {10, 0, 2, 1};
    std::memcpy(ip + 12, record.rx ? peer_ip.data() : vm_ip.data(), 4);
    std::memcpy(ip + 16, record.rx ? vm_ip.data() : peer_ip.data(), 4);
    put16(ip + 10, fold(sum(ip, kIpBytes)));

    std::uint8_t* udp = ip + kIpBytes;
    const std::uint32_t udp_bytes = ip_bytes - kIpBytes;
    put16(udp, record.rx ? 40'000 : 9'000);
    put16(udp + 2, record.rx ? 9'000 : 40'000);
    put16(udp + 4, udp_bytes);
    put16(udp + 6, 0);
    std::uint8_t* sequence = udp + kUdpBytes;
    for (unsigned b = 0; b < 8; ++b) sequence[b] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(frame) >> (56 - 8 * b));

    // The window starts at an even offset and stays inside the block.
    const std::uint32_t payload = record.bytes - kHeaderBytes - kSequenceBytes;
    std::uint64_t mixed = (frame + seed_) * 0x9e3779b97f4a7c15;
    mixed ^= mixed >> 29;
    const auto window = static_cast<std::uint32_t>(mixed % (kBlockBytes - 2048)) & ~1u;
    std::uint64_t total = sum(ip + 12, 8) + 17 + udp_bytes + sum(udp, kUdpBytes + kSequenceBytes);
    total += sums_[(window + payload) / 2] - sums_[window / 2];
    if (payload % 2 != 0) total += static_cast<std::uint64_t>(block_[window + payload - 1]) << 8;
    const std::uint16_t checksum = fold(total);
    put16(udp + 6, checksum == 0 ? 0xffff : checksum);
    return window;
  }

  static std::uint64_t sum(const std::uint8_t* at, std::uint32_t bytes) {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < bytes; i += 2) total += static_cast<std::uint32_t>(at[i] << 8 | at[i + 1]);
    return total;
  }

  std::uint64_t seed_;
  std::vector<Record> records_;
  std::vector<std::uint8_t> block_;
  std::vector<std::uint64_t> sums_;  ///< of the block's big-endian words before the index
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
