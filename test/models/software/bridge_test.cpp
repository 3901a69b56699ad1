// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's bridge, taps and transmit queue: who gets a frame, and what is dropped when nobody takes it.

#include "models/software/host_net/bridge.h"

#include <vector>

#include "test/support/catch.h"
#include "test/support/fake_host.h"

using namespace iovirt;
using namespace iovirt::software;

namespace {

constexpr MacAddress kFirst{2, 0, 0, 0, 0, 1}, kSecond{2, 0, 0, 0, 0, 2}, kElsewhere{2, 0, 0, 0, 0, 9};
constexpr MacAddress kGroup{1, 0, 0x5e, 0, 0, 1};
using Bytes = std::vector<std::uint8_t>;

struct Book final : TrafficBook {
  std::vector<PacketId> lost;
  void received(PacketId, std::span<const std::uint8_t>, Ps) override {}
  bool reply_to(PacketId, Ps, PacketId&, std::span<const std::uint8_t>&) override { return false; }
  bool scheduled_send(unsigned, std::size_t, Ps&) override { return false; }
  PacketId begin_send(unsigned, std::size_t, Ps, std::span<const std::uint8_t>&) override { return 0; }
  void dropped(PacketId packet) override { lost.push_back(packet); }
};

/// Room for `room` frames; what it has taken is sent at once and its buffer given back.
struct Uplink final : NetDriver {
  explicit Uplink(test::FakeHost& the_host) : host(the_host) {}
  test::FakeHost& host;
  std::size_t room = 1 << 20;
  std::vector<Bytes> sent;
  std::vector<bool> more;
  void open() override {}
  MacAddress mac() const override { return {}; }
  bool transmit(unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool follows) override {
    if (room == 0) return false;
    --room;
    const auto begin = host.cpu().memory.begin() + static_cast<std::ptrdiff_t>(address);
    sent.emplace_back(begin, begin + bytes);
    more.push_back(follows);
    host.kernel.free_buffer(buffer);
    return true;
  }
  unsigned poll(unsigned, unsigned) override { return 0; }
};

struct Bench {
  Bench() {
    first.set_notify([this] { ++first_told; });
    second.set_notify([this] { ++second_told; });
  }
  /// A frame in a buffer of the host's, with headroom; its packet is its number.
  HostFrame frame(const MacAddress& to, PacketId number, std::size_t bytes = 60) {
    const std::uint64_t buffer = host.kernel.allocate_buffer(), address = buffer + 34;
    Bytes content(bytes, static_cast<std::uint8_t>(number));
    std::copy(to.begin(), to.end(), content.begin());
    std::copy(content.begin(), content.end(), host.cpu().memory.begin() + static_cast<std::ptrdiff_t>(address));
    host.cpu().place_packet(address, number);
    return {buffer, address, static_cast<std::uint32_t>(bytes)};
  }
  void from_wire(const HostFrame& f) { bridge.receive(uplink, 0, f.buffer, f.address, f.bytes); }
  /// The number of the frame that waits at a port, which is taken; 0: none.
  unsigned taken(HostPort& port) {
    if (port.empty()) return 0;
    const HostFrame f = port.take();
    const unsigned number = host.cpu().memory[f.address + 6];
    port.release(f.buffer);
    return number;
  }

  test::FakeHost host;
  Book book;
  Uplink uplink{host};
  Bridge bridge{host.kernel, book, uplink};
  HostPort& first = bridge.add_tap(kFirst);
  HostPort& second = bridge.add_tap(kSecond);
  unsigned first_told = 0, second_told = 0;
};

}  // namespace

TEST_CASE("a frame goes to the tap of its address, and a frame from a VM for nobody here to the wire") {
  Bench bench;
  bench.from_wire(bench.frame(kSecond, 5));
  CHECK(bench.second_told == 0);
  bench.bridge.poll_done(bench.uplink, 0);  // told once a poll
  CHECK(bench.second_told == 1);
  CHECK(bench.taken(bench.second) == 5);
  bench.first.put(bench.frame(kSecond, 6));
  CHECK(bench.second_told == 2);
  CHECK(bench.taken(bench.second) == 6);
  bench.first.put(bench.frame(kElsewhere, 7));
  bench.first.put(bench.frame(kFirst, 8));  // its own address: not back to where it came from
  REQUIRE(bench.uplink.sent.size() == 2);
  CHECK(bench.uplink.sent[0][6] == 7);
  CHECK(bench.taken(bench.first) == 0);
  CHECK(bench.book.lost.empty());
  CHECK(bench.host.kernel.buffers_in_use() == 0);
}

TEST_CASE("a group frame is copied to everyone but its sender") {
  Bench bench;
  bench.from_wire(bench.frame(kGroup, 3));
  CHECK(bench.taken(bench.first) == 3);
  CHECK(bench.taken(bench.second) == 3);
  CHECK(bench.uplink.sent.empty());
  bench.first.put(bench.frame(kGroup, 4));
  CHECK(bench.taken(bench.first) == 0);
  CHECK(bench.taken(bench.second) == 4);
  REQUIRE(bench.uplink.sent.size() == 1);
  CHECK(bench.uplink.sent[0][6] == 4);
  CHECK(bench.host.kernel.buffers_in_use() == 0);
}

TEST_CASE("a frame from the wire for nobody here is dropped, and the book told") {
  Bench bench;
  bench.from_wire(bench.frame(kElsewhere, 11));
  CHECK(bench.book.lost == std::vector<PacketId>{11});
  CHECK(bench.uplink.sent.empty());
  CHECK(bench.host.kernel.buffers_in_use() == 0);
}

TEST_CASE("a tap holds 1,000 frames and drops the next") {
  Bench bench;
  for (PacketId i = 0; i < HostPort::kFrames + 2; ++i) bench.from_wire(bench.frame(kFirst, 1 + i % 200));
  CHECK(bench.book.lost.size() == 2);
  CHECK(bench.host.kernel.buffers_in_use() == HostPort::kFrames);
}

TEST_CASE("a full ring keeps frames in order until it has room, 1,000 of them, and drops the next") {
  Bench bench;
  bench.uplink.room = 1;
  for (PacketId i = 1; i <= TxQueue::kFrames + 3; ++i) bench.first.put(bench.frame(kElsewhere, 1 + i % 200));
  CHECK(bench.uplink.sent.size() == 1);
  CHECK(bench.book.lost.size() == 2);
  bench.uplink.room = 4000;
  bench.bridge.wake_queue(bench.uplink, 0);
  REQUIRE(bench.uplink.sent.size() == TxQueue::kFrames + 1);
  for (PacketId i = 1; i <= TxQueue::kFrames + 1; ++i) REQUIRE(bench.uplink.sent[i - 1][6] == 1 + i % 200);
  CHECK(bench.uplink.more[500]);
  CHECK_FALSE(bench.uplink.more.back());
  CHECK(bench.host.kernel.buffers_in_use() == 0);
}

TEST_CASE("with a queue for each VM a frame of the default pool goes to nobody, and room wakes the queue it is of") {
  Bench bench;
  QueuePort port(bench.host.kernel, bench.book, bench.uplink, 0);
  QueuePorts ports(bench.host.kernel);
  ports.add(port);
  const HostFrame own = bench.frame(kFirst, 1), nobodys = bench.frame(kElsewhere, 2);
  ports.receive(bench.uplink, 0, own.buffer, own.address, own.bytes);
  ports.receive(bench.uplink, 1, nobodys.buffer, nobodys.address, nobodys.bytes);
  CHECK(bench.taken(port) == 1);
  CHECK(bench.host.kernel.buffers_in_use() == 0);
  bench.uplink.room = 0;
  port.put(bench.frame(kElsewhere, 3));
  bench.uplink.room = 1;
  ports.wake_queue(bench.uplink, 1);  // another's
  CHECK(bench.uplink.sent.empty());
  ports.wake_queue(bench.uplink, 0);
  CHECK(bench.uplink.sent.size() == 1);
}
