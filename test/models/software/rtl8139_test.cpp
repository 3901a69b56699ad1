// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The 8139cp driver and the RTL8139C+'s device model, against each other.

#include <random>

#include "models/software/guest/rtl8139cp.h"
#include "models/software/qemu/rtl8139_spec.h"
#include "test/support/catch.h"
#include "test/support/emulated_bench.h"

using namespace iovirt;
using namespace iovirt::software;
using namespace iovirt::software::rtl8139_spec;
using test::EmulatedBench;
using Log = std::vector<std::string>;

namespace {

constexpr MacAddress kMac{0x52, 0x54, 0x00, 0x12, 0x34, 0x57};
constexpr MacAddress kPeer{0x52, 0x54, 0x00, 0x00, 0x00, 0x01};

struct Rig {
  Rig() : bench(kernel, EmulatedModel::rtl8139, kMac), driver(kernel, EmulatedBench::kFunction) {
    const std::pair<std::uint32_t, const char*> names[] = {{TPPOLL, "TxPoll"}, {IMR, "IntrMask"}, {ISR, "IntrStatus"}};
    for (auto [offset, name] : names) kernel.cpu().name(EmulatedBench::kMmioBase + offset, name);
  }
  void open() {
    driver.open();
    kernel.run();
    kernel.cpu().log.clear();
  }
  std::uint32_t reg(std::uint32_t offset, unsigned bytes = 4) {
    return static_cast<std::uint32_t>(bench.nic->mmio_read(1, offset, bytes));
  }
  void set(std::uint32_t offset, unsigned bytes, std::uint32_t value) { bench.nic->mmio_write(1, offset, bytes, value); }
  bool transmit(const std::vector<std::uint8_t>& frame) {
    const std::uint64_t buffer = kernel.allocate_buffer();
    std::memcpy(kernel.cpu().memory.data() + buffer, frame.data(), frame.size());
    if (driver.transmit(0, buffer, buffer, static_cast<std::uint32_t>(frame.size()), false)) return true;
    kernel.free_buffer(buffer);
    return false;
  }
  void store_descriptor(std::uint64_t at, std::uint32_t command, std::uint64_t address) {
    std::memset(kernel.cpu().memory.data() + at, 0, 16);
    std::memcpy(kernel.cpu().memory.data() + at, &command, 4);
    std::memcpy(kernel.cpu().memory.data() + at + 8, &address, 8);
  }
  std::uint32_t command(std::uint64_t at) {
    std::uint32_t word;
    std::memcpy(&word, kernel.cpu().memory.data() + at, 4);
    return word;
  }

  test::FakeKernel kernel;
  EmulatedBench bench;
  Rtl8139cpDriver driver;
};

}  // namespace

TEST_CASE("the 8139cp driver finds the chip and reads its address from the EEPROM") {
  Rig rig;
  rig.open();
  REQUIRE(rig.driver.up());
  CHECK(rig.driver.mac() == kMac);
  CHECK(rig.driver.link());
  CHECK(rig.reg(IMR, 2) == 0x80ff);
  CHECK(rig.reg(CR9346, 1) == 0);  // locked again
}

TEST_CASE("sending a frame costs the 8139cp one poll request and a completion in the hard interrupt") {
  Rig rig;
  rig.open();
  const auto frame = test::numbered_frame(kPeer, 1, 64);
  REQUIRE(rig.transmit(frame));
  CHECK(rig.kernel.cpu().log == Log{"W TxPoll"});
  REQUIRE(rig.bench.sent == std::vector<std::vector<std::uint8_t>>{frame});
  rig.kernel.cpu().log.clear();
  rig.kernel.run();
  CHECK(rig.kernel.cpu().log == Log{"R IntrMask", "R IntrStatus", "W IntrStatus", "TMR", "EOI"});
  CHECK(rig.kernel.transmitted_buffers.size() == 1);
}

TEST_CASE("receiving a frame costs the 8139cp the accesses of Linux's handler and poll") {
  Rig rig;
  rig.open();
  const auto frame = test::numbered_frame(kMac, 2, 64);
  REQUIRE(rig.bench.arrive(frame) == Reception::delivered);
  rig.kernel.run();
  CHECK(rig.kernel.cpu().log == Log{"R IntrMask", "R IntrStatus", "W IntrStatus", "W IntrMask", "R IntrMask", "TMR",
                                    "EOI", "W IntrStatus", "W IntrMask", "R IntrMask"});
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.kernel.received[0].bytes == frame);
}

TEST_CASE("a request and its response cost the 8139cp six reads, six writes and two interrupts") {
  Rig rig;
  rig.open();
  const auto before = rig.kernel.accesses();
  constexpr unsigned kTransactions = 300;
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
}

TEST_CASE("thousands of frames cross the 8139 both ways unchanged") {
  const unsigned seed = 20260102;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  Rig rig;
  rig.open();
  rig.kernel.cpu().logging = false;
  std::vector<std::vector<std::uint8_t>> offered, arrived;
  while (offered.size() < 4000 || arrived.size() < 4000) {
    for (unsigned burst = random() % 70; burst-- > 0 && offered.size() < 4000;) {
      auto frame = test::numbered_frame(kPeer, static_cast<unsigned>(offered.size()), 14 + random() % 1501);
      if (!rig.transmit(frame)) break;
      offered.push_back(std::move(frame));
    }
    for (unsigned burst = random() % 60; burst-- > 0 && arrived.size() < 4000;) {
      auto frame = test::numbered_frame(kMac, static_cast<unsigned>(arrived.size()), 14 + random() % 1501);
      REQUIRE(rig.bench.arrive(frame) == Reception::delivered);
      arrived.push_back(std::move(frame));
    }
    rig.kernel.run();
  }
  CHECK(rig.bench.sent == offered);
  REQUIRE(rig.kernel.received.size() == arrived.size());
  for (std::size_t i = 0; i < arrived.size(); ++i) REQUIRE(rig.kernel.received[i].bytes == arrived[i]);
  CHECK(rig.kernel.transmitted_buffers.size() == offered.size());
  CHECK(rig.kernel.live_mappings() == 64 + 1);
  CHECK(rig.driver.counters().rx_errors == 0);
}

TEST_CASE("without a free descriptor the 8139 drops the frame, counts it and says so") {
  Rig rig;
  rig.open();
  for (unsigned i = 0; i < 64; ++i)
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 100)) == Reception::delivered);
  CHECK(rig.bench.nic->can_receive());  // no flow control in C+ mode
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 64, 100)) == Reception::dropped);
  CHECK(rig.reg(MPC) == 1);
  CHECK((rig.reg(ISR, 2) & kIntRdu) != 0);
  rig.kernel.run();
  CHECK(rig.kernel.received.size() == 64);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 65, 100)) == Reception::delivered);
  rig.kernel.run();
  CHECK(rig.kernel.received.back().bytes == test::numbered_frame(kMac, 65, 100));
  CHECK((rig.reg(ISR, 2) & kIntRdu) == 0);
  rig.set(MPC, 4, 0x1234);  // any write clears
  CHECK(rig.reg(MPC) == 0);
}

TEST_CASE("a full 8139 ring refuses frames and wakes the queue once there is room") {
  Rig rig;
  rig.open();
  rig.set(CPCR, 2, kCpRxEnable);  // the transmitter does not run
  unsigned accepted = 0;
  while (rig.transmit(test::numbered_frame(kPeer, accepted, 64))) ++accepted;
  CHECK(accepted == 63 - 18);
  CHECK(rig.bench.sent.empty());
  rig.set(CPCR, 2, kCpRxEnable | kCpTxEnable);
  rig.set(TPPOLL, 1, kPollNormal);
  CHECK(rig.bench.sent.size() == accepted);
  rig.kernel.run();
  CHECK(rig.kernel.woken == std::vector<unsigned>{0});
  CHECK(rig.transmit(test::numbered_frame(kPeer, 0, 64)));
}

TEST_CASE("a frame larger than the 8139's buffer is dropped") {
  Rig rig;
  rig.open();
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 0, 1532)) == Reception::delivered);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 0, 1533)) == Reception::dropped);
}

TEST_CASE("the 8139 filters by address, broadcast and multicast hash") {
  Rig rig;
  rig.open();
  const auto offer = [&](const MacAddress& to) { return rig.bench.arrive(test::numbered_frame(to, 0, 64)); };
  CHECK(offer(kMac) == Reception::delivered);
  CHECK(offer(kPeer) == Reception::filtered);
  CHECK(offer({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) == Reception::delivered);
  const MacAddress group{0x01, 0x00, 0x5e, 0x00, 0x00, 0x01};
  CHECK(offer(group) == Reception::filtered);
  // The all-hosts group has the well-known hash bit 31 under Ethernet's CRC, upper six bits.
  CHECK(multicast_crc(group) >> 26 == 31);
  rig.set(MAR0, 4, 1u << 31);
  rig.set(RCR, 4, kRcrApm | kRcrAm);
  CHECK(offer(group) == Reception::delivered);
  CHECK(offer({0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) == Reception::filtered);
  rig.set(RCR, 4, kRcrAap);
  CHECK(offer(kPeer) == Reception::delivered);
  rig.set(CR, 1, kCrTe);
  CHECK(offer(kMac) == Reception::filtered);  // the receiver is off
}

TEST_CASE("the 8139's locked registers change only while 9346CR allows it") {
  Rig rig;
  const std::uint32_t config1 = rig.reg(CONFIG1, 1);
  rig.set(CONFIG1, 1, 0x20);
  CHECK(rig.reg(CONFIG1, 1) == config1);
  rig.set(BMCR, 2, 0x0100);
  CHECK(rig.reg(BMCR, 2) == 0x1000);
  rig.set(CR9346, 1, 0xc0);
  rig.set(CONFIG1, 1, 0x20);
  CHECK(rig.reg(CONFIG1, 1) == (0x20u | (config1 & ~0xf1u)));
  rig.set(BMCR, 2, 0x1200);  // restart clears itself and reports the link
  CHECK(rig.reg(BMCR, 2) == 0x1000);
  CHECK((rig.reg(ISR, 2) & kIntLinkChange) != 0);
  rig.set(IDR0, 4, 0xdeadbeef);
  rig.set(CR9346, 1, 0x40);  // auto-load
  CHECK(rig.reg(IDR0) == 0x12005452);
  CHECK(rig.reg(CR9346, 1) == 0);
}

TEST_CASE("the 8139's interrupt is a level that only acknowledging or masking lowers") {
  Rig rig;
  rig.open();
  REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, 0, 64)) == Reception::delivered);
  CHECK(rig.bench.irq);
  CHECK(rig.reg(ISR, 2) == kIntRok);
  CHECK(rig.bench.irq);  // reading does not acknowledge
  rig.set(IMR, 2, 0);
  CHECK_FALSE(rig.bench.irq);
  rig.set(IMR, 2, kIntRok);
  CHECK(rig.bench.irq);
  rig.set(ISR, 2, kIntRok);
  CHECK_FALSE(rig.bench.irq);
}

TEST_CASE("the 8139 gathers fragments, drops a frame without an end and refuses large sends") {
  Rig rig;
  rig.open();
  const auto bytes = test::numbered_frame(kPeer, 9, 300);
  std::memcpy(rig.kernel.cpu().memory.data() + 0x2000, bytes.data(), bytes.size());
  rig.store_descriptor(0x1000, kOwn | kFs | 50, 0x2000);  // never ends
  rig.store_descriptor(0x1010, kOwn | kFs | 100, 0x2000);
  rig.store_descriptor(0x1020, kOwn | kLs | 200, 0x2064);
  rig.store_descriptor(0x1030, kOwn | kFs | kLs | kTxLargeSend | 200, 0x2000);
  rig.store_descriptor(0x1040, kOwn | kFs | kLs | kEor | 0, 0x2000);  // empty; then back to the first, not owned
  rig.set(TNPDS, 4, 0x1000);
  rig.set(TPPOLL, 1, kPollNormal);
  CHECK(rig.bench.sent == std::vector<std::vector<std::uint8_t>>{bytes});
  CHECK(rig.bench.discarded == 1);
  for (std::uint64_t at = 0x1000; at <= 0x1040; at += 16) CHECK((rig.command(at) & kOwn) == 0);
  rig.set(DTCCR, 4, 0x3000 | kDumpTally);
  std::uint64_t tx_ok, tx_error;
  std::memcpy(&tx_ok, rig.kernel.cpu().memory.data() + 0x3000, 8);
  std::memcpy(&tx_error, rig.kernel.cpu().memory.data() + 0x3010, 8);
  CHECK(tx_ok == 1);
  CHECK(tx_error == 2);
  CHECK((rig.reg(DTCCR) & kDumpTally) == 0);
}

TEST_CASE("a ring in no memory, or one that never ends, does the 8139 no harm") {
  Rig rig;
  rig.open();
  rig.set(TNPDS + 4, 4, 0xff);
  rig.set(TPPOLL, 1, kPollNormal);
  CHECK(rig.bench.sent.empty());
  rig.set(TNPDS + 4, 4, 0);
  rig.set(CR, 1, kCrRe | kCrTe);
  for (unsigned i = 0; i < 64; ++i) rig.store_descriptor(0x1000 + 16 * i, kOwn | kFs | kLs | 60, 0x4000);
  rig.set(TNPDS, 4, 0x1000);
  rig.set(TPPOLL, 1, kPollNormal);
  CHECK(rig.bench.sent.size() == 64);
  rig.set(RDSAR + 4, 4, 0xff);
  CHECK(rig.bench.arrive(test::numbered_frame(kMac, 0, 64)) == Reception::dropped);
}

TEST_CASE("the high-priority ring of the 8139 has its own poll bit") {
  Rig rig;
  rig.open();
  rig.store_descriptor(0x1000, kOwn | kFs | kLs | kEor | 60, 0x2000);
  rig.set(THPDS, 4, 0x1000);
  rig.set(TPPOLL, 1, kPollNormal);
  CHECK(rig.bench.sent.empty());
  rig.set(TPPOLL, 1, kPollHigh);
  CHECK(rig.bench.sent.size() == 1);
}

TEST_CASE("the 8139 driver starts again with frames in flight") {
  Rig rig;
  rig.open();
  rig.set(CPCR, 2, kCpRxEnable);
  while (rig.transmit(test::numbered_frame(kPeer, 0, 64))) {}
  for (unsigned i = 0; i < 10; ++i)
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
  rig.driver.restart();
  rig.kernel.run();
  CHECK(rig.kernel.transmitted_buffers.size() == 45);
  CHECK(rig.kernel.woken == std::vector<unsigned>{0});
  CHECK(rig.kernel.live_mappings() == 64 + 1);
  const auto there = test::numbered_frame(kPeer, 77, 640), back = test::numbered_frame(kMac, 78, 641);
  REQUIRE(rig.transmit(there));
  REQUIRE(rig.bench.arrive(back) == Reception::delivered);
  rig.kernel.run();
  CHECK(rig.bench.sent.back() == there);
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.kernel.received[0].bytes == back);
}

TEST_CASE("frames the 8139 marks bad never reach the stack") {
  Rig rig;
  rig.open();
  const std::uint64_t ring = rig.reg(RDSAR);
  for (unsigned i = 0; i < 3; ++i)
    REQUIRE(rig.bench.arrive(test::numbered_frame(kMac, i, 64)) == Reception::delivered);
  auto* memory = rig.kernel.cpu().memory.data();
  memory[ring + 2] |= 0x10;            // error summary
  memory[ring + 16 + 3] &= 0xcf;       // neither first nor last
  rig.kernel.run();
  REQUIRE(rig.kernel.received.size() == 1);
  CHECK(rig.driver.counters().rx_errors == 2);
  CHECK(rig.kernel.live_mappings() == 64 + 1);
}

TEST_CASE("the 93C46 writes, erases and protects its words") {
  Rig rig;
  const auto command = [&](unsigned bits, unsigned count, unsigned data = 0, unsigned data_bits = 0) {
    const auto shift = [&](unsigned value, unsigned n) {
      for (unsigned i = n; i-- > 0;) {
        const std::uint32_t lines = 0x80 | kEecs | ((value >> i) & 1 ? kEedi : 0u);
        rig.set(CR9346, 1, lines);
        rig.set(CR9346, 1, lines | kEesk);
      }
    };
    rig.set(CR9346, 1, 0x80 | kEecs);
    shift(bits, count);
    shift(data, data_bits);
    unsigned value = 0;
    for (unsigned i = 0; i < 16; ++i) {
      rig.set(CR9346, 1, 0x80 | kEecs);
      rig.set(CR9346, 1, 0x80 | kEecs | kEesk);
      value = value << 1 | (rig.reg(CR9346, 1) & kEedo);
    }
    rig.set(CR9346, 1, 0x80);
    return value;
  };
  const auto word = [&](unsigned n) { return command(6u << 6 | n, 9); };
  CHECK(word(0) == kEepromId);
  command(5u << 6 | 9, 9, 0xabcd, 16);  // protected
  CHECK(word(9) == 0x5734);
  command(4u << 6 | 0x30, 9);  // EWEN
  command(5u << 6 | 9, 9, 0xabcd, 16);
  CHECK(word(9) == 0xabcd);
  command(7u << 6 | 9, 9);
  CHECK(word(9) == 0xffff);
  command(4u << 6 | 0x10, 9, 0x1357, 16);  // WRAL
  CHECK(word(0) == 0x1357);
  command(4u << 6 | 0x20, 9);  // ERAL
  CHECK(word(63) == 0xffff);
  command(4u << 6 | 0x00, 9);  // EWDS
  command(5u << 6 | 9, 9, 0x1111, 16);
  CHECK(word(9) == 0xffff);
}
