// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What goes through the NIC: recorded, or generated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/config_field.h"

namespace iovirt::software {

enum class TrafficSource : std::uint8_t { pcap, udp_stream, udp_rr, imix, poisson };
enum class TrafficDirection : std::uint8_t { rx, tx, both };
/// How a capture's frames are dealt to several VMs when no rule names a VM.
enum class TrafficSpread : std::uint8_t { flow, client };

/// A capture's pace: as recorded, back-to-back, or so many times as fast as recorded.
struct ReplaySpeed {
  static constexpr std::string_view words[] = {"recorded", "line"};
  int word = 0;
  double number = 0;
  bool line() const { return word == 1; }
};

/// A generator's pace per direction: back-to-back, or frames per second.
struct PacketRate {
  static constexpr std::string_view words[] = {"line"};
  int word = -1;
  double number = 100'000;
  bool line() const { return word == 0; }
};

/// Frames to this station of a capture are received by `vm`, frames from it are sent by `vm`.
struct MacRule {
  std::string mac;
  std::uint32_t vm = 0;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("mac", self.mac, {.doc = "a station of the capture"});
    visit("vm", self.vm, {.doc = "the VM that plays it, from 0", .max = 6});
  }
};

struct TrafficConfig {
  TrafficSource source = TrafficSource::pcap;
  std::string file;
  std::vector<std::string> files;
  ReplaySpeed speed;
  std::string server_mac = "auto";
  std::vector<MacRule> macs;
  TrafficSpread spread = TrafficSpread::flow;
  std::uint32_t size_bytes = 60;
  std::uint32_t packets = 10'000;
  PacketRate rate_pps;
  TrafficDirection direction = TrafficDirection::rx;
  std::uint64_t think_ns = 1'000'000;
  std::uint64_t seed = 1;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("source", self.source, {.doc = "a capture, or a generator"});
    visit("file", self.file, {.doc = "pcap: a pcap or pcapng file"});
    visit("files", self.files, {.doc = "pcap: several, replayed one after the other; none at all: the sample captures"});
    visit("speed", self.speed, {.doc = "pcap: recorded times, back-to-back, or a factor", .min = 1e-6, .max = 1e6});
    visit("server_mac", self.server_mac, {.doc = "pcap: the station the VMs play; auto: the busiest that did not speak first"});
    visit("macs", self.macs, {.doc = "pcap: rules {mac, vm}, instead of server_mac"});
    visit("spread", self.spread, {.doc = "pcap, several VMs: what is dealt to them in turn, flows or whole clients"});
    visit("size_bytes", self.size_bytes, {.unit = "bytes", .doc = "generators but imix: a frame without FCS", .min = 60, .max = 1514});
    visit("packets", self.packets, {.doc = "generators: frames over all VMs and directions; udp_rr: requests", .min = 1, .max = 100'000'000});
    visit("rate_pps", self.rate_pps, {.unit = "pps", .doc = "generators but udp_rr: each direction's pace", .min = 0.001, .max = 1e9});
    visit("direction", self.direction, {.doc = "generators but udp_rr: towards the VMs, from them, or both by turns"});
    visit("think_ns", self.think_ns, {.unit = "ns", .doc = "udp_rr: the peer's time from request to reply", .max = 1e15});
    visit("seed", self.seed, {.doc = "of everything random"});
  }
};

}  // namespace iovirt::software

template <>
struct iovirt::EnumNames<iovirt::software::TrafficSource> {
  using Source = software::TrafficSource;
  static constexpr std::pair<std::string_view, Source> values[] = {{"pcap", Source::pcap},
                                                                  {"udp_stream", Source::udp_stream},
                                                                  {"udp_rr", Source::udp_rr},
                                                                  {"imix", Source::imix},
                                                                  {"poisson", Source::poisson}};
};
template <>
struct iovirt::EnumNames<iovirt::software::TrafficDirection> {
  using Direction = software::TrafficDirection;
  static constexpr std::pair<std::string_view, Direction> values[] = {
      {"rx", Direction::rx}, {"tx", Direction::tx}, {"both", Direction::both}};
};
template <>
struct iovirt::EnumNames<iovirt::software::TrafficSpread> {
  using Spread = software::TrafficSpread;
  static constexpr std::pair<std::string_view, Spread> values[] = {{"flow", Spread::flow}, {"client", Spread::client}};
};
