// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Causes, masks, automatic masking, and moderation against the clock.

#include <bit>

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;
using namespace iovirt::nic::igb;

namespace {

constexpr std::uint64_t kOwn = 0x02'1b'21'00'00'01, kPeer = 0x02'aa'00'00'00'01;

struct Moderated {
  explicit Moderated(std::uint32_t wthresh = 0) : bench(config()), rx(bench, 0, 256, wthresh << 16) {
    bench.open();
    bench.core.write(GPIE, kGpieMultipleMsix | kGpieEiame | kGpiePba | kGpieNsicr);
    bench.core.write(IVAR(0), 0x81);  // Rx0 > vector 1
    bench.core.write(IVAR_MISC, 0x8000);
    bench.core.write(EIAC, 3);
    bench.core.write(EIAM, 3);
    bench.core.write(EIMS, 3);
    rx.refill(200);
    bench.settle();
  }
  static Config config() {
    Config c;
    c.itr_unit_ns = 1000;
    return c;
  }
  NicBench bench;
  RxDriver rx;
};

}  // namespace

TEST_CASE("every interrupt cause can be set, masked and announced alone") {
  // igb's offline test: for each bit that may be enabled, masked it stays silent, enabled it interrupts, and setting
  // all others while only they are masked stays silent.
  for (unsigned i = 0; i < 31; ++i) {
    const std::uint32_t bit = 1u << i;
    if ((kIcrMask & bit) == 0) continue;
    NicBench bench;
    INFO("bit " << i);
    bench.core.write(IMC, ~0u);
    bench.core.read(ICR);
    bench.core.write(ICS, bit);
    CHECK(bench.interrupts.empty());
    CHECK((bench.core.read(ICR) & kIcrMask) == bit);
    CHECK(bench.core.read(ICR) == 0);

    bench.core.write(IMS, bit);
    CHECK(bench.core.read(IMS) == bit);
    bench.core.write(ICS, bit);
    CHECK(bench.interrupts.size() == 1);
    CHECK(bench.core.read(ICR) == (bit | kIcrInta));
    CHECK(bench.core.read(ICR) == 0);

    bench.core.write(ICS, ~bit & kIcrMask);
    CHECK(bench.interrupts.size() == 1);
    CHECK((bench.core.read(ICR) & bit) == 0);
  }
}

TEST_CASE("the interrupt registers read what was written, and those that set or clear others read as 0") {
  NicBench bench;
  auto& core = bench.core;
  core.write(GPIE, kGpieMultipleMsix | kGpieEiame);
  core.write(IAM, 0x15);
  core.write(EIAC, 0x1ff'ffff);
  core.write(EIAM, 0x2a);
  core.write(IVAR_MISC, 0x8281);
  CHECK(core.read(GPIE) == (kGpieMultipleMsix | kGpieEiame));
  CHECK(core.read(IAM) == 0x15);
  CHECK(core.read(EIAC) == 0x1ff'ffff);
  CHECK(core.read(EIAM) == 0x2a);
  CHECK(core.read(IVAR_MISC) == 0x8281);
  core.write(EIMS, 6);
  core.write(EIMC, 2);
  CHECK(core.read(EIMS) == 4);
  core.write(ICS, kIcrLsc);
  core.write(ICR, kIcrLsc);  // write 1 to clear
  CHECK(core.read(ICR) == 0);
  for (const std::uint32_t offset : {ICS, IMC, EICS, EIMC}) CHECK(core.read(offset) == 0);
}

TEST_CASE("without MSI-X one interrupt serves all causes, kept apart by EITR 0 and masked by IAM when ICR is read") {
  Config config;
  config.itr_unit_ns = 1000;
  NicBench bench(config);
  auto& core = bench.core;
  core.write(EITR(0), EitrInterval::of(10));
  core.write(IAM, kIcrLsc | kIcrRxMiss);
  core.write(IMS, kIcrLsc | kIcrRxMiss);
  core.write(ICS, kIcrLsc);
  REQUIRE(bench.interrupts.size() == 1);
  CHECK(core.read(ICR) == (kIcrLsc | kIcrInta));
  CHECK(core.read(IMS) == 0);
  core.write(IMS, kIcrRxMiss);
  core.write(ICS, kIcrRxMiss);
  CHECK(bench.interrupts.size() == 1);
  bench.settle();
  REQUIRE(bench.interrupts.size() == 2);
  CHECK(bench.interrupts[1].at - bench.interrupts[0].at == 10 * kPsPerUs);
  CHECK(core.read(ICR) == (kIcrRxMiss | kIcrInta));
}

TEST_CASE("a cause from before its mask was lifted interrupts when it is lifted") {
  NicBench bench;
  bench.core.write(ICS, kIcrLsc);
  CHECK(bench.interrupts.empty());
  bench.core.write(IMS, kIcrLsc);
  CHECK(bench.interrupts.size() == 1);
}

TEST_CASE("with MSI-X a queue's cause goes to the vector of its IVAR byte") {
  for (unsigned queue = 0; queue < kQueues; ++queue) {
    NicBench bench;
    bench.open();
    bench.core.write(GPIE, kGpieMultipleMsix);
    const unsigned vector = 1 + queue % 9;
    bench.core.write(IVAR(queue), (0x80u | vector) << (8 * ivar_byte(queue, true)));
    bench.core.write(EIMS, kEicrVectors);
    TxDriver tx(bench, queue);
    tx.send(frame_bytes(kPeer, kOwn, 64));
    bench.settle();
    INFO("queue " << queue);
    REQUIRE(bench.interrupts.size() == 1);
    CHECK(bench.interrupts[0].vector == vector);
    CHECK(bench.interrupts[0].function == 0);
    CHECK(bench.core.read(EICR) == 1u << vector);
    bench.core.write(EICR, 1u << vector);
    CHECK(bench.core.read(EICR) == 0);
  }
}

TEST_CASE("EIAC clears and EIAM masks when the message is sent, and EIMS announces what came meanwhile") {
  Moderated m;
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.settle();
  REQUIRE(m.bench.interrupts.size() == 1);
  CHECK(m.bench.core.read(EICR) == 0);
  CHECK(m.bench.core.read(EIMS) == 1);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.settle();
  CHECK(m.bench.interrupts.size() == 1);
  CHECK(m.bench.core.read(EICR) == 2);
  m.bench.core.write(EIMS, 2);
  CHECK(m.bench.interrupts.size() == 2);
  m.bench.core.write(EIMS, 2);  // nothing new
  CHECK(m.bench.interrupts.size() == 2);
}

TEST_CASE("EITR keeps interrupts of a vector apart, to the picosecond, and delays none that is late enough") {
  Moderated m;
  m.bench.core.write(EITR(1), 100 << 2);
  const auto arrive = [&] { m.bench.receive(frame_bytes(kOwn, kPeer, 64)); };
  const Ps start = m.bench.now();
  arrive();
  m.bench.run(start + 10 * kPsPerUs);
  REQUIRE(m.bench.interrupts.size() == 1);
  const Ps first = m.bench.interrupts[0].at;
  m.bench.core.write(EIMS, 2);
  for (int i = 0; i < 5; ++i) arrive();
  m.bench.run(first + 100 * kPsPerUs - 1);
  CHECK(m.bench.interrupts.size() == 1);
  m.bench.settle();
  REQUIRE(m.bench.interrupts.size() == 2);
  CHECK(m.bench.interrupts[1].at == first + 100 * kPsPerUs);
  m.bench.core.write(EIMS, 2);
  m.bench.run_for(150 * kPsPerUs);
  const Ps late = m.bench.now();
  arrive();
  m.bench.settle();
  REQUIRE(m.bench.interrupts.size() == 3);
  CHECK(m.bench.interrupts[2].at < late + 5 * kPsPerUs);
}

TEST_CASE("writing EITR with CNT_IGNR leaves the running interval alone, without it sets the counter") {
  Moderated m;
  m.bench.core.write(EITR(1), 100 << 2);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.run_for(10 * kPsPerUs);
  REQUIRE(m.bench.interrupts.size() == 1);
  const Ps first = m.bench.interrupts[0].at;
  m.bench.core.write(EIMS, 2);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  SECTION("ignored") {
    m.bench.core.write(EITR(1), 10 << 2 | kEitrCountIgnore);
    m.bench.settle();
    REQUIRE(m.bench.interrupts.size() == 2);
    CHECK(m.bench.interrupts[1].at == first + 100 * kPsPerUs);
  }
  SECTION("set to zero") {
    m.bench.run_for(10 * kPsPerUs);
    m.bench.core.write(EITR(1), 10 << 2);
    const Ps now = m.bench.now();
    m.bench.settle();
    REQUIRE(m.bench.interrupts.size() == 2);
    CHECK(m.bench.interrupts[1].at == now);
  }
  CHECK(m.bench.core.read(EITR(1)) == 10 << 2);
}

TEST_CASE("write-backs below WTHRESH wait for the interval and come before the interrupt") {
  Moderated m(8);
  m.bench.core.write(EITR(1), 100 << 2);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.run_for(10 * kPsPerUs);
  CHECK_FALSE(m.rx.poll().empty());  // the vector was idle: nothing to wait for
  const Ps first = m.bench.interrupts.at(0).at;
  m.bench.core.write(EIMS, 2);
  SECTION("seven wait") {
    for (int i = 0; i < 7; ++i) m.bench.receive(frame_bytes(kOwn, kPeer, 64));
    m.bench.run(first + 99 * kPsPerUs);
    CHECK(m.rx.poll().empty());
    m.bench.settle();
    for (int i = 0; i < 7; ++i) CHECK_FALSE(m.rx.poll().empty());
    REQUIRE(m.bench.interrupts.size() == 2);
    CHECK(m.bench.interrupts[1].at == first + 100 * kPsPerUs);
  }
  SECTION("eight do not") {
    for (int i = 0; i < 8; ++i) m.bench.receive(frame_bytes(kOwn, kPeer, 64));
    m.bench.run(first + 50 * kPsPerUs);
    for (int i = 0; i < 8; ++i) CHECK_FALSE(m.rx.poll().empty());
    CHECK(m.bench.interrupts.size() == 1);
  }
}

TEST_CASE("a VF's causes go to its own vectors, bits 22 - 3n on, whatever the PF's GPIE says") {
  NicBench bench;
  bench.core.set_vfs(7);
  bench.open();
  for (unsigned vf = 0; vf < 7; ++vf) {
    bench.interrupts.clear();
    bench.core.vf_write(vf, VF_VTIVAR, 0x8281);  // Rx0 > 1, Tx0 > 2
    bench.core.vf_write(vf, VTEIAC, 7);
    bench.core.vf_write(vf, VTEIAM, 7);
    bench.core.vf_write(vf, VTEIMS, 7);
    CHECK(bench.core.read(EIMS) >> vf_vector_bit(vf, 0) == 7);
    TxDriver tx(bench, vf);
    tx.send(frame_bytes(kPeer, kOwn, 64));
    bench.settle();
    REQUIRE(bench.interrupts.size() == 1);
    CHECK(bench.interrupts[0].function == vf + 1);
    CHECK(bench.interrupts[0].vector == 2);
    CHECK(bench.core.vf_read(vf, VTEIMS) == 3);
    CHECK(bench.core.read(PVTCTRL0 + 0x100 * vf + PVTEIMS) == 3);
    bench.core.vf_write(vf, VTEICS, 1);
    CHECK(bench.interrupts.size() == 2);
    bench.core.vf_write(vf, VTEIMC, 7);
    CHECK(bench.core.read(EIMS) == 0);
  }
  CHECK((bench.functions_seen & ~1u) == 0xfe);
}

TEST_CASE("no moderation timer outlives a reset to interrupt") {
  Moderated m;
  m.bench.core.write(EITR(1), 100 << 2);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.run_for(10 * kPsPerUs);
  m.bench.core.write(EIMS, 2);
  m.bench.receive(frame_bytes(kOwn, kPeer, 64));
  m.bench.run_for(10 * kPsPerUs);
  m.bench.core.write(CTRL, kCtrlRst);
  m.bench.settle();
  CHECK(m.bench.interrupts.size() == 1);
}
