// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The controller on a real PCIe fabric: what software finds, what the bus sees, and where every picosecond goes.

#include "test/support/catch.h"
#include "test/support/nic_bench.h"
#include "test/support/nic_bench_module.h"

using namespace iovirt;
using namespace iovirt::nic::igb;
using test::NicModuleBench;

namespace {

constexpr std::uint64_t kOwn = 0x02'1b'21'00'00'01, kPeer = 0x02'aa'00'00'00'01;
constexpr std::uint64_t kRxRing = 0x1'0000, kTxRing = 0x2'0000, kBuffers = 0x10'0000, kTxBuffers = 0x80'0000;

void open_pf(NicModuleBench& bench) {
  bench.plug();
  bench.set_msix(0, 1, 0x41);
  bench.set(0, GPIE, kGpieMultipleMsix | kGpieEiame | kGpiePba | kGpieNsicr);
  bench.set(0, IVAR(0), 0x8181);
  bench.set(0, EIAC, 2);
  bench.set(0, EIAM, 2);
  bench.set(0, EIMS, 2);
  bench.set(0, RCTL, kRctlRxEn | kRctlBam);
  bench.set(0, TCTL, kTctlEn);
}

}  // namespace

TEST_CASE("software finds an 82576 with its capabilities and virtual functions where they belong") {
  NicModuleBench bench;
  bench.run([&] {
    bench.plug(7);
    const auto& pf = bench.functions[0];
    REQUIRE(bench.functions.size() == 8);
    CHECK(pf.vendor == 0x8086);
    CHECK(pf.total_vfs == 8);
    CHECK(pf.bars.size() == 2);
    CHECK(bench.device.function(0).config.bar_size(0) == 128 * 1024);
    CHECK(pcie::find_extended_capability(bench.core, pf.bdf, pcie::spec::kExtSriov) == 0x160);
    CHECK(bench.core.read(pf.bdf, 0x160 + 0x14, 2) == 0x80);
    CHECK(bench.core.read(pf.bdf, 0x160 + 0x16, 2) == 2);
    CHECK(bench.core.read(pf.bdf, 0x160 + 0x1a, 2) == 0x10ca);
    for (unsigned vf = 0; vf < 7; ++vf) {
      CHECK(bench.functions[vf + 1].bdf == pf.bdf + 0x80 + 2 * vf);
      bench.set(vf + 1, VF_VMBMEM, 0x1000 + vf);
      CHECK(bench.reg(0, VMBMEM(vf)) == 0x1000 + vf);
    }
    CHECK((bench.reg(0, STATUS) & kStatusIov) != 0);
    CHECK(StatusNumVfs::get(bench.reg(0, STATUS)) == 7);
    bench.enumerator->disable_vfs(pf);
    CHECK((bench.reg(0, STATUS) & kStatusIov) == 0);
  });
}

TEST_CASE("a received packet's time is charged to wire, nic, pcie and memory, and its interrupt follows the descriptor") {
  NicModuleBench bench;
  const auto frame = nic::test::frame_bytes(kOwn, kPeer, 600);
  bool done_before_message = false;
  bench.memory.on_message = [&](const auto&) { done_before_message = (bench.load<std::uint64_t>(kRxRing + 8) & rx_adv::kDd) != 0; };
  bench.run([&] {
    open_pf(bench);
    bench.open_rx(0, rx_ring(0), kRxRing, kBuffers, 64);
    bench.core.sleep(5 * kPsPerUs);
    bench.wire.stream(frame, 1);
    bench.core.sleep(50 * kPsPerUs);
  });
  REQUIRE(bench.memory.messages.size() == 1);
  CHECK(bench.memory.messages[0].data == 0x41);
  CHECK(done_before_message);
  CHECK(std::equal(frame.begin(), frame.end(), bench.memory.bytes.begin() + kBuffers));
  const auto& packet = bench.ledger[bench.wire.offered.at(0)];
  CHECK(bench.ledger.at(kBuffers) == bench.wire.offered[0]);
  CHECK(packet.stages.sum() == packet.last - packet.opened);
  CHECK(packet.stages[Stage::wire] == 612 * 8 * kPsPerNs);
  CHECK(packet.stages[Stage::nic] == 500 * kPsPerNs);
  CHECK(packet.stages[Stage::pcie] > 0);
  CHECK(packet.stages[Stage::memory] > 0);
  CHECK(packet.notice != 0);
  CHECK(packet.last <= bench.memory.messages[0].at);
}

TEST_CASE("a sent packet is known by the memory it lies in, and charged until its last bit") {
  NicModuleBench bench;
  const auto frame = nic::test::frame_bytes(kPeer, kOwn, 1514);
  PacketId id = 0;
  bench.run([&] {
    open_pf(bench);
    bench.open_tx(0, tx_ring(0), kTxRing, 64);
    id = bench.put(kTxRing, 0, kTxBuffers, frame);
    bench.set(0, tx_ring(0) + TDT, 1);
    bench.core.sleep(100 * kPsPerUs);
  });
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].bytes == frame);
  CHECK(bench.wire.sent[0].packet == id);
  const auto& packet = bench.ledger[id];
  CHECK(packet.last == bench.wire.sent[0].last_bit);
  CHECK(packet.stages.sum() == packet.last - packet.opened);
  CHECK(packet.stages[Stage::wire] == 1526 * 8 * kPsPerNs);
  CHECK(packet.stages[Stage::pcie] > 0);
  CHECK(packet.stages[Stage::memory] > 0);
  CHECK(packet.stages[Stage::nic] >= 300 * kPsPerNs);
  CHECK((bench.load<std::uint64_t>(kTxRing + 8) & tx::kDd) != 0);
  CHECK(bench.memory.messages.size() == 1);
}

TEST_CASE("a virtual function's DMA and interrupts carry its own requester id") {
  NicModuleBench bench;
  const auto frame = nic::test::frame_bytes(0x02'00'00'00'00'07, kPeer, 100);
  bench.run([&] {
    bench.plug(7);
    bench.set(0, RCTL, kRctlRxEn);
    bench.set(0, MRQC, kMrqcVmdq);
    bench.set(0, VT_CTL, kVtCtlReplication | kVtCtlDisableDefault);
    bench.set(0, RAL(4), 0x0000'0002);
    bench.set(0, RAH(4), 0x0700 | kRahValid | static_cast<std::uint32_t>(RahPools::of(1 << 3)));
    bench.set_msix(4, 1, 0x77);
    bench.set(4, VF_VTIVAR, 0x81);
    bench.set(4, VTEIMS, 7);
    bench.open_rx(4, vf_rx_ring(0), kRxRing, kBuffers, 64);
    bench.wire.stream(frame, 1);
    bench.core.sleep(50 * kPsPerUs);
    CHECK(bench.reg(4, VFGPRC) == 1);
  });
  const auto id = static_cast<std::uint16_t>(bench.functions[0].bdf + 0x80 + 6);
  CHECK(bench.memory.requesters == std::vector<std::uint16_t>{id});
  REQUIRE(bench.memory.messages.size() == 1);
  CHECK(bench.memory.messages[0].requester == id);
  CHECK(bench.memory.messages[0].data == 0x77);
  CHECK(std::equal(frame.begin(), frame.end(), bench.memory.bytes.begin() + kBuffers));
}

TEST_CASE("a function-level reset of a virtual function stops it and tells the physical one") {
  NicModuleBench bench;
  bench.run([&] {
    bench.plug(2);
    bench.set(2, vf_rx_ring(0) + RDLEN, 4096);
    const auto at = pcie::find_capability(bench.core, bench.functions[2].bdf, pcie::spec::kCapExpress);
    bench.core.write(bench.functions[2].bdf, static_cast<std::uint16_t>(at + 8), 2, 0x8000);
    bench.core.sleep(kPsPerUs);
    CHECK(bench.reg(0, VFLRE) == 2);
    CHECK(bench.reg(0, rx_ring(1) + RDLEN) == 0);
    CHECK((bench.reg(0, ICR) & kIcrVmmb) != 0);
  });
}

TEST_CASE("a virtual function without bus mastering loses its frames and stops nobody") {
  NicModuleBench bench;
  bench.run([&] {
    bench.plug(1);
    bench.core.write(bench.functions[1].bdf, pcie::spec::kCommand, 2, 0);
    bench.set(0, TCTL, kTctlEn);
    bench.open_tx(1, vf_tx_ring(0), kTxRing, 64);
    bench.open_tx(0, tx_ring(1), kTxRing + 0x1000, 64);
    bench.put(kTxRing, 0, kTxBuffers, nic::test::frame_bytes(kPeer, kOwn, 64));
    bench.put(kTxRing + 0x1000, 0, kTxBuffers + 4096, nic::test::frame_bytes(kPeer, kOwn, 65));
    bench.set(1, vf_tx_ring(0) + TDT, 1);
    bench.set(0, tx_ring(1) + TDT, 1);
    bench.core.sleep(50 * kPsPerUs);
  });
  REQUIRE(bench.wire.sent.size() == 1);
  CHECK(bench.wire.sent[0].bytes.size() == 65);
  CHECK(bench.device.statistics().dropped(nic::Drop::dma_error) == 1);
}

TEST_CASE("at line rate with batched write-backs every packet's stages still sum to its time") {
  nic::Config config = NicModuleBench::nic_config();
  config.link_speed_mbps = 10'000;
  NicModuleBench bench(config);
  bench.run([&] {
    open_pf(bench);
    bench.set(0, EITR(1), 20 << 2);
    bench.open_rx(0, rx_ring(0), kRxRing, kBuffers, 1024, 8 | 8 << 8 | 16 << 16);
    bench.wire.stream(nic::test::frame_bytes(kOwn, kPeer, 60), 1000);
    bench.core.sleep(500 * kPsPerUs);
  });
  CHECK(bench.device.statistics().received == 1000);
  REQUIRE(bench.wire.offered.size() == 1000);
  Ps nic = 0;
  for (PacketId id : bench.wire.offered) {
    const auto& packet = bench.ledger[id];
    REQUIRE(packet.stages.sum() == packet.last - packet.opened);
    REQUIRE(packet.stages[Stage::memory] > 0);
    nic += packet.stages[Stage::nic];
  }
  CHECK(nic > 1000 * 500 * kPsPerNs);
  for (unsigned i = 0; i < 1000; ++i) CHECK((bench.load<std::uint64_t>(kRxRing + 16 * i + 8) & rx_adv::kDd) != 0);
}

TEST_CASE("running ahead of the kernel changes nothing") {
  NicModuleBench ahead(NicModuleBench::nic_config(), true, "a_"), plain(NicModuleBench::nic_config(), false, "b_");
  const auto script = [](NicModuleBench& bench) {
    return [&bench] {
      open_pf(bench);
      bench.open_rx(0, rx_ring(0), kRxRing, kBuffers, 256);
      bench.open_tx(0, tx_ring(0), kTxRing, 256);
      bench.wire.stream(nic::test::frame_bytes(kOwn, kPeer, 200), 100);
      for (unsigned i = 0; i < 50; ++i) {
        bench.put(kTxRing, i, kTxBuffers + 2048 * i, nic::test::frame_bytes(kPeer, kOwn, 60 + 20 * i, i));
        bench.set(0, tx_ring(0) + TDT, i + 1);
        bench.set(0, EIMS, 2);
      }
      bench.core.sleep(1000 * kPsPerUs);
    };
  };
  ahead.core.stop_when_done = plain.core.stop_when_done = false;
  plain.core.script = script(plain);
  ahead.run(script(ahead));
  if (plain.core.failure) std::rethrow_exception(plain.core.failure);
  REQUIRE(plain.core.done);
  CHECK(ahead.wire.sent == plain.wire.sent);
  CHECK(ahead.memory.messages == plain.memory.messages);
  REQUIRE(ahead.ledger.count() == plain.ledger.count());
  for (PacketId id = 1; id <= ahead.ledger.count(); ++id) REQUIRE(ahead.ledger[id].stages.ps == plain.ledger[id].stages.ps);
}
