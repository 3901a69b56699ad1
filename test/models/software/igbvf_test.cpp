// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The igbvf driver in guests, the igb driver with its SR-IOV side in the host, and the 82576's model between them.

#include "models/software/guest/igbvf.h"

#include <algorithm>
#include <random>
#include <stdexcept>

#include "models/software/guest/igb.h"
#include "models/software/guest/igb_sriov.h"
#include "test/support/catch.h"
#include "test/support/emulated_bench.h"
#include "test/support/igb_bench.h"

using namespace iovirt;
using namespace iovirt::software;
using namespace iovirt::nic::igb;
using test::IgbBench;
using Log = std::vector<std::string>;
namespace mb = iovirt::nic::igb::mailbox;

namespace {

constexpr MacAddress kPeer{0x02, 0x00, 0x00, 0x00, 0x00, 0x99};
constexpr MacAddress kPfMac{0x02, 0x1b, 0x21, 0x00, 0x00, 0x01};
constexpr MacAddress kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr MacAddress kGroup{0x01, 0x00, 0x5e, 0x00, 0x12, 0x34};
MacAddress vf_mac(unsigned n) { return {0x02, 0x00, 0x00, 0x00, 0x01, static_cast<std::uint8_t>(n)}; }

/// To `destination`, from `source`: the anti-spoof check looks at it.
std::vector<std::uint8_t> frame_between(const MacAddress& source, const MacAddress& destination, unsigned number,
                                        std::size_t bytes) {
  auto frame = test::numbered_frame(destination, number, bytes);
  std::memcpy(frame.data() + 6, source.data(), 6);
  frame[12] = 0x08;
  frame[13] = 0x00;
  return frame;
}

struct Rig {
  explicit Rig(unsigned vfs, IgbDriver::Options options = {}, bool assign = true) : bench(vfs) {
    options.vfs = vfs;
    if (assign)
      for (unsigned i = 0; i < vfs; ++i) options.vf_macs.push_back(vf_mac(i));
    pf = std::make_unique<IgbDriver>(bench.host(), IgbBench::kPf, options);
    pf->open();
    bench.run();
    for (unsigned i = 0; i < vfs; ++i) {
      bench.name(i + 1, VF_TX_RING + std::uint32_t{TDT}, "TDT0");
      bench.name(i + 1, VF_RX_RING + std::uint32_t{RDT}, "RDT0");
      bench.name(i + 1, VTEIMS, "VTEIMS");
      vf.push_back(std::make_unique<IgbvfDriver>(bench.guest(i), IgbBench::kVf));
    }
  }
  void open() {
    for (auto& driver : vf) driver->open();
    bench.run();
    for (auto& kernel : bench.kernels) kernel->cpu().log.clear();
  }
  bool transmit(unsigned n, const std::vector<std::uint8_t>& frame, bool more = false) {
    auto& kernel = bench.guest(n);
    const std::uint64_t buffer = kernel.allocate_buffer();
    std::memcpy(kernel.cpu().memory.data() + buffer, frame.data(), frame.size());
    if (vf[n]->transmit(0, buffer, buffer, static_cast<std::uint32_t>(frame.size()), more)) return true;
    kernel.free_buffer(buffer);
    return false;
  }
  std::size_t offer(unsigned n, const std::vector<std::uint8_t>& frame) {
    const auto before = bench.guest(n).received.size();
    bench.arrive(frame);
    bench.run();
    return bench.guest(n).received.size() - before;
  }

  IgbBench bench;
  std::unique_ptr<IgbDriver> pf;
  std::vector<std::unique_ptr<IgbvfDriver>> vf;
};

}  // namespace

TEST_CASE("a VF driver gets its address from the physical function through the mailbox") {
  Rig rig(2);
  REQUIRE(rig.pf->up());
  rig.open();
  for (unsigned n = 0; n < 2; ++n) {
    REQUIRE(rig.vf[n]->up());
    CHECK(rig.vf[n]->mac() == vf_mac(n));
    CHECK(rig.vf[n]->link());
    CHECK(rig.pf->sriov()->clear_to_send(n));
  }
  CHECK(rig.pf->sriov()->counters().resets == 2);
  CHECK(rig.pf->sriov()->counters().refused == 0);
  CHECK(rig.bench.dma_faults == 0);
}

TEST_CASE("a VF without an address asks for its own and gets it") {
  Rig rig(1, {}, false);
  rig.open();
  CHECK_FALSE(rig.vf[0]->up());  // it has none to ask for
  IgbvfDriver driver(rig.bench.guest(0), IgbBench::kVf, {.mac = vf_mac(7)});
  driver.open();
  REQUIRE(driver.up());
  CHECK(driver.mac() == vf_mac(7));
  CHECK(rig.pf->sriov()->mac(0) == vf_mac(7));
  CHECK(rig.offer(0, frame_between(kPeer, vf_mac(7), 1, 64)) == 1);
}

TEST_CASE("a request and its response cost igbvf no reads, four writes and two interrupts, in Linux's order") {
  Rig rig(1);
  rig.open();
  auto& guest = rig.bench.guest(0);
  const auto frame = frame_between(vf_mac(0), kPeer, 1, 64);
  REQUIRE(rig.transmit(0, frame));
  CHECK(guest.cpu().log == Log{"W TDT0"});
  guest.cpu().log.clear();
  rig.bench.run();
  REQUIRE(rig.bench.sent.size() == 1);
  CHECK(rig.bench.sent[0] == frame);
  // The vector is enabled again in the hard interrupt's handler; whether the kernel ends the interrupt before
  // (as Linux does for an edge) or after is the kernel's business.
  std::sort(guest.cpu().log.begin(), guest.cpu().log.end());
  CHECK(guest.cpu().log == Log{"EOI", "W VTEIMS"});
  CHECK(guest.transmitted_buffers.size() == 1);
  guest.cpu().log.clear();
  CHECK(rig.offer(0, frame_between(kPeer, vf_mac(0), 2, 64)) == 1);
  CHECK(guest.cpu().log == Log{"EOI", "W RDT0", "W VTEIMS"});
  CHECK(guest.received[0].bytes == frame_between(kPeer, vf_mac(0), 2, 64));
  CHECK(rig.bench.host().cpu().log.empty());  // the host has nothing to do with it

  const auto before = guest.accesses();
  for (unsigned i = 0; i < 300; ++i) {
    REQUIRE(rig.transmit(0, frame_between(vf_mac(0), kPeer, i, 64)));
    rig.bench.run();
    CHECK(rig.offer(0, frame_between(kPeer, vf_mac(0), i, 64)) == 1);
  }
  CHECK(guest.accesses().device_reads == before.device_reads);
  CHECK(guest.accesses().device_writes - before.device_writes == 4 * 300);
  CHECK(guest.accesses().interrupts_taken - before.interrupts_taken == 2 * 300);
}

TEST_CASE("seven VFs and the physical function exchange thousands of frames with the wire and each other") {
  const unsigned seed = 20260104;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  constexpr unsigned kVms = 7;
  Rig rig(kVms);
  rig.open();
  for (auto& kernel : rig.bench.kernels) kernel->cpu().logging = false;
  std::vector<std::vector<std::uint8_t>> expected[kVms], outward[kVms];
  for (unsigned i = 0; i < 3000; ++i) {
    const unsigned n = random() % kVms;
    const std::size_t bytes = 60 + random() % 1455;
    switch (random() % 3) {
      case 0:
        expected[n].push_back(frame_between(kPeer, vf_mac(n), i, bytes));
        rig.bench.arrive(expected[n].back());
        break;
      case 1:
        outward[n].push_back(frame_between(vf_mac(n), kPeer, i, bytes));
        REQUIRE(rig.transmit(n, outward[n].back()));
        break;
      default: {
        const unsigned other = (n + 1 + random() % (kVms - 1)) % kVms;
        rig.bench.run();  // so that the order at the receiver is known
        expected[other].push_back(frame_between(vf_mac(n), vf_mac(other), i, bytes));
        REQUIRE(rig.transmit(n, expected[other].back()));
        rig.bench.run();
      }
    }
    if (random() % 8 == 0) rig.bench.run();
  }
  rig.bench.run();
  for (unsigned n = 0; n < kVms; ++n) {
    const auto& received = rig.bench.guest(n).received;
    REQUIRE(received.size() == expected[n].size());
    for (std::size_t i = 0; i < received.size(); ++i) REQUIRE(received[i].bytes == expected[n][i]);
    CHECK(rig.bench.guest(n).live_mappings() == 255 + 2);
    std::vector<std::vector<std::uint8_t>> sent;
    for (const auto& frame : rig.bench.sent)
      if (std::memcmp(frame.data() + 6, vf_mac(n).data(), 6) == 0) sent.push_back(frame);
    CHECK(sent == outward[n]);
  }
  CHECK(rig.bench.dma_faults == 0);
}

TEST_CASE("a VF's requests are granted, and refused when they are not its to make") {
  Rig rig(2);
  rig.open();
  auto& vf = *rig.vf[0];
  CHECK(vf.set_mac(vf_mac(0)));         // what it has already
  CHECK_FALSE(vf.set_mac(vf_mac(5)));   // the administrator has fixed it
  CHECK_FALSE(vf.set_mac(kGroup));
  CHECK(vf.mac() == vf_mac(0));
  CHECK_FALSE(vf.set_max_frame(20000));
  CHECK(rig.pf->sriov()->counters().refused == 3);

  CHECK(rig.offer(0, frame_between(kPeer, kGroup, 1, 64)) == 0);
  CHECK(vf.set_multicast({kGroup}));
  CHECK(rig.offer(0, frame_between(kPeer, kGroup, 1, 64)) == 1);
  CHECK(vf.set_multicast({}));
  CHECK(rig.offer(0, frame_between(kPeer, kGroup, 1, 64)) == 0);
  CHECK(vf.set_multicast_promiscuous(true));
  CHECK(rig.offer(0, frame_between(kPeer, {0x33, 0x33, 0, 0, 0, 9}, 1, 64)) == 1);
  CHECK(rig.bench.guest(1).received.empty());
}

TEST_CASE("VLANs a VF joins reach it, others no longer do") {
  Rig rig(2);
  rig.open();
  const auto tagged = [](unsigned vlan) {
    auto frame = frame_between(kPeer, vf_mac(0), vlan, 68);
    frame[12] = 0x81;
    frame[14] = static_cast<std::uint8_t>(vlan >> 8);
    frame[15] = static_cast<std::uint8_t>(vlan);
    return frame;
  };
  CHECK(rig.offer(0, tagged(100)) == 1);  // nobody filters yet
  REQUIRE(rig.vf[0]->set_vlan(100, true));
  CHECK(rig.offer(0, tagged(100)) == 1);
  CHECK(rig.bench.guest(0).received.back().bytes == tagged(100));  // the tag stays in the frame
  CHECK(rig.offer(0, tagged(200)) == 0);
  CHECK(rig.offer(0, frame_between(kPeer, vf_mac(0), 1, 64)) == 1);
  REQUIRE(rig.vf[1]->set_vlan(100, true));
  REQUIRE(rig.vf[0]->set_vlan(100, false));
  CHECK(rig.offer(0, tagged(100)) == 0);
  REQUIRE(rig.vf[1]->set_vlan(100, false));
  CHECK(rig.offer(0, tagged(200)) == 1);  // filtering is off again
}

TEST_CASE("a VF that has not done its reset handshake is refused, and receives nothing") {
  Rig rig(1);
  auto& core = rig.bench.core;
  const auto ask = [&](std::uint32_t text) {
    core.vf_write(0, V2PMAILBOX, kV2pVfu);
    core.vf_write(0, VF_VMBMEM, text);
    core.vf_write(0, V2PMAILBOX, kV2pReq);
    rig.bench.run();
    return core.vf_read(0, VF_VMBMEM);
  };
  CHECK(ask(mb::kVfSetMaxFrame) == (mb::kVfSetMaxFrame | mb::kNack));
  CHECK(rig.offer(0, frame_between(kPeer, vf_mac(0), 1, 64)) == 0);
  rig.open();
  REQUIRE(rig.vf[0]->up());
  CHECK((ask(99) & (mb::kNack | mb::kClearToSend)) == (mb::kNack | mb::kClearToSend));  // no such message
  core.vf_write(0, VTCTRL, kVtctrlRst);
  rig.bench.run();
  CHECK_FALSE(rig.pf->sriov()->clear_to_send(0));
}

TEST_CASE("a frame with a false source address is stopped, and the physical function's driver told") {
  Rig rig(2);
  rig.open();
  REQUIRE(rig.transmit(0, frame_between(vf_mac(1), kPeer, 1, 64)));
  rig.bench.run();
  CHECK(rig.bench.sent.empty());
  CHECK(rig.pf->sriov()->counters().spoofed == 1);
  CHECK(rig.bench.guest(0).transmitted_buffers.size() == 1);
  REQUIRE(rig.transmit(0, frame_between(vf_mac(0), kPeer, 1, 64)));
  rig.bench.run();
  CHECK(rig.bench.sent.size() == 1);

  Rig trusting(1, {.spoof_check = false});
  trusting.open();
  REQUIRE(trusting.transmit(0, frame_between(kPeer, kBroadcast, 1, 64)));
  trusting.bench.run();
  CHECK(trusting.bench.sent.size() == 1);
}

TEST_CASE("the physical function keeps a pool of its own beside its VFs") {
  Rig rig(3);
  rig.open();
  rig.bench.host().received.clear();
  rig.bench.arrive(frame_between(kPeer, kPfMac, 1, 64));
  rig.bench.arrive(frame_between(kPeer, kBroadcast, 2, 64));
  rig.bench.run();
  CHECK(rig.bench.host().received.size() == 2);
  for (unsigned n = 0; n < 3; ++n) CHECK(rig.bench.guest(n).received.size() == 1);
  CHECK(rig.pf->sriov()->vfs() == 3);
}

TEST_CASE("a full VF ring refuses frames and wakes the queue once there is room") {
  Rig rig(1);
  rig.open();
  rig.bench.core.vf_write(0, VF_TX_RING + std::uint32_t{TXDCTL}, 0);
  unsigned accepted = 0;
  while (rig.transmit(0, frame_between(vf_mac(0), kPeer, accepted, 64))) ++accepted;
  CHECK(accepted == 255 - 20);
  rig.bench.core.vf_write(0, VF_TX_RING + std::uint32_t{TXDCTL}, kDctlEnable);
  rig.bench.run();
  CHECK(rig.bench.sent.size() == accepted);
  CHECK(rig.bench.guest(0).woken == std::vector<unsigned>{0});
  CHECK(rig.transmit(0, frame_between(vf_mac(0), kPeer, 0, 64)));
}

TEST_CASE("after a reset of the physical function its VFs are told, and work again when they have restarted") {
  Rig rig(2);
  rig.open();
  for (unsigned i = 0; i < 5; ++i) REQUIRE(rig.transmit(0, frame_between(vf_mac(0), kPeer, i, 64)));
  rig.bench.run();
  rig.pf->restart();
  rig.bench.run();
  REQUIRE(rig.pf->up());
  CHECK_FALSE(rig.pf->sriov()->clear_to_send(0));
  for (unsigned n = 0; n < 2; ++n) {
    rig.vf[n]->restart();
    REQUIRE(rig.vf[n]->up());
    CHECK_FALSE(rig.vf[n]->reset_needed());
    CHECK(rig.offer(n, frame_between(kPeer, vf_mac(n), 7, 64)) == 1);
    const auto before = rig.bench.sent.size();
    REQUIRE(rig.transmit(n, frame_between(vf_mac(n), kPeer, 8, 64)));
    rig.bench.run();
    CHECK(rig.bench.sent.size() == before + 1);
    CHECK(rig.bench.guest(n).live_mappings() == 255 + 2);
  }
  CHECK(rig.bench.dma_faults == 0);
}

TEST_CASE("a change of the link reaches the VFs through the mailbox") {
  Rig rig(1);
  rig.open();
  rig.bench.core.write(ICS, kIcrLsc);
  rig.bench.run();
  CHECK(rig.vf[0]->link());
  CHECK_FALSE(rig.vf[0]->reset_needed());
  rig.bench.core.write(P2VMAILBOX(0), kP2vPfu);
  rig.bench.core.write(VMBMEM(0), mb::kPfControl);  // without "clear to send"
  rig.bench.core.write(P2VMAILBOX(0), kP2vSts);
  rig.bench.run();
  CHECK(rig.vf[0]->reset_needed());
}

TEST_CASE("a VF driver without a physical function that answers gives up") {
  IgbBench bench(1);
  bench.guest(0).cpu().logging = false;
  bench.core.set_vfs(1);
  IgbvfDriver driver(bench.guest(0), IgbBench::kVf);
  driver.open();
  CHECK_FALSE(driver.up());
  CHECK(driver.transmit(0, bench.guest(0).allocate_buffer(), 0, 64, false));
  CHECK(driver.dropped() == 1);
  CHECK_THROWS_AS(IgbvfDriver(bench.guest(0), IgbBench::kVf, {.rx_entries = 7}), std::invalid_argument);
}
