// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Captures: reading them, whose frame is whose, pace, and what is refused.

#include <algorithm>
#include <string>
#include <vector>

#include "models/software/workloads/pcap_reader.h"
#include "models/software/workloads/traffic.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::software;
using test::Bytes;
using test::ethernet;
using test::Pcap;
using test::Pcapng;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr MacAddress kServer = {0x02, 0, 0, 0, 0x01, 0}, kClient = {0x52, 0x54, 0, 1, 2, 3}, kOther = {0x52, 0x54, 0, 9, 9, 9},
                     kBroadcast = {255, 255, 255, 255, 255, 255};

TrafficConfig replay(const std::string& file) {
  TrafficConfig config;
  config.file = file;
  return config;
}

Bytes bytes_of(const Traffic& traffic, std::uint32_t frame) {
  Bytes bytes;
  traffic.fill(frame, bytes);
  return bytes;
}

MacAddress mac_at(const Bytes& frame, std::size_t offset) {
  MacAddress mac;
  std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(offset), 6, mac.begin());
  return mac;
}

std::string error_of(const std::string& path) {
  try {
    read_capture(path);
  } catch (const CaptureError& error) {
    return error.what();
  }
  return "";
}

std::string key_of_error(const TrafficConfig& config, unsigned vms = 1) {
  try {
    prepare_traffic(config, vms, 1000);
  } catch (const TrafficError& error) {
    return error.key + ": " + error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("pcap of both byte orders and resolutions, and pcapng, give the same frames") {
  const test::TemporaryFolder folder;
  const Bytes a = ethernet(kServer, kClient, 100), b = ethernet(kClient, kServer, 1514);
  std::vector<Bytes> files;
  for (bool big : {false, true})
    for (bool nano : {false, true})
      files.push_back(Pcap({big, nano, 1}).add(1'700'000'000'000'001'000, a).add(1'700'000'000'000'005'000, b).bytes);
  files.push_back(Pcapng().add(1'700'000'000'000'001'000, a).add(1'700'000'000'000'005'000, b).bytes);
  for (const Bytes& file : files) {
    const Capture capture = read_capture(folder.write("a.pcap", file));
    REQUIRE(capture.frames.size() == 2);
    CHECK(capture.frames[0].time_ns == 1'700'000'000'000'001'000);
    CHECK(capture.frames[1].time_ns == 1'700'000'000'000'005'000);
    CHECK(std::equal(a.begin(), a.end(), capture.frame(0).begin(), capture.frame(0).end()));
    CHECK(std::equal(b.begin(), b.end(), capture.frame(1).begin(), capture.frame(1).end()));
  }
}

TEST_CASE("captures that cannot be used are refused by file and packet") {
  const test::TemporaryFolder folder;
  const Bytes frame = ethernet(kServer, kClient);
  const auto refused = [&](const Bytes& file, const std::string& message) {
    const std::string path = folder.write("x.pcap", file);
    INFO(error_of(path));
    CHECK(error_of(path).rfind(path + ": ", 0) == 0);
    CHECK_THAT(error_of(path), ContainsSubstring(message));
  };
  CHECK_THAT(error_of(folder / "missing.pcap"), ContainsSubstring("missing.pcap: cannot be read: No such file or directory"));
  CHECK_THAT(error_of(folder.path()), ContainsSubstring("is a folder"));
  refused({}, "is an empty file: not a capture");
  refused({'h', 'e', 'l', 'l', 'o', ' ', 'w', 'o', 'r', 'l', 'd', '\n'}, "is not a capture (expected pcap or pcapng)");
  refused(Pcap().bytes, "is an empty capture: expected at least one packet");
  refused(Pcapng().bytes, "is an empty capture: expected at least one packet");
  refused(Pcap({false, false, 113}).add(1, frame).bytes, "frames: expected Ethernet");

  Bytes cut = Pcap().bytes;
  cut.resize(10);
  refused(cut, "truncated capture: cut off in the file's header");
  cut = Pcap().add(1, frame).add(2, frame).bytes;
  cut.resize(cut.size() - 1);
  refused(cut, "truncated capture: cut off at packet 2");
  cut.resize(cut.size() - frame.size() - 4);
  refused(cut, "truncated capture: cut off at packet 2");
  cut = Pcapng().add(1, frame).add(2, frame).bytes;
  cut.resize(cut.size() - 20);
  refused(cut, "truncated capture: cut off at packet 2");

  refused(Pcap().add(1, frame).add(2, ethernet(kServer, kClient, 1515)).bytes,
          "packet 2 has 1515 bytes, above the MTU: expected at most 1514 without FCS");
  refused(Pcap().add(1, ethernet(kServer, kClient, 96), 9000).bytes, "packet 1 has 9000 bytes, above the MTU");
  refused(Pcap().add(1, ethernet(kServer, kClient, 1519, 0x8100)).bytes, "expected at most 1518 without FCS");
  refused(Pcap().add(1, ethernet(kServer, kClient, 96), 1400).bytes, "packet 1 holds 96 of its 1400 bytes");
  refused(Pcap().add(1, ethernet(kServer, kClient, 13)).bytes, "packet 1 has 13 bytes: expected an Ethernet frame of at least 14");
  CHECK(error_of(folder.write("x.pcap", Pcap().add(1, ethernet(kServer, kClient, 1518, 0x8100)).bytes)).empty());
}

TEST_CASE("frames to the server are received, frames from it are sent, with the machine's addresses") {
  const test::TemporaryFolder folder;
  const auto config = replay(folder.write("a.pcap", Pcap({false, true, 1})
                                                        .add(5000, ethernet(kServer, kClient, 70))
                                                        .add(9000, ethernet(kClient, kServer, 1000))
                                                        .add(20'000, ethernet(kServer, kOther, 42))
                                                        .add(21'000, ethernet(kOther, kClient, 60))
                                                        .add(30'000, ethernet(kBroadcast, kClient, 60))
                                                        .bytes));
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  REQUIRE(traffic.count() == 4);
  CHECK(traffic.skipped == 1);
  CHECK_FALSE(traffic.interactive());
  CHECK(traffic.frames()[0].direction == Direction::rx);
  CHECK(traffic.frames()[0].time == 0);
  CHECK(traffic.frames()[1].direction == Direction::tx);
  CHECK(traffic.frames()[1].time == 4 * kPsPerUs);
  CHECK(traffic.frames()[2].bytes == 60);  // padded
  CHECK(traffic.frames()[3].direction == Direction::rx);

  CHECK(mac_at(bytes_of(traffic, 0), 0) == vm_mac(0));
  CHECK(mac_at(bytes_of(traffic, 0), 6) == peer_mac(0));
  CHECK(mac_at(bytes_of(traffic, 1), 0) == peer_mac(0));
  CHECK(mac_at(bytes_of(traffic, 1), 6) == vm_mac(0));
  CHECK(mac_at(bytes_of(traffic, 2), 6) == peer_mac(1));
  CHECK(mac_at(bytes_of(traffic, 3), 0) == vm_mac(0));  // a broadcast has one receiver
  const Bytes recorded = ethernet(kClient, kServer, 1000), replayed = bytes_of(traffic, 1);
  CHECK(std::equal(recorded.begin() + 12, recorded.end(), replayed.begin() + 12, replayed.end()));
  CHECK(traffic.matches(1, replayed));
  CHECK_FALSE(traffic.matches(1, recorded));
}

TEST_CASE("the server of an unknown capture is the busiest station that did not speak first") {
  const test::TemporaryFolder folder;
  const MacAddress server = {0x02, 0xaa, 0, 0, 0, 1};
  const auto config = replay(folder.write("a.pcap", Pcap()
                                                        .add(1000, ethernet(kBroadcast, kClient))
                                                        .add(2000, ethernet(kClient, server))
                                                        .add(3000, ethernet(server, kClient))
                                                        .add(4000, ethernet(server, kClient))
                                                        .bytes));
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  REQUIRE(traffic.count() == 4);
  CHECK(traffic.frames()[1].direction == Direction::tx);
  CHECK(traffic.frames()[2].direction == Direction::rx);
}

TEST_CASE("a named server and rules decide whose frames are whose") {
  const test::TemporaryFolder folder;
  auto config = replay(folder.write("a.pcap", Pcap()
                                                  .add(1000, ethernet(kServer, kClient))
                                                  .add(2000, ethernet(kOther, kClient))
                                                  .add(3000, ethernet(kClient, kOther))
                                                  .bytes));
  config.server_mac = "52:54:00:01:02:03";
  const Traffic client = prepare_traffic(config, 1, 1000);
  REQUIRE(client.count() == 3);
  CHECK(client.frames()[0].direction == Direction::tx);
  CHECK(client.frames()[2].direction == Direction::rx);

  config.server_mac = "auto";
  config.macs = {{"02:00:00:00:01:00", 1}, {"52-54-00-09-09-09", 0}};
  const Traffic ruled = prepare_traffic(config, 2, 1000);
  REQUIRE(ruled.count() == 3);
  CHECK(ruled.frames()[0].vm == 1);
  CHECK(ruled.frames()[1].vm == 0);
  CHECK(ruled.frames()[2].vm == 0);
  CHECK(ruled.frames()[2].direction == Direction::tx);

  config.macs[0].vm = 2;
  CHECK_THAT(key_of_error(config, 2), ContainsSubstring("macs[0].vm: VM 2 does not exist: expected less than vms = 2"));
  config.macs = {{"02:00:00:00:01:00", 0}, {"02-00-00-00-01-00", 1}};
  CHECK_THAT(key_of_error(config, 2), ContainsSubstring("macs[1].mac: 02:00:00:00:01:00 has a rule already"));
  config.macs = {{"nonsense", 0}};
  CHECK_THAT(key_of_error(config), ContainsSubstring("macs[0].mac: \"nonsense\": expected the MAC address of a station"));
  config.macs.clear();
  config.server_mac = "02:00:00:00:77:00";
  CHECK_THAT(key_of_error(config), ContainsSubstring("server_mac: no frame to or from 02:00:00:00:77:00"));
}

TEST_CASE("with rules a group frame from elsewhere goes to one VM, and what no rule names is left out") {
  const test::TemporaryFolder folder;
  auto config = replay(folder.write("a.pcap", Pcap()
                                                  .add(1000, ethernet(kBroadcast, kClient))
                                                  .add(2000, ethernet(kServer, kClient))
                                                  .add(3000, ethernet(kOther, kClient))
                                                  .bytes));
  config.macs = {{"02:00:00:00:01:00", 1}};
  const Traffic traffic = prepare_traffic(config, 2, 1000);
  REQUIRE(traffic.count() == 2);
  for (const TrafficFrame& frame : traffic.frames()) {
    CHECK(frame.vm == 1);
    CHECK(frame.direction == Direction::rx);
  }
}

TEST_CASE("flows over IPv6 are dealt to the VMs in turn as well, both directions of one to the same") {
  const test::TemporaryFolder folder;
  const auto udp6 = [](const MacAddress& to, const MacAddress& from, std::uint8_t from_host, std::uint8_t from_port, std::uint8_t to_host, std::uint8_t to_port) {
    Bytes frame = ethernet(to, from, 70, 0x86dd);
    std::fill(frame.begin() + 14, frame.end(), std::uint8_t{0});
    frame[14] = 0x60, frame[19] = 16, frame[20] = 17, frame[21] = 64;
    frame[37] = from_host, frame[53] = to_host, frame[55] = from_port, frame[57] = to_port, frame[59] = 16;
    return frame;
  };
  Pcap pcap;
  for (std::uint8_t port = 1; port < 7; ++port) pcap.add(port * 1000u, udp6(kServer, kClient, 9, port, 1, 53));
  for (std::uint8_t port = 1; port < 7; ++port) pcap.add(port * 20000u, udp6(kClient, kServer, 1, 53, 9, port));
  auto config = replay(folder.write("a.pcap", pcap.bytes));
  const Traffic flows = prepare_traffic(config, 3, 1000);
  REQUIRE(flows.count() == 12);
  for (std::uint32_t i = 0; i < 12; ++i) CHECK(flows.frames()[i].vm == i % 3);
  config.spread = TrafficSpread::client;
  const Traffic clients = prepare_traffic(config, 3, 1000);
  for (const TrafficFrame& frame : clients.frames()) CHECK(frame.vm == 0);
}

TEST_CASE("flows are dealt to the VMs in turn, both directions of one to the same") {
  const test::TemporaryFolder folder;
  Pcap pcap;
  for (std::uint16_t port = 1000; port < 1006; ++port) pcap.add(port * 1000u, test::udp(kServer, kClient, 9, port, 1, 53));
  for (std::uint16_t port = 1000; port < 1006; ++port) pcap.add(port * 2000u, test::udp(kClient, kServer, 1, 53, 9, port));
  auto config = replay(folder.write("a.pcap", pcap.bytes));
  const Traffic flows = prepare_traffic(config, 3, 1000);
  REQUIRE(flows.count() == 12);
  for (std::uint32_t i = 0; i < 12; ++i) {
    CHECK(flows.frames()[i].vm == i % 3);
    CHECK(mac_at(bytes_of(flows, i), i < 6 ? 0 : 6) == vm_mac(i % 3));
  }
  config.spread = TrafficSpread::client;
  const Traffic clients = prepare_traffic(config, 3, 1000);
  for (const TrafficFrame& frame : clients.frames()) CHECK(frame.vm == 0);
}

TEST_CASE("speed is as recorded, a factor, or back-to-back, and received frames never overlap") {
  const test::TemporaryFolder folder;
  auto config = replay(folder.write("a.pcap", Pcap({false, true, 1})
                                                  .add(0, ethernet(kServer, kClient, 1500))
                                                  .add(100, ethernet(kServer, kClient, 60))
                                                  .add(100'000, ethernet(kServer, kClient, 60))
                                                  .add(200'000, ethernet(kClient, kServer, 60))
                                                  .bytes));
  const Ps first = wire_time(1500, 1000);
  CHECK(first == 1524 * 8 * kPsPerNs);
  const auto times = [&] {
    std::vector<Ps> out;
    const Traffic traffic = prepare_traffic(config, 1, 1000);
    for (const TrafficFrame& frame : traffic.frames()) out.push_back(frame.time);
    return out;
  };
  CHECK(times() == std::vector<Ps>{0, first, 100 * kPsPerUs, 200 * kPsPerUs});
  config.speed = {-1, 2};
  CHECK(times() == std::vector<Ps>{0, first, 50 * kPsPerUs, 100 * kPsPerUs});
  config.speed = {1, 0};
  CHECK(times() == std::vector<Ps>{0, 0, first, first + wire_time(60, 1000)});
}

TEST_CASE("several captures are replayed one after the other") {
  const test::TemporaryFolder folder;
  TrafficConfig config;
  config.files = {folder.write("a.pcap", Pcap().add(7'000'000, ethernet(kServer, kClient)).add(8'000'000, ethernet(kServer, kClient)).bytes),
                  folder.write("b.pcapng", Pcapng().add(1000, ethernet(kServer, kClient, 80)).bytes)};
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  REQUIRE(traffic.count() == 3);
  CHECK(traffic.frames()[2].bytes == 80);
  CHECK(traffic.frames()[2].time == 1100 * kPsPerUs);

  config.files.push_back(folder / "c.pcap");
  CHECK_THAT(key_of_error(config), ContainsSubstring("files[2]: ") && ContainsSubstring("c.pcap: cannot be read"));
  config.file = "x";
  CHECK_THAT(key_of_error(config), ContainsSubstring("file: is given beside files"));
}

TEST_CASE("ARP inside is rewritten with the frame around it") {
  const test::TemporaryFolder folder;
  Bytes arp = ethernet(kClient, kServer, 60, 0x0806);
  std::copy(kServer.begin(), kServer.end(), arp.begin() + 22);
  std::copy(kClient.begin(), kClient.end(), arp.begin() + 32);
  const auto config = replay(folder.write("a.pcap", Pcap().add(0, arp).bytes));
  const Traffic traffic = prepare_traffic(config, 1, 1000);
  const Bytes bytes = bytes_of(traffic, 0);
  CHECK(mac_at(bytes, 22) == vm_mac(0));
  CHECK(mac_at(bytes, 32) == peer_mac(0));
}
