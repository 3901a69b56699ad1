// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Address translation services over a link: every TLP of theirs with its size and time, what software must have enabled
// before it goes, and where it ends. What sits beyond the root complex is a stand-in here; the IOMMU is in
// test/models/platform/ats_module_test.cpp.

#include "lib/ats_message_spec.h"
#include "test/support/ats_link_bench_module.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::pcie::spec;
using test::Atc;
using Bench = test::AtsLinkBench;
using State = test::Atc::Transfer::State;
namespace tc = translation_completion;

namespace {

constexpr Ps kUp = 150'000, kDown = 150'000;  // propagation and root complex
constexpr Ps kAgent = test::TranslationAgent::kLatency;

constexpr std::uint64_t kPage = 0x7000, kFrame = 0x12'3000, kReadable = kFrame | 1, kBoth = kFrame | 3;

}  // namespace

TEST_CASE("software finds ATS and page requests through ECAM, and before it enables ATS nothing is asked") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    REQUIRE(bench.capability(kExtAts) != 0);
    REQUIRE(bench.get(kExtAts, kAtsCap, 2) == (4 | kAtsPageAligned | kAtsGlobalInvalidate));
    REQUIRE(bench.get(kExtPageRequest, kPriCapacity, 4) == test::AtcDevice::kCapacity);
    const std::uint64_t sent = bench.rc.counters().up_bytes;
    const auto before = bench.finished(true, kPage + 8, 1);
    REQUIRE(before.state == State::refused);
    REQUIRE(before.status == tlm::TLM_COMMAND_ERROR_RESPONSE);
    REQUIRE(bench.rc.counters().up_bytes == sent);
    REQUIRE(bench.device.counters().not_allowed == 1);
    REQUIRE(bench.agent.log.empty());

    bench.enable_ats();
    REQUIRE(bench.finished(true, kPage + 8, 77).state == State::done);
    REQUIRE(bench.agent.log.size() == 2);
    REQUIRE(bench.agent.log[0].type == sim::AddressType::translation_request);
    REQUIRE_FALSE(bench.agent.log[0].write);
    REQUIRE(bench.agent.log[0].address == kPage);
    REQUIRE(bench.agent.log[0].bytes == 8);
    REQUIRE(bench.agent.log[0].requester == 0x100);
    REQUIRE(bench.agent.log[1].type == sim::AddressType::translated);
    REQUIRE(bench.agent.log[1].address == kFrame + 8);
    REQUIRE(bench.agent.log[1].body == 77);

    bench.set(kExtAts, kAtsControl, 2, 0);  // what is cached may not be used any more
    const auto after = bench.finished(true, kPage + 8, 2);
    REQUIRE(after.state == State::refused);
    REQUIRE(bench.agent.log.size() == 2);
  });
}

TEST_CASE("a translation request and its completion take the link for 24 and 28 bytes, 4 more with a PASID") {
  Bench bench;
  bench.agent.pages[kPage] = kReadable;
  bench.run([&] {
    bench.enable_ats();
    bench.enable_pasid();
    for (const unsigned prefix : {0u, 4u}) {
      bench.device.pasid = prefix == 0 ? sim::kNoPasid : 5;
      const auto before = bench.rc.counters();
      const Ps start = bench.core.now();
      const auto& transfer = bench.finished(false, kPage);
      REQUIRE(transfer.state == State::done);
      REQUIRE(transfer.data == 0x5a5a'5a5a);
      const auto& asked = bench.agent.log[bench.agent.log.size() - 2];
      const auto& read = bench.agent.log.back();
      REQUIRE(asked.at == start + bench.timing.time(24 + prefix) + kUp);
      REQUIRE(asked.pasid == bench.device.pasid);
      REQUIRE(asked.no_write);
      REQUIRE(read.at == asked.at + kAgent + kDown + bench.timing.time(28) + bench.timing.time(24) + kUp);
      REQUIRE(read.pasid == sim::kNoPasid);
      REQUIRE(bench.rc.counters().up_bytes - before.up_bytes == 24 + prefix + 24);
      REQUIRE(bench.rc.counters().down_bytes - before.down_bytes == 28 + 24);
    }
  });
}

TEST_CASE("Unsupported Request and Completer Abort reach the device as what they are") {
  Bench bench;
  bench.run([&] {
    bench.enable_ats();
    for (const auto status : {tlm::TLM_ADDRESS_ERROR_RESPONSE, tlm::TLM_GENERIC_ERROR_RESPONSE}) {
      bench.agent.status = status;
      const std::uint64_t before = bench.rc.counters().down_bytes;
      REQUIRE(bench.finished(true, kPage).status == status);
      REQUIRE(bench.rc.counters().down_bytes - before == 20);  // a completion without data
      REQUIRE(bench.device.pending() == 0);
    }
  });
}

TEST_CASE("a translation of less than the unit software has set is not used") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.agent.pages[0x20'0000] = 0x40'0000 | 0x7000 | tc::S::mask | 3;  // 64 KB
  bench.run([&] {
    bench.enable_ats(0x100, 4);
    REQUIRE(bench.finished(true, kPage).state == State::refused);
    REQUIRE(bench.finished(true, 0x20'0000).state == State::done);
    REQUIRE(bench.device.cached().size() == 1);
    REQUIRE(bench.device.cached()[0].bytes == 65536);
  });
}

TEST_CASE("an invalidate request takes 32 bytes down and its completion 24 up, with the ids of both ends") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    bench.enable_ats();
    bench.enable_pasid();
    bench.finished(true, kPage, 1);
    REQUIRE(bench.device.cached().size() == 1);
    for (const unsigned prefix : {0u, 4u}) {
      const auto before = bench.rc.counters();
      const Ps start = bench.core.now();
      REQUIRE(bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 19, kPage, prefix == 0 ? sim::kNoPasid : 5) == tlm::TLM_OK_RESPONSE);
      bench.settle();
      const Ps arrived = start + kDown + bench.timing.time(32 + prefix);
      REQUIRE(bench.device.invalidated_at.back() == arrived);
      const auto& completion = bench.agent.log.back();
      REQUIRE(completion.kind == sim::TlpKind::invalidate_completion);
      REQUIRE(completion.requester == 0x100);
      REQUIRE(completion.body == (1ull << 19 | 1ull << 32));
      REQUIRE(completion.at == arrived + bench.device.invalidation_time + bench.timing.time(24) + kUp);
      REQUIRE(bench.rc.counters().down_bytes - before.down_bytes == 32 + prefix);
      REQUIRE(bench.rc.counters().up_bytes - before.up_bytes == 24);
      REQUIRE(bench.rc.counters().tlps - before.tlps == 2);
    }
    REQUIRE(bench.device.cached().empty());
  });
}

TEST_CASE("an invalidate request to a function whose ATS is disabled is an Unsupported Request and is not completed") {
  Bench bench;
  bench.run([&] {
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 1, kPage);
    bench.settle();
    REQUIRE(bench.device.invalidations == 0);
    REQUIRE(bench.device.counters().unsupported == 1);
    const std::uint16_t express = pcie::find_capability(bench.core, 0x100, kCapExpress);
    REQUIRE(bench.core.read(0x100, static_cast<std::uint16_t>(express + kExpDeviceStatus), 2) == kExpUnsupportedDetected);
    REQUIRE(bench.agent.log.empty());
    bench.enable_ats();
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 1, kPage);
    bench.settle();
    REQUIRE(bench.device.invalidations == 1);
    REQUIRE(bench.agent.log.size() == 1);
  });
}

TEST_CASE("a message for an id nobody has goes nowhere") {
  Bench bench;
  bench.run([&] {
    bench.enable_ats();
    const auto before = bench.rc.counters();
    REQUIRE(bench.agent.send(sim::TlpKind::invalidate_request, 0x0500, 1, kPage) == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.rc.counters().down_bytes == before.down_bytes);
    REQUIRE(bench.rc.counters().unclaimed == before.unclaimed + 1);
    bench.agent.send(sim::TlpKind::invalidate_request, 0x0101, 1, kPage);  // the device's bus, and no function of its
    bench.settle();
    REQUIRE(bench.device.counters().unsupported == 1);
    REQUIRE(bench.device.invalidations == 0);
  });
}

TEST_CASE("an invalidate completion stays behind the writes that used the old translation") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.agent.write_latency = 3'000'000;
  bench.run([&] {
    bench.enable_ats();
    bench.finished(true, kPage, 1);
    bench.device.invalidation_time = 0;
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 7, kPage);
    // So many that some still wait for the link when the invalidation is carried out.
    for (unsigned i = 0; i < 60; ++i) bench.device.transfer(true, kPage + 64 * i, i);
    bench.settle();
    const auto& log = bench.agent.log;
    std::size_t completion = 0, last_write = 0;
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (log[i].kind == sim::TlpKind::invalidate_completion) completion = i;
      if (log[i].type == sim::AddressType::translated) last_write = i;
    }
    REQUIRE(bench.device.invalidated_at.size() == 1);
    REQUIRE(log[last_write].at > bench.device.invalidated_at[0]);
    REQUIRE(completion > last_write);
    REQUIRE(log[completion].at == log[last_write].at + bench.timing.time(24));
  });
}

TEST_CASE("an invalidate completion is sent when the reads that used the old translation have been answered") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    bench.enable_ats();
    bench.finished(false, kPage);
    bench.agent.read_latency = 5'000'000;
    const std::size_t read = bench.device.transfer(false, kPage);
    REQUIRE(bench.device.transfers[read].hit);
    bench.settle(500'000);
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 7, kPage);
    bench.settle();
    REQUIRE(bench.device.transfers[read].state == State::done);
    REQUIRE(bench.device.invalidated_at[0] < bench.device.transfers[read].ended);
    REQUIRE(bench.agent.log.back().kind == sim::TlpKind::invalidate_completion);
    REQUIRE(bench.agent.log.back().at == bench.device.transfers[read].ended + bench.timing.time(24) + kUp);
  });
}

TEST_CASE("a translation that an invalidation meets on its way is asked for again") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.agent.read_latency = 2'000'000;
  bench.run([&] {
    bench.enable_ats();
    const std::size_t index = bench.device.transfer(true, kPage, 9);
    bench.settle(500'000);
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 7, kPage);
    bench.agent.pages[kPage] = 0x55'5003;
    bench.settle();
    REQUIRE(bench.device.transfers[index].translations == 2);
    REQUIRE(bench.device.cached().at(0).physical == 0x55'5000);
  });
}

TEST_CASE("a page request takes 24 bytes up and its response 24 down, 4 more each with a PASID") {
  Bench bench;
  bench.run([&] {
    bench.enable_ats();
    bench.enable_pasid();
    bench.enable_pages(4);
    for (const unsigned prefix : {0u, 4u}) {
      bench.device.pasid = prefix == 0 ? sim::kNoPasid : 5;
      const auto before = bench.rc.counters();
      const Ps start = bench.core.now();
      REQUIRE(bench.device.ask_for_page(0x9000, true, true, true, 300));
      bench.settle();
      const auto& request = bench.agent.log.back();
      REQUIRE(request.kind == sim::TlpKind::page_request);
      REQUIRE(request.at == start + bench.timing.time(24 + prefix) + kUp);
      REQUIRE(request.body == (0x9000ull | 7 | 300 << 3));
      REQUIRE(request.pasid == bench.device.pasid);
      const Ps answered = bench.core.now();
      bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 300, bench.device.pasid);
      bench.settle();
      REQUIRE(bench.device.responses.back().group == 300);
      REQUIRE(bench.device.answered_at.back() == answered + kDown + bench.timing.time(24 + prefix));
      REQUIRE(bench.rc.counters().up_bytes - before.up_bytes == 24 + prefix);
      REQUIRE(bench.rc.counters().down_bytes - before.down_bytes == 24 + prefix);
    }
  });
}

TEST_CASE("page requests need Enable and an allocation, and no bus mastering") {
  Bench bench;
  bench.run([&] {
    REQUIRE_FALSE(bench.device.ask_for_page(0x9000, true, false, true, 1));
    bench.set(kExtPageRequest, kPriControl, 2, kPriEnable);
    REQUIRE_FALSE(bench.device.ask_for_page(0x9000, true, false, true, 1));
    bench.set(kExtPageRequest, kPriAllocation, 4, 1);
    bench.core.write(0x100, kCommand, 2, kCommandMemoryEnable);
    REQUIRE(bench.device.ask_for_page(0x9000, true, false, true, 1));
    REQUIRE_FALSE(bench.device.ask_for_page(0xa000, true, false, true, 2));
    REQUIRE(bench.device.ask_for_page(0, false, false, true, 0));  // a stop marker is not one that is answered
    bench.settle();
    REQUIRE(bench.agent.log.size() == 2);
    bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 1);
    bench.settle();
    REQUIRE(bench.device.ask_for_page(0xa000, true, false, true, 2));
    bench.enable_ats();
    REQUIRE(bench.finished(true, kPage).status == tlm::TLM_COMMAND_ERROR_RESPONSE);  // that is a memory request
    REQUIRE(bench.device.counters().not_master == 1);
  });
}

TEST_CASE("status of the page-request interface follows what comes over the link") {
  Bench bench;
  bench.run([&] {
    bench.enable_pages(4);
    const auto status = [&] { return bench.get(kExtPageRequest, kPriStatus, 2); };
    bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 9);
    bench.settle();
    REQUIRE(status() == kPriUnexpectedGroup);
    REQUIRE(bench.device.responses.empty());
    bench.device.ask_for_page(0x9000, true, false, true, 9);
    bench.set(kExtPageRequest, kPriControl, 2, 0);
    REQUIRE(status() == kPriUnexpectedGroup);
    bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 9);
    bench.settle();
    REQUIRE(status() == (kPriUnexpectedGroup | kPriStopped));
    bench.set(kExtPageRequest, kPriControl, 2, kPriEnable);
    bench.device.ask_for_page(0x9000, true, false, true, 9);
    bench.device.ask_for_page(0xa000, true, false, true, 10);
    bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 9 | 15u << 12);
    bench.agent.send(sim::TlpKind::page_response, 0x100, 0, 10);
    bench.settle();
    REQUIRE(status() == kPriResponseFailure);
    REQUIRE(bench.device.responses.back().code == 15);
    REQUIRE(bench.device.responses.size() == 2);  // the one behind it is ignored
    REQUIRE_FALSE(bench.device.ask_for_page(0x9000, true, false, true, 9));
  });
}

TEST_CASE("a PASID that software has not enabled stays in the device") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    bench.enable_ats();
    bench.enable_pages(4);
    bench.device.pasid = 5;
    REQUIRE(bench.finished(true, kPage).state == State::refused);
    REQUIRE_FALSE(bench.device.ask_for_page(0x9000, true, false, true, 1));
    REQUIRE(bench.agent.log.empty());
    bench.enable_pasid();
    REQUIRE(bench.finished(true, kPage).state == State::done);
    REQUIRE(bench.device.ask_for_page(0x9000, true, false, true, 1));
  });
}

TEST_CASE("a virtual function asks, is invalidated and asks for pages under its own id") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    pcie::Enumerator enumerator(bench.core, pcie::windows_of(bench.rc.config()));
    const auto found = enumerator.scan();
    const auto vfs = enumerator.enable_vfs(found.at(2), 2);
    const std::uint16_t vf = vfs.at(1).bdf;
    REQUIRE(vf == 0x182);
    bench.device.acts_as = 2;
    bench.enable_ats();  // the physical function's Enable is not the virtual one's
    bench.core.write(vf, kCommand, 2, kCommandBusMaster);
    REQUIRE(bench.finished(true, kPage).state == State::refused);
    bench.enable_ats(vf);
    bench.enable_pages(4);
    REQUIRE(bench.finished(true, kPage).state == State::done);
    REQUIRE(bench.agent.log[0].requester == vf);
    REQUIRE(bench.agent.log[1].requester == vf);
    bench.agent.send(sim::TlpKind::invalidate_request, vf, 3, kPage);
    bench.settle();
    REQUIRE(bench.device.cached().empty());
    REQUIRE(bench.agent.log.back().requester == vf);
    REQUIRE(bench.device.ask_for_page(0x9000, true, false, true, 1));
    bench.settle();
    REQUIRE(bench.agent.log.back().requester == vf);
    bench.agent.send(sim::TlpKind::page_response, vf, 0, 1);
    bench.settle();
    REQUIRE(bench.device.responses.size() == 1);
    bench.finished(true, kPage);
    enumerator.disable_vfs(found.at(2));
    REQUIRE(bench.device.cached().empty());
    bench.agent.send(sim::TlpKind::invalidate_request, vf, 3, kPage);
    bench.settle();
    REQUIRE(bench.device.invalidations == 1);
  });
}

TEST_CASE("enabling ATS anew and a function-level reset take what the function had cached") {
  Bench bench;
  bench.agent.pages[kPage] = kBoth;
  bench.run([&] {
    bench.enable_ats();
    bench.finished(true, kPage);
    REQUIRE(bench.device.cached().size() == 1);
    bench.enable_ats();  // it was
    REQUIRE(bench.device.cached().size() == 1);
    bench.set(kExtAts, kAtsControl, 2, 0);
    bench.enable_ats();
    REQUIRE(bench.device.cached().empty());
    bench.finished(true, kPage);
    const std::uint16_t express = pcie::find_capability(bench.core, 0x100, kCapExpress);
    bench.core.write(0x100, static_cast<std::uint16_t>(express + kExpDeviceControl), 2, kExpInitiateFlr);
    REQUIRE(bench.device.cached().empty());
    REQUIRE(bench.get(kExtAts, kAtsControl, 2) == 0);
    REQUIRE(bench.device.caches_lost == 3);
  });
}

TEST_CASE("a function that is reset completes no invalidation from before") {
  Bench bench;
  bench.device.invalidation_time = 3'000'000;
  bench.run([&] {
    bench.enable_ats();
    bench.agent.send(sim::TlpKind::invalidate_request, 0x100, 4, kPage);
    bench.settle(1'000'000);
    REQUIRE(bench.device.invalidations == 1);
    const std::uint16_t express = pcie::find_capability(bench.core, 0x100, kCapExpress);
    bench.core.write(0x100, static_cast<std::uint16_t>(express + kExpDeviceControl), 2, kExpInitiateFlr);
    bench.enable_ats();
    bench.settle();
    REQUIRE(bench.agent.log.empty());
  });
}

TEST_CASE("run-ahead gives the same times with translation services") {
  pcie::Config config = test::PcieBench::config();
  config.posted_credits = 6;
  config.nonposted_credits = 3;
  Bench ahead(true, config, true, "ahead_"), plain(true, config, false, "plain_");
  for (Bench* bench : {&ahead, &plain}) {
    bench->core.stop_when_done = false;
    for (std::uint64_t page = 0; page < 8; ++page) bench->agent.pages[page << 12] = 0x10'0000 | page << 12 | 3;
    bench->prepare([bench] {
      bench->enable_ats();
      bench->enable_pages(4);
      for (unsigned i = 0; i < 400; ++i) {
        bench->device.transfer(i % 3 == 0, (i * 7 % 8) << 12 | (i * 64 & 0xfff), i);
        if (i % 5 == 0) bench->agent.send(sim::TlpKind::invalidate_request, 0x100, i / 5 % 32, (i * 3 % 8) << 12);
        if (i % 11 == 0) bench->device.ask_for_page(0x9000, true, false, true, static_cast<std::uint16_t>(i));
        if (i % 22 == 0) bench->agent.send(sim::TlpKind::page_response, 0x100, 0, i);
        bench->core.sleep((i * 37 % 90) * kPsPerNs + 1);
      }
      bench->settle();
    });
  }
  sc_core::sc_start();
  for (const Bench* bench : {&ahead, &plain}) {
    bench->check();
    for (const auto& transfer : bench->device.transfers) REQUIRE(transfer.state == State::done);
  }
  REQUIRE(ahead.agent.log == plain.agent.log);
  REQUIRE(ahead.agent.log.size() > 500);
  REQUIRE(ahead.device.invalidated_at == plain.device.invalidated_at);
  REQUIRE(ahead.device.invalidated_at.size() == 80);
  REQUIRE(ahead.device.answered_at == plain.device.answered_at);
  REQUIRE(ahead.rc.counters().stalled == plain.rc.counters().stalled);
}

TEST_CASE("a root complex without a translation agent refuses translation services and gives the credits back") {
  pcie::Config config = test::PcieBench::config();
  config.posted_credits = config.nonposted_credits = 2;
  Bench bench(false, config);
  bench.run([&] {
    bench.enable_ats();
    for (unsigned i = 0; i < 5; ++i) {
      REQUIRE(bench.finished(true, kPage).status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
      bench.device.send_as_it_stands(sim::TlpKind::invalidate_completion, 1);
      bench.settle();
    }
    bench.device.write(0x4000, {1, 2, 3});
    bench.settle();
    REQUIRE(bench.agent.log.size() == 1);
    REQUIRE(bench.agent.log[0].address == 0x4000);
    REQUIRE(bench.device.pending() == 0);
  });
}
