// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The mailbox bit by bit, and the conversation of a VF driver with its PF.

#include "test/support/catch.h"
#include "test/support/nic_bench.h"

using namespace iovirt;
using namespace iovirt::nic;
using namespace iovirt::nic::test;
using namespace iovirt::nic::igb;

TEST_CASE("the buffer belongs to whoever asks first") {
  NicBench bench;
  Core& core = bench.core;
  core.set_vfs(2);
  core.vf_write(1, V2PMAILBOX, kV2pVfu);
  core.write(P2VMAILBOX(1), kP2vPfu);
  CHECK(core.read(P2VMAILBOX(1)) == kP2vVfu);
  CHECK((core.vf_read(1, V2PMAILBOX) & (kV2pVfu | kV2pPfu)) == kV2pVfu);
  core.vf_write(1, V2PMAILBOX, 0);
  core.write(P2VMAILBOX(1), kP2vPfu);
  core.vf_write(1, V2PMAILBOX, kV2pVfu);
  CHECK((core.vf_read(1, V2PMAILBOX) & (kV2pVfu | kV2pPfu)) == kV2pPfu);
  CHECK(core.read(P2VMAILBOX(0)) == 0);
  core.write(P2VMAILBOX(1), 0);
  core.vf_write(1, V2PMAILBOX, kV2pVfu);
  core.write(P2VMAILBOX(1), kP2vRvfu);
  CHECK(core.read(P2VMAILBOX(1)) == 0);
}

TEST_CASE("both sides see the same sixteen dwords and nobody else's") {
  NicBench bench;
  bench.core.set_vfs(8);
  for (unsigned vf = 0; vf < 8; ++vf)
    for (unsigned i = 0; i < 16; ++i) bench.core.vf_write(vf, VF_VMBMEM + 4 * i, vf << 8 | i);
  for (unsigned vf = 0; vf < 8; ++vf)
    for (unsigned i = 0; i < 16; ++i) CHECK(bench.core.read(VMBMEM(vf) + 4 * i) == (vf << 8 | i));
  bench.core.write(VMBMEM(3), 77);
  CHECK(bench.core.vf_read(3, VF_VMBMEM) == 77);
}

TEST_CASE("requests and acknowledgements raise VMMB unless masked, and MBVFICR says whose") {
  NicBench bench;
  Core& core = bench.core;
  core.set_vfs(8);
  core.write(IMS, kIcrVmmb);
  core.vf_write(5, V2PMAILBOX, kV2pReq);
  CHECK((core.read(ICR) & kIcrVmmb) != 0);
  CHECK(bench.interrupts.size() == 1);
  core.vf_write(6, V2PMAILBOX, kV2pAck);
  CHECK(core.read(MBVFICR) == (1u << 5 | 1u << 22));
  core.write(MBVFICR, 1u << 5);
  CHECK(core.read(MBVFICR) == 1u << 22);
  core.read(ICR);
  core.write(MBVFIMR, 0xfe);
  core.vf_write(0, V2PMAILBOX, kV2pReq);
  CHECK((core.read(ICR) & kIcrVmmb) == 0);
  CHECK((core.read(MBVFICR) & 1) == 1);
}

TEST_CASE("status and acknowledgement from the PF interrupt the VF and are cleared by its read") {
  NicBench bench;
  Core& core = bench.core;
  core.set_vfs(1);
  core.vf_write(0, VF_VTIVAR_MISC, 0x80 | 1);
  core.vf_write(0, VTEIMS, 2);
  core.write(P2VMAILBOX(0), kP2vSts);
  core.write(P2VMAILBOX(0), kP2vAck);
  REQUIRE(bench.interrupts.size() == 2);
  CHECK(bench.interrupts[0].function == 1);
  CHECK(bench.interrupts[0].vector == 1);
  CHECK((core.vf_read(0, V2PMAILBOX) & (kV2pPfSts | kV2pPfAck)) == (kV2pPfSts | kV2pPfAck));
  CHECK((core.vf_read(0, V2PMAILBOX) & (kV2pPfSts | kV2pPfAck)) == 0);
}

TEST_CASE("a VF sees the PF's reset begin and end") {
  NicBench bench;
  Core& core = bench.core;
  core.set_vfs(2);
  CHECK(core.vf_read(0, V2PMAILBOX) == kV2pRsti);
  CHECK(core.vf_read(0, V2PMAILBOX) == kV2pRsti);
  core.write(CTRL_EXT, kCtrlExtPfRstd);
  CHECK(core.vf_read(0, V2PMAILBOX) == kV2pRstd);
  CHECK(core.vf_read(0, V2PMAILBOX) == 0);
  core.write(CTRL, kCtrlRst);
  CHECK(core.vf_read(1, V2PMAILBOX) == kV2pRsti);
}

TEST_CASE("a VF's reset stops its queues, tells the PF, and touches no other VF") {
  NicBench bench;
  Core& core = bench.core;
  core.set_vfs(3);
  core.write(IMS, kIcrVmmb);
  core.write(CTRL_EXT, kCtrlExtPfRstd);
  for (unsigned vf = 0; vf < 3; ++vf) {
    core.vf_write(vf, vf_rx_ring(0) + RDLEN, 4096);
    core.vf_write(vf, vf_rx_ring(1) + RDLEN, 8192);
    core.vf_write(vf, vf_tx_ring(0) + TXDCTL, kDctlEnable);
    core.vf_write(vf, VTEIMS, 7);
  }
  CHECK(core.read(rx_ring(9) + RDLEN) == 8192);
  SECTION("by itself") { core.vf_write(1, VTCTRL, kVtctrlRst); }
  SECTION("by a function-level reset") { core.reset_function(2); }
  CHECK(core.vf_read(1, vf_rx_ring(0) + RDLEN) == 0);
  CHECK(core.vf_read(1, vf_rx_ring(1) + RDLEN) == 0);
  CHECK(core.vf_read(1, vf_tx_ring(0) + TXDCTL) == 0);
  CHECK(core.vf_read(1, VTEIMS) == 0);
  CHECK(core.read(VFLRE) == 2);
  CHECK(core.read(VFRE) == 0xfd);
  CHECK(core.read(VFTE) == 0xfd);
  CHECK((core.read(ICR) & kIcrVmmb) != 0);
  CHECK((core.vf_read(1, V2PMAILBOX) & (kV2pRsti | kV2pRstd)) == kV2pRstd);
  for (unsigned vf : {0u, 2u}) {
    CHECK(core.vf_read(vf, vf_rx_ring(0) + RDLEN) == 4096);
    CHECK(core.vf_read(vf, VTEIMS) == 7);
  }
  core.write(VFLRE, 2);
  CHECK(core.read(VFLRE) == 0);
}

TEST_CASE("a VF that may not transmit or receive does neither until the PF lets it") {
  NicBench bench;
  bench.core.set_vfs(2);
  bench.open_pools(2);
  bench.core.vf_write(0, VTCTRL, kVtctrlRst);
  RxDriver rx(bench, 0);
  TxDriver tx(bench, 0);
  rx.refill(8);
  tx.send(frame_bytes(0x02'aa'00'00'00'01, kMac0, 64));
  bench.receive(frame_bytes(kMac0, 0x02'aa'00'00'00'01, 64));
  bench.settle();
  CHECK(bench.sent.empty());
  CHECK(rx.poll().empty());
  bench.core.write(VFTE, 3);
  bench.core.write(VFRE, 3);
  tx.kick();
  bench.receive(frame_bytes(kMac0, 0x02'aa'00'00'00'01, 64));
  bench.settle();
  CHECK(bench.sent.size() == 1);
  CHECK_FALSE(rx.poll().empty());
}
