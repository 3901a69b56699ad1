// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The register file as an unmodified igb meets it: what it probes, and what its offline self-test tries.

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;
using namespace iovirt::nic::igb;

namespace {

std::uint16_t read_nvm(Core& core, unsigned word) {
  core.write(EERD, static_cast<std::uint32_t>(EerdAddress::of(word)) | kEerdStart);
  const std::uint32_t value = core.read(EERD);
  CHECK((value & kEerdDone) != 0);
  return static_cast<std::uint16_t>(EerdData::get(value));
}

std::uint16_t read_phy(Core& core, unsigned reg) {
  core.write(MDIC, static_cast<std::uint32_t>(MdicRegister::of(reg) | MdicPhy::of(1) | MdicOp::of(2)));
  const std::uint32_t value = core.read(MDIC);
  CHECK((value & (kMdicReady | kMdicError)) == kMdicReady);
  return static_cast<std::uint16_t>(MdicData::get(value));
}

}  // namespace

TEST_CASE("the NVM's words add up to BABA and hold the address") {
  Config config;
  config.mac = 0x02'11'22'33'44'54;
  NicBench bench(config);
  std::uint16_t sum = 0;
  for (unsigned i = 0; i < kNvmWords; ++i) sum = static_cast<std::uint16_t>(sum + read_nvm(bench.core, i));
  CHECK(sum == kNvmSum);
  CHECK(read_nvm(bench.core, 0) == 0x1102);
  CHECK(read_nvm(bench.core, 2) == 0x5444);
  CHECK(bench.core.read(RAL(0)) == 0x3322'1102);
  CHECK(bench.core.read(RAH(0)) == (0x5444u | kRahValid));
}

TEST_CASE("EECD says that the NVM is there, read, small, and grants what is asked for") {
  NicBench bench;
  const auto eecd = bench.core.read(EECD);
  CHECK((eecd & kEecdPres) != 0);
  CHECK((eecd & kEecdAutoRd) != 0);
  CHECK((eecd & kEecdGnt) == 0);
  CHECK(EecdSize::get(eecd) < 9);
  bench.core.write(EECD, eecd | kEecdReq);
  CHECK((bench.core.read(EECD) & kEecdGnt) != 0);
}

TEST_CASE("the PHY answers at address 1 as an IGP3 with a gigabit link") {
  NicBench bench;
  CHECK(read_phy(bench.core, 2) == 0x02a8);
  CHECK(read_phy(bench.core, 3) == 0x0391);
  CHECK((read_phy(bench.core, 1) & 0x24) == 0x24);
  bench.core.write(MDIC, static_cast<std::uint32_t>(MdicPhy::of(2) | MdicOp::of(2)));
  CHECK((bench.core.read(MDIC) & kMdicError) != 0);
}

TEST_CASE("the software semaphore belongs to the first who reads it as free") {
  NicBench bench;
  CHECK((bench.core.read(SWSM) & kSwsmSmbi) == 0);
  CHECK((bench.core.read(SWSM) & kSwsmSmbi) != 0);
  bench.core.write(SWSM, 0);
  CHECK((bench.core.read(SWSM) & kSwsmSmbi) == 0);
  bench.core.write(SWSM, bench.core.read(SWSM) | kSwsmSwesmbi);
  CHECK((bench.core.read(SWSM) & kSwsmSwesmbi) != 0);
  CHECK(bench.core.read(SW_FW_SYNC) >> 16 == 0);
}

TEST_CASE("reset values are those a driver expects") {
  NicBench bench;
  CHECK(bench.core.read(CTRL) == 0x0010'0209);
  CHECK((bench.core.read(STATUS) & ~(kStatusLu | kStatusPfRstDone)) == 0x8008'0481);
  CHECK(bench.core.read(EECD) == 0x1300);
  CHECK(bench.core.read(VMOLR(0)) == 0x8000'2600);
  CHECK(bench.core.read(V2PMAILBOX0) == 0x40);
  CHECK((bench.core.read(EEMNGCTL) & kEemngctlCfgDone0) != 0);
  CHECK((bench.core.read(CTRL_EXT) >> 22 & 3) == 0);
  CHECK(bench.core.read(MANC) == 0);
  CHECK(bench.core.read(0x1fffc) == 0);
}

TEST_CASE("CTRL.RST clears itself and everything else, GIO master disable shows in STATUS, the link comes back") {
  Config config;
  config.link_up_ns = 1000;
  NicBench bench(config);
  bench.core.write(VT_CTL, 0x380);
  bench.core.write(RAL(3), 5);
  bench.core.write(MTA0, 5);
  bench.core.write(CTRL, bench.core.read(CTRL) | kCtrlGioMasterDisable);
  CHECK((bench.core.read(STATUS) & kStatusGioMasterEnable) == 0);
  bench.core.write(CTRL, bench.core.read(CTRL) | kCtrlRst);
  CHECK(bench.core.read(CTRL) == 0x0010'0209);
  CHECK(bench.core.read(VT_CTL) == 0);
  CHECK(bench.core.read(RAL(3)) == 0);
  CHECK(bench.core.read(MTA0) == 0);
  CHECK((bench.core.read(STATUS) & kStatusLu) == 0);
  bench.settle();
  CHECK((bench.core.read(STATUS) & kStatusLu) != 0);
  CHECK((bench.core.read(ICR) & kIcrLsc) != 0);
}

TEST_CASE("register patterns of igb's offline test hold") {
  NicBench bench;
  struct Row {
    std::uint32_t reg, stride;
    unsigned count;
    std::uint32_t mask, write;
  };
  const Row rows[] = {
      {FCAL, 0x100, 1, 0xffff'ffff, 0xffff'ffff}, {FCAH, 0x100, 1, 0x0000'ffff, 0xffff'ffff},
      {FCT, 0x100, 1, 0x0000'ffff, 0xffff'ffff},  {VET, 0x100, 1, 0xffff'ffff, 0xffff'ffff},
      {0x2800 + RDBAL, 0x100, 4, 0xffff'ff80, 0xffff'ffff}, {0x2800 + RDBAH, 0x100, 4, 0xffff'ffff, 0xffff'ffff},
      {0x2800 + RDLEN, 0x100, 4, 0x000f'ff80, 0x000f'ffff}, {0xc100 + RDBAL, 0x40, 12, 0xffff'ff80, 0xffff'ffff},
      {0xc100 + RDBAH, 0x40, 12, 0xffff'ffff, 0xffff'ffff}, {0xc100 + RDLEN, 0x40, 12, 0x000f'ff80, 0x000f'ffff},
      {0x2800 + RDT, 0x100, 4, 0x0000'ffff, 0x0000'ffff},   {0xc100 + RDT, 0x40, 12, 0x0000'ffff, 0x0000'ffff},
      {FCRTH0, 0x100, 1, 0x0000'fff0, 0x0000'fff0}, {FCTTV, 0x100, 1, 0x0000'ffff, 0x0000'ffff},
      {TIPG, 0x100, 1, 0x3fff'ffff, 0x3fff'ffff}, {0x3800 + TDBAL, 0x100, 4, 0xffff'ff80, 0xffff'ffff},
      {0x3800 + TDBAH, 0x100, 4, 0xffff'ffff, 0xffff'ffff}, {0x3800 + TDLEN, 0x100, 4, 0x000f'ff80, 0x000f'ffff},
      {0xe100 + TDBAL, 0x40, 12, 0xffff'ff80, 0xffff'ffff}, {0xe100 + TDLEN, 0x40, 12, 0x000f'ff80, 0x000f'ffff},
      {RAL0, 8, 16, 0xffff'ffff, 0xffff'ffff}, {RAH0, 8, 16, 0x83fc'ffff, 0xffff'ffff}, {RAL16, 8, 8, 0xffff'ffff, 0xffff'ffff},
      {RAH16, 8, 8, 0x83fc'ffff, 0xffff'ffff}, {MTA0, 4, 128, 0xffff'ffff, 0xffff'ffff}};
  for (const Row& row : rows)
    for (unsigned i = 0; i < row.count; ++i)
      for (std::uint32_t pattern : {0x5a5a'5a5au, 0xa5a5'a5a5u, 0u, 0xffff'ffffu}) {
        INFO(std::hex << row.reg << " + " << i);
        bench.core.write(row.reg + i * row.stride, pattern & row.write);
        REQUIRE((bench.core.read(row.reg + i * row.stride) & row.mask) == (pattern & row.write & row.mask));
      }
  for (std::uint32_t write : {0u, 0x003f'fffbu, 0xffff'ffffu}) {
    bench.core.write(RCTL, write & 0x04cf'b0fe);
    CHECK((bench.core.read(RCTL) & 0x04cf'b0fe) == (write & 0x04cf'b0fe));
  }
  const auto status = bench.core.read(STATUS);
  bench.core.write(STATUS, 0x7fff'f3ff);
  CHECK(bench.core.read(STATUS) == status);
}

TEST_CASE("queues 0 to 3 are the same registers at their old and new places") {
  NicBench bench;
  for (unsigned q = 0; q < 4; ++q) {
    bench.core.write(0x2800 + 0x100 * q + RDBAH, 0x1000 + q);
    bench.core.write(0xe000 + 0x40 * q + TDBAH, 0x2000 + q);
    CHECK(bench.core.read(0xc000 + 0x40 * q + RDBAH) == 0x1000 + q);
    CHECK(bench.core.read(0x3800 + 0x100 * q + TDBAH) == 0x2000 + q);
  }
}

TEST_CASE("the PHY in loopback brings a transmitted frame back") {
  NicBench bench;
  bench.open();
  bench.core.write(MDIC, static_cast<std::uint32_t>(MdicPhy::of(1) | MdicOp::of(1) | 0x4140));
  RxDriver rx(bench, 0);
  TxDriver tx(bench, 0);
  rx.refill(8);
  const auto frame = frame_bytes(0x02'1b'21'00'00'01, 0x02'1b'21'00'00'01, 1024);
  tx.send(frame);
  bench.settle();
  CHECK(bench.sent.empty());
  CHECK(rx.poll() == frame);
}

TEST_CASE("a configuration the register map cannot hold is refused") {
  const auto refused = [](auto change) {
    Config config;
    change(config);
    CHECK_THROWS_AS(NicBench(config), std::invalid_argument);
  };
  refused([](Config& c) { c.queues = 17; });
  refused([](Config& c) { c.pools = 9; });
  refused([](Config& c) { c.pools = 4; });  // fewer than VFs
  refused([](Config& c) { c.total_vfs = 9; });
  refused([](Config& c) { c.queues = 4; });
  refused([](Config& c) { c.descriptor_cache = 48; });
  refused([](Config& c) { c.link_speed_mbps = 0; });
  refused([](Config& c) { c.mac = 0x01'00'00'00'00'01; });
  refused([](Config& c) { c.rx_latency_ns = -1; });
  Config small;
  small.queues = small.pools = small.total_vfs = 2;
  NicBench bench(small);
  bench.core.write(rx_ring(2) + RDBAH, 5);
  CHECK(bench.core.read(rx_ring(2) + RDBAH) == 0);
}
