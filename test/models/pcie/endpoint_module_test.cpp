// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/endpoint_module.h"

#include "test/support/catch.h"
#include "test/support/pcie_bench_module.h"

using namespace iovirt;
using namespace iovirt::pcie::spec;
using test::PcieBench;

namespace {

void enable_msix(PcieBench& bench, pcie::Bdf bdf, std::uint64_t bar, unsigned vector, std::uint32_t data, bool masked) {
  bench.core.store(bar + 0x2000 + 16 * vector, 4, 0xfee0'0000);
  bench.core.store(bar + 0x2004 + 16 * vector, 4, 0);
  bench.core.store(bar + 0x2008 + 16 * vector, 4, data);
  bench.core.store(bar + 0x200c + 16 * vector, 4, masked);
  const std::uint16_t at = pcie::find_capability(bench.core, bdf, kCapMsix);
  bench.core.write(bdf, static_cast<std::uint16_t>(at + kMsixControl), 2, kMsixEnable);
}

}  // namespace

TEST_CASE("enumeration through ECAM finds the device and its registers answer") {
  PcieBench bench;
  bench.run([&] {
    pcie::Enumerator enumerator(bench.core, pcie::windows_of(bench.rc.config()));
    const auto found = enumerator.scan();
    REQUIRE(found.size() == 3);
    REQUIRE(found[2].device == 0xbeef);
    REQUIRE(found[2].bdf == 0x100);
    bench.core.store(found[2].bar(0) + 0x18, 8, 0x1122334455667788);
    REQUIRE(bench.core.load(found[2].bar(0) + 0x18, 8) == 0x1122334455667788);
    REQUIRE(bench.core.load(found[2].bar(0) + 0x1c, 2) == 0x3344);
  });
  REQUIRE(bench.device.function(0).express()->mps() == 256);
  REQUIRE(bench.device.accesses[0].offset == 0x18);
  REQUIRE(bench.device.accesses[0].bytes == 8);
}

TEST_CASE("without bus mastering no transfer leaves and the device is told") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    bench.core.write(nic.bdf, kCommand, 2, kCommandMemoryEnable);
    bench.device.write(0, 0x1000, std::vector<std::uint8_t>(64, 1), 1);
    bench.device.read(0, 0x1000, 64, 2);
    bench.drain();
  });
  REQUIRE(bench.memory.log.empty());
  REQUIRE(bench.device.done.size() == 2);
  REQUIRE_FALSE(bench.device.done[0].ok);
  REQUIRE_FALSE(bench.device.done[1].ok);
  REQUIRE(bench.device.done[1].bytes == std::vector<std::uint8_t>(64, 0));
  REQUIRE(bench.device.counters().not_master == 2);
}

TEST_CASE("a DMA to nowhere comes back as an error and the next one works") {
  PcieBench bench;
  bench.run([&] {
    bench.plug();
    bench.device.read(0, 0x7000'0000, 1500, 1);
    bench.device.write(0, 0x7000'0000, std::vector<std::uint8_t>(600, 1), 2);
    bench.device.read(0, 0x1000, 64, 3);
    bench.drain();
  });
  const auto by_tag = [&](std::uint64_t tag) -> const test::TestDevice::Done& {
    for (const auto& d : bench.device.done)
      if (d.tag == tag) return d;
    throw std::runtime_error("not done");
  };
  REQUIRE_FALSE(by_tag(1).ok);
  REQUIRE(by_tag(1).bytes == std::vector<std::uint8_t>(1500, 0));
  REQUIRE_FALSE(by_tag(2).ok);
  REQUIRE(by_tag(3).ok);
  REQUIRE(bench.device.done.size() == 3);
}

TEST_CASE("a read that fails in part fails as a whole") {
  PcieBench bench;
  bench.run([&] {
    bench.plug();
    bench.device.read(0, (16 << 20) - 512, 1024, 1);
    bench.drain();
  });
  REQUIRE(bench.device.done.size() == 1);
  REQUIRE_FALSE(bench.device.done[0].ok);
}

TEST_CASE("an unmasked vector is sent as a write behind the device's earlier writes") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    enable_msix(bench, nic.bdf, nic.bar(0), 2, 0x4055, false);
    bench.device.write(0, 0x1000, std::vector<std::uint8_t>(64, 1), 1);
    bench.device.interrupt(0, 2);
    bench.core.sleep(5'000'000);
  });
  REQUIRE(bench.memory.messages.size() == 1);
  REQUIRE(bench.memory.messages[0].data == 0x4055);
  REQUIRE(bench.memory.messages[0].address == 0xfee0'0000);
  REQUIRE(bench.memory.messages[0].requester == 0x100);
  REQUIRE(bench.memory.log.back().length == 4);
  REQUIRE(bench.memory.log[bench.memory.log.size() - 2].address == 0x1000);
}

TEST_CASE("a masked vector is pending, seen in the PBA, and sent when the table unmasks it") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    enable_msix(bench, nic.bdf, nic.bar(0), 1, 0x31, true);
    bench.device.interrupt(0, 1);
    bench.device.interrupt(0, 1);
    bench.core.sleep(5'000'000);
    REQUIRE(bench.memory.messages.empty());
    REQUIRE(bench.core.load(nic.bar(0) + 0x3000, 8) == 2);
    bench.core.store(nic.bar(0) + 0x201c, 4, 0);
    bench.core.sleep(5'000'000);
    REQUIRE(bench.memory.messages.size() == 1);
    REQUIRE(bench.core.load(nic.bar(0) + 0x3000, 8) == 0);
  });
  REQUIRE(bench.device.counters().interrupts == 1);
}

TEST_CASE("a function mask taken away in configuration space releases what is pending") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    enable_msix(bench, nic.bdf, nic.bar(0), 0, 0x30, false);
    const auto control = static_cast<std::uint16_t>(pcie::find_capability(bench.core, nic.bdf, kCapMsix) + kMsixControl);
    bench.core.write(nic.bdf, control, 2, kMsixEnable | kMsixFunctionMask);
    bench.device.interrupt(0, 0);
    bench.core.sleep(5'000'000);
    REQUIRE(bench.memory.messages.empty());
    bench.core.write(nic.bdf, control, 2, kMsixEnable);
    bench.core.sleep(5'000'000);
    REQUIRE(bench.memory.messages.size() == 1);
  });
}

TEST_CASE("VFs come and go with VF Enable, each with its BAR, its requester id and its interrupts") {
  PcieBench bench;
  bench.run([&] {
    pcie::Enumerator enumerator(bench.core, pcie::windows_of(bench.rc.config()));
    const auto found = enumerator.scan();
    const auto& pf = found[2];
    REQUIRE(bench.core.read(0x182, kCommand, 2) == 0xffff);
    const auto vfs = enumerator.enable_vfs(pf, 3);
    REQUIRE(bench.device.vf_counts == std::vector<unsigned>{3});
    REQUIRE(bench.device.bdf(2) == vfs[1].bdf);
    bench.core.store(vfs[1].bar(0) + 8, 4, 0x77);
    REQUIRE(bench.core.load(vfs[1].bar(0) + 8, 4) == 0x77);
    REQUIRE(bench.device.accesses.back().function == 2);
    REQUIRE(bench.core.load(vfs[2].bar(0) + 8, 4) == 0);
    REQUIRE(bench.core.load(vfs[2].bar(0) + (16 << 10), 4) == 0xffff'ffff);  // VF 4 is not there
    REQUIRE(bench.core.last_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);

    bench.device.read(2, 0x1000, 64, 1);  // not yet a bus master
    bench.core.write(vfs[1].bdf, kCommand, 2, kCommandBusMaster);
    bench.device.read(2, 0x1000, 64, 2);
    enable_msix(bench, vfs[1].bdf, vfs[1].bar(0), 0, 0x66, false);
    bench.device.interrupt(2, 0);
    bench.drain();
    bench.core.sleep(5'000'000);
    REQUIRE(bench.memory.messages.at(0).requester == vfs[1].bdf);
    REQUIRE(bench.memory.log[0].requester == vfs[1].bdf);

    enumerator.disable_vfs(pf);
    REQUIRE(bench.device.vf_counts == std::vector<unsigned>{3, 0});
    REQUIRE(bench.core.read(vfs[1].bdf, kCommand, 2) == 0xffff);
    bench.device.read(2, 0x1000, 64, 3);
    bench.drain();
    enumerator.enable_vfs(pf, 3);
    REQUIRE(bench.core.read(vfs[1].bdf, kCommand, 2) == 0);  // as new
  });
  REQUIRE(bench.device.done.size() == 3);
  REQUIRE_FALSE(bench.device.done[0].ok);
  REQUIRE(bench.device.done[1].ok);
  REQUIRE_FALSE(bench.device.done[2].ok);
}

TEST_CASE("a function-level reset of a VF leaves the others alone, that of the PF takes the VFs away") {
  PcieBench bench;
  bench.run([&] {
    pcie::Enumerator enumerator(bench.core, pcie::windows_of(bench.rc.config()));
    const auto found = enumerator.scan();
    const auto vfs = enumerator.enable_vfs(found[2], 2);
    for (const auto& vf : vfs) bench.core.write(vf.bdf, kCommand, 2, kCommandBusMaster);
    bench.core.write(vfs[0].bdf, static_cast<std::uint16_t>(vfs[0].express + kExpDeviceControl), 2, kExpInitiateFlr);
    REQUIRE(bench.device.resets == std::vector<unsigned>{1});
    REQUIRE(bench.core.read(vfs[0].bdf, kCommand, 2) == 0);
    REQUIRE(bench.core.read(vfs[1].bdf, kCommand, 2) == kCommandBusMaster);
    bench.core.write(found[2].bdf, static_cast<std::uint16_t>(found[2].express + kExpDeviceControl), 2, kExpInitiateFlr);
    REQUIRE(bench.device.resets == std::vector<unsigned>{1, 0});
    REQUIRE(bench.device.vf_counts == std::vector<unsigned>{2, 0});
    REQUIRE(bench.core.read(found[2].bdf, kBar0, 4) == 0);
  });
}

TEST_CASE("disabled memory decoding closes the BARs") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    bench.core.write(nic.bdf, kCommand, 2, kCommandBusMaster);
    REQUIRE(bench.core.load(nic.bar(0), 4) == 0xffff'ffff);
    bench.core.write(nic.bdf, kCommand, 2, kCommandBusMaster | kCommandMemoryEnable);
    REQUIRE(bench.core.load(nic.bar(0), 4) == 0);
  });
}

TEST_CASE("a packet's time is charged to the link by the last TLP that carries it") {
  PcieBench bench;
  PacketLedger ledger;
  PacketId packet = 0;
  Ps start = 0;
  bench.device.set_ledger(&ledger);
  bench.run([&] {
    bench.plug();
    start = bench.core.now();
    packet = ledger.open(start, Direction::rx, 0, 0);
    bench.device.write(0, 0x1000, std::vector<std::uint8_t>(600, 1), 1, {packet, true, true});
    bench.drain();
  });
  const Ps wire = 2 * bench.timing.time(256 + 24) + bench.timing.time(88 + 24);
  REQUIRE(ledger[packet].stages[Stage::pcie] == wire + 150'000);
  REQUIRE(ledger[packet].last == start + wire + 150'000);
  REQUIRE(ledger[packet].stages.sum() == ledger[packet].last - ledger[packet].opened);
}

TEST_CASE("an interrupt's journey begins when it is sent, not while it is masked") {
  PcieBench bench;
  PacketLedger ledger;
  bench.device.set_ledger(&ledger);
  const NoticeId notice = ledger.open_notice();
  const PacketId packet = ledger.open(0, Direction::rx, 0, 0);
  ActivityLog core;
  bench.run([&] {
    const auto nic = bench.plug();
    enable_msix(bench, nic.bdf, nic.bar(0), 1, 0x31, true);
    bench.device.interrupt(0, 1, notice);
    bench.core.sleep(5'000'000);
    bench.core.store(nic.bar(0) + 0x201c, 4, 0);
    bench.core.sleep(10'000'000);
    ledger[packet].notice = notice;
    ledger.charge_core(packet, core, bench.core.now());
  });
  REQUIRE(ledger[packet].stages[Stage::moderation] > 5'000'000);
  REQUIRE(ledger[packet].stages[Stage::pcie] == bench.timing.time(28) + 150'000);
}
