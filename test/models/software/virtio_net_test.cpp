// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The guest's virtio-net driver against a device made of DeviceQueues: what it does to the device, measured against what
// Linux does (docs: request/response 0 reads, 1 write, 2 interrupts with one EOI each).
#include "models/software/guest/virtio_net.h"

#include <numeric>

#include "models/virtio/device_queue.h"
#include "test/support/catch.h"
#include "test/support/virtio_net_device.h"

using namespace iovirt;
using namespace iovirt::virtio;
using software::VirtioNet;
using test::FakeKernel;
using test::VirtioNetDevice;

namespace {

using Log = std::vector<std::string>;

struct Bench {
  explicit Bench(Config config = {}) : device(kernel, config), view(kernel), rx(view), tx(view), driver(kernel, VirtioNetDevice::kBdf) {
    kernel.dma_offset = 0x4000'0000;
    device.on_enabled = [this](unsigned queue, const QueueLayout& layout, std::uint64_t features) {
      (queue == 0 ? rx : tx).configure(layout, features & kRingEventIdx, features & kRingIndirectDesc);
    };
    device.on_reset = [this] {
      rx.disable();
      tx.disable();
    };
  }
  void open() {
    driver.open();
    rx.disable_notify();
    kernel.cpu().log.clear();
    kernel.accesses() = {};
  }
  /// The device puts a frame into the guest; interrupts when wanted.
  bool deliver(std::vector<std::uint8_t> frame, PacketId packet = 0) {
    if (rx.pop(chain) != Pop::chain) return false;
    REQUIRE(chain.writable.size() == 1);
    REQUIRE(chain.writable[0].bytes >= frame.size() + kNetHeaderBytes);
    const std::uint64_t at = chain.writable[0].address;
    std::vector<std::uint8_t> header(kNetHeaderBytes);
    header[kNetHeaderNumBuffers] = 1;
    REQUIRE(view.write(at, header));
    REQUIRE(view.write(at + kNetHeaderBytes, frame));
    kernel.cpu().place_packet(at + kNetHeaderBytes - kernel.dma_offset, packet);
    rx.push(chain.head, static_cast<std::uint32_t>(frame.size() + kNetHeaderBytes));
    rx.publish();
    if (rx.should_signal()) device.interrupt(0);
    return true;
  }
  struct Sent {
    std::vector<std::uint8_t> bytes;
    std::size_t segments;
    PacketId packet;
  };
  /// The device takes everything there is, as a worker that sleeps afterwards.
  std::vector<Sent> serve_tx() {
    std::vector<Sent> sent;
    tx.disable_notify();
    while (true) {
      const Pop popped = tx.pop(chain);
      REQUIRE(popped != Pop::broken);
      if (popped == Pop::empty) {
        if (!tx.enable_notify()) break;
        tx.disable_notify();
        continue;
      }
      std::vector<std::uint8_t> bytes;
      for (const Segment& s : chain.readable) {
        bytes.resize(bytes.size() + s.bytes);
        REQUIRE(view.read(s.address, {bytes.data() + bytes.size() - s.bytes, s.bytes}));
      }
      const Segment& last = chain.readable.back();
      const std::uint64_t frame = last.address + (chain.readable.size() == 1 ? kNetHeaderBytes : 0);
      REQUIRE(std::all_of(bytes.begin(), bytes.begin() + kNetHeaderBytes, [](auto b) { return b == 0; }));
      sent.push_back({{bytes.begin() + kNetHeaderBytes, bytes.end()},
                      chain.readable.size(),
                      kernel.cpu().packet_at(frame - kernel.dma_offset)});
      tx.push(chain.head, 0);
    }
    tx.publish();
    if (tx.should_signal()) device.interrupt(1);
    return sent;
  }
  /// A frame of the guest's stack; `headroom`: where it begins in its buffer.
  bool send(std::vector<std::uint8_t> frame, PacketId packet = 0, std::uint32_t headroom = 0, bool more = false) {
    const std::uint64_t buffer = kernel.allocate_buffer();
    kernel.cpu().write(buffer + headroom, frame);
    kernel.cpu().place_packet(buffer + headroom, packet);
    if (driver.transmit(0, buffer, buffer + headroom, static_cast<std::uint32_t>(frame.size()), more)) return true;
    kernel.free_buffer(buffer);
    return false;
  }
  static std::vector<std::uint8_t> frame(std::size_t bytes, unsigned tag = 0) {
    std::vector<std::uint8_t> f(bytes);
    std::iota(f.begin(), f.end(), static_cast<std::uint8_t>(tag));
    return f;
  }

  FakeKernel kernel;
  VirtioNetDevice device;
  test::DeviceView view;
  DeviceQueue rx, tx;
  Chain chain;
  VirtioNet driver;
};

Config config_of(bool event_idx, bool indirect, std::uint16_t size = 256) {
  Config config;
  config.event_idx = event_idx;
  config.indirect = indirect;
  config.queue_size = size;
  return config;
}

}  // namespace

TEST_CASE("opening the virtio-net driver negotiates, fills the receive ring and arms both queues") {
  Bench b;
  b.driver.open();
  CHECK_FALSE(b.driver.failed());
  CHECK(b.driver.mac() == MacAddress{0x52, 0x54, 0, 0, 0, 1});
  CHECK(b.driver.link_up());
  CHECK(b.driver.features() == (kVersion1 | kNetMac | kNetStatus | kNetMtu | kRingEventIdx | kRingIndirectDesc));
  CHECK(b.device.transport.status() == (kAcknowledge | kDriver | kFeaturesOk | kDriverOk));
  CHECK(b.kernel.buffers_in_use() == 256);
  CHECK(b.device.notified[0] == 1);
  unsigned buffers = 0;
  while (b.rx.pop(b.chain) == Pop::chain) ++buffers;
  CHECK(buffers == 256);
  CHECK(b.rx.error() == RingError::none);
}

TEST_CASE("a request and its response cost no device read, one kick and two interrupts") {
  for (bool event_idx : {true, false}) {
    INFO("event_idx " << event_idx);
    Bench b(config_of(event_idx, true));
    b.open();
    constexpr unsigned kTransactions = 100;
    for (unsigned i = 0; i < kTransactions; ++i) {
      b.kernel.cpu().log.clear();
      REQUIRE(b.deliver(Bench::frame(64, i), 2 * i + 1));
      b.kernel.run();
      REQUIRE(b.kernel.cpu().log == Log{"EOI"});
      REQUIRE(b.kernel.received.size() == i + 1);
      REQUIRE(b.kernel.received[i].bytes == Bench::frame(64, i));
      REQUIRE(b.kernel.received[i].packet == 2 * i + 1);
      REQUIRE(b.send(Bench::frame(64, i), 2 * i + 2));
      const auto sent = b.serve_tx();
      REQUIRE(sent.size() == 1);
      REQUIRE(sent[0].bytes == Bench::frame(64, i));
      REQUIRE(sent[0].packet == 2 * i + 2);
      b.kernel.run();
      REQUIRE(b.kernel.cpu().log == Log{"EOI", "W notify", "EOI"});
    }
    CHECK(b.kernel.accesses().device_reads == 0);
    CHECK(b.kernel.accesses().device_writes == kTransactions);
    CHECK(b.kernel.accesses().interrupts_taken == 2 * kTransactions);
    CHECK(b.kernel.accesses().eoi == 2 * kTransactions);
    CHECK(b.kernel.transmitted_buffers.size() == kTransactions);
  }
}

TEST_CASE("the header goes before the frame when the buffer has room there, else into a descriptor of its own") {
  for (bool indirect : {true, false}) {
    Bench b(config_of(true, indirect));
    b.open();
    REQUIRE(b.send(Bench::frame(100, 1), 5, 12));
    REQUIRE(b.send(Bench::frame(100, 2), 6, 11));
    const auto sent = b.serve_tx();
    REQUIRE(sent.size() == 2);
    CHECK(sent[0].segments == 1);
    CHECK(sent[0].bytes == Bench::frame(100, 1));
    CHECK(sent[0].packet == 5);
    CHECK(sent[1].segments == 2);
    CHECK(sent[1].bytes == Bench::frame(100, 2));
    CHECK(sent[1].packet == 6);
  }
}

TEST_CASE("a received buffer has room for a header, so an echo takes one descriptor") {
  Bench b;
  b.open();
  REQUIRE(b.deliver(Bench::frame(64)));
  b.kernel.run();
  const auto& received = b.kernel.received.at(0);
  CHECK(received.address - received.buffer >= kNetHeaderBytes);
  CHECK(received.address % 4 == 0);
}

TEST_CASE("frames announced together take one kick") {
  Bench b;
  b.open();
  for (unsigned i = 0; i < 8; ++i) REQUIRE(b.send(Bench::frame(64, i), 0, 0, i != 7));
  CHECK(b.device.notified[1] == 1);
  CHECK(b.serve_tx().size() == 8);
}

TEST_CASE("a busy device suppresses kicks, with flags as with the event index") {
  for (bool event_idx : {true, false}) {
    Bench b(config_of(event_idx, true));
    b.open();
    REQUIRE(b.send(Bench::frame(64)));
    CHECK(b.device.notified[1] == 1);
    b.tx.disable_notify();  // the worker is at it
    for (unsigned i = 0; i < 10; ++i) REQUIRE(b.send(Bench::frame(64)));
    CHECK(b.device.notified[1] == 1);
    CHECK(b.serve_tx().size() == 11);
    REQUIRE(b.send(Bench::frame(64)));
    CHECK(b.device.notified[1] == 2);
  }
}

TEST_CASE("with the event index a burst of completions takes few interrupts") {
  Bench b;
  b.open();
  unsigned sent = 0;
  for (unsigned round = 0; round < 20; ++round) {
    for (unsigned i = 0; i < 16; ++i) REQUIRE(b.send(Bench::frame(64)));
    sent += static_cast<unsigned>(b.serve_tx().size());
    b.kernel.run();
  }
  CHECK(sent == 320);
  CHECK(b.kernel.transmitted_buffers.size() == 320);
  CHECK(b.device.interrupts[1] <= 21);
}

TEST_CASE("a full transmit ring refuses the frame, rings what was held back, and wakes the stack when there is room") {
  for (bool event_idx : {true, false}) {
    Bench b(config_of(event_idx, false, 16));
    b.open();
    unsigned accepted = 0;
    while (b.send(Bench::frame(64, accepted), 0, 0, true)) ++accepted;
    CHECK(accepted == 8);  // two descriptors each
    CHECK(b.device.notified[1] == 1);
    CHECK(b.kernel.woken.empty());
    CHECK_FALSE(b.send(Bench::frame(64)));
    CHECK(b.serve_tx().size() == 8);
    b.kernel.run();
    CHECK(b.kernel.woken == std::vector<unsigned>{0});
    CHECK(b.kernel.transmitted_buffers.size() == 8);
    CHECK(b.send(Bench::frame(64)));
  }
}

TEST_CASE("receive buffers are refilled in batches, and the device that has some is not kicked") {
  Bench b;
  b.open();
  for (unsigned i = 0; i < 5000; ++i) {
    REQUIRE(b.deliver(Bench::frame(60, i)));
    b.kernel.run();
  }
  CHECK(b.kernel.received.size() == 5000);
  CHECK(b.kernel.accesses().device_writes <= 10);
  CHECK(b.kernel.accesses().interrupts_taken == 5000);
}

TEST_CASE("frames that arrive during a poll need no interrupt of their own") {
  for (bool event_idx : {true, false}) {
    Bench b(config_of(event_idx, true));
    b.open();
    REQUIRE(b.deliver(Bench::frame(64)));
    for (unsigned i = 0; i < 200; ++i) REQUIRE(b.deliver(Bench::frame(64)));
    b.kernel.run();
    CHECK(b.kernel.received.size() == 201);
    // With flags the callbacks stay on until the handler has run.
    if (event_idx) CHECK(b.device.interrupts[0] == 1);
    CHECK(b.kernel.accesses().interrupts_taken == 1);
  }
}

TEST_CASE("every buffer and mapping is returned") {
  Bench b(config_of(true, true, 32));
  b.open();
  const std::size_t buffers = b.kernel.buffers_in_use(), mappings = b.kernel.live_mappings();
  for (unsigned i = 0; i < 300; ++i) {
    REQUIRE(b.deliver(Bench::frame(64 + i % 1000)));
    REQUIRE(b.send(Bench::frame(60 + i % 1400), 0, i % 20));
    b.serve_tx();
    b.kernel.run();
  }
  REQUIRE(b.send(Bench::frame(60)));
  b.serve_tx();
  b.kernel.run();
  // What was transmitted is the test's; the receive ring may be short of a batch.
  CHECK(b.kernel.transmitted_buffers.size() == 301);
  CHECK(b.kernel.buffers_in_use() <= buffers + 301);
  CHECK(b.kernel.buffers_in_use() >= buffers + 301 - 17);
  CHECK(b.kernel.live_mappings() <= mappings);
}

TEST_CASE("no device, one without VERSION_1, one that refuses features and one that does not reset make the driver give up, not the machine") {
  const auto given_up = [](VirtioNet& driver) {
    driver.open();
    CHECK(driver.failed());
    CHECK_FALSE(driver.transmit(0, 0, 0, 64, false));
    CHECK(driver.poll(0, 64) == 0);
  };
  {
    FakeKernel kernel;
    VirtioNet absent(kernel, 0x0010);
    given_up(absent);
  }
  // Instead of the device's own register: what it reads as, whatever is written.
  const struct {
    std::uint64_t offset, bytes, reads;
  } broken[] = {{virtio::common::device_feature, 4, 0},
                {virtio::common::device_status, 1, virtio::kAcknowledge | virtio::kDriver},  // never FEATURES_OK, and never 0
                {virtio::common::device_status, 1, 0}};                                      // reset, and nothing else
  for (const auto& one : broken) {
    INFO("offset " << one.offset << " reads " << one.reads);
    FakeKernel kernel;
    std::uint64_t written = 0;
    kernel.cpu().map_mmio(VirtioNetDevice::kVirtioBar + one.offset, one.bytes, [&](std::uint64_t, unsigned) { return one.reads; },
                          [&](std::uint64_t, unsigned, std::uint64_t value) { written = value; });
    VirtioNetDevice device(kernel);
    VirtioNet driver(kernel, VirtioNetDevice::kBdf);
    given_up(driver);
    if (one.bytes == 1) CHECK((written & virtio::kFailed) != 0);
    CHECK(device.notified[0] + device.notified[1] == 0);
  }
}

TEST_CASE("a device that returns an element nobody offered breaks the driver's ring, and nothing else") {
  Bench b;
  b.open();
  b.rx.push(300, 64);
  b.rx.publish();
  b.device.interrupt(0);
  b.kernel.run();
  CHECK(b.kernel.received.empty());
  CHECK(b.send(Bench::frame(64)));
}

TEST_CASE("a frame shorter than an Ethernet header is dropped and counted") {
  Bench b;
  b.open();
  REQUIRE(b.deliver(Bench::frame(5)));
  b.kernel.run();
  CHECK(b.kernel.received.empty());
  CHECK(b.driver.counters().rx_errors == 1);
  CHECK(b.kernel.buffers_in_use() == 255);
}

TEST_CASE("a link change is read in the configuration interrupt") {
  Bench b;
  b.open();
  const std::uint8_t down[2] = {0, 0};
  const auto message = b.device.transport.change_config(net_config::status, down);
  REQUIRE(message);
  b.kernel.raise_msi(message->address, message->data);
  b.kernel.run();
  CHECK_FALSE(b.driver.link_up());
}
