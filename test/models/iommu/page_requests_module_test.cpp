// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Page requests against the whole IOMMU: queue, event, response, retry; overflow; who may ask at all. And device-TLB
// invalidation by PASID.

#include "models/iommu/ats_spec.h"
#include "models/iommu/page_requests.h"
#include "test/support/ats_endpoint_module.h"
#include "test/support/catch.h"
#include "test/support/iommu_scalable_tables.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

using State = AtsEndpoint::Transfer::State;
constexpr std::uint64_t kQueue = 0x1700'0000, kStatus = 0x1800'0000, kData = 0x2000'0000;
constexpr std::uint16_t kDevice = AtsBench::kFunction;
constexpr std::uint32_t kPasid = 0x12345;

Config with_pages() {
  Config config;
  config.scalable_mode = config.device_tlbs = config.page_requests = true;
  config.lookup_ns = 2;
  config.walk_step_ns = 10;
  config.invalidation_ns = 20;
  return config;
}

/// Software's side: the bench with remapping on, first-stage tables for kPasid, and for requests without PASID.
struct Host {
  explicit Host(AtsBench& b, const ScalableContextFields& context) : bench(b) {
    b.write(reg::kRTADDR, scalable.root() | 0x400, 8);
    b.write(reg::kGCMD, reg::gcmd::kSRTP);
    b.write(reg::kIQA, b.tables.queue() | reg::iqa::DW::mask, 8);
    b.write(reg::kGCMD, reg::gcmd::kQIE);
    b.write(reg::kGCMD, reg::gcmd::kQIE | reg::gcmd::kTE);
    b.write(reg::kFECTL, 0);
    b.write(reg::kPECTL, 0);
    b.write(reg::kPEDATA, 0x99);
    b.write(reg::kPEADDR, 0xfee0'1000);
    b.write(reg::kPQA, kQueue, 8);
    scalable.set_context(kDevice, context);
    scalable.set_pasid(kDevice, 0, {.type = 1, .domain = 1, .first_table = pages.top()});
    scalable.set_pasid(kDevice, kPasid, {.type = 1, .domain = 1, .first_table = pages.top()});
  }
  std::uint64_t entry(unsigned index, unsigned word) { return bench.data.word(kQueue + 32 * index + 8 * word); }
  void respond(unsigned index, unsigned code) {
    const std::uint64_t request = entry(index, 0);
    bench.submit({0x9 | ((request >> 8) & 1) << 4 | std::uint64_t{code} << 12 | (request & 0xffff'0000) | (request & 0x000f'ffff'0000'0000),
                  entry(index, 1) & (0xff8 | 4)});
  }
  AtsBench& bench;
  ScalableTables scalable{bench.tables};
  FirstStage pages{bench.tables};
};

void run(const Config& config, std::function<void(AtsBench&, Host&)> script, const ScalableContextFields& context = {.device_tlb = true, .page_requests = true}) {
  AtsBench bench("bench", config, [script, context](AtsBench& b) {
    Host host(b, context);
    script(b, host);
  });
  bench.run();
}

}  // namespace

TEST_CASE("a device asks for a page, software maps it and responds, and the device gets through") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    bench.device.pasid = kPasid;
    bench.device.asks_for_pages = true;
    bench.device.transfer(true, 0x7010, 55);
    bench.settle();
    REQUIRE(bench.device.transfers[0].state == State::paging);
    REQUIRE(bench.read(reg::kPQT, 8) == 0x20);
    REQUIRE(bench.read(reg::kPRS) == reg::prs::kPPR);
    REQUIRE(bench.messages.size() == 1);
    REQUIRE(bench.messages[0].address == 0xfee0'1000);
    REQUIRE(bench.messages[0].data == 0x99);
    REQUIRE(host.entry(0, 0) == (1ull | 1ull << 8 | std::uint64_t{kDevice} << 16 | std::uint64_t{kPasid} << 32));
    REQUIRE(host.entry(0, 1) == (0x7000ull | 4 | 2));  // last, write, group 0
    REQUIRE(bench.read(reg::kFSTS) == 0);              // a page that is not there is no fault

    host.pages.map(0x7000, kData);
    bench.write(reg::kPQH, 0x20, 8);
    bench.write(reg::kPRS, reg::prs::kPPR);
    host.respond(0, 0);
    bench.settle();
    REQUIRE(bench.device.responses.size() == 1);
    REQUIRE(bench.device.transfers[0].state == State::done);
    REQUIRE(bench.device.transfers[0].translations == 2);
    REQUIRE((bench.data.word(kData + 0x10) & 0xffff'ffff) == 55);
    REQUIRE(bench.iommu.statistics().page_requests == 1);
    REQUIRE(bench.iommu.statistics().page_responses == 1);
  });
}

TEST_CASE("a DMA after a page request is translated like any other") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    host.pages.map(0x7000, kData);
    bench.device.ask_for_page(0x7000, true, false, true, 7);
    bench.settle();
    bench.device.transfer(false, 0x7000);
    bench.settle();
    REQUIRE(bench.device.transfers[0].state == State::done);
    REQUIRE(bench.iommu.statistics().translation_requests == 1);
    REQUIRE(bench.iommu.statistics().iotlb_misses == 1);
  });
}

TEST_CASE("a device that is refused the page gives up") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    bench.device.asks_for_pages = true;
    bench.device.transfer(false, 0x7010);
    bench.settle();
    REQUIRE(host.entry(0, 0) == (1ull | std::uint64_t{kDevice} << 16));
    REQUIRE((host.entry(0, 1) & 7) == 5);
    host.respond(0, 1);
    bench.settle();
    REQUIRE(bench.device.transfers[0].state == State::refused);
    REQUIRE(bench.device.responses[0].code == 1);
  });
}

TEST_CASE("requests beyond a full queue are dropped and the last of each group is told to try again") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    for (unsigned i = 0; i < 130; ++i) bench.device.ask_for_page(0x1000 * i, true, false, i % 2, static_cast<std::uint16_t>(i / 2));
    bench.settle(20'000);
    REQUIRE(bench.read(reg::kPQT, 8) == 127 * 32);
    REQUIRE(bench.read(reg::kPRS) == (reg::prs::kPPR | reg::prs::kPRO));
    REQUIRE(bench.read(reg::kFSTS) == 0);  // it is the queue's own matter
    REQUIRE((host.entry(126, 1) >> 12) == 126);
    REQUIRE(host.entry(127, 0) == 0);
    // 127 (the last of group 63) and 129 were dropped; 128 is not the last of its group.
    REQUIRE(bench.device.responses.size() == 2);
    REQUIRE(bench.device.responses[0].group == 63);
    REQUIRE(bench.device.responses[1].group == 64);
    REQUIRE(bench.device.responses[1].code == 0);
    REQUIRE(bench.iommu.statistics().page_requests_dropped == 3);
    // Room alone does not help, clearing the overflow does.
    bench.write(reg::kPQH, 64 * 32, 8);
    bench.device.ask_for_page(0x5000, true, false, false, 7);
    bench.settle();
    REQUIRE(bench.read(reg::kPQT, 8) == 127 * 32);
    bench.write(reg::kPRS, reg::prs::kPRO | reg::prs::kPPR);
    bench.device.ask_for_page(0x5000, true, false, false, 7);
    bench.settle();
    REQUIRE(bench.read(reg::kPQT, 8) == 0);
  });
}

TEST_CASE("a device that may not send page requests gets Invalid Request, and a fault is recorded") {
  run(with_pages(), [](AtsBench& bench, Host&) {
    bench.device.ask_for_page(0x5000, true, false, true, 7);
    bench.settle();
    REQUIRE(bench.device.responses.size() == 1);
    REQUIRE(bench.device.responses[0].group == 7);
    REQUIRE(bench.device.responses[0].code == static_cast<unsigned>(PageResponseCode::invalid_request));
    REQUIRE(bench.read(reg::kPQT, 8) == 0);
    const std::uint64_t high = bench.read(reg::kFaultRecords + 8, 8);
    REQUIRE(reg::record::FR::get(high) == static_cast<unsigned>(FaultReason::page_requests_disabled));
    REQUIRE(bench.read(reg::kFaultRecords, 8) == 0x5000);
  }, {.device_tlb = true, .page_requests = false});
}

TEST_CASE("page requests while remapping is off, and with broken tables, are invalid") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    bench.write(reg::kGCMD, reg::gcmd::kQIE);
    bench.device.ask_for_page(0x5000, true, false, true, 1);
    bench.settle();
    REQUIRE(bench.device.responses.back().code == static_cast<unsigned>(PageResponseCode::invalid_request));
    REQUIRE(bench.read(reg::kFSTS) == 0);
    bench.write(reg::kGCMD, reg::gcmd::kQIE | reg::gcmd::kTE);
    bench.data.break_at(host.scalable.context_entry(kDevice));
    bench.device.ask_for_page(0x5000, true, false, true, 2);
    bench.settle();
    // Not Response Failure: that would turn page requests off for the whole device.
    REQUIRE(bench.device.responses.size() == 2);
    REQUIRE(bench.device.responses.back().code == static_cast<unsigned>(PageResponseCode::invalid_request));
    REQUIRE(bench.iommu.statistics().fault(FaultReason::scalable_context_access) == 1);
    bench.device.ask_for_page(0x5000, true, false, false, 2);  // not the last of its group: dropped, with a fault
    bench.settle();
    REQUIRE(bench.device.responses.size() == 2);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::scalable_context_access) == 2);
  });
}

TEST_CASE("a page request takes what is cached of its page, so that a right that has been added counts") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    host.pages.map(0x7000, kData, 4096, kFsRead | kFsUser);
    host.pages.map(0x8000, kData + 0x1000, 4096, kFsRead | kFsUser);
    namespace tc = translation_completion;
    const auto rights = [&](std::uint64_t address) {
      bench.device.ask_for_translation(address);
      bench.settle();
      return bench.device.completion_words.back() & (tc::R::mask | tc::W::mask);
    };
    REQUIRE(rights(0x7000) == tc::R::mask);
    REQUIRE(rights(0x8000) == tc::R::mask);
    host.pages.map(0x7000, kData);
    host.pages.map(0x8000, kData + 0x1000);
    REQUIRE(rights(0x7000) == tc::R::mask);  // stale, as software has not invalidated
    bench.device.ask_for_page(0x7000, false, true, true, 1);
    bench.settle();
    REQUIRE(rights(0x7000) == (tc::R::mask | tc::W::mask));
    REQUIRE(rights(0x8000) == tc::R::mask);  // its neighbour has stayed
  });
}

TEST_CASE("a stop marker goes into the queue and is never answered") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    bench.device.pasid = kPasid;
    bench.device.ask_for_page(0, false, false, true, 0);
    bench.settle();
    REQUIRE(bench.read(reg::kPQT, 8) == 0x20);
    REQUIRE((host.entry(0, 1) & 7) == 4);
    bench.write(reg::kPQH, 0x40, 8);  // full, and one that is dropped is not answered either
    bench.device.ask_for_page(0, false, false, true, 0);
    bench.settle();
    REQUIRE(bench.read(reg::kPQT, 8) == 0x20);
    REQUIRE(bench.device.responses.empty());
  });
}

TEST_CASE("a wait with PD ends when the page requests before it are in the queue") {
  run(with_pages(), [](AtsBench& bench, Host&) {
    bench.device.ask_for_page(0x5000, true, false, true, 0);
    bench.settle();
    bench.memory.write_latency = 5000 * kPsPerNs;
    bench.device.ask_for_page(0x6000, true, false, true, 1);
    bench.submit({0xa5 | 3ull << 32, kStatus});
    bench.settle(4000);
    REQUIRE(bench.read(reg::kIQH, 8) == 0x20);  // not fenced
    bench.settle(8000);
    REQUIRE(bench.data.word(kStatus) == 3);
    bool in_queue = false;
    for (const auto& access : bench.memory.accesses) {
      if (access.write && access.address == kQueue + 0x20) in_queue = true;
      if (access.write && access.address == kStatus) REQUIRE(in_queue);
    }
    REQUIRE(bench.read(reg::kPQT, 8) == 0x40);
  });
}

TEST_CASE("device-TLB invalidation by PASID takes that PASID's pages, a global one those of all") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    host.pages.map(0x7000, kData);
    for (const std::uint32_t pasid : {kPasid, sim::kNoPasid}) {
      bench.device.pasid = pasid;
      bench.device.transfer(true, 0x7000, 1);
      bench.settle();
    }
    REQUIRE(bench.device.cached().size() == 2);
    const auto by_pasid = [](std::uint32_t pasid, bool global) {
      return DescriptorWords{0x8 | std::uint64_t{kDevice} << 16 | std::uint64_t{pasid} << 32, 0x7000ull | (global ? 1u : 0u)};
    };
    bench.submit(by_pasid(kPasid + 1, false));
    bench.settle();
    REQUIRE(bench.device.cached().size() == 2);
    bench.submit(by_pasid(kPasid, false));
    bench.settle();
    REQUIRE(bench.device.cached().size() == 1);
    REQUIRE(bench.device.cached()[0].pasid == sim::kNoPasid);
    bench.submit(by_pasid(kPasid, true));
    bench.settle();
    REQUIRE(bench.device.cached().empty());
  });
}

TEST_CASE("in scalable mode translation and translated requests need DTE, and fault with reason 44 without it") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    host.pages.map(0x7000, kData);
    bench.device.transfer(true, 0x7000, 1);
    bench.settle();
    REQUIRE(bench.device.transfers[0].state == State::done);
    host.scalable.set_context(kDevice, {.device_tlb = false});
    host.scalable.set_pasid(kDevice, 0, {.type = 1, .domain = 1, .first_table = host.pages.top()});
    bench.submit(invalidate_contexts());
    bench.settle();
    bench.device.transfer(true, 0x7000, 2);
    bench.settle();
    REQUIRE(bench.device.transfers[1].hit);
    REQUIRE(bench.device.transfers[1].status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE((bench.data.word(kData) & 0xffff'ffff) == 1);
    bench.device.ask_for_translation(0x7000);
    bench.settle();
    REQUIRE(bench.device.translation_status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.iommu.statistics().fault(FaultReason::device_tlb_disabled) == 2);
  });
}

TEST_CASE("a translation completion does not pass on the tables' Global") {
  run(with_pages(), [](AtsBench& bench, Host& host) {
    host.pages.map(0x7000, kData, 4096, kFsRead | kFsUser | kFsGlobal);
    bench.device.pasid = kPasid;
    bench.device.ask_for_translation(0x7000);
    bench.settle();
    namespace tc = translation_completion;
    REQUIRE(bench.device.completion_words.back() == (kData | tc::R::mask));
  });
}
