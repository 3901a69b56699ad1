// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Receive and transmit queues: the cases of a qtest of the real driver's rings, and what goes wrong.

#include <random>

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;

namespace {

constexpr std::uint64_t kOwn = 0x02'1b'21'00'00'01, kPeer = 0x02'aa'00'00'00'01;

}  // namespace

TEST_CASE("a frame put on the ring leaves on the wire and its descriptor reports DD") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  const auto frame = frame_bytes(kPeer, kOwn, 200);
  tx.send(frame);
  bench.settle();
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0].bytes == frame);
  CHECK(tx.done(0));
  CHECK(bench.core.read(igb::tx_ring(0) + igb::TDH) == 1);
  CHECK(bench.core.read(igb::GPTC) == 1);
  CHECK(bench.core.read(igb::GPTC) == 0);
}

TEST_CASE("a frame from the wire lies in the buffer with DD, EOP and its length") {
  NicBench bench;
  bench.open();
  RxDriver rx(bench, 0);
  rx.refill(8);
  const auto frame = frame_bytes(kOwn, kPeer, 333);
  bench.receive(frame);
  bench.settle();
  CHECK(rx.poll() == frame);
  CHECK((rx.last_status & igb::rx_adv::kLoopback) == 0);
  CHECK(bench.core.read(igb::rx_ring(0) + igb::RDH) == 1);
  CHECK(bench.core.read(igb::GPRC) == 1);
  CHECK(bench.core.read(igb::GORCL) == 337);
}

TEST_CASE("4096 frames go out and 4096 come in, in order and unchanged") {
  NicBench bench;
  bench.open();
  RxDriver rx(bench, 0, 256, 8 | 8 << 8 | 1 << 16);
  TxDriver tx(bench, 0, 256, 8 | 1 << 8 | 1 << 16);
  rx.refill(255);
  unsigned received = 0;
  for (unsigned i = 0; i < 4096; ++i) {
    tx.send(frame_bytes(kPeer, kOwn, 60 + i % 1400, i));
    bench.receive(frame_bytes(kOwn, kPeer, 60 + i % 1400, i));
    bench.run_for(20 * kPsPerUs);
    tx.clean();
    for (auto frame = rx.poll(); !frame.empty(); frame = rx.poll(), ++received) {
      REQUIRE(frame == frame_bytes(kOwn, kPeer, 60 + received % 1400, received));
      rx.refill(1);
    }
  }
  bench.settle();
  for (auto frame = rx.poll(); !frame.empty(); frame = rx.poll()) ++received;
  CHECK(received == 4096);
  REQUIRE(bench.sent.size() == 4096);
  for (unsigned i = 0; i < 4096; ++i) REQUIRE(bench.sent[i].bytes == frame_bytes(kPeer, kOwn, 60 + i % 1400, i));
  tx.clean();
  CHECK(tx.in_use() == 0);
}

TEST_CASE("a frame larger than a buffer takes several descriptors, EOP on the last") {
  NicBench bench;
  bench.open();
  bench.core.write(igb::RCTL, bench.core.read(igb::RCTL) | igb::kRctlLpe);
  RxDriver rx(bench, 0, 16);
  rx.refill(15);
  for (unsigned i = 0; i < 6; ++i) {
    const auto frame = frame_bytes(kOwn, kPeer, 5000, i);
    bench.receive(frame);
    bench.settle();
    CHECK(rx.poll() == frame);
    rx.refill(3);
  }
  CHECK(rx.owned() == 15);
}

TEST_CASE("a frame gathered from several descriptors, with a context among them, is one frame") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  const auto frame = frame_bytes(kPeer, kOwn, 300);
  std::copy(frame.begin(), frame.end(), bench.memory.begin() + 0x70'0000);
  using namespace igb::tx;
  const std::uint64_t data = Type::of(igb::tx::kTypeData) | kIfcs | kDext;
  tx.put_descriptor(0, Type::of(kTypeContext) | kDext);
  tx.put_descriptor(0x70'0000, data | 14);
  tx.put_descriptor(0x70'000e, data | 200);
  tx.put_descriptor(0x70'00d6, data | 86 | kEop | kRs);
  tx.kick();
  bench.settle();
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0].bytes == frame);
  CHECK_FALSE(tx.done(2));
  CHECK(tx.done(3));
  CHECK(bench.core.read(igb::tx_ring(0) + igb::TDH) == 4);
}

TEST_CASE("legacy descriptors work in both directions") {
  NicBench bench;
  bench.open();
  RxDriver rx(bench, 0);
  bench.core.write(igb::rx_ring(0) + igb::SRRCTL, 2);
  TxDriver tx(bench, 0);
  rx.refill(4);
  const auto frame = frame_bytes(kOwn, kPeer, 100);
  bench.receive(frame);
  std::copy(frame.begin(), frame.end(), bench.memory.begin() + 0x70'0000);
  tx.put_descriptor(0x70'0000, 100 | igb::tx::kEop | igb::tx::kIfcs | igb::tx::kRs);
  tx.kick();
  bench.settle();
  REQUIRE(bench.sent.size() == 1);
  CHECK(bench.sent[0].bytes == frame);
  const auto high = bench.load<std::uint64_t>(rx.ring() + 8);
  CHECK(igb::rx_legacy::Length::get(high) == 100);
  CHECK(igb::rx_legacy::Status::get(high) == 3);
}

TEST_CASE("head write-back stores the head instead of descriptors") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  const auto at = bench.allocate(64);
  bench.core.write(igb::tx_ring(0) + igb::TDWBAL, static_cast<std::uint32_t>(at) | igb::kTdwbEnable);
  for (unsigned i = 0; i < 3; ++i) tx.put(frame_bytes(kPeer, kOwn, 100, i));
  tx.kick();
  bench.settle();
  CHECK(bench.load<std::uint32_t>(at) == 3);
  CHECK_FALSE(tx.done(0));
}

TEST_CASE("frames on the wire take (bytes + 24) x 8 bit times each") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  for (unsigned i = 0; i < 3; ++i) tx.put(frame_bytes(kPeer, kOwn, 1000, i));
  tx.kick();
  bench.settle();
  REQUIRE(bench.sent_at.size() == 3);
  CHECK(bench.sent_at[1] - bench.sent_at[0] == 1024 * 8 * kPsPerNs);
  CHECK(bench.sent_at[2] - bench.sent_at[1] == 1024 * 8 * kPsPerNs);
  const Ps start = bench.now();
  bench.receive(frame_bytes(kOwn, kPeer, 10));
  CHECK(bench.core.wire_free_at() == start + 84 * 8 * kPsPerNs);
}

TEST_CASE("without descriptors the receive buffer fills, then frames are missed, and nothing that was taken is lost") {
  Config config;
  config.rx_fifo_bytes = 10'000;
  NicBench bench(config);
  bench.open();
  RxDriver rx(bench, 0);
  for (unsigned i = 0; i < 12; ++i) bench.receive(frame_bytes(kOwn, kPeer, 1000, i), i + 1);
  bench.settle();
  CHECK(bench.core.read(igb::MPC) == 2);
  CHECK(bench.core.statistics().dropped(Drop::overrun) == 2);
  REQUIRE(bench.drops.size() == 2);
  CHECK(bench.drops[0] == std::pair{PacketId{11}, Drop::overrun});
  CHECK(bench.core.rx_fifo_bytes() == 10'000);
  rx.refill(20);
  bench.settle();
  for (unsigned i = 0; i < 10; ++i) CHECK(rx.poll() == frame_bytes(kOwn, kPeer, 1000, i));
  CHECK(bench.core.rx_fifo_bytes() == 0);
}

TEST_CASE("a queue that may drop does so instead of holding up the others") {
  NicBench bench;
  bench.open_pools(2);
  RxDriver rx0(bench, 0), rx1(bench, 1);
  rx1.refill(8);
  SECTION("by SRRCTL.DROP_EN") { bench.core.write(igb::rx_ring(0) + igb::SRRCTL, 2 | 1 << 25 | igb::kSrrctlDropEn); }
  SECTION("by QDE") { bench.core.write(igb::QDE, 1); }
  bench.receive(frame_bytes(kMac0, kPeer, 100));
  bench.receive(frame_bytes(kMac0 + 1, kPeer, 100));
  bench.settle();
  CHECK_FALSE(rx1.poll().empty());
  CHECK(bench.core.read(igb::rx_ring(0) + igb::RQDPC) == 1);
  CHECK(bench.core.statistics().dropped(Drop::no_descriptor) == 1);
}

TEST_CASE("a queue that may not drop holds up the others until it has a descriptor") {
  NicBench bench;
  bench.open_pools(2);
  RxDriver rx0(bench, 0), rx1(bench, 1);
  rx1.refill(8);
  bench.receive(frame_bytes(kMac0, kPeer, 100));
  bench.receive(frame_bytes(kMac0 + 1, kPeer, 100));
  bench.settle();
  CHECK(rx1.poll().empty());
  rx0.refill(1);
  bench.settle();
  CHECK_FALSE(rx0.poll().empty());
  CHECK_FALSE(rx1.poll().empty());
}

TEST_CASE("DMA that fails costs the frame and nothing else") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  RxDriver rx(bench, 0);
  rx.refill(8);
  SECTION("transmit data") {
    tx.put_descriptor(0xdead'0000'0000, igb::tx::whole_frame(100));
    tx.put(frame_bytes(kPeer, kOwn, 100));
    tx.kick();
    bench.settle();
    CHECK(tx.done(0));
    CHECK(tx.done(1));
    CHECK(bench.sent.size() == 1);
    CHECK(bench.core.statistics().dropped(Drop::dma_error) == 1);
  }
  SECTION("transmit descriptors") {
    bench.core.write(tx.base() + igb::TDBAH, 0xdead);
    for (unsigned i = 0; i < 3; ++i) tx.put(frame_bytes(kPeer, kOwn, 100));
    tx.kick();
    bench.settle();
    CHECK(bench.sent.empty());
    CHECK(bench.core.read(tx.base() + igb::TDH) == 3);
    CHECK(bench.core.statistics().dropped(Drop::dma_error) == 3);
    bench.core.write(tx.base() + igb::TDBAH, 0);
    tx.send(frame_bytes(kPeer, kOwn, 100));
    bench.settle();
    CHECK(bench.sent.size() == 1);
  }
  SECTION("receive data") {
    bench.store<std::uint64_t>(rx.ring(), 0xdead'0000'0000);
    bench.receive(frame_bytes(kOwn, kPeer, 100), 7);
    bench.receive(frame_bytes(kOwn, kPeer, 100, 1), 8);
    bench.settle();
    REQUIRE(bench.drops.size() == 1);
    CHECK(bench.drops[0] == std::pair{PacketId{7}, Drop::dma_error});
    rx.poll();
    CHECK(rx.poll() == frame_bytes(kOwn, kPeer, 100, 1));
  }
  SECTION("receive descriptors") {
    RxDriver other(bench, 0);
    bench.core.write(other.base() + igb::RDBAH, 0xdead);
    other.refill(8);
    for (unsigned i = 0; i < 3; ++i) bench.receive(frame_bytes(kOwn, kPeer, 100));
    bench.settle();
    CHECK(bench.core.statistics().dropped(Drop::dma_error) == 3);
    CHECK(bench.core.rx_fifo_bytes() == 0);
  }
  CHECK(bench.core.tx_fifo_bytes() == 0);
  CHECK(bench.core.statistics().dma_errors >= 1);
}

TEST_CASE("descriptors that make no frame are reported and dropped") {
  NicBench bench;
  bench.open();
  TxDriver tx(bench, 0);
  SECTION("no data at all") { tx.put_descriptor(0, igb::tx::whole_frame(0)); }
  SECTION("less than an Ethernet header") { tx.put_descriptor(0, igb::tx::whole_frame(13)); }
  SECTION("a type that does not exist") {
    tx.put_descriptor(0, igb::tx::Type::set(igb::tx::whole_frame(100), 7));
  }
  SECTION("longer than any frame") {
    for (int i = 0; i < 2; ++i) tx.put_descriptor(0, igb::tx::whole_frame(9000) & ~igb::tx::kEop & ~igb::tx::kRs);
    tx.put_descriptor(0, igb::tx::whole_frame(9000));
  }
  tx.send(frame_bytes(kPeer, kOwn, 64));
  bench.settle();
  CHECK(bench.sent.size() == 1);
  CHECK(bench.core.statistics().dropped(Drop::malformed) == 1);
  CHECK(tx.done(tx.tail() - 1));
  CHECK(tx.done(tx.tail() - 2));
  CHECK(bench.core.tx_fifo_bytes() == 0);
}

TEST_CASE("a rate limit spaces a queue's frames by the factor and leaves the others alone") {
  NicBench bench;
  bench.open();
  TxDriver slow(bench, 0), fast(bench, 1);
  bench.core.write(igb::RTTDQSEL, 0);
  bench.core.write(igb::RTTBCNRC, igb::kRttEnable | 10u << 14);
  for (unsigned i = 0; i < 5; ++i) slow.put(frame_bytes(kPeer, kOwn, 976, i));
  for (unsigned i = 0; i < 5; ++i) fast.put(frame_bytes(kPeer, kOwn + 1, 976, i));
  slow.kick();
  fast.kick();
  bench.settle();
  std::vector<Ps> times;
  for (std::size_t i = 0; i < bench.sent.size(); ++i)
    if (bench.sent[i].bytes[11] == (kOwn & 0xff)) times.push_back(bench.sent_at[i]);
  REQUIRE(times.size() == 5);
  CHECK(bench.sent.size() == 10);
  CHECK(times[4] - times[3] == 10 * 8 * kPsPerUs);
}

TEST_CASE("a reset in the middle of everything leaves a controller that works") {
  NicBench bench;
  for (unsigned round = 0; round < 20; ++round) {
    bench.open();
    RxDriver rx(bench, 0, 32);
    TxDriver tx(bench, 0, 32);
    rx.refill(31);
    for (unsigned i = 0; i < 8; ++i) {
      tx.send(frame_bytes(kPeer, kOwn, 700, i));
      bench.receive(frame_bytes(kOwn, kPeer, 700, i));
    }
    bench.run_for(round * 700 * kPsPerNs);
    bench.core.write(igb::CTRL, igb::kCtrlRst);
    bench.settle();
    CHECK(bench.core.rx_fifo_bytes() == 0);
    CHECK(bench.core.tx_fifo_bytes() == 0);
    CHECK(bench.core.read(igb::rx_ring(0) + igb::RXDCTL) == 0);
  }
  bench.sent.clear();
  bench.open();
  TxDriver tx(bench, 0);
  tx.send(frame_bytes(kPeer, kOwn, 64));
  bench.settle();
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("rings under random producers and consumers behave like queues") {
  const auto seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto upto = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (unsigned round = 0; round < 30; ++round) {
    Config config;
    config.descriptor_cache = 8u << upto(4);
    config.descriptor_batch = 1 + upto(40);
    config.rx_latency_ns = upto(3) * 700.0;
    config.tx_latency_ns = upto(3) * 700.0;
    config.itr_unit_ns = 1000;
    NicBench bench(config);
    bench.read_latency = 1 + upto(3'000'000);
    bench.write_latency = 1 + upto(3'000'000);
    bench.open();
    bench.core.write(igb::GPIE, igb::kGpieMultipleMsix);
    bench.core.write(igb::IVAR(0), 0x8080);
    bench.core.write(igb::EIMS, 1);
    bench.core.write(igb::EITR(0), upto(2) * 100 << 2);
    const std::uint32_t ring = 8 * (1 + upto(12));
    const std::uint32_t control = upto(32) | upto(16) << 8 | upto(20) << 16;
    RxDriver rx(bench, 0, ring, control);
    TxDriver tx(bench, 0, ring, control);
    std::vector<unsigned> offered;  // naive model: what was put in comes out in the same order
    unsigned transmitted = 0, received = 0;
    for (unsigned step = 0; step < 300; ++step) {
      switch (upto(5)) {
        case 0: {
          const unsigned n = upto(6);
          for (unsigned i = 0; i < n && !tx.full(); ++i) tx.put(frame_bytes(kPeer, kOwn, 14 + upto(1500), transmitted++));
          tx.kick();
          break;
        }
        case 1: tx.clean(); break;
        case 2:
          rx.refill(std::min(upto(8), ring - 1 - rx.owned()));
          break;
        case 3:
          if (bench.core.rx_fifo_bytes() < 40'000) {
            bench.receive(frame_bytes(kOwn, kPeer, 60 + upto(1400), static_cast<unsigned>(offered.size())));
            offered.push_back(0);
          }
          break;
        default: bench.run_for(upto(30) * kPsPerUs);
      }
      for (auto frame = rx.poll(); !frame.empty(); frame = rx.poll(), ++received)
        REQUIRE(frame == frame_bytes(kOwn, kPeer, frame.size(), received));
    }
    for (unsigned i = 0; i < 400 && received < offered.size(); ++i) {
      rx.refill(ring - 1 - rx.owned());
      bench.settle();
      for (auto frame = rx.poll(); !frame.empty(); frame = rx.poll(), ++received)
        REQUIRE(frame == frame_bytes(kOwn, kPeer, frame.size(), received));
    }
    bench.settle();
    tx.clean();
    CHECK(received == offered.size());
    CHECK(tx.in_use() == 0);
    REQUIRE(bench.sent.size() == transmitted);
    for (unsigned i = 0; i < transmitted; ++i) {
      REQUIRE(bench.sent[i].bytes == frame_bytes(kPeer, kOwn, bench.sent[i].bytes.size(), i));
    }
    CHECK(bench.core.rx_fifo_bytes() == 0);
    CHECK(bench.core.tx_fifo_bytes() == 0);
  }
}
