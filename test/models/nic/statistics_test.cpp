// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the counters count (8.18): the port's, cleared by a read; a VF's, which stay, and which the PF sees too.

#include <vector>

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;
using namespace iovirt::nic::igb;

namespace {

constexpr std::uint64_t kPeer = 0x02'aa'00'00'00'01, kBroadcast = 0xffff'ffff'ffff, kGroup = 0x01'00'5e'00'00'7b;
constexpr std::uint32_t kFcs = 4;

/// Three pools of which the first two are VFs', with the switch between them.
struct Pools {
  Pools() {
    bench.core.set_vfs(2);
    bench.open_pools(3);
    bench.core.write(DTXSWC, kDtxswcLoopbackEnable);
    bench.core.write(VFRE, 3);
    bench.core.write(VFTE, 3);
    bench.core.write(VMOLR(1), bench.core.read(VMOLR(1)) | kVmolrMpe);
  }
  NicBench bench;
};

}  // namespace

TEST_CASE("the port's counters tell good frames, groups and octets apart, and a read clears them") {
  Pools pools;
  NicBench& bench = pools.bench;
  RxDriver rx0(bench, 0), rx1(bench, 1), rx2(bench, 2);
  TxDriver tx(bench, 1);
  for (RxDriver* rx : {&rx0, &rx1, &rx2}) rx->refill(16);
  bench.receive(frame_bytes(kMac0 + 1, kPeer, 100));
  bench.receive(frame_bytes(kGroup, kPeer, 200));
  bench.receive(frame_bytes(kBroadcast, kPeer, 300));
  bench.receive(frame_bytes(kPeer, kPeer, 400));  // for nobody: not a good frame, but one that came
  tx.send(frame_bytes(kPeer, kMac0 + 1, 500));
  tx.send(frame_bytes(kGroup, kMac0 + 1, 600));
  tx.send(frame_bytes(kBroadcast, kMac0 + 1, 700));
  bench.settle();
  const struct {
    std::uint32_t offset, value;
  } expected[] = {{GPRC, 3},  {MPRC, 1},  {BPRC, 1},  {GORCL, 600 + 3 * kFcs},   {GORCH, 0}, {TPR, 4}, {TORL, 1000 + 4 * kFcs}, {TORH, 0},
                  {GPTC, 3},  {MPTC, 1},  {BPTC, 1},  {GOTCL, 1800 + 3 * kFcs},  {GOTCH, 0}, {TPT, 3}, {TOTL, 1800 + 3 * kFcs}, {TOTH, 0},
                  {RNBC, 0},  {RUC, 0},   {ROC, 0},   {MPC, 0}};
  for (const auto& [offset, value] : expected) {
    INFO("offset " << std::hex << offset);
    CHECK(bench.core.read(offset) == value);
  }
  for (const auto& [offset, value] : expected) {
    INFO("offset " << std::hex << offset << ", again");
    CHECK(bench.core.read(offset) == 0);
  }
}

TEST_CASE("a VF's counters stay when read, and the PF reads the same") {
  Pools pools;
  NicBench& bench = pools.bench;
  RxDriver rx0(bench, 0), rx1(bench, 1);
  TxDriver tx0(bench, 0), tx1(bench, 1);
  rx0.refill(16);
  rx1.refill(16);
  bench.receive(frame_bytes(kMac0 + 1, kPeer, 100));
  bench.receive(frame_bytes(kGroup, kPeer, 200));
  tx1.send(frame_bytes(kMac0, kMac0 + 1, 300));  // stays in the device
  tx1.send(frame_bytes(kPeer, kMac0 + 1, 400));
  tx0.send(frame_bytes(kMac0 + 1, kMac0, 500));
  bench.settle();
  const struct {
    std::uint32_t vf_offset, pf_offset, value;
  } expected[] = {{VFGPRC, PVFGPRC, 3},     {VFGORC, PVFGORC, 800 + 3 * kFcs}, {VFMPRC, PVFMPRC, 1},
                  {VFGPTC, PVFGPTC, 2},     {VFGOTC, PVFGOTC, 700 + 2 * kFcs}, {VFGPRLBC, PVFGPRLBC, 1},
                  {VFGORLBC, PVFGORLBC, 500 + kFcs}, {VFGPTLBC, PVFGPTLBC, 1}, {VFGOTLBC, PVFGOTLBC, 300 + kFcs}};
  for (unsigned again = 0; again < 2; ++again)
    for (const auto& [vf_offset, pf_offset, value] : expected) {
      INFO("VF offset " << std::hex << vf_offset);
      CHECK(bench.core.vf_read(1, vf_offset) == value);
      CHECK(bench.core.read(PVTCTRL0 + 0x100 + pf_offset) == value);
    }
}

TEST_CASE("frames that are no frames are counted as undersize or oversize, and reported as dropped") {
  NicBench bench;
  bench.open();
  RxDriver rx(bench, 0);
  rx.refill(32);
  bench.receive(std::vector<std::uint8_t>(10), 7);
  bench.receive(frame_bytes(kBroadcast, kPeer, 9729), 8);
  bench.settle();
  CHECK(bench.core.read(RUC) == 1);
  CHECK(bench.core.read(ROC) == 1);
  CHECK(bench.core.read(GPRC) == 0);
  CHECK(bench.drops == std::vector<std::pair<PacketId, Drop>>{{7, Drop::filtered}, {8, Drop::oversize}});
  CHECK(rx.poll().empty());
}

TEST_CASE("a reset drops what waits for descriptors, and says of which packets") {
  NicBench bench;
  bench.open();
  RxDriver rx(bench, 0);  // without a single buffer
  bench.receive(frame_bytes(kBroadcast, kPeer, 100), 1);
  bench.receive(frame_bytes(kBroadcast, kPeer, 100), 2);
  bench.settle();
  REQUIRE(bench.core.rx_fifo_bytes() == 200);
  CHECK(bench.drops.empty());
  bench.core.write(CTRL, kCtrlRst);
  bench.settle();
  CHECK(bench.core.rx_fifo_bytes() == 0);
  CHECK(bench.drops == std::vector<std::pair<PacketId, Drop>>{{1, Drop::reset}, {2, Drop::reset}});
}

TEST_CASE("the PF reaches a VF's interrupt registers through its own window, and no other offset there does anything") {
  Pools pools;
  auto& core = pools.bench.core;
  const std::uint32_t window = PVTCTRL0 + 0x100;
  core.vf_write(1, VTEIAC, 5);
  core.vf_write(1, VTEIAM, 3);
  core.vf_write(1, VTEIMS, 6);
  core.vf_write(1, VF_VTIVAR, 0x8180);
  core.vf_write(1, VF_VTIVAR_MISC, 0x82);
  CHECK(core.read(window + PVTEIAC) == 5);
  CHECK(core.read(window + PVTEIAM) == 3);
  CHECK(core.read(window + PVTEIMS) == 6);
  CHECK(core.vf_read(1, VF_VTIVAR) == 0x8180);
  CHECK(core.vf_read(1, VF_VTIVAR_MISC) == 0x82);
  core.write(window + PVTEIMC, 2);
  CHECK(core.vf_read(1, VTEIMS) == 4);
  core.write(window + PVTEICS, 1);
  CHECK(core.read(window + PVTEICR) == 1);
  core.vf_write(1, VTEICR, 1);
  CHECK(core.vf_read(1, VTEICR) == 0);
  for (const std::uint32_t write_only : {VTEICS, VTEIMC}) CHECK(core.vf_read(1, write_only) == 0);
  CHECK(core.read(window + PVTEIAC - 0x100) == 0);  // VF 0's
  core.write(window + 0x60, ~0u);
  CHECK(core.read(window + 0x60) == 0);
}
