// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device with a translation cache against the IOMMU: translation and translated requests, device-TLB invalidation.

#include "models/iommu/ats_spec.h"
#include "test/support/ats_endpoint_module.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
namespace tc = translation_completion;

namespace {

using State = AtsEndpoint::Transfer::State;
constexpr std::uint64_t kStatus = 0x1800'0000, kData = 0x2000'0000;
constexpr std::uint16_t kDevice = AtsBench::kFunction;

Config with_ats() {
  Config config;
  config.device_tlbs = true;
  config.lookup_ns = 2;
  config.walk_step_ns = 10;
  config.invalidation_ns = 20;
  return config;
}

constexpr DescriptorWords invalidate_device(std::uint64_t address, bool size = false, unsigned at_once = 0) {
  return {0x3 | std::uint64_t{at_once} << 16 | std::uint64_t{kDevice} << 32, address | (size ? 1u : 0u)};
}
constexpr DescriptorWords fenced_wait(std::uint64_t address, std::uint32_t data) {
  return {0x65 | std::uint64_t{data} << 32, address};
}

/// `script` gets the bench with remapping on and the device's top table (a context entry of TT 1).
void run(const Config& config, std::function<void(AtsBench&, std::uint64_t)> script, unsigned translation_type = 1) {
  AtsBench bench("bench", config, [script, translation_type](AtsBench& b) {
    enable_iommu([&](auto o, auto v, auto w) { b.write(o, v, w); }, b.tables);
    b.write(reg::kFECTL, 0);
    const std::uint64_t top = b.tables.new_page();
    b.tables.set_context(kDevice, {.domain = 1, .levels = 4, .table = top, .translation_type = translation_type});
    script(b, top);
  });
  bench.run();
}

std::size_t finished(AtsBench& bench, bool write, std::uint64_t address, std::uint32_t data = 0) {
  const std::size_t index = bench.device.transfer(write, address, data);
  bench.settle();
  return index;
}

}  // namespace

TEST_CASE("a device translates once and then reaches memory without a lookup in the IOMMU's caches") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    const auto first = finished(bench, true, 0x5010, 77);
    REQUIRE(bench.device.transfers[first].state == State::done);
    REQUIRE_FALSE(bench.device.transfers[first].hit);
    REQUIRE((bench.data.word(kData + 0x10) & 0xffff'ffff) == 77);
    const Statistics before = bench.iommu.statistics();
    REQUIRE(before.translation_requests == 1);
    REQUIRE(before.translated_requests == 1);
    const auto second = finished(bench, false, 0x5010);
    REQUIRE(bench.device.transfers[second].hit);
    REQUIRE(bench.device.transfers[second].data == 77);
    const Statistics& after = bench.iommu.statistics();
    REQUIRE(after.translation_requests == 1);
    REQUIRE(after.translated_requests == 2);
    REQUIRE(after.iotlb_hits + after.iotlb_misses == before.iotlb_hits + before.iotlb_misses);
    REQUIRE(after.walks == before.walks);
  });
}

TEST_CASE("one translation of a large page serves all of it") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x20'0000, 0x4000'0000, 2 << 20);
    finished(bench, true, 0x20'0000, 1);
    const auto other = finished(bench, true, 0x3f'f000, 2);
    REQUIRE(bench.device.transfers[other].hit);
    REQUIRE((bench.data.word(0x401f'f000) & 0xffff'ffff) == 2);
    REQUIRE(bench.device.cached().size() == 1);
    REQUIRE(bench.device.cached()[0].bytes == 2 << 20);
  });
}

TEST_CASE("a translation request learns the rights there are, and none is no fault") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData, 4096, true, false);
    bench.tables.map(top, 4, 0x6000, kData, 4096, false, true);
    bench.tables.map(top, 4, 0x7000, kData);
    const auto ask = [&](std::uint64_t address, bool no_write = false) {
      bench.device.ask_for_translation(address, no_write);
      bench.settle();
      REQUIRE(bench.device.translation_status == tlm::TLM_OK_RESPONSE);
      return bench.device.completion_words.back();
    };
    REQUIRE(ask(0x5000) == (kData | tc::R::mask));
    REQUIRE(ask(0x6000) == (kData | tc::W::mask));
    REQUIRE(ask(0x7000) == (kData | tc::R::mask | tc::W::mask));
    REQUIRE(ask(0x7000, true) == (kData | tc::R::mask));
    REQUIRE(ask(0x8000) == 0);            // in the same table, not present
    REQUIRE(ask(0x7000'0000'0000) == 0);  // no table at all
    REQUIRE(ask(0x1'0000'0000'0000) == 0);  // beyond the guest address width
    REQUIRE(bench.read(reg::kFSTS) == 0);
    REQUIRE(finished(bench, true, 0x5000) == 0);
    REQUIRE(bench.device.transfers[0].state == State::refused);
    REQUIRE(bench.messages.empty());
  });
}

TEST_CASE("a device whose context entry allows no translation cache is told Unsupported Request, with a fault") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    bench.device.ask_for_translation(0x5000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    const std::uint64_t high = bench.read(reg::kFaultRecords + 8, 8);
    REQUIRE(reg::record::FR::get(high) == static_cast<unsigned>(FaultReason::translation_type_blocked));
    REQUIRE(reg::record::AT::get(high) == 1);
    REQUIRE(reg::record::SID::get(high) == kDevice);
    REQUIRE(bench.messages.size() == 1);
  }, 0);
}

TEST_CASE("translation requests are Unsupported without a context entry and while remapping is off, and aborted by broken tables") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    const auto ask = [&] {
      bench.device.ask_for_translation(0x5000);
      bench.settle();
      const auto reason = static_cast<FaultReason>(reg::record::FR::get(bench.read(reg::kFaultRecords + 8, 8)));
      bench.write(reg::kFaultRecords + 12, 0x8000'0000);
      bench.submit(invalidate_contexts());
      bench.settle();
      return reason;
    };
    const std::uint64_t entry = bench.tables.context_entry(kDevice), low = bench.tables.word(entry);
    bench.tables.set_word(entry, 0);
    REQUIRE(ask() == FaultReason::context_not_present);
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    bench.tables.set_word(entry, low);
    bench.write(reg::kGCMD, reg::gcmd::kQIE);
    const std::uint64_t recorded = bench.iommu.statistics().fault(FaultReason::context_not_present);
    bench.device.ask_for_translation(0x5000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::context_not_present) == recorded);
  });
}

TEST_CASE("reserved bits and memory that does not answer make a translation request end with Completer Abort") {
  Config config = with_ats();
  config.fault_records = 1;
  run(config, [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    bench.tables.set_word(bench.tables.entry(top, 4, 0x5000), kData | 3 | 1ull << 51);
    bench.device.ask_for_translation(0x5000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_GENERIC_ERROR_RESPONSE);
    REQUIRE(reg::record::FR::get(bench.read(reg::kFaultRecords + 8, 8)) == static_cast<unsigned>(FaultReason::paging_entry_reserved));
    bench.tables.map(top, 4, 0x20'0000, 0xfee0'0000, 2 << 20);  // reaches interrupts, though not at this address
    bench.device.ask_for_translation(0x3f'f000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_GENERIC_ERROR_RESPONSE);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::output_in_interrupt_range) == 1);
    bench.data.break_at(top);
    bench.device.ask_for_translation(0x7000'0000'0000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_GENERIC_ERROR_RESPONSE);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::context_invalid) == 1);
  });
}

TEST_CASE("N tells a device that its accesses are snooped whatever they say") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    const std::uint64_t at = bench.tables.entry(top, 4, 0x5000);
    bench.tables.set_word(at, bench.tables.word(at) | 1 << 11);
    for (int cached = 0; cached < 2; ++cached) {
      bench.device.ask_for_translation(0x5000);
      bench.settle();
      REQUIRE(bench.device.completion_words.back() == (kData | tc::R::mask | tc::W::mask | tc::N::mask));
    }
  });
}

TEST_CASE("a translated request with a PASID is Unsupported, without a fault") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    finished(bench, true, 0x5000, 1);
    auto& payload = bench.pool.acquire(tlm::TLM_READ_COMMAND, kData, 4);
    auto& extension = sim::TransactionPool::extension(payload);
    extension.requester = kDevice;
    extension.pasid = 5;
    extension.tag = 0;
    extension.address_type = sim::AddressType::translated;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = bench.queue.delay();
    bench.device.dma_out->nb_transport_fw(payload, phase, delay);
    bench.settle();
    REQUIRE(bench.device.transfers[0].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.read(reg::kFSTS) == 0);
  });
}

TEST_CASE("translated requests need a context entry that allows them, and stay out of the interrupt range") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    finished(bench, true, 0x5000, 1);
    bench.tables.set_context(kDevice, {.domain = 1, .levels = 4, .table = top, .translation_type = 0});
    bench.submit(invalidate_contexts());
    bench.settle();
    const auto blocked = finished(bench, true, 0x5000, 2);
    REQUIRE(bench.device.transfers[blocked].hit);
    REQUIRE(bench.device.transfers[blocked].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE((bench.data.word(kData) & 0xffff'ffff) == 1);
    const std::uint64_t high = bench.read(reg::kFaultRecords + 8, 8);
    REQUIRE(reg::record::FR::get(high) == static_cast<unsigned>(FaultReason::translation_type_blocked));
    REQUIRE(reg::record::AT::get(high) == 2);
  });
}

TEST_CASE("the interrupt range may only be asked for untranslated, and is then an interrupt") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.tables.set_remapped(3, 0x41, 0x100);
    bench.device.ask_for_translation(0xfee0'0000);
    bench.settle();
    REQUIRE(bench.device.completion_words.back() == (tc::U::mask | tc::W::mask));
    bench.device.ask_for_translation(0xfee0'0000, true);
    bench.settle();
    REQUIRE(bench.device.completion_words.back() == 0);
    const auto msi = finished(bench, true, msi_address(3), 0);
    REQUIRE(bench.device.transfers[msi].state == State::done);
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].data == 0x41);
    REQUIRE(bench.device.cached().empty());
  });
}

TEST_CASE("who may not have translations may not have the interrupt range's either") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.device.ask_for_translation(0xfee0'0000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::translation_type_blocked) == 1);
  }, 0);
}

TEST_CASE("software that forgets the device's cache keeps being read through the stale entry") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    finished(bench, true, 0x5000, 1);
    bench.tables.map(top, 4, 0x5000, kData + 0x1000);
    bench.submit(invalidate_pages(1, 0x5000));
    bench.settle();
    finished(bench, true, 0x5000, 2);
    REQUIRE((bench.data.word(kData) & 0xffff'ffff) == 2);
    bench.submit(invalidate_device(0x5000));
    bench.submit(wait_with_status(kStatus, 9));
    bench.settle();
    REQUIRE(bench.data.word(kStatus) == 9);
    finished(bench, true, 0x5000, 3);
    REQUIRE((bench.data.word(kData + 0x1000) & 0xffff'ffff) == 3);
    REQUIRE((bench.data.word(kData) & 0xffff'ffff) == 2);
  });
}

TEST_CASE("a device-TLB invalidation takes the pages it names and leaves the others") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    for (std::uint64_t page = 0; page < 8; ++page) {
      bench.tables.map(top, 4, page << 12, kData + (page << 12));
      finished(bench, true, page << 12, 1);
    }
    bench.submit(invalidate_device(0x3000));
    bench.settle();
    REQUIRE(bench.device.cached().size() == 7);
    bench.submit(invalidate_device(0x4000 | 0x1000, true));  // four pages from 0x4000
    bench.settle();
    REQUIRE(bench.device.cached().size() == 3);
    bench.submit(invalidate_device(0x7fff'ffff'ffff'f000, true));
    bench.settle();
    REQUIRE(bench.device.cached().empty());
    REQUIRE(bench.iommu.statistics().device_invalidations == 3);
  });
}

TEST_CASE("a wait ends when the device has completed, whatever number of completions that takes") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.device.invalidation_time = 5000 * kPsPerNs;
    bench.device.completions = 3;
    bench.submit(invalidate_device(0x5000));
    bench.submit(wait_with_status(kStatus, 9));
    bench.settle(4900);
    REQUIRE(bench.device.invalidations == 1);
    REQUIRE(bench.data.word(kStatus) == 0);
    bench.settle(1000);
    REQUIRE(bench.data.word(kStatus) == 9);
  });
}

TEST_CASE("a wait without fence lets the queue go on, one with fence holds it") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.device.invalidation_time = 5000 * kPsPerNs;
    bench.submit(invalidate_device(0x5000));
    bench.submit(wait_with_status(kStatus, 1));
    bench.submit(invalidate_iotlb());
    bench.settle(2000);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x30);
    REQUIRE(bench.iommu.statistics().invalidations == 1);
    REQUIRE(bench.data.word(kStatus) == 0);
    bench.settle(8000);
    REQUIRE(bench.data.word(kStatus) == 1);
    bench.submit(invalidate_device(0x5000));
    bench.submit(fenced_wait(kStatus, 2));
    bench.submit(invalidate_iotlb());
    bench.settle(2000);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x40);
    REQUIRE(bench.iommu.statistics().invalidations == 1);
    bench.settle(8000);
    REQUIRE(bench.data.word(kStatus) == 2);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x60);
    REQUIRE(bench.iommu.statistics().invalidations == 2);
  });
}

TEST_CASE("a pending wait with IF raises the completion event when it ends, not when it is fetched") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.write(reg::kIECTL, 0);
    bench.device.invalidation_time = 5000 * kPsPerNs;
    bench.submit(invalidate_device(0x5000));
    bench.submit(wait_with_interrupt());
    bench.settle(2000);
    REQUIRE(bench.messages.empty());
    REQUIRE(bench.read(reg::kICS) == 0);
    bench.settle(5000);
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.read(reg::kICS) == 1);
  });
}

TEST_CASE("a device that takes one invalidation at a time gets the next when it has completed") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t) {
    bench.device.invalidation_time = 5000 * kPsPerNs;
    for (int i = 0; i < 3; ++i) bench.submit(invalidate_device(0x5000, false, 1));
    bench.settle(3000);
    REQUIRE(bench.device.invalidations == 1);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x10);
    bench.settle(5000);
    REQUIRE(bench.device.invalidations == 2);
    bench.settle(10000);
    REQUIRE(bench.device.invalidations == 3);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x30);
  });
}

namespace {

void device_stays_silent(bool fenced) {
  Config config = with_ats();
  config.device_tlb_timeout_ns = 3000;
  run(config, [fenced](AtsBench& bench, std::uint64_t) {
    bench.device.answers_invalidations = false;
    bench.submit(invalidate_device(0x5000));
    bench.submit(fenced ? fenced_wait(kStatus, 1) : wait_with_status(kStatus, 1));
    bench.settle(2500);
    REQUIRE(bench.read(reg::kFSTS) == 0);
    bench.settle(1000);
    REQUIRE(bench.read(reg::kFSTS) == reg::fsts::kITE);
    REQUIRE(reg::iqer::ITESID::get(bench.read(reg::kIQER, 8)) == kDevice);
    REQUIRE(bench.messages.size() == 1);
    bench.submit(wait_with_status(kStatus + 8, 2));
    bench.settle();
    REQUIRE(bench.data.word(kStatus) == 0);
    REQUIRE(bench.data.word(kStatus + 8) == 0);
    bench.write(reg::kFSTS, reg::fsts::kITE);
    bench.settle();
    REQUIRE(bench.data.word(kStatus) == 0);
    REQUIRE(bench.data.word(kStatus + 8) == 2);
    REQUIRE(bench.iommu.statistics().device_timeouts == 1);
    // The late completion is one that nobody expects.
    bench.device.send_message(sim::TlpKind::invalidate_completion, invalidate_completion::Tags::of(1) | invalidate_completion::Count::of(1));
    bench.settle();
    REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kICE) != 0);
    REQUIRE(reg::iqer::ICESID::get(bench.read(reg::kIQER, 8)) == kDevice);
    REQUIRE(bench.messages.size() == 2);
  });
}

}  // namespace

TEST_CASE("a device that does not answer in time is an ITE: pending waits are given up and the queue stops until it is cleared") {
  device_stays_silent(false);
}

TEST_CASE("a wait with fence is given up too when its device does not answer") { device_stays_silent(true); }

TEST_CASE("a timely completion disarms the time-out") {
  Config config = with_ats();
  config.device_tlb_timeout_ns = 3000;
  run(config, [](AtsBench& bench, std::uint64_t) {
    for (int i = 0; i < 5; ++i) {
      bench.submit(invalidate_device(0x5000));
      bench.settle(1500);
    }
    bench.settle();
    REQUIRE(bench.read(reg::kFSTS) == 0);
    bench.device.answers_invalidations = false;
    bench.submit(invalidate_device(0x5000));
    bench.settle();
    REQUIRE(bench.read(reg::kFSTS) == reg::fsts::kITE);
  });
}

TEST_CASE("a completion pushes the device's earlier writes in front of it") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    finished(bench, true, 0x5000, 1);
    bench.memory.write_latency = 7000 * kPsPerNs;
    bench.device.transfer(true, 0x5000, 2);
    bench.device.send_message(sim::TlpKind::invalidate_completion, 1 | 1ull << 32);
    bench.settle(6000);
    REQUIRE(bench.read(reg::kFSTS) == 0);
    bench.settle(2000);
    REQUIRE(bench.read(reg::kFSTS) == reg::fsts::kICE);  // nothing was out, and now it has been seen
    REQUIRE((bench.data.word(kData) & 0xffff'ffff) == 2);
  });
}

TEST_CASE("a translation that an invalidation overtakes on its way is asked for again") {
  run(with_ats(), [](AtsBench& bench, std::uint64_t top) {
    bench.tables.map(top, 4, 0x5000, kData);
    bench.device.ask_for_translation(0x5000);  // into the IOTLB
    bench.settle();
    bench.tables.map(top, 4, 0x5000, kData + 0x1000);
    bench.memory.read_latency = 300 * kPsPerNs;
    bench.submit(invalidate_pages(1, 0x5000));
    bench.submit(invalidate_device(0x5000));
    while (bench.iommu.statistics().device_invalidations == 0) {
      if (bench.device.transfers.empty() && bench.iommu.statistics().invalidations == 1) bench.device.transfer(true, 0x5000, 5);
      sc_core::wait(1, sc_core::SC_NS);
    }
    bench.settle();
    REQUIRE(bench.device.transfers[0].translations == 2);
    REQUIRE((bench.data.word(kData + 0x1000) & 0xffff'ffff) == 5);
  });
}

TEST_CASE("without device-TLBs their messages are Unsupported Requests") {
  Config config = with_ats();
  config.device_tlbs = false;
  run(config, [](AtsBench& bench, std::uint64_t) {
    bench.device.send_message(sim::TlpKind::invalidate_completion, 1);
    bench.device.send_message(sim::TlpKind::page_request, 1);
    bench.device.ask_for_translation(0x5000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kICE) == 0);
    REQUIRE(bench.device.responses.empty());
  }, 0);
}
