// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The vhost worker between a guest's driver and a backend, end to end, and against malformed rings.
#include "models/software/vhost/vhost_net.h"

#include <deque>
#include <numeric>
#include <random>
#include <utility>

#include "models/software/guest/virtio_net.h"
#include "test/support/catch.h"
#include "test/support/virtio_driver_ring.h"
#include "test/support/virtio_net_device.h"

using namespace iovirt;
using namespace iovirt::software;
using virtio::RingError;
using test::FakeKernel;
using test::VirtioNetDevice;

namespace {

/// The host's frames lie in the upper half of the same memory.
struct FakeBackend final : BackendPort {
  FakeBackend(test::FakeCpu& cpu_in, std::uint64_t base) : cpu(cpu_in), next(base) {}
  bool empty() const override { return queue.empty(); }
  const HostFrame& peek() const override { return queue.front(); }
  HostFrame take() override {
    HostFrame frame = queue.front();
    queue.pop_front();
    return frame;
  }
  void put(const HostFrame& frame) override {
    sent.push_back({{cpu.memory.begin() + static_cast<std::ptrdiff_t>(frame.address),
                     cpu.memory.begin() + static_cast<std::ptrdiff_t>(frame.address + frame.bytes)},
                    cpu.packet_at(frame.address)});
    release(frame.buffer);
  }
  void flush() override { ++flushes; }
  std::uint64_t allocate() override {
    ++outstanding;
    if (!free.empty()) {
      const std::uint64_t buffer = free.back();
      free.pop_back();
      return buffer;
    }
    next += 4096;
    return next - 4096;
  }
  void release(std::uint64_t buffer) override {
    --outstanding;
    free.push_back(buffer);
  }
  void offer(const std::vector<std::uint8_t>& frame, PacketId packet = 0, std::uint32_t headroom = 128) {
    const std::uint64_t buffer = allocate();
    std::copy(frame.begin(), frame.end(), cpu.memory.begin() + static_cast<std::ptrdiff_t>(buffer + headroom));
    cpu.place_packet(buffer + headroom, packet);
    queue.push_back({buffer, buffer + headroom, static_cast<std::uint32_t>(frame.size())});
  }
  struct Sent {
    std::vector<std::uint8_t> bytes;
    PacketId packet;
  };
  test::FakeCpu& cpu;
  std::uint64_t next;
  std::deque<HostFrame> queue;
  std::vector<std::uint64_t> free;
  std::vector<Sent> sent;
  int outstanding = 0;
  unsigned flushes = 0;
};

std::vector<std::uint8_t> frame(std::size_t bytes, unsigned tag = 0) {
  std::vector<std::uint8_t> f(bytes);
  std::iota(f.begin(), f.end(), static_cast<std::uint8_t>(tag * 7));
  return f;
}

constexpr std::uint64_t kGuestBase = 0x4000'0000;  // guest-physical; host-physical is 0

GuestMemoryMap half_of(const FakeKernel& kernel) {
  GuestMemoryMap map;
  map.add(kGuestBase, const_cast<FakeKernel&>(kernel).cpu().memory.size() / 2, 0);
  return map;
}

/// Guest and host on one core: the guest's memory is the lower half.
struct Bench final : VhostEvents {
  explicit Bench(virtio::Config config = {}, VhostPersonality personality = {})
      : device(kernel, config), map(half_of(kernel)), backend(kernel.cpu(), kernel.cpu().memory.size() / 2),
        vhost(kernel.cpu(), map, backend, personality, *this), driver(kernel, VirtioNetDevice::kBdf) {
    kernel.dma_offset = kGuestBase;
    device.on_enabled = [this](unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features) {
      vhost.start(queue, layout, features);
    };
    device.on_notify = [this](unsigned queue) { vhost.notify(queue); };
    device.on_reset = [this] { vhost.stop(); };
    driver.open();
    work();
    kernel.run();
  }
  void signal(unsigned queue) override { device.interrupt(queue); }
  void delivering(PacketId packet) override { delivered.push_back(packet); }
  void broken(unsigned queue, RingError error) override { errors.push_back({queue, error}); }
  void work() {
    while (vhost.run_once()) {
    }
  }
  bool send(const std::vector<std::uint8_t>& bytes, PacketId packet = 0, std::uint32_t headroom = 0) {
    const std::uint64_t buffer = kernel.allocate_buffer();
    std::copy(bytes.begin(), bytes.end(),
              kernel.cpu().memory.begin() + static_cast<std::ptrdiff_t>(buffer + headroom));
    kernel.cpu().place_packet(buffer + headroom, packet);
    if (driver.transmit(0, buffer, buffer + headroom, static_cast<std::uint32_t>(bytes.size()), false)) return true;
    kernel.free_buffer(buffer);
    return false;
  }

  FakeKernel kernel;
  VirtioNetDevice device;
  GuestMemoryMap map;
  FakeBackend backend;
  VhostNet vhost;
  VirtioNet driver;
  std::vector<PacketId> delivered;
  std::vector<std::pair<unsigned, RingError>> errors;
};

}  // namespace

TEST_CASE("a frame from the backend reaches the guest's stack with its bytes and its identity, copied once") {
  Bench b;
  b.backend.offer(frame(1514, 3), 42);
  CHECK(b.vhost.has_work());
  b.work();
  CHECK_FALSE(b.vhost.has_work());
  CHECK(b.delivered == std::vector<PacketId>{42});
  b.kernel.run();
  REQUIRE(b.kernel.received.size() == 1);
  CHECK(b.kernel.received[0].bytes == frame(1514, 3));
  CHECK(b.kernel.received[0].packet == 42);
  CHECK(b.vhost.counters().copied_bytes == 1514);
  CHECK(b.kernel.cpu().copied_bytes == 1514);
  CHECK(b.backend.outstanding == 0);
  CHECK(b.vhost.counters().signals == 1);
}

TEST_CASE("a frame from the guest reaches the backend with its bytes and its identity, wherever its header lies") {
  for (std::uint32_t headroom : {0u, 64u}) {
    Bench b;
    REQUIRE(b.send(frame(700, 1), 9, headroom));
    CHECK(b.vhost.has_work());
    b.work();
    REQUIRE(b.backend.sent.size() == 1);
    CHECK(b.backend.sent[0].bytes == frame(700, 1));
    CHECK(b.backend.sent[0].packet == 9);
    CHECK(b.vhost.counters().copied_bytes == 700);
    CHECK(b.backend.flushes >= 1);
    b.kernel.run();
    CHECK(b.kernel.transmitted_buffers.size() == 1);
  }
}

TEST_CASE("the frames that wait for the worker are those it has not taken, wherever their headers lie, and looking costs nothing") {
  Bench b;
  GuestMemoryPeek peek(b.kernel.cpu().memory.data(), b.map);
  const auto waiting = [&] {
    std::vector<PacketId> packets;
    b.vhost.each_waiting(peek, [&](std::uint64_t frame) { packets.push_back(b.kernel.cpu().packet_at(frame)); });
    return packets;
  };
  CHECK(waiting().empty());
  for (PacketId packet : {7u, 8u, 9u}) REQUIRE(b.send(frame(100), packet, packet == 8 ? 0 : 64));  // 8: a buffer for the header
  const auto accesses = b.kernel.cpu().ram_accesses;
  CHECK(waiting() == std::vector<PacketId>{7, 8, 9});
  CHECK(b.kernel.cpu().ram_accesses == accesses);
  b.vhost.run_once(2);
  CHECK(waiting() == std::vector<PacketId>{9});
  b.work();
  CHECK(waiting().empty());
  CHECK(b.errors.empty());
}

TEST_CASE("request and response through vhost: one kick, two interrupts") {
  for (bool event_idx : {true, false}) {
    virtio::Config config;
    config.event_idx = event_idx;
    Bench b(config);
    b.kernel.accesses() = {};
    for (unsigned i = 0; i < 50; ++i) {
      b.backend.offer(frame(64, i));
      b.work();
      b.kernel.run();
      REQUIRE(b.send(frame(64, i)));
      b.work();
      b.kernel.run();
    }
    CHECK(b.backend.sent.size() == 50);
    CHECK(b.kernel.accesses().device_reads == 0);
    CHECK(b.kernel.accesses().device_writes == 50);
    CHECK(b.kernel.accesses().interrupts_taken == 100);
  }
}

TEST_CASE("a turn ends at its weight, and says that there is more") {
  Bench b;
  for (unsigned i = 0; i < 100; ++i) b.backend.offer(frame(64, i));
  CHECK(b.vhost.run_once(30));
  CHECK(b.vhost.counters().rx_frames == 30);
  CHECK(b.vhost.run_once(30));
  b.work();
  CHECK(b.vhost.counters().rx_frames == 100);
  // The first interrupt switched callbacks off by itself: the event index is passed once.
  CHECK(b.vhost.counters().signals == 1);

  for (unsigned i = 0; i < 40; ++i) REQUIRE(b.send(frame(64, i)));
  CHECK(b.vhost.run_once(30));
  CHECK(b.backend.sent.size() == 30);
  CHECK_FALSE(b.vhost.run_once(30));
  CHECK(b.backend.sent.size() == 40);
}

TEST_CASE("when the guest has no buffers the worker sleeps until the refill's kick") {
  Bench b;
  for (unsigned i = 0; i < 300; ++i) b.backend.offer(frame(64, i));
  b.work();
  CHECK(b.vhost.counters().rx_frames == 256);
  CHECK_FALSE(b.vhost.has_work());
  CHECK(b.backend.queue.size() == 44);
  const unsigned before = b.device.notified[0];
  b.kernel.run();  // the guest polls and refills
  CHECK(b.device.notified[0] == before + 1);
  CHECK(b.vhost.has_work());
  b.work();
  b.kernel.run();
  CHECK(b.kernel.received.size() == 300);
  CHECK(b.vhost.counters().rx_dropped == 0);
}

TEST_CASE("QEMU's loop signals each frame and copies what it receives twice") {
  VhostPersonality qemu;
  qemu.batch = 1;
  qemu.bounce_rx = true;
  Bench b({}, qemu);
  b.backend.offer(frame(500, 2), 11);
  b.work();
  b.kernel.run();
  REQUIRE(b.kernel.received.size() == 1);
  CHECK(b.kernel.received[0].bytes == frame(500, 2));
  CHECK(b.kernel.received[0].packet == 11);
  CHECK(b.vhost.counters().copied_bytes == 1000);
}

TEST_CASE("costs are paid per frame and per signal, and packets charged before the guest can see them") {
  VhostPersonality personality;
  personality.frame_cycles = 1000;
  personality.signal_cycles = 77;
  Bench b({}, personality);
  const std::uint64_t before = b.kernel.cpu().cycles;
  b.kernel.cpu().charged.clear();
  for (PacketId i = 1; i <= 3; ++i) b.backend.offer(frame(64), i);
  b.work();
  CHECK(b.kernel.cpu().cycles - before == 3 * 1000 + 77);
  CHECK(b.kernel.cpu().charged == std::vector<PacketId>{1, 2, 3});
}

TEST_CASE("a frame longer than the guest's buffer is dropped and the buffer kept for the next") {
  Bench b;
  b.backend.offer(frame(1900));
  b.backend.offer(frame(100, 4));
  b.work();
  b.kernel.run();
  CHECK(b.vhost.counters().rx_dropped == 1);
  REQUIRE(b.kernel.received.size() == 1);
  CHECK(b.kernel.received[0].bytes == frame(100, 4));
  CHECK(b.backend.outstanding == 0);
}

TEST_CASE("after a device reset nothing is served until the queues start again") {
  Bench b;
  b.kernel.cpu().store(VirtioNetDevice::kVirtioBar + virtio::common::device_status, 1, 0);
  CHECK(b.device.resets >= 1);
  b.backend.offer(frame(64));
  b.vhost.notify(1);
  CHECK_FALSE(b.vhost.has_work());
  CHECK_FALSE(b.vhost.run_once());
  CHECK(b.backend.queue.size() == 1);
  VirtioNet again(b.kernel, VirtioNetDevice::kBdf);  // the driver is loaded anew
  again.open();
  b.work();
  b.kernel.run();
  CHECK(b.kernel.received.size() == 1);
}

TEST_CASE("a malformed transmit ring is reported once and served no more") {
  struct Case {
    RingError error;
    std::function<void(test::VirtioDriverRing&)> spoil;
  };
  const std::vector<Case> cases = {
      {RingError::bad_buffer,
       [](test::VirtioDriverRing& r) {  // a buffer outside the VM
         r.desc(0, 0x1000, 100, 0);
         r.offer(0);
       }},
      {RingError::bad_buffer,
       [](test::VirtioDriverRing& r) {  // one that leaves it
         r.desc(0, kGuestBase + (8 << 20) - 50, 100, 0);
         r.offer(0);
       }},
      {RingError::bad_buffer,
       [](test::VirtioDriverRing& r) {  // no room for a header
         r.desc(0, kGuestBase + 0x8000, 11, 0);
         r.offer(0);
       }},
      {RingError::bad_buffer,
       [](test::VirtioDriverRing& r) {  // writable
         r.desc(0, kGuestBase + 0x8000, 100, virtio::kDescWrite);
         r.offer(0);
       }},
      {RingError::chain_too_long,
       [](test::VirtioDriverRing& r) {
         r.desc(0, kGuestBase + 0x8000, 100, virtio::kDescNext, 0);
         r.offer(0);
       }},
      {RingError::avail_index, [](test::VirtioDriverRing& r) { r.set_avail_idx(100); }},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i);
    Bench b;
    b.vhost.stop();
    test::DeviceView view(b.kernel);
    test::VirtioDriverRing ring(view, kGuestBase + 0x2000, 8);
    b.vhost.start(1, ring.layout, virtio::kVersion1 | virtio::kRingIndirectDesc);
    cases[i].spoil(ring);
    const auto before = b.kernel.cpu().memory;
    b.work();
    b.vhost.notify(1);
    b.work();
    CHECK_FALSE(b.vhost.has_work());
    REQUIRE(b.errors.size() == 1);
    CHECK(b.errors[0] == std::pair<unsigned, RingError>{1, cases[i].error});
    CHECK(b.backend.sent.empty());
    CHECK(b.backend.outstanding == 0);
    // The host's half of memory: nothing written there.
    CHECK(std::equal(before.begin() + (8 << 20), before.end(), b.kernel.cpu().memory.begin() + (8 << 20)));
  }
}

TEST_CASE("a receive buffer outside the VM breaks the queue and no byte of the host changes") {
  Bench b;
  b.vhost.stop();
  test::DeviceView view(b.kernel);
  test::VirtioDriverRing ring(view, kGuestBase + 0x2000, 8);
  b.vhost.start(0, ring.layout, virtio::kVersion1);
  ring.desc(0, kGuestBase + (8 << 20), 2000, virtio::kDescWrite);
  ring.offer(0);
  b.backend.offer(frame(64));
  const auto before = b.kernel.cpu().memory;
  b.work();
  CHECK(b.errors == std::vector<std::pair<unsigned, RingError>>{{0, RingError::bad_buffer}});
  CHECK(std::equal(before.begin() + (8 << 20), before.end(), b.kernel.cpu().memory.begin() + (8 << 20)));
  CHECK(b.backend.outstanding == 0);
}

TEST_CASE("a receive buffer that is the device's to read breaks the queue") {
  Bench b;
  b.vhost.stop();
  test::DeviceView view(b.kernel);
  test::VirtioDriverRing ring(view, kGuestBase + 0x2000, 8);
  b.vhost.start(0, ring.layout, virtio::kVersion1);
  ring.desc(0, kGuestBase + 0x8000, 2000, 0);
  ring.offer(0);
  b.backend.offer(frame(64));
  b.work();
  CHECK(b.errors == std::vector<std::pair<unsigned, RingError>>{{0, RingError::bad_buffer}});
  CHECK(b.backend.outstanding == 0);
}

TEST_CASE("a transmitted frame too short or too long to be one is dropped, counted and given back") {
  for (const std::uint32_t bytes : {virtio::kNetHeaderBytes + 13, virtio::kNetHeaderBytes + 2049}) {
    INFO(bytes << " bytes, header included");
    Bench b;
    b.vhost.stop();
    test::DeviceView view(b.kernel);
    test::VirtioDriverRing ring(view, kGuestBase + 0x2000, 8);
    b.vhost.start(1, ring.layout, virtio::kVersion1);
    ring.desc(0, kGuestBase + 0x8000, bytes, 0);
    ring.offer(0);
    b.work();
    CHECK(b.errors.empty());
    CHECK(b.backend.sent.empty());
    CHECK(b.vhost.counters().tx_dropped == 1);
    CHECK(ring.used_idx() == 1);
    CHECK(b.backend.outstanding == 0);
  }
}

TEST_CASE("a frame in many small pieces is put together, and one for many small pieces taken apart") {
  Bench b;
  b.vhost.stop();
  test::DeviceView view(b.kernel);
  test::VirtioDriverRing out(view, kGuestBase + 0x2000, 8), in(view, kGuestBase + 0x3000, 8);
  b.vhost.start(1, out.layout, virtio::kVersion1);
  b.vhost.start(0, in.layout, virtio::kVersion1);
  const std::uint32_t pieces[] = {5, 10, 40, 60};
  const auto payload = frame(103, 5);
  std::vector<std::uint8_t> stream(virtio::kNetHeaderBytes);
  stream.insert(stream.end(), payload.begin(), payload.end());
  std::size_t done = 0;
  for (std::uint16_t i = 0; i < 4; ++i) {
    const std::uint64_t at = kGuestBase + 0x8000 + 0x100ull * i;
    REQUIRE(view.write(at, {stream.data() + done, pieces[i]}));
    done += pieces[i];
    out.desc(i, at, pieces[i], i < 3 ? virtio::kDescNext : 0, i + 1);
    in.desc(i, at + 0x4000, pieces[i], static_cast<std::uint16_t>(virtio::kDescWrite | (i < 3 ? virtio::kDescNext : 0)), i + 1);
  }
  b.kernel.cpu().place_packet(0x8100 + 7, 77);  // the header ends in the second piece
  out.offer(0);
  in.offer(0);
  b.backend.offer(payload, 78);
  b.work();
  REQUIRE(b.backend.sent.size() == 1);
  CHECK(b.backend.sent[0].bytes == payload);
  CHECK(b.backend.sent[0].packet == 77);
  CHECK(in.used(0).len == 115);
  std::vector<std::uint8_t> received;
  for (std::uint16_t i = 0; i < 4; ++i) {
    received.resize(received.size() + pieces[i]);
    REQUIRE(view.read(kGuestBase + 0xc000 + 0x100ull * i, {received.data() + received.size() - pieces[i], pieces[i]}));
  }
  CHECK(std::equal(payload.begin(), payload.end(), received.begin() + virtio::kNetHeaderBytes));
  CHECK(received[virtio::kNetHeaderNumBuffers] == 1);
  CHECK(b.kernel.cpu().packet_at(0xc100 + 7) == 78);
}

TEST_CASE("random traffic both ways loses nothing and changes nothing") {
  const auto seed = GENERATE(range(1u, 9u));
  INFO("seed " << seed);
  std::mt19937 random(seed);
  virtio::Config config;
  config.event_idx = seed & 1;
  config.indirect = seed & 2;
  config.queue_size = static_cast<std::uint16_t>(8u << (seed % 4));
  Bench b(config);
  b.kernel.cpu().logging = false;
  std::deque<std::vector<std::uint8_t>> to_guest, to_host;
  std::size_t seen_by_guest = 0, seen_by_host = 0;
  unsigned refused = 0;
  auto check = [&] {
    for (; seen_by_guest < b.kernel.received.size(); ++seen_by_guest) {
      REQUIRE(b.kernel.received[seen_by_guest].bytes == to_guest.front());
      to_guest.pop_front();
    }
    for (; seen_by_host < b.backend.sent.size(); ++seen_by_host) {
      REQUIRE(b.backend.sent[seen_by_host].bytes == to_host.front());
      to_host.pop_front();
    }
    for (std::uint64_t buffer : std::exchange(b.kernel.transmitted_buffers, {})) b.kernel.free_buffer(buffer);
  };
  for (unsigned step = 0; step < 5000; ++step) {
    switch (random() % 4) {
      case 0:
        to_guest.push_back(frame(14 + random() % 1500, step));
        b.backend.offer(to_guest.back(), 0, random() % 200);
        break;
      case 1:
        for (unsigned burst = 1 + random() % 12; burst != 0; --burst) {
          auto f = frame(14 + random() % 1500, step + burst);
          if (b.send(f, 0, random() % 2 ? 0 : 12 + random() % 100))
            to_host.push_back(f);
          else
            ++refused;
        }
        break;
      case 2: b.vhost.run_once(1 + random() % 8); break;
      case 3: b.kernel.run(); break;
    }
    check();
  }
  for (unsigned i = 0; i < 100; ++i) {
    b.work();
    b.kernel.run();
    check();
  }
  CHECK(to_guest.empty());
  CHECK(to_host.empty());
  CHECK(b.errors.empty());
  CHECK(b.backend.outstanding == 0);
  CHECK(seen_by_guest > 500);
  if (config.queue_size <= 8) CHECK(refused > 0);
}

TEST_CASE("a guest memory map translates whole ranges only, joins neighbours, and refuses overlaps") {
  GuestMemoryMap map;
  map.add(0, 0xa0000, 0x1000'0000);
  map.add(0xa0000, 0x60000, 0x100a'0000);
  map.add(0x1'0000'0000, 0x1000, 0x2000'0000);
  CHECK(map.to_host(0x9ffff, 2) == 0x1009'ffff);
  CHECK(map.to_host(0x1'0000'0fff, 1) == 0x2000'0fff);
  CHECK_FALSE(map.to_host(0x1'0000'0fff, 2));
  CHECK_FALSE(map.to_host(~0ull, 2));
  CHECK_FALSE(map.to_host(0x100000, 1));
  CHECK_THROWS_AS(map.add(0xfffff, 2, 0), std::invalid_argument);
  CHECK_THROWS_AS(map.add(0x200000, 0, 0), std::invalid_argument);
}

TEST_CASE("ring accesses go through the core word by word") {
  test::FakeCpu cpu(1 << 20);
  GuestMemoryMap map;
  map.add(kGuestBase, 0x10000, 0x4000);
  GuestMemoryPort port(cpu, map);
  REQUIRE(port.store<std::uint64_t>(kGuestBase + 4, 0x1122334455667788));  // a used element: aligned to 4
  CHECK(cpu.ram_accesses == 2);
  CHECK(port.load<std::uint64_t>(kGuestBase + 4) == 0x1122334455667788);
  CHECK(cpu.memory[0x4004] == 0x88);
  cpu.ram_accesses = 0;
  CHECK(port.load<virtio::Desc>(kGuestBase));
  CHECK(cpu.ram_accesses == 2);
  std::vector<std::uint8_t> large(100);
  CHECK(port.read(kGuestBase + 0xff00, large));
  CHECK_FALSE(port.read(kGuestBase + 0xffff, large));
  CHECK_FALSE(port.write(kGuestBase - 1, large));
}
