// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The e1000 driver and the 82540EM's device model, against each other.

#include <algorithm>
#include <random>

#include "models/software/guest/e1000.h"
#include "models/software/qemu/e1000_spec.h"
#include "test/support/catch.h"
#include "test/support/emulated_bench.h"

using namespace iovirt;
using namespace iovirt::software;
using namespace iovirt::software::e1000_spec;
using test::EmulatedBench;
using Log = std::vector<std::string>;

namespace {

constexpr MacAddress kMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
constexpr MacAddress kPeer{0x52, 0x54, 0x00, 0x00, 0x00, 0x01};
constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct Rig {
  Rig() : bench(kernel, EmulatedModel::e1000, kMac), driver(kernel, EmulatedBench::kFunction) {
    const std::pair<std::uint32_t, const char*> names[] = {
        {TDT, "TDT"}, {RDT, "RDT"}, {ICR, "ICR"}, {IMC, "IMC"}, {IMS, "IMS"}, {STATUS, "STATUS"}, {ITR, "ITR"}};
    for (auto [offset, name] : names) kernel.cpu().name(EmulatedBench::kMmioBase + offset, name);
  }
  void open() {
    driver.open();
    kernel.run();
    kernel.cpu().log.clear();
  }
  std::uint32_t reg(std::uint32_t offset) { return static_cast<std::uint32_t>(bench.nic->mmio_read(0, offset, 4)); }
  void set(std::uint32_t offset, std::uint32_t value) { bench.nic->mmio_write(0, offset, 4, value); }
  bool transmit(const std::vector<std::uint8_t>& frame, bool more = false) {
    const std::uint64_t buffer = kernel.allocate_buffer();
    std::memcpy(kernel.cpu().memory.data() + buffer, frame.data(), frame.size());
    if (driver.transmit(0, buffer, buffer, static_cast<std::uint32_t>(frame.size()), more)) return true;
    kernel.free_buffer(buffer);
    return false;
  }
  void store_descriptor(std::uint64_t at, std::uint64_t address, std::uint64_t word) {
    std::memcpy(kernel.cpu().memory.data() + at, &address, 8);
    std::memcpy(kernel.cpu().memory.data() + at + 8, &word, 8);
  }
  std::uint64_t descriptor_word(std::uint64_t at) {
    std::uint64_t word;
    std::memcpy(&word, kernel.cpu().memory.data() + at + 8, 8);
    return word;
  }

  test::FakeKernel kernel;
  EmulatedBench bench;
  E1000Driver driver;
};

}  // namespace

TEST_CASE("the e1000 driver finds the device, its address and its link") {
  Rig rig;
  rig.open();
  REQUIRE(rig.driver.up());
  CHECK(rig.driver.mac() == kMac);
  CHECK(rig.driver.link());
  CHECK_FALSE(rig.bench.irq);
  CHECK(rig.reg(IMS) == 0x9d);
}

TEST_CASE("sending a frame costs the e1000 one tail write and a completion interrupt as on Linux") {
  Rig rig;
  rig.open();
  const auto frame = test::numbered_frame(kPeer, 1, 64);
  REQUIRE(rig.transmit(frame));
  CHECK(rig.kernel.cpu().log == Log{"W TDT"});
  REQUIRE(rig.bench.sent == std::vector<std::vector<std::uint8_t>>{frame});
  rig.kernel.cpu().log.clear();
  rig.kernel.run();
  CHECK(rig.kernel.cpu().log == Log{"R ICR", "W IMC", "R STATUS", "TMR", "EOI", "W IMS", "R STATUS"});
  CHECK(rig.kernel.transmitted_buffers.size() == 1);
}

TEST_CASE("receiving a frame costs the e1000 the accesses it costs on Linux") {
  Rig rig;
  rig.open();
  const auto frame = test::numbered_frame(kMac, 2, 64);
  REQUIRE(rig.bench.arrive(frame) == Reception::delivered);
  rig.kernel.run();
  CHECK(rig.kernel.cpu().log ==
        Log{"R ICR", "W IMC", "R STATUS", "TMR", "EOI", "W RDT", "W IMS", "R STATUS"});
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.kernel.received[0].bytes == frame);
}

TEST_CASE("a request and its response cost the e1000 six reads, six writes and two interrupts") {
  Rig rig;
  rig.open();
  const auto before = rig.kernel.accesses();
  constexpr unsigned kTransactions = 500;
  for (unsigned i = 0; i < kTransactions; ++i) {
    REQUIRE(rig.transmit(test::numbered_frame(kPeer, i, 64)));
    rig.kernel.run();
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
    rig.kernel.run();
  }
  const auto& after = rig.kernel.accesses();
  CHECK(after.device_reads - before.device_reads == 6 * kTransactions);
  CHECK(after.device_writes - before.device_writes == 6 * kTransactions);
  CHECK(after.interrupts_taken - before.interrupts_taken == 2 * kTransactions);
  CHECK(after.tmr_reads - before.tmr_reads == 2 * kTransactions);
}

TEST_CASE("thousands of frames cross the e1000 both ways unchanged") {
  const unsigned seed = 20260101;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Rig rig;
  rig.open();
  rig.kernel.cpu().logging = false;
  std::vector<std::vector<std::uint8_t>> offered, arrived;
  std::deque<std::vector<std::uint8_t>> waiting;
  while (offered.size() < 4000 || arrived.size() < 4000) {
    for (unsigned burst = random() % 40; burst-- > 0 && offered.size() < 4000;) {
      auto frame = test::numbered_frame(kPeer, static_cast<unsigned>(offered.size()), 14 + random() % 1501);
      if (!rig.transmit(frame, burst != 0)) break;
      offered.push_back(std::move(frame));
    }
    for (unsigned burst = random() % 100; burst-- > 0 && arrived.size() + waiting.size() < 4000;)
      waiting.push_back(test::numbered_frame(kMac, static_cast<unsigned>(arrived.size() + waiting.size()),
                                             14 + random() % 1501));
    while (!waiting.empty() && rig.bench.nic->can_receive()) {
      REQUIRE(rig.bench.arrive(waiting.front()) == Reception::delivered);
      arrived.push_back(waiting.front());
      waiting.pop_front();
      if (random() % 8 == 0) rig.kernel.run();
    }
    if (random() % 2) rig.kernel.run();
  }
  rig.kernel.run();
  // A burst that ended early may have left frames without a doorbell: the next one announces them.
  REQUIRE(rig.transmit(test::numbered_frame(kPeer, 4000, 60)));
  offered.push_back(test::numbered_frame(kPeer, 4000, 60));
  rig.kernel.run();
  CHECK(rig.bench.sent == offered);
  REQUIRE(rig.kernel.received.size() == arrived.size());
  for (std::size_t i = 0; i < arrived.size(); ++i) REQUIRE(rig.kernel.received[i].bytes == arrived[i]);
  CHECK(rig.kernel.transmitted_buffers.size() == offered.size());
  CHECK(rig.kernel.live_mappings() == 255 + 2);  // receive buffers on the ring, and the rings
  CHECK(rig.driver.counters().rx_errors == 0);
}

TEST_CASE("frames announced with more wait for one tail write") {
  Rig rig;
  rig.open();
  for (unsigned i = 0; i < 5; ++i) REQUIRE(rig.transmit(test::numbered_frame(kPeer, i, 100), i != 4));
  CHECK(rig.kernel.cpu().log == Log{"W TDT"});
  CHECK(rig.bench.sent.size() == 5);
}

TEST_CASE("a full e1000 ring refuses frames and wakes the queue once there is room") {
  Rig rig;
  rig.open();
  rig.set(TCTL, 0);  // the transmitter does not run
  unsigned accepted = 0;
  while (rig.transmit(test::numbered_frame(kPeer, accepted, 64), true)) ++accepted;
  CHECK(accepted == 255 - 18);  // as Linux: a frame might need 19 descriptors
  CHECK(rig.kernel.cpu().log == Log{"W TDT"});  // rung when the queue stopped
  REQUIRE(rig.bench.sent.empty());
  CHECK_FALSE(rig.transmit(test::numbered_frame(kPeer, 0, 64)));
  rig.set(TCTL, kTctlEn);
  CHECK(rig.bench.sent.size() == accepted);
  rig.kernel.run();
  CHECK(rig.kernel.woken == std::vector<unsigned>{0});
  CHECK(rig.transmit(test::numbered_frame(kPeer, 0, 64)));
}

TEST_CASE("the e1000 holds frames back without buffers and asks for them when the tail moves") {
  Rig rig;
  rig.open();
  unsigned delivered = 0;
  while (rig.bench.nic->can_receive()) {
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, delivered, 200)) == Reception::delivered);
    ++delivered;
  }
  CHECK(delivered == 255);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 999, 200)) == Reception::dropped);
  CHECK(rig.reg(RNBC) == 1);
  const unsigned before = rig.bench.ready_calls;
  rig.kernel.run();
  CHECK(rig.bench.ready_calls > before);
  CHECK(rig.bench.nic->can_receive());
  CHECK(rig.kernel.received.size() == 255);
  CHECK(rig.kernel.received[254].bytes == test::numbered_frame(kMac, 254, 200));
}

TEST_CASE("a long receive burst moves the e1000's tail once per 16 buffers") {
  Rig rig;
  rig.open();
  for (unsigned i = 0; i < 40; ++i) REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
  rig.kernel.run();
  const auto& log = rig.kernel.cpu().log;
  CHECK(std::count(log.begin(), log.end(), "W RDT") == 3);  // 16, 32 and the rest
}

TEST_CASE("the e1000 filters by address, broadcast, multicast hash and promiscuous bits") {
  Rig rig;
  rig.open();
  const auto offer = [&](const MacAddress& to) { return rig.bench.arrive(test::numbered_frame(to, 0, 64)); };
  CHECK(offer(kMac) == Reception::delivered);
  CHECK(offer(kPeer) == Reception::filtered);
  CHECK(offer(kBroadcast) == Reception::delivered);
  const MacAddress group{0x01, 0x00, 0x5e, 0x00, 0x00, 0xfb};
  CHECK(offer(group) == Reception::filtered);
  // RCTL.MO 0: the hash is bits 47:36 of the address, the last byte uppermost.
  const unsigned hash = 0xfb00 >> 4;
  rig.set(MTA + 4 * (hash >> 5), 1u << (hash & 31));
  CHECK(offer(group) == Reception::delivered);
  const std::uint32_t rctl = rig.reg(RCTL);
  rig.set(RCTL, rctl | kRctlUpe);
  CHECK(offer(kPeer) == Reception::delivered);
  rig.set(RCTL, rctl & ~kRctlBam);
  CHECK(offer(kBroadcast) == Reception::filtered);
  rig.set(RCTL, rctl | kRctlMpe);
  CHECK(offer(MacAddress{0x33, 0x33, 0, 0, 0, 1}) == Reception::delivered);
}

TEST_CASE("a frame too long for the e1000's receiver is dropped and counted") {
  Rig rig;
  rig.open();
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 0, 1514)) == Reception::delivered);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 0, 1515)) == Reception::dropped);
  CHECK(rig.reg(ROC) == 1);
  CHECK(rig.reg(ROC) == 0);  // statistics clear when read
}

TEST_CASE("a received frame that needs several small buffers sets EOP in the last only") {
  Rig rig;
  rig.open();
  rig.set(RCTL, 0);
  for (unsigned i = 0; i < 8; ++i) rig.store_descriptor(0x1000 + 16 * i, 0x2000 + 0x100 * i, 0);
  rig.set(RDBAL, 0x1000);
  rig.set(RDLEN, 128);
  rig.set(RDH, 0);
  rig.set(RDT, 7);
  rig.set(RCTL, kRctlEn | static_cast<std::uint32_t>(RctlBsize::of(3)));  // 256 bytes
  const auto frame = test::numbered_frame(kMac, 3, 600);
  REQUIRE(rig.bench.arrive(frame) == Reception::delivered);
  CHECK(RxStatus::get(rig.descriptor_word(0x1000)) == kRxDd);
  CHECK(RxStatus::get(rig.descriptor_word(0x1010)) == kRxDd);
  CHECK(RxStatus::get(rig.descriptor_word(0x1020)) == (kRxDd | kRxEop | kRxIxsm));
  CHECK(RxLength::get(rig.descriptor_word(0x1020)) == 604 - 512);
  CHECK(std::equal(frame.begin(), frame.end(), rig.kernel.cpu().memory.begin() + 0x2000));
  CHECK(rig.reg(RDH) == 3);
}

TEST_CASE("null buffers and a ring in no memory do the e1000 no harm") {
  Rig rig;
  rig.open();
  rig.set(RCTL, 0);
  for (unsigned i = 0; i < 8; ++i) rig.store_descriptor(0x1000 + 16 * i, i == 1 ? 0x2000 : 0, 0);
  rig.set(RDBAL, 0x1000);
  rig.set(RDLEN, 128);
  rig.set(RDH, 0);
  rig.set(RDT, 4);
  rig.set(RCTL, kRctlEn);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 1, 64)) == Reception::delivered);  // skips descriptor 0
  CHECK(rig.reg(RDH) == 2);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 2, 64)) == Reception::dropped);  // null up to the tail
  rig.set(RDBAH, 0xff);
  rig.set(RDH, 0);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 3, 64)) == Reception::dropped);
  CHECK(rig.bench.bad_accesses > 0);

  rig.set(TDBAH, 0xff);
  rig.set(TDT, 5);
  CHECK(rig.bench.sent.empty());
  CHECK(rig.reg(TDH) == 5);
}

TEST_CASE("bogus ring registers end the e1000's transmit loop after one round") {
  Rig rig;
  rig.open();
  rig.set(TCTL, 0);
  for (unsigned i = 0; i < 8; ++i) rig.store_descriptor(0x1000 + 16 * i, 0x2000, 64 | kTxEop | kTxRs);
  rig.set(TDBAL, 0x1000);
  rig.set(TDLEN, 128);
  rig.set(TDH, 0);
  rig.set(TDT, 0x1234);  // outside the ring
  rig.set(TCTL, kTctlEn);
  CHECK(rig.bench.sent.size() == 8);
  rig.set(TDLEN, 0);
  rig.set(TDT, 1);
  CHECK(rig.bench.sent.size() == 8);
}

TEST_CASE("context descriptors are skipped, data descriptors gathered, segmentation refused") {
  Rig rig;
  rig.open();
  rig.set(TCTL, 0);
  const auto bytes = test::numbered_frame(kPeer, 9, 300);
  std::memcpy(rig.kernel.cpu().memory.data() + 0x2000, bytes.data(), bytes.size());
  const std::uint64_t data = kTxDext | TxType::of(1);
  rig.store_descriptor(0x1000, 0x1122334455667788, kTxDext | 0x1000);  // context
  rig.store_descriptor(0x1010, 0x2000, data | 100);
  rig.store_descriptor(0x1020, 0x2064, data | 200 | kTxEop | kTxRs);
  rig.store_descriptor(0x1030, 0x2000, data | 200 | kTxEop | kTxRs | 1ull << 26);  // TSE
  rig.store_descriptor(0x1040, 0x2000, 60 | kTxEop);                               // no RS: no write-back
  rig.set(TDBAL, 0x1000);
  rig.set(TDLEN, 128);
  rig.set(TDH, 0);
  rig.set(TDT, 5);
  rig.set(TCTL, kTctlEn);
  REQUIRE(rig.bench.sent.size() == 2);
  CHECK(rig.bench.sent[0] == bytes);
  CHECK(rig.bench.sent[1].size() == 60);
  CHECK((rig.descriptor_word(0x1020) & kTxDd) != 0);
  CHECK((rig.descriptor_word(0x1040) & kTxDd) == 0);
  CHECK(rig.reg(TSCTFC) == 1);
  CHECK(rig.reg(GPTC) == 2);
  CHECK(rig.reg(TOTL) == 300 + 60 + 8);
}

TEST_CASE("the interrupt line is ICR and IMS, and reading ICR lowers it") {
  Rig rig;
  rig.open();
  rig.set(IMC, 0xffffffff);
  rig.set(ICS, kIcrLsc | kIcrRxo);
  CHECK_FALSE(rig.bench.irq);
  rig.set(IMS, kIcrLsc);
  CHECK(rig.bench.irq);
  rig.set(ICR, kIcrLsc);  // writing 1 acknowledges one cause
  CHECK_FALSE(rig.bench.irq);
  rig.set(IMS, kIcrRxo);
  CHECK(rig.bench.irq);
  CHECK(rig.reg(ICR) == kIcrRxo);
  CHECK_FALSE(rig.bench.irq);
  CHECK(rig.reg(ICR) == 0);
}

TEST_CASE("with a timer the e1000 spaces its interrupts by the shortest delay, at least 128 us") {
  Rig rig;
  rig.bench.timers = true;
  rig.open();
  rig.bench.nic->timer_expired();
  rig.bench.timers_started.clear();
  REQUIRE(rig.transmit(test::numbered_frame(kPeer, 1, 64)));
  CHECK(rig.bench.timers_started == std::vector<Ps>{500 * 256'000});
  rig.kernel.run();
  REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, 1, 64)) == Reception::delivered);
  CHECK_FALSE(rig.bench.irq);  // held back
  rig.bench.nic->timer_expired();
  CHECK(rig.bench.irq);
  rig.kernel.run();
  CHECK(rig.kernel.received.size() == 1);
  rig.bench.nic->timer_expired();
  rig.set(ITR, 976);
  REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, 1, 64)) == Reception::delivered);
  CHECK(rig.bench.timers_started.back() == 976 * 256'000);
}

TEST_CASE("the e1000's NVM reads the same through EERD and through its three wires, and sums to BABA") {
  Rig rig;
  const auto by_wire = [&](unsigned word) {
    const auto pulse = [&](bool bit) {
      const std::uint32_t lines = kEecdReq | kEecdCs | (bit ? kEecdDi : 0);
      rig.set(EECD, lines);
      rig.set(EECD, lines | kEecdSk);
      const bool out = rig.reg(EECD) & kEecdDo;
      rig.set(EECD, lines);
      return out;
    };
    rig.set(EECD, kEecdReq);
    REQUIRE((rig.reg(EECD) & kEecdGnt) != 0);
    for (int bit = 8; bit >= 0; --bit) pulse(((0x6u << 6 | word) >> bit) & 1);
    unsigned value = 0;
    for (unsigned i = 0; i < 16; ++i) value = value << 1 | pulse(false);
    rig.set(EECD, 0);
    return value;
  };
  unsigned sum = 0;
  for (unsigned word = 0; word < kNvmWords; ++word) {
    rig.set(EERD, word << 8 | kEerdStart);
    const std::uint32_t eerd = rig.reg(EERD);
    REQUIRE((eerd & kEerdDone) != 0);
    REQUIRE(by_wire(word) == eerd >> 16);
    sum += eerd >> 16;
  }
  CHECK((sum & 0xffff) == 0xbaba);
}

TEST_CASE("the e1000's PHY answers at address 1 only, and restarting negotiation reports the link") {
  Rig rig;
  const auto phy = [&](unsigned address, unsigned reg, std::uint32_t op, unsigned value = 0) {
    rig.set(MDIC, static_cast<std::uint32_t>(MdicPhy::of(address) | MdicRegister::of(reg) | MdicOp::of(op)) | value);
    return rig.reg(MDIC);
  };
  CHECK((phy(1, kPhyId1, 2) & 0xffff) == 0x0141);
  CHECK((phy(1, kPhyId2, 2) & 0xffff) == 0x0c20);
  CHECK((phy(2, kPhyId1, 2) & kMdicError) != 0);
  rig.reg(ICR);
  phy(1, kPhyControl, 1, kBmcrAutoneg | kBmcrRestart);
  CHECK((phy(1, kPhyControl, 2) & kBmcrRestart) == 0);
  CHECK((phy(1, kPhyStatus, 2) & (kBmsrLink | kBmsrAutonegDone)) == (kBmsrLink | kBmsrAutonegDone));
  CHECK((rig.reg(ICR) & kIcrLsc) != 0);
  phy(1, kPhyId1, 1, 0xffff);  // read-only
  CHECK((phy(1, kPhyId1, 2) & 0xffff) == 0x0141);
}

TEST_CASE("registers are also reached through the I/O BAR") {
  Rig rig;
  rig.bench.nic->io_write(1, 0, 4, RAL0);
  CHECK(rig.bench.nic->io_read(1, 4, 4) == 0x12005452);
  rig.bench.nic->io_write(1, 0, 4, ITR);
  rig.bench.nic->io_write(1, 4, 4, 0x77);
  CHECK(rig.reg(ITR) == 0x77);
}

TEST_CASE("a reset in mid-frame forgets the frame and the driver starts again with frames in flight") {
  Rig rig;
  rig.open();
  rig.set(TCTL, 0);
  for (unsigned i = 0; i < 10; ++i) REQUIRE(rig.transmit(test::numbered_frame(kPeer, i, 64)));
  for (unsigned i = 0; i < 20; ++i)
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
  rig.driver.restart();
  rig.kernel.run();
  CHECK(rig.bench.sent.empty());
  CHECK(rig.kernel.transmitted_buffers.size() == 10);  // given back unsent
  CHECK(rig.kernel.received.empty());
  CHECK(rig.kernel.live_mappings() == 255 + 2);
  const auto there = test::numbered_frame(kPeer, 77, 640), back = test::numbered_frame(kMac, 78, 641);
  REQUIRE(rig.transmit(there));
  REQUIRE(rig.bench.arrive(back) == Reception::delivered);
  rig.kernel.run();
  CHECK(rig.bench.sent.back() == there);
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.kernel.received[0].bytes == back);

  // Half a frame, then a reset: the half is not part of what is sent next.
  rig.set(TCTL, 0);
  rig.store_descriptor(0x1000, 0x2000, 64);
  rig.set(TDBAL, 0x1000);
  rig.set(TDLEN, 128);
  rig.set(TDH, 0);
  rig.set(TDT, 1);
  rig.set(TCTL, kTctlEn);
  rig.set(CTRL, kCtrlRst);
  CHECK(rig.bench.discarded == 1);
  CHECK((rig.reg(CTRL) & kCtrlRst) == 0);
  CHECK(rig.reg(RCTL) == 0);
  CHECK_FALSE(rig.bench.nic->can_receive());
}

TEST_CASE("frames the device marks bad or cuts in two never reach the stack and their buffers are used again") {
  Rig rig;
  rig.open();
  const std::uint64_t ring = std::uint64_t{rig.reg(RDBAH)} << 32 | rig.reg(RDBAL);
  for (unsigned i = 0; i < 4; ++i)
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
  auto* memory = rig.kernel.cpu().memory.data();
  memory[ring + 16 * 0 + 13] = 1;                 // CRC error
  memory[ring + 16 * 1 + 12] = kRxDd;             // no EOP: the frame goes on in descriptor 2
  rig.kernel.run();
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.kernel.received[0].bytes == test::numbered_frame(kMac, 3, 64));
  CHECK(rig.driver.counters().rx_errors == 3);
  CHECK(rig.kernel.live_mappings() == 255 + 2);
}

TEST_CASE("without bus mastering the e1000 leaves memory alone") {
  Rig rig;
  rig.open();
  rig.bench.nic->set_bus_master(false);
  CHECK_FALSE(rig.bench.nic->can_receive());
  REQUIRE(rig.transmit(test::numbered_frame(kPeer, 1, 64)));
  CHECK(rig.bench.sent.empty());
}

TEST_CASE("a driver whose device is another, or has a bad NVM, stays down and drops frames") {
  test::FakeKernel kernel;
  EmulatedBench bench(kernel, EmulatedModel::rtl8139, kMac);
  E1000Driver driver(kernel, EmulatedBench::kFunction);
  driver.open();
  CHECK_FALSE(driver.up());
  CHECK(driver.transmit(0, kernel.allocate_buffer(), 0, 64, false));
  CHECK(driver.counters().tx_dropped == 1);
  CHECK(kernel.transmitted_buffers.size() == 1);
  E1000Driver nowhere(kernel, 0x7777);
  nowhere.open();
  CHECK_FALSE(nowhere.up());
}
