// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/iommu_bench_module.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

constexpr std::uint16_t kDevice = 0x0310;
constexpr std::uint64_t kData = 0x2000'0000, kDescriptor = 0x3000'0040;

Config timed() {
  Config config;
  config.lookup_ns = 5;
  config.remap_ns = 7;
  config.invalidation_ns = 20;
  return config;
}

}  // namespace

TEST_CASE("an interrupt is remapped through the table in memory, then from the cache") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.set_remapped(5, 0x41, 0x203, kDevice);
    bench.enable(true);
    const auto first = bench.msi(kDevice, 5);
    bench.settle();
    const auto second = bench.msi(kDevice, 5);
    bench.settle();
    REQUIRE(bench.took_ns(first) == 7 + 100);
    REQUIRE(bench.took_ns(second) == 7);
    REQUIRE(bench.messages.size() == 2);
    REQUIRE(bench.messages[0].address == 0x0000'0200'fee0'3000);
    REQUIRE(bench.messages[0].data == 0x41);
    REQUIRE(bench.messages[0].requester == kDevice);
    REQUIRE(bench.messages[0].kind == sim::TlpKind::interrupt);
    REQUIRE(bench.statistics().remapped == 2);
    REQUIRE(bench.statistics().interrupt_entry_hits == 1);
  });
}

TEST_CASE("interrupts take no place in a bounded walk queue, and leave none") {
  Config config = timed();
  config.walkers = config.walk_queue = 1;
  run(config, [](IommuBench& bench) {
    bench.tables.set_remapped(5, 0x41, 1, kDevice);
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.enable(true);
    for (unsigned i = 0; i < 3; ++i) {
      bench.msi(kDevice, 5);
      bench.settle();
    }
    const auto read = bench.send(kDevice, false, 0x5000);
    bench.settle();
    REQUIRE(bench.requests[read].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.statistics().stalled_lookups == 0);
  });
}

TEST_CASE("an interrupt with a forged source id or index reaches nobody and is recorded") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.set_remapped(5, 0x41, 1, kDevice);
    bench.enable(true);
    const auto forged_source = bench.msi(kDevice + 1, 5);
    const auto forged_index = bench.msi(kDevice, 6);
    bench.settle();
    REQUIRE(bench.requests[forged_source].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[forged_index].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.messages.empty());
    REQUIRE(bench.statistics().fault(FaultReason::interrupt_source_invalid) == 1);
    REQUIRE(bench.statistics().fault(FaultReason::irte_not_present) == 1);
    REQUIRE(reg::record::SID::get(bench.read(reg::kFaultRecords + 8, 8)) == kDevice + 1);
    REQUIRE(reg::record::InterruptIndex::get(bench.read(reg::kFaultRecords, 8)) == 5);
  });
}

TEST_CASE("while remapping is off an interrupt passes at once, and other accesses to its range do not") {
  run(timed(), [](IommuBench& bench) {
    const auto msi = bench.send(kDevice, true, 0xfee0'3000, 4, 0x55);
    const auto read = bench.send(kDevice, false, 0xfee0'3000, 4);
    const auto wide = bench.send(kDevice, true, 0xfee0'3000, 8);
    bench.settle();
    REQUIRE(bench.took_ns(msi) == 0);
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].address == 0xfee0'3000);
    REQUIRE(bench.messages[0].data == 0x55);
    REQUIRE(bench.requests[read].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[wide].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.memory.accesses.empty());
  });
}

TEST_CASE("what else goes to the interrupt range faults with reason 29, but for zero-length reads, which just succeed") {
  run(timed(), [](IommuBench& bench) {
    bench.add_device(kDevice);
    bench.enable();
    const auto read = bench.send(kDevice, false, 0xfee0'3000, 4);
    const auto wide = bench.send(kDevice, true, 0xfee0'3000, 8);
    const auto nothing = bench.send_zero_length_read(kDevice, 0xfee0'3000);
    bench.settle();
    REQUIRE(bench.requests[read].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[wide].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[nothing].status == tlm::TLM_OK_RESPONSE);
    REQUIRE(bench.messages.empty());
    REQUIRE(bench.memory.accesses.empty());
    REQUIRE(bench.statistics().fault(FaultReason::interrupt_request_malformed) == 2);
    const std::uint64_t high = bench.read(reg::kFaultRecords + 8, 8);
    REQUIRE(reg::record::FR::get(high) == 0x29);
    REQUIRE(reg::record::SID::get(high) == kDevice);
  });
}

TEST_CASE("an interrupt stays behind the writes it announces until they have landed") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.tables.set_remapped(5, 0x41, 1);
    bench.enable(true);
    bench.msi(kDevice, 5);
    bench.settle();
    const auto write = bench.send(kDevice, true, 0x5000);  // misses
    const auto msi = bench.msi(kDevice, 5);                // hits
    const auto after = bench.send(kDevice, true, 0x5040);
    bench.settle();
    REQUIRE(bench.took_ns(write) == 5 + 600 + 50);
    REQUIRE(bench.messages.back().at == bench.requests[write].answered);
    REQUIRE(bench.requests[msi].answered == bench.requests[write].answered);
    REQUIRE(bench.requests[after].answered == bench.requests[write].answered + bench.memory.write_latency);
  });
}

TEST_CASE("a posted interrupt updates its descriptor at one instant and notifies once") {
  run(timed(), [](IommuBench& bench) {
    bench.data.set_word(kDescriptor + 32, 0xf2 << 16 | 7ull << 32);
    bench.tables.set_posted(5, 0x61, kDescriptor);
    bench.tables.set_posted(6, 0x82, kDescriptor);
    bench.enable(true);
    bench.msi(kDevice, 5);
    bench.settle();
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].address == 0xfee0'7000);
    REQUIRE(bench.messages[0].data == 0xf2);
    // A processor sets another bit while the IOMMU is reading the line: nothing is lost.
    bench.msi(kDevice, 6);
    sc_core::wait(7 + 100 + 50, sc_core::SC_NS);
    bench.data.set_word(kDescriptor, 4);
    bench.settle();
    REQUIRE(bench.data.word(kDescriptor) == 4);
    REQUIRE(bench.data.word(kDescriptor + 8) == 1ull << (0x61 - 64));
    REQUIRE(bench.data.word(kDescriptor + 16) == 1ull << (0x82 - 128));
    REQUIRE(bench.data.word(kDescriptor + 32) == (1 | 0xf2 << 16 | 7ull << 32));
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.statistics().posted == 2);
    REQUIRE(bench.statistics().notifications == 1);
  });
}

TEST_CASE("a posted-interrupt descriptor is taken for change, other reads are not") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.set_posted(5, 0x61, kDescriptor);
    bench.enable();
    bench.msi(kDevice, 5);
    bench.settle();
    unsigned exclusive = 0;
    for (const auto& access : bench.memory.accesses) {
      if (!access.exclusive) continue;
      ++exclusive;
      REQUIRE_FALSE(access.write);
      REQUIRE(access.address == kDescriptor);
    }
    REQUIRE(exclusive == 1);
  });
}

TEST_CASE("memory without transport_dbg gets the posted-interrupt descriptor written back") {
  run(timed(), [](IommuBench& bench) {
    bench.memory.offers_debug = false;
    bench.data.set_word(kDescriptor + 32, 0xf2 << 16 | 7ull << 32);
    bench.tables.set_posted(5, 0x61, kDescriptor);
    bench.enable(true);
    bench.msi(kDevice, 5);
    bench.settle();
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.data.word(kDescriptor + 8) == 1ull << (0x61 - 64));
    REQUIRE((bench.data.word(kDescriptor + 32) & 1) == 1);
  });
}

namespace {

/// A posted interrupt by the descriptor at kDescriptor fails, and a remapped one behind it does not.
void require_posted_blocked(IommuBench& bench) {
    bench.tables.set_posted(5, 0x61, kDescriptor);
    bench.tables.set_remapped(6, 0x42, 1);
    bench.enable(true);
    const auto posted = bench.msi(kDevice, 5);
    const auto behind = bench.msi(kDevice, 6);
    bench.settle();
    REQUIRE(bench.requests[posted].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.requests[behind].status == tlm::TLM_OK_RESPONSE);
}

}  // namespace

TEST_CASE("a posted-interrupt descriptor that memory does not answer blocks the interrupt, not those behind") {
  run(timed(), [](IommuBench& bench) {
    bench.data.break_at(kDescriptor);
    require_posted_blocked(bench);
    REQUIRE(bench.statistics().fault(FaultReason::posted_descriptor_access) == 1);
    REQUIRE(bench.messages.size() == 1);
  });
}

TEST_CASE("a posted-interrupt descriptor with a reserved bit set stays as it is and blocks the interrupt, not those behind") {
  run(timed(), [](IommuBench& bench) {
    constexpr std::uint64_t kControl = 0xf2 << 16 | 7ull << 32 | 4;  // bit 2
    bench.data.set_word(kDescriptor + 32, kControl);
    require_posted_blocked(bench);
    REQUIRE(bench.statistics().fault(FaultReason::posted_descriptor_reserved) == 1);
    REQUIRE(bench.statistics().notifications == 0);
    REQUIRE(bench.data.word(kDescriptor + 8) == 0);
    REQUIRE(bench.data.word(kDescriptor + 32) == kControl);
    REQUIRE(bench.messages.size() == 1);
  });
}

TEST_CASE("the fault event is a message of the IOMMU's own") {
  run(timed(), [](IommuBench& bench) {
    bench.enable(true);
    bench.write(reg::kFEDATA, 0x39);
    bench.write(reg::kFEADDR, 0xfee0'2000);
    bench.write(reg::kFECTL, 0);
    const auto fault = bench.send(kDevice, false, 0x5000);
    bench.settle();
    REQUIRE(bench.requests[fault].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].address == 0xfee0'2000);
    REQUIRE(bench.messages[0].data == 0x39);
    REQUIRE(bench.messages[0].kind == sim::TlpKind::interrupt);
    REQUIRE(bench.messages[0].at == bench.requests[fault].answered);
    REQUIRE(bench.statistics().events == 1);
  });
}

TEST_CASE("the ledger gets the IOMMU's time as its own stage") {
  run(timed(), [](IommuBench& bench) {
    bench.tables.map(bench.add_device(kDevice), 4, 0x5000, kData);
    bench.tables.set_remapped(5, 0x41, 1);
    bench.enable(true);
    PacketLedger ledger;
    const PacketId packet = ledger.open(bench.queue.now(), Direction::rx, 0, 0);
    auto& payload = bench.pool.acquire(tlm::TLM_WRITE_COMMAND, 0x5000, 64);
    auto& extension = sim::TransactionPool::extension(payload);
    extension.requester = kDevice;
    extension.ledger = &ledger;
    extension.packet = packet;
    extension.last = true;
    extension.tag = bench.requests.size();
    bench.requests.push_back({});
    bench.requests.back().address = 0x5000;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = bench.queue.delay();
    bench.dma->nb_transport_fw(payload, phase, delay);
    bench.settle();
    REQUIRE(ledger[packet].stages[Stage::iommu] == (5 + 600) * kPsPerNs);
  });
}
