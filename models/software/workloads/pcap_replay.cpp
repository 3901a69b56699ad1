// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A capture has two ends. Frames to the server are received by the VM that plays it, frames from it are sent by that
// VM; both get the machine's MAC addresses, the rest stays as recorded. A group-addressed frame from a client goes to
// the VM of its flow as unicast, so that every frame has one receiver.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "models/software/workloads/pcap_reader.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::software {

namespace {

/// Between the last frame of one capture and the first of the next.
constexpr std::int64_t kCaptureGapNs = 100'000;

class StoredBytes : public FrameBytes {
 public:
  StoredBytes() = default;
  /// `other`'s frames in another order.
  StoredBytes(StoredBytes&& other, const std::vector<std::uint32_t>& order) : bytes_(std::move(other.bytes_)) {
    for (std::uint32_t i : order) offsets_.push_back(other.offsets_[i]);
  }
  void add(std::span<const std::uint8_t> frame) {
    offsets_.push_back(bytes_.size());
    bytes_.insert(bytes_.end(), frame.begin(), frame.end());
  }
  void fill(std::uint32_t frame, std::span<std::uint8_t> out) const override {
    std::memcpy(out.data(), bytes_.data() + offsets_[frame], out.size());
  }
  bool matches(std::uint32_t frame, std::span<const std::uint8_t> bytes) const override {
    return std::memcmp(bytes.data(), bytes_.data() + offsets_[frame], bytes.size()) == 0;
  }

 private:
  std::vector<std::size_t> offsets_;
  std::vector<std::uint8_t> bytes_;
};

MacAddress mac_at(std::span<const std::uint8_t> frame, std::size_t offset) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), 6, mac.begin());
  return mac;
}
bool is_group(const MacAddress& mac) { return (mac[0] & 1) != 0; }

std::string text(const MacAddress& mac) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

std::optional<MacAddress> parse_mac(std::string_view text) {
  MacAddress mac{};
  if (text.size() != 17) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i % 3 == 2) {
      if (text[i] != ':' && text[i] != '-') return std::nullopt;
      continue;
    }
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return std::nullopt;
    mac[i / 3] = static_cast<std::uint8_t>(mac[i / 3] << 4 | digit);
  }
  return mac;
}

MacAddress required_mac(std::string_view text, const std::string& key) {
  const auto mac = parse_mac(text);
  if (!mac || is_group(*mac))
    throw TrafficError(key, fmt::format("\"{}\": expected the MAC address of a station, such as 02:00:00:00:01:00", text));
  return *mac;
}

/// The station in most unicast frames; of several, the one that spoke last for the first time: a client speaks first.
MacAddress find_server(const std::vector<Capture>& captures) {
  struct Seen {
    std::size_t frames = 0;
    std::size_t first_sent = SIZE_MAX;
  };
  std::map<MacAddress, Seen> stations;
  std::size_t number = 0;
  for (const Capture& capture : captures) {
    for (std::size_t i = 0; i < capture.frames.size(); ++i, ++number) {
      const MacAddress to = mac_at(capture.frame(i), 0), from = mac_at(capture.frame(i), 6);
      Seen& sender = stations[from];
      sender.first_sent = std::min(sender.first_sent, number);
      if (is_group(to)) continue;
      ++sender.frames;
      ++stations[to].frames;
    }
  }
  const MacAddress usual = vm_mac(0);
  if (stations.contains(usual)) return usual;
  return std::max_element(stations.begin(), stations.end(), [](const auto& a, const auto& b) {
           return std::pair(a.second.frames, a.second.first_sent) < std::pair(b.second.frames, b.second.first_sent);
         })->first;
}

/// What tells the server's peers, or its flows, apart; the same for both directions.
std::vector<std::uint8_t> flow_key(std::span<const std::uint8_t> frame, bool from_server, TrafficSpread spread) {
  const auto word = [&](std::size_t at) { return static_cast<unsigned>(frame[at] << 8 | frame[at + 1]); };
  std::size_t at = 12;
  if (word(at) == 0x8100 && frame.size() >= 18) at += 4;
  const unsigned type = word(at);
  const std::size_t ip = at + 2;
  std::vector<std::uint8_t> key;
  const auto add = [&](std::size_t from, std::size_t bytes) {
    const auto begin = frame.begin() + static_cast<std::ptrdiff_t>(from);
    key.insert(key.end(), begin, begin + static_cast<std::ptrdiff_t>(bytes));
  };
  std::size_t ports = 0;
  unsigned protocol = 0;
  if (type == 0x0800 && frame.size() >= ip + 20) {
    add(from_server ? ip + 16 : ip + 12, 4);
    protocol = frame[ip + 9];
    if ((word(ip + 6) & 0x3fff) == 0) ports = ip + (frame[ip] & 0xfu) * 4u;  // not a fragment
  } else if (type == 0x86dd && frame.size() >= ip + 40) {
    add(from_server ? ip + 24 : ip + 8, 16);
    protocol = frame[ip + 6];
    ports = ip + 40;
  } else {
    add(from_server ? 0 : 6, 6);
  }
  const bool has_ports = (protocol == 6 || protocol == 17) && ports != 0 && frame.size() >= ports + 4;
  if (spread == TrafficSpread::flow && has_ports) {
    key.push_back(static_cast<std::uint8_t>(protocol));
    add(from_server ? ports + 2 : ports, 2);
    add(from_server ? ports : ports + 2, 2);
  }
  return key;
}

struct Mapped {
  std::uint16_t vm;
  bool from_server;
};

/// Decides whose frame it is.
class Mapper {
 public:
  Mapper(const TrafficConfig& config, unsigned vms, const std::vector<Capture>& captures) : config_(config), vms_(vms) {
    for (std::size_t i = 0; i < config.macs.size(); ++i) {
      const MacAddress mac = required_mac(config.macs[i].mac, fmt::format("macs[{}].mac", i));
      if (config.macs[i].vm >= vms)
        throw TrafficError(fmt::format("macs[{}].vm", i), fmt::format("VM {} does not exist: expected less than vms = {}", config.macs[i].vm, vms));
      if (!rules_.emplace(mac, config.macs[i].vm).second)
        throw TrafficError(fmt::format("macs[{}].mac", i), fmt::format("{} has a rule already", text(mac)));
    }
    if (rules_.empty())
      server_ = config.server_mac == "auto" ? find_server(captures) : required_mac(config.server_mac, "server_mac");
  }

  std::optional<Mapped> map(std::span<const std::uint8_t> frame) {
    const MacAddress to = mac_at(frame, 0), from = mac_at(frame, 6);
    if (!rules_.empty()) {
      if (const auto rule = rules_.find(to); rule != rules_.end()) return Mapped{static_cast<std::uint16_t>(rule->second), false};
      if (const auto rule = rules_.find(from); rule != rules_.end()) return Mapped{static_cast<std::uint16_t>(rule->second), true};
      if (is_group(to)) return Mapped{static_cast<std::uint16_t>(rules_.begin()->second), false};
      return std::nullopt;
    }
    const bool from_server = from == *server_;
    if (!from_server && to != *server_ && !is_group(to)) return std::nullopt;
    if (vms_ == 1) return Mapped{0, from_server};
    const auto [flow, fresh] = flows_.try_emplace(flow_key(frame, from_server, config_.spread), flows_.size() % vms_);
    return Mapped{static_cast<std::uint16_t>(flow->second), from_server};
  }

  /// The stations that were looked for, for an error message.
  std::string wanted() const { return server_ ? text(*server_) : std::string("the stations of traffic.macs"); }
  std::string key() const { return server_ ? "server_mac" : "macs"; }

 private:
  const TrafficConfig& config_;
  unsigned vms_;
  std::map<MacAddress, std::uint32_t> rules_;
  std::optional<MacAddress> server_;
  std::map<std::vector<std::uint8_t>, std::size_t> flows_;
};

/// The machine's addresses instead of the recorded ones, in the Ethernet header and in ARP (RFC 826).
void rewrite(std::vector<std::uint8_t>& frame, const Mapped& mapped, const MacAddress& peer) {
  const MacAddress old_to = mac_at(frame, 0), old_from = mac_at(frame, 6), vm = vm_mac(mapped.vm);
  const MacAddress& to = mapped.from_server ? peer : vm;
  const MacAddress& from = mapped.from_server ? vm : peer;
  const bool arp = frame.size() >= 42 && frame[12] == 0x08 && frame[13] == 0x06;
  for (std::size_t at : {std::size_t{22}, std::size_t{32}}) {
    if (!arp) break;
    const MacAddress inside = mac_at(frame, at);
    const auto place = frame.begin() + static_cast<std::ptrdiff_t>(at);
    if (inside == old_from) std::copy(from.begin(), from.end(), place);
    if (inside == old_to) std::copy(to.begin(), to.end(), place);
  }
  std::copy(to.begin(), to.end(), frame.begin());
  std::copy(from.begin(), from.end(), frame.begin() + 6);
}

struct Pending {
  std::int64_t time_ns;
  std::uint32_t capture, index;
  Mapped mapped;
};

}  // namespace

Traffic replay_captures(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps) {
  if (config.file.empty() == config.files.empty())
    throw TrafficError("file", config.file.empty() ? "no capture is named: expected file or files" : "is given beside files: expected one of them");
  const std::vector<std::string> paths = config.file.empty() ? config.files : std::vector<std::string>{config.file};

  std::vector<Capture> captures;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    try {
      captures.push_back(read_capture(paths[i]));
    } catch (const CaptureError& error) {
      throw TrafficError(config.file.empty() ? fmt::format("files[{}]", i) : "file", error.what());
    }
  }

  // One after the other, each in time order; rules of equal times keep the file's order.
  Mapper mapper(config, vms, captures);
  std::vector<Pending> pending;
  std::uint64_t skipped = 0;
  std::int64_t start = 0;
  for (std::uint32_t c = 0; c < captures.size(); ++c) {
    const auto& frames = captures[c].frames;
    const auto [first, last] = std::minmax_element(frames.begin(), frames.end(),
                                                   [](const auto& a, const auto& b) { return a.time_ns < b.time_ns; });
    const std::size_t begin = pending.size();
    for (std::uint32_t i = 0; i < frames.size(); ++i) {
      if (const auto mapped = mapper.map(captures[c].frame(i)))
        pending.push_back({start + frames[i].time_ns - first->time_ns, c, i, *mapped});
      else
        ++skipped;
    }
    std::stable_sort(pending.begin() + static_cast<std::ptrdiff_t>(begin), pending.end(),
                     [](const Pending& a, const Pending& b) { return a.time_ns < b.time_ns; });
    start += last->time_ns - first->time_ns + kCaptureGapNs;
  }
  if (pending.empty())
    throw TrafficError(mapper.key(), fmt::format("no frame to or from {} in {}: expected a station of the capture", mapper.wanted(),
                                                 fmt::join(paths, ", ")));

  std::vector<TrafficFrame> frames;
  StoredBytes bytes;
  std::map<MacAddress, unsigned> peers;
  std::array<Ps, 2> wire_free{};  // by direction
  std::vector<std::uint8_t> frame;
  frames.reserve(pending.size());
  for (const Pending& p : pending) {
    const auto recorded = captures[p.capture].frame(p.index);
    frame.assign(recorded.begin(), recorded.end());
    const MacAddress peer = mac_at(frame, p.mapped.from_server ? 0 : 6);
    const unsigned peer_number =
        is_group(peer) ? 0 : peers.try_emplace(peer, static_cast<unsigned>(peers.size())).first->second;
    rewrite(frame, p.mapped, peer_mac(peer_number));
    // A recorder sees frames before their padding.
    if (frame.size() < kMinFrameBytes) frame.resize(kMinFrameBytes, 0);

    const Direction direction = p.mapped.from_server ? Direction::tx : Direction::rx;
    Ps& free = wire_free[static_cast<std::size_t>(direction)];
    const auto size = static_cast<std::uint32_t>(frame.size());
    Ps time = static_cast<Ps>(p.time_ns) * kPsPerNs;
    if (config.speed.line()) {
      time = free;
    } else {
      if (config.speed.word < 0) time = static_cast<Ps>(std::llround(static_cast<double>(time) / config.speed.number));
      if (direction == Direction::rx) time = std::max(time, free);
    }
    free = time + wire_time(size, link_mbps);
    frames.push_back({time, size, p.mapped.vm, direction});
    bytes.add(frame);
  }

  // Pacing may have moved the received frames against the sent ones: order both, the bytes with them.
  std::vector<std::uint32_t> order(frames.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return frames[a].time < frames[b].time; });
  std::vector<TrafficFrame> sorted;
  sorted.reserve(frames.size());
  for (std::uint32_t i : order) sorted.push_back(frames[i]);
  auto sorted_bytes = std::make_unique<StoredBytes>(std::move(bytes), order);
  Traffic traffic(std::move(sorted), std::move(sorted_bytes), false, 0);
  traffic.skipped = skipped;
  return traffic;
}

}  // namespace iovirt::software
