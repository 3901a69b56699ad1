// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Who gets a frame: the filters with and without pools, the switch between pools, and anti-spoof.

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;
using namespace iovirt::nic::igb;

namespace {

constexpr std::uint64_t kPeer = 0x02'aa'00'00'00'01, kBroadcast = 0xffff'ffff'ffff, kGroup = 0x01'00'5e'00'00'7b;

std::uint64_t raw(std::uint64_t mac) {
  std::uint64_t out = 0;
  for (unsigned i = 0; i < 6; ++i) out |= (mac >> (40 - 8 * i) & 0xff) << (8 * i);
  return out;
}

struct Switch {
  Switch() {
    r.mrqc = kMrqcVmdq;
    r.vt_ctl = kVtCtlReplication | kVtCtlDisableDefault;
    for (unsigned i = 0; i < 4; ++i) {
      r.ral[i] = static_cast<std::uint32_t>(raw(kMac0 + i));
      r.rah[i] = static_cast<std::uint32_t>(raw(kMac0 + i) >> 32 | RahPools::of(1u << i)) | kRahValid;
    }
  }
  std::uint32_t wire(std::uint64_t destination, int vlan = -1) const {
    return L2Switch(r, 8).from_wire(*parse_header(frame_bytes(destination, kPeer, 64, 0, vlan)));
  }
  L2Switch::Sent sent(unsigned pool, std::uint64_t destination, int vlan = -1) const {
    return L2Switch(r, 8).from_pool(pool, *parse_header(frame_bytes(destination, kMac0 + pool, 64, 0, vlan)));
  }
  bool spoofed(unsigned pool, std::uint64_t source, int vlan = -1) const {
    return L2Switch(r, 8).from_pool(pool, *parse_header(frame_bytes(kPeer, source, 64, 0, vlan))).spoofed;
  }
  void hash(std::array<std::uint32_t, 128>& table, std::uint64_t mac) const {
    const auto index = (mac & 0xff) << 4 | (mac >> 8 & 0xff) >> 4;
    table[index >> 5] |= 1u << (index & 31);
  }
  FilterRegisters r;
};

/// Two pools and the switch between them: pool 0 sends, pool 1 receives.
struct TwoPools {
  TwoPools() { rx.refill(8); }
  static NicBench& open(NicBench& bench) {
    bench.open_pools(2);
    bench.core.write(DTXSWC, kDtxswcLoopbackEnable);
    return bench;
  }
  NicBench bench;
  RxDriver rx{open(bench), 1};
  TxDriver tx{bench, 0};
};

}  // namespace

TEST_CASE("without pools queue 0 takes its address, groups it asked for, and broadcasts it wants") {
  Switch s;
  s.r.mrqc = kMrqcNone;
  CHECK(s.wire(kMac0) == 1);
  CHECK(s.wire(kPeer) == 0);
  s.r.rctl = kRctlUpe;
  CHECK(s.wire(kPeer) == 1);
  CHECK(s.wire(kGroup) == 0);
  s.hash(s.r.mta, kGroup);
  CHECK(s.wire(kGroup) == 1);
  s.r.mta.fill(0);
  s.r.rctl = kRctlMpe;
  CHECK(s.wire(kGroup) == 1);
  CHECK(s.wire(kBroadcast) == 0);
  s.r.rctl = kRctlBam | kRctlVfe;
  CHECK(s.wire(kBroadcast) == 1);
  CHECK(s.wire(kMac0, 5) == 0);
  s.r.vfta[0] = 1u << 5;
  CHECK(s.wire(kMac0, 5) == 1);
}

TEST_CASE("RCTL.MO chooses the twelve bits that index the multicast table") {
  constexpr unsigned shifts[4] = {4, 3, 2, 0};
  for (unsigned mo = 0; mo < 4; ++mo) {
    Switch s;
    s.r.mrqc = kMrqcNone;
    s.r.rctl = static_cast<std::uint32_t>(RctlMo::of(mo));
    const std::uint64_t group = 0x01'00'5e'12'34'56;
    const unsigned index = (0x5634u >> shifts[mo]) & 0xfff;
    s.r.mta[index >> 5] = 1u << (index & 31);
    CHECK(s.wire(group) == 1);
    s.r.mta[index >> 5] = ~(1u << (index & 31));
    CHECK(s.wire(group) == 0);
  }
}

TEST_CASE("a pool gets its own addresses, an address may have several pools") {
  Switch s;
  for (unsigned i = 0; i < 4; ++i) CHECK(s.wire(kMac0 + i) == 1u << i);
  CHECK(s.wire(kMac0 + 5) == 0);
  s.r.rah[1] |= static_cast<std::uint32_t>(RahPools::of(0x84));
  CHECK(s.wire(kMac0 + 1) == 0x86);
  s.r.rah[1] &= ~kRahValid;
  CHECK(s.wire(kMac0 + 1) == 0);
}

TEST_CASE("broadcasts and groups are replicated to the pools that accept them") {
  Switch s;
  s.r.vmolr[0] = kVmolrBam;
  s.r.vmolr[2] = kVmolrBam | kVmolrRompe;
  s.r.vmolr[3] = kVmolrRompe;
  s.r.vmolr[5] = kVmolrMpe;
  CHECK(s.wire(kBroadcast) == 0x05);
  CHECK(s.wire(kGroup) == 0x20);
  s.hash(s.r.mta, kGroup);
  CHECK(s.wire(kGroup) == 0x2c);
  SECTION("without replication one of several gets it: the default pool") {
    s.r.vt_ctl = kVtCtlDisableDefault | static_cast<std::uint32_t>(VtCtlDefaultPool::of(6));
    CHECK(s.wire(kBroadcast) == 0x40);
    s.r.vmolr[2] = 0;
    CHECK(s.wire(kBroadcast) == 0x01);
  }
}

TEST_CASE("unknown unicast frames go by hash, or promiscuously to the default pool, or nowhere") {
  Switch s;
  s.r.vmolr[4] = kVmolrRope;
  CHECK(s.wire(kPeer) == 0);
  s.hash(s.r.uta, kPeer);
  CHECK(s.wire(kPeer) == 0x10);
  s.r.uta.fill(0);
  s.r.vt_ctl = static_cast<std::uint32_t>(VtCtlDefaultPool::of(7));
  CHECK(s.wire(kPeer) == 0);
  s.r.rctl = kRctlUpe;
  CHECK(s.wire(kPeer) == 0x80);
  s.r.vt_ctl |= kVtCtlDisableDefault;
  CHECK(s.wire(kPeer) == 0);
}

TEST_CASE("with the VLAN filter on, tagged frames need a VLVF entry and untagged ones AUPE") {
  Switch s;
  s.r.rctl = kRctlVfe;
  s.r.vlvf[7] = kVlvfEnable | static_cast<std::uint32_t>(VlvfPools::of(0x06)) | 100;
  CHECK(s.wire(kMac0 + 1, 100) == 0x02);
  CHECK(s.wire(kMac0 + 1, 101) == 0);
  CHECK(s.wire(kMac0 + 0, 100) == 0);
  CHECK(s.wire(kMac0 + 1) == 0);
  s.r.vmolr[1] = kVmolrAupe | kVmolrBam;
  CHECK(s.wire(kMac0 + 1) == 0x02);
  s.r.vlvf[7] &= ~kVlvfEnable;
  CHECK(s.wire(kMac0 + 1, 100) == 0);
  SECTION("the MAC may be ignored altogether") {
    s.r.vlvf[7] |= kVlvfEnable;
    s.r.vt_ctl |= kVtCtlIgnoreMac;
    CHECK(s.wire(kPeer, 100) == 0x06);
  }
}

TEST_CASE("pools that do not exist get nothing") {
  Switch s;
  s.r.vmolr.fill(kVmolrBam);
  CHECK(L2Switch(s.r, 3).from_wire(*parse_header(frame_bytes(kBroadcast, kPeer, 64))) == 0x07);
}

TEST_CASE("the switch keeps a frame for another pool off the wire, and shares groups between both") {
  Switch s;
  CHECK((s.sent(0, kMac0 + 1).wire && s.sent(0, kMac0 + 1).pools == 0));
  s.r.dtxswc = kDtxswcLoopbackEnable;
  s.r.vmolr[0] = s.r.vmolr[2] = kVmolrBam;
  CHECK((!s.sent(0, kMac0 + 1).wire && s.sent(0, kMac0 + 1).pools == 2));
  CHECK((s.sent(0, kPeer).wire && s.sent(0, kPeer).pools == 0));
  CHECK((s.sent(0, kBroadcast).wire && s.sent(0, kBroadcast).pools == 4));
  CHECK((!s.sent(0, kMac0).wire && s.sent(0, kMac0).pools == 0));
  SECTION("local loopback enable lets a pool talk to itself") {
    s.r.dtxswc |= static_cast<std::uint32_t>(DtxswcLocalLoopback::of(1));
    CHECK((!s.sent(0, kMac0).wire && s.sent(0, kMac0).pools == 1));
    CHECK(s.sent(0, kBroadcast).pools == 5);
    CHECK(s.sent(2, kBroadcast).pools == 1);
  }
  SECTION("a pool outside the VLAN is not local") {
    s.r.rctl = kRctlVfe;
    s.r.vlvf[0] = kVlvfEnable | static_cast<std::uint32_t>(VlvfPools::of(0x01)) | 9;
    CHECK((s.sent(0, kMac0 + 1, 9).wire && s.sent(0, kMac0 + 1, 9).pools == 0));
  }
}

TEST_CASE("anti-spoof compares source and VLAN with what the pool owns") {
  Switch s;
  CHECK_FALSE(s.spoofed(1, kPeer));
  s.r.dtxswc = static_cast<std::uint32_t>(DtxswcMacSpoof::of(0x02) | DtxswcVlanSpoof::of(0x02));
  CHECK_FALSE(s.spoofed(1, kMac0 + 1));
  CHECK(s.spoofed(1, kPeer));
  CHECK(s.spoofed(1, kMac0 + 2));
  CHECK_FALSE(s.spoofed(2, kPeer));
  CHECK(s.spoofed(1, kMac0 + 1, 9));
  s.r.vlvf[3] = kVlvfEnable | static_cast<std::uint32_t>(VlvfPools::of(0x02)) | 9;
  CHECK_FALSE(s.spoofed(1, kMac0 + 1, 9));
}

TEST_CASE("frames travel from pool to pool through the controller, marked as looped back") {
  NicBench bench;
  bench.core.set_vfs(3);
  bench.open_pools(4);
  bench.core.write(DTXSWC, kDtxswcLoopbackEnable);
  RxDriver rx1(bench, 1), rx3(bench, 3);
  TxDriver tx0(bench, 0), tx3(bench, 3);
  rx1.refill(16);
  rx3.refill(16);
  const auto to1 = frame_bytes(kMac0 + 1, kMac0, 500), all = frame_bytes(kBroadcast, kMac0 + 3, 90), out = frame_bytes(kPeer, kMac0, 70);
  tx0.send(to1);
  bench.settle();
  CHECK(rx1.poll() == to1);
  CHECK((rx1.last_status & rx_adv::kLoopback) != 0);
  CHECK(bench.sent.empty());
  tx3.send(all);
  tx0.send(out);
  bench.settle();
  CHECK(rx1.poll() == all);
  CHECK(rx3.poll().empty());
  REQUIRE(bench.sent.size() == 2);
  CHECK(bench.core.vf_read(1, VFGPRLBC) == 2);
  CHECK(bench.core.vf_read(0, VFGPTLBC) == 1);
  CHECK(bench.core.vf_read(0, VFGPTC) == 2);
  CHECK(bench.core.read(PVTCTRL0 + 0x100 + PVFGPRC) == 2);
  CHECK(bench.core.tx_fifo_bytes() == 0);
  CHECK(bench.core.rx_fifo_bytes() == 0);
}

TEST_CASE("a spoofed frame is dropped, its queue shows in WVBR once, and DOUTSYNC tells the PF") {
  NicBench bench;
  bench.core.set_vfs(2);
  bench.open_pools(3);
  bench.core.write(DTXSWC, kDtxswcLoopbackEnable | 0xff);
  bench.core.write(IMS, kIcrDoutSync);
  TxDriver tx(bench, 1), second(bench, 9);
  bench.packet_of_next_read = 5;
  tx.send(frame_bytes(kPeer, kPeer, 64));
  second.send(frame_bytes(kPeer, kPeer, 64));
  bench.settle();
  CHECK(bench.sent.empty());
  CHECK(tx.done(0));
  CHECK((bench.core.read(ICR) & kIcrDoutSync) != 0);
  CHECK(bench.core.read(WVBR) == 0x202);
  CHECK(bench.core.read(WVBR) == 0);
  CHECK(bench.core.statistics().dropped(Drop::spoofed) == 2);
  REQUIRE(bench.drops.size() == 2);
  CHECK(bench.drops[0] == std::pair{PacketId{5}, Drop::spoofed});
  tx.send(frame_bytes(kPeer, kMac0 + 1, 64));
  bench.settle();
  CHECK(bench.sent.size() == 1);
}

TEST_CASE("VLAN tags are inserted from context, descriptor or VMVIR, and stripped for pools that ask") {
  TwoPools pools;
  auto& [bench, rx, tx] = pools;
  const auto plain = frame_bytes(kMac0 + 1, kMac0, 100);
  auto tagged = plain;
  tagged.insert(tagged.begin() + 12, {0x81, 0x00, 0x60, 0x07});
  SECTION("context") {
    tx.put_descriptor(tx::ContextVlan::of(0x6007), tx::Type::of(tx::kTypeContext) | tx::kDext | tx::ContextIndex::of(1));
    tx.send(plain, tx::kVle | tx::Index::of(1));
  }
  SECTION("VMVIR") {
    bench.core.write(VMVIR(0), kVmvirDefault | 0x6007);
    tx.send(plain);
  }
  bench.settle();
  CHECK(rx.poll() == tagged);
  bench.core.write(VMOLR(1), bench.core.read(VMOLR(1)) | kVmolrStrVlan);
  bench.receive(tagged);
  bench.settle();
  CHECK(rx.poll() == plain);
  CHECK(rx_adv::Vlan::get(rx.last_status) == 0x6007);
  CHECK((rx.last_status & rx_adv::kVp) != 0);
}

TEST_CASE("frames beyond a pool's limit are dropped for it alone") {
  NicBench bench;
  bench.open_pools(2);
  bench.core.write(VMOLR(1), (bench.core.read(VMOLR(1)) & ~0x3fffu) | 1000);
  RxDriver rx0(bench, 0), rx1(bench, 1);
  rx0.refill(8);
  rx1.refill(8);
  bench.receive(frame_bytes(kBroadcast, kPeer, 996));
  bench.receive(frame_bytes(kBroadcast, kPeer, 997));
  bench.settle();
  CHECK(rx0.poll().size() == 996);
  CHECK(rx0.poll().size() == 997);
  CHECK(rx1.poll().size() == 996);
  CHECK(rx1.poll().empty());
  CHECK(bench.core.read(ROC) == 1);
}

TEST_CASE("what the switch remembers of an address is forgotten when its registers change") {
  TwoPools pools;
  auto& [bench, rx, tx] = pools;
  const auto frame = frame_bytes(kMac0 + 1, kMac0, 100);
  tx.send(frame);
  bench.settle();
  CHECK(rx.poll() == frame);
  CHECK(bench.sent.empty());
  const std::uint32_t mac1 = bench.core.read(RAH(1));
  bench.core.write(RAH(1), 0);
  tx.send(frame);
  bench.settle();
  CHECK(rx.poll().empty());
  CHECK(bench.sent.size() == 1);
  bench.receive(frame);
  bench.settle();
  CHECK(rx.poll().empty());
  bench.core.write(RAH(1), mac1);
  bench.receive(frame);
  bench.settle();
  CHECK(rx.poll() == frame);
  bench.core.write(DTXSWC, bench.core.read(DTXSWC) | static_cast<std::uint32_t>(DtxswcMacSpoof::of(1)));
  bench.core.write(RAH(0), 0);
  tx.send(frame);
  bench.settle();
  CHECK(bench.core.read(WVBR) == 1);
}
