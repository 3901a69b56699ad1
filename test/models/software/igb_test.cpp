// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The igb driver against the 82576's model.

#include "models/software/guest/igb.h"

#include <algorithm>
#include <random>
#include <stdexcept>

#include "models/software/guest/igb_sriov.h"
#include "test/support/catch.h"
#include "test/support/emulated_bench.h"
#include "test/support/igb_bench.h"

using namespace iovirt;
using namespace iovirt::software;
using namespace iovirt::nic::igb;
using test::IgbBench;
using Log = std::vector<std::string>;

namespace {

constexpr MacAddress kMac{0x02, 0x1b, 0x21, 0x00, 0x00, 0x01};  // nic::Config's default
constexpr MacAddress kPeer{0x02, 0x00, 0x00, 0x00, 0x00, 0x99};
constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
MacAddress vm_mac(unsigned n) { return {0x02, 0x00, 0x00, 0x00, 0x01, static_cast<std::uint8_t>(n)}; }

struct Rig {
  explicit Rig(const IgbDriver::Options& options = {}) : driver(bench.host(), IgbBench::kPf, options) {
    for (unsigned q = 0; q < 16; ++q) {
      bench.name(0, tx_ring(q) + TDT, "TDT");
      bench.name(0, rx_ring(q) + RDT, "RDT");
    }
    bench.name(0, EIMS, "EIMS");
    bench.name(0, EITR(1), "EITR");
    driver.open();
    bench.run();
    kernel().cpu().log.clear();
  }
  test::FakeKernel& kernel() { return bench.host(); }
  bool transmit(unsigned queue, const std::vector<std::uint8_t>& frame, bool more = false) {
    const std::uint64_t buffer = kernel().allocate_buffer();
    std::memcpy(kernel().cpu().memory.data() + buffer, frame.data(), frame.size());
    if (driver.transmit(queue, buffer, buffer, static_cast<std::uint32_t>(frame.size()), more)) return true;
    kernel().free_buffer(buffer);
    return false;
  }
  IgbBench bench;
  IgbDriver driver;
};

}  // namespace

TEST_CASE("the igb driver probes the 82576: semaphore, NVM, address, link") {
  Rig rig;
  REQUIRE(rig.driver.up());
  CHECK(rig.driver.mac() == kMac);
  CHECK(rig.driver.link());
  CHECK(rig.bench.dma_faults == 0);
  CHECK((rig.bench.core.read(CTRL_EXT) & kCtrlExtDrvLoad) != 0);
  CHECK(rig.bench.core.read(EIMS) == 3);
}

TEST_CASE("sending a frame costs igb one tail write, its completion one EIMS write") {
  Rig rig;
  const auto frame = test::numbered_frame(kPeer, 1, 64);
  REQUIRE(rig.transmit(0, frame));
  CHECK(rig.kernel().cpu().log == Log{"W TDT"});
  rig.kernel().cpu().log.clear();
  rig.bench.run();
  REQUIRE(rig.bench.sent.size() == 1);
  CHECK(rig.bench.sent[0] == frame);
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W EIMS"});
  CHECK(rig.kernel().transmitted_buffers.size() == 1);
}

TEST_CASE("receiving a frame costs igb one tail and one EIMS write") {
  Rig rig;
  const auto frame = test::numbered_frame(kMac, 1, 64);
  rig.bench.arrive(frame);
  rig.bench.run();
  REQUIRE(rig.kernel().received.size() == 1);
  CHECK(rig.kernel().received[0].bytes == frame);
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W EIMS"});
}

TEST_CASE("a request and its response cost igb no reads, four writes and two interrupts") {
  Rig rig;
  const auto before = rig.kernel().accesses();
  constexpr unsigned kTransactions = 500;
  for (unsigned i = 0; i < kTransactions; ++i) {
    REQUIRE(rig.transmit(0, test::numbered_frame(kPeer, i, 64)));
    rig.bench.run();
    rig.bench.arrive(test::numbered_frame(kMac, i, 64));
    rig.bench.run();
  }
  const auto& after = rig.kernel().accesses();
  CHECK(after.device_reads == before.device_reads);
  CHECK(after.device_writes - before.device_writes == 4 * kTransactions);  // TDT, RDT, two EIMS
  CHECK(after.interrupts_taken - before.interrupts_taken == 2 * kTransactions);
  CHECK(rig.kernel().received.size() == kTransactions);
}

TEST_CASE("thousands of frames cross the 82576 both ways unchanged") {
  const unsigned seed = 20260103;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Rig rig;
  rig.kernel().cpu().logging = false;
  std::vector<std::vector<std::uint8_t>> offered, arrived;
  while (offered.size() < 4000 || arrived.size() < 4000) {
    for (unsigned burst = random() % 80; burst-- > 0 && offered.size() < 4000;) {
      auto frame = test::numbered_frame(kPeer, static_cast<unsigned>(offered.size()), 60 + random() % 1455);
      if (!rig.transmit(0, frame, burst != 0)) break;
      offered.push_back(std::move(frame));
    }
    for (unsigned burst = random() % 80; burst-- > 0 && arrived.size() < 4000;) {
      auto frame = test::numbered_frame(kMac, static_cast<unsigned>(arrived.size()), 60 + random() % 1455);
      rig.bench.arrive(frame);
      arrived.push_back(std::move(frame));
    }
    rig.bench.run();
  }
  offered.push_back(test::numbered_frame(kPeer, 4000, 60));
  REQUIRE(rig.transmit(0, offered.back()));  // and what a burst that ended early had not announced
  rig.bench.run();
  REQUIRE(rig.bench.sent.size() == offered.size());
  for (std::size_t i = 0; i < offered.size(); ++i) REQUIRE(rig.bench.sent[i] == offered[i]);
  REQUIRE(rig.kernel().received.size() == arrived.size());
  for (std::size_t i = 0; i < arrived.size(); ++i) REQUIRE(rig.kernel().received[i].bytes == arrived[i]);
  CHECK(rig.kernel().transmitted_buffers.size() == offered.size());
  CHECK(rig.kernel().live_mappings() == 255 + 2);  // receive buffers on the ring, and the rings
  CHECK(rig.bench.dma_faults == 0);
  CHECK(rig.driver.received(0).packets == 4000);
  CHECK(rig.driver.received(0).errors == 0);
}

TEST_CASE("a long receive burst moves igb's tail once per 16 buffers") {
  Rig rig;
  for (unsigned i = 0; i < 40; ++i) rig.bench.arrive(test::numbered_frame(kMac, i, 64));
  rig.bench.run();
  const auto& log = rig.kernel().cpu().log;
  CHECK(std::count(log.begin(), log.end(), "W RDT") == 3);
  CHECK(rig.kernel().received.size() == 40);
}

TEST_CASE("a poll that uses up its budget does not re-arm igb's interrupt") {
  Rig rig;
  rig.kernel().poll_budget = 16;
  for (unsigned i = 0; i < 40; ++i) rig.bench.arrive(test::numbered_frame(kMac, i, 64));
  rig.bench.run();
  CHECK(rig.kernel().received.size() == 40);
  // Three polls of 16, 16 and 8 frames, each with one tail write, before the vector is enabled again; it then fires
  // once more, because frames set its cause while it was masked.
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W RDT", "W RDT", "W EIMS", "EOI", "W EIMS"});
}

TEST_CASE("a full igb ring refuses frames and wakes the queue once there is room") {
  Rig rig;
  rig.bench.core.write(tx_ring(0) + TXDCTL, 0);  // the queue is off
  unsigned accepted = 0;
  while (rig.transmit(0, test::numbered_frame(kPeer, accepted, 64), true)) ++accepted;
  CHECK(accepted == 255 - 20);
  CHECK(rig.kernel().cpu().log == Log{"W TDT"});
  rig.bench.core.write(tx_ring(0) + TXDCTL, kDctlEnable);
  rig.bench.run();
  CHECK(rig.bench.sent.size() == accepted);
  CHECK(rig.kernel().woken == std::vector<unsigned>{0});
  CHECK(rig.transmit(0, test::numbered_frame(kPeer, 0, 64)));
}

TEST_CASE("a fixed EITR spaces igb's interrupts") {
  Rig rig({.eitr = 196});  // 49 us
  rig.bench.arrive(test::numbered_frame(kMac, 0, 64));
  rig.kernel().run();
  const auto first = rig.kernel().accesses().interrupts_taken;
  for (unsigned i = 1; i < 9; ++i) rig.bench.arrive(test::numbered_frame(kMac, i, 64));
  rig.bench.run();
  CHECK(rig.kernel().received.size() == 9);
  CHECK(rig.kernel().accesses().interrupts_taken - first <= 2);
  CHECK(rig.bench.core.read(EITR(1)) == 196);
  rig.driver.set_moderation(980);
  CHECK(rig.bench.core.read(EITR(1)) == 980);
}

TEST_CASE("adaptive moderation writes EITR only when the average size changes its interval") {
  Rig rig({.adaptive = true});
  rig.bench.arrive(test::numbered_frame(kMac, 0, 64));
  rig.bench.run();
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W EITR", "W EIMS"});
  CHECK(EitrInterval::get(rig.bench.core.read(EITR(1))) == 49);  // 20,000 a second
  rig.kernel().cpu().log.clear();
  rig.bench.arrive(test::numbered_frame(kMac, 0, 64));
  rig.bench.run();
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W EIMS"});
  rig.kernel().cpu().log.clear();
  rig.bench.arrive(test::numbered_frame(kMac, 0, 1514));
  rig.bench.run();
  CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W EITR", "W EIMS"});
  CHECK(EitrInterval::get(rig.bench.core.read(EITR(1))) == (1538 / 2) >> 2);
}

TEST_CASE("igb receives only its own address and broadcast until it is promiscuous") {
  Rig rig;
  const auto offer = [&](const MacAddress& to) {
    const auto before = rig.kernel().received.size();
    rig.bench.arrive(test::numbered_frame(to, 0, 64));
    rig.bench.run();
    return rig.kernel().received.size() - before;
  };
  CHECK(offer(kMac) == 1);
  CHECK(offer(kBroadcast) == 1);
  CHECK(offer(kPeer) == 0);
  rig.driver.set_promiscuous(true);
  CHECK(offer(kPeer) == 1);
  CHECK(offer({0x01, 0, 0x5e, 1, 2, 3}) == 1);
  rig.driver.set_promiscuous(false);
  CHECK(offer(kPeer) == 0);
}

TEST_CASE("with VMDq every pool's frames come on its own queue and vector, the rest on pool 0") {
  Rig rig({.vmdq_pools = 8});
  REQUIRE(rig.driver.up());
  CHECK(rig.driver.queues() == 8);
  for (unsigned pool = 1; pool < 8; ++pool) rig.driver.set_pool_mac(pool, vm_mac(pool));
  rig.driver.set_promiscuous(true);
  rig.kernel().cpu().log.clear();
  for (unsigned pool = 1; pool < 8; ++pool) {
    const auto frame = test::numbered_frame(vm_mac(pool), pool, 100);
    rig.bench.arrive(frame);
    rig.bench.run();
    REQUIRE(rig.kernel().received.size() == pool);
    CHECK(rig.kernel().received.back().queue == pool);
    CHECK(rig.kernel().received.back().bytes == frame);
    CHECK(rig.kernel().cpu().log == Log{"EOI", "W RDT", "W EIMS"});
    rig.kernel().cpu().log.clear();
  }
  rig.bench.arrive(test::numbered_frame(kMac, 0, 100));
  rig.bench.arrive(test::numbered_frame(kPeer, 0, 100));
  rig.bench.run();
  REQUIRE(rig.kernel().received.size() == 9);
  CHECK(rig.kernel().received[7].queue == 0);
  CHECK(rig.kernel().received[8].queue == 0);
  const auto before = rig.kernel().received.size();
  rig.bench.arrive(test::numbered_frame(kBroadcast, 0, 100));
  rig.bench.run();
  CHECK(rig.kernel().received.size() - before == 8);  // replicated
}

TEST_CASE("with VMDq a frame from one pool to another turns round in the device") {
  Rig rig({.vmdq_pools = 4});
  for (unsigned pool = 1; pool < 4; ++pool) rig.driver.set_pool_mac(pool, vm_mac(pool));
  auto frame = test::numbered_frame(vm_mac(2), 5, 200);
  REQUIRE(rig.transmit(1, frame));
  rig.bench.run();
  CHECK(rig.bench.sent.empty());
  REQUIRE(rig.kernel().received.size() == 1);
  CHECK(rig.kernel().received[0].queue == 2);
  CHECK(rig.kernel().received[0].bytes == frame);
  frame = test::numbered_frame(kPeer, 6, 200);
  REQUIRE(rig.transmit(3, frame));
  rig.bench.run();
  REQUIRE(rig.bench.sent.size() == 1);
  CHECK(rig.bench.sent[0] == frame);
}

TEST_CASE("a pool without buffers drops and does not hold up the others") {
  Rig rig({.vmdq_pools = 3});
  for (unsigned pool = 1; pool < 3; ++pool) rig.driver.set_pool_mac(pool, vm_mac(pool));
  for (unsigned i = 0; i < 300; ++i) rig.bench.arrive(test::numbered_frame(vm_mac(1), i, 64));
  rig.bench.arrive(test::numbered_frame(vm_mac(2), 0, 64));
  rig.bench.run();
  std::size_t first = 0, second = 0;
  for (const auto& frame : rig.kernel().received) (frame.queue == 1 ? first : second) += 1;
  CHECK(first == 255);
  CHECK(second == 1);
}

TEST_CASE("igb starts again with frames in flight") {
  Rig rig;
  rig.bench.core.write(tx_ring(0) + TXDCTL, 0);
  for (unsigned i = 0; i < 10; ++i) REQUIRE(rig.transmit(0, test::numbered_frame(kPeer, i, 64)));
  for (unsigned i = 0; i < 20; ++i) rig.bench.arrive(test::numbered_frame(kMac, i, 64));
  rig.driver.restart();
  rig.bench.run();
  REQUIRE(rig.driver.up());
  CHECK(rig.kernel().transmitted_buffers.size() == 10);
  CHECK(rig.kernel().live_mappings() == 255 + 2);
  rig.kernel().received.clear();
  const auto there = test::numbered_frame(kPeer, 77, 640), back = test::numbered_frame(kMac, 78, 641);
  REQUIRE(rig.transmit(0, there));
  rig.bench.arrive(back);
  rig.bench.run();
  REQUIRE(rig.bench.sent.size() == 1);
  CHECK(rig.bench.sent[0] == there);
  REQUIRE(rig.kernel().received.size() == 1);
  CHECK(rig.kernel().received[0].bytes == back);
}

TEST_CASE("a received descriptor marked bad or cut in two never reaches the stack") {
  Rig rig;
  const std::uint64_t ring = (std::uint64_t{rig.bench.core.read(rx_ring(0) + RDBAH)} << 32 |
                              rig.bench.core.read(rx_ring(0) + RDBAL)) - IgbBench::kHostOffset;
  for (unsigned i = 0; i < 4; ++i) rig.bench.arrive(test::numbered_frame(kMac, i, 64));
  rig.bench.settle();
  auto* memory = rig.kernel().cpu().memory.data();
  memory[ring + 8 + 3] |= 0x80;       // RXE
  memory[ring + 16 + 8] &= 0xfd;      // no EOP: goes on in descriptor 2
  rig.bench.run();
  REQUIRE(rig.kernel().received.size() == 1);
  CHECK(rig.kernel().received[0].bytes == test::numbered_frame(kMac, 3, 64));
  CHECK(rig.driver.received(0).errors == 3);
  CHECK(rig.kernel().live_mappings() == 255 + 2);
}

TEST_CASE("igb options that contradict each other are refused with a reason") {
  test::FakeKernel kernel;
  const auto make = [&](const IgbDriver::Options& options) { IgbDriver driver(kernel, 0, options); };
  CHECK_THROWS_AS(make({.vmdq_pools = 2, .vfs = 1}), std::invalid_argument);
  CHECK_THROWS_AS(make({.vmdq_pools = 9}), std::invalid_argument);
  CHECK_THROWS_AS(make({.vfs = 8}), std::invalid_argument);
  CHECK_THROWS_AS(make({.queue_pairs = 0}), std::invalid_argument);
  CHECK_THROWS_AS(make({.queue_pairs = 3, .vfs = 2}), std::invalid_argument);
  CHECK_THROWS_AS(make({.rx_entries = 12}), std::invalid_argument);
}

TEST_CASE("an igb driver without its device stays down and drops frames") {
  test::FakeKernel kernel;
  IgbDriver driver(kernel, 0x0100, {});
  driver.open();
  CHECK_FALSE(driver.up());
  CHECK(driver.transmit(0, kernel.allocate_buffer(), 0, 64, false));
  CHECK(driver.dropped() == 1);
  CHECK(kernel.transmitted_buffers.size() == 1);
  IgbBench bench(0);
  IgbDriver too_many(bench.host(), IgbBench::kPf, {.vfs = 7});
  bench.functions[0]->config.set(0x160 + pcie::spec::kSriovTotalVfs, 2, 4);
  too_many.open();
  CHECK_FALSE(too_many.up());
}
