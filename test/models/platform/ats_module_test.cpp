// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device with a translation cache in the whole machine: software finds it through ECAM, writes tables, queues
// descriptors and rings registers; requests and messages travel over the link, through the root complex, to and from the
// IOMMU, and end in memory.

#include <cstring>
#include <random>

#include "models/iommu/registers_spec.h"
#include "models/pcie/host_port_module.h"
#include "models/platform/machine_module.h"
#include "test/support/atc_device_module.h"
#include "test/support/dma_tap_module.h"
#include "test/support/iommu_scalable_tables.h"
#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;
using namespace iovirt::pcie::spec;
namespace reg = iommu::reg;
using State = Atc::Transfer::State;

namespace {

constexpr std::uint64_t kQueue = 0x170'0000, kDoneAt = 0x180'0000, kData = 0x200'0000;
constexpr std::uint32_t kPasid = 0x12345;
constexpr std::uint64_t kTimeoutNs = 30'000;

class RamPort final : public MemoryPort {
 public:
  explicit RamPort(memory::Memory& memory) : memory_(memory) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override {
    std::memcpy(bytes.data(), memory_.data() + address, bytes.size());
    return true;
  }
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override {
    std::memcpy(memory_.data() + address, bytes.data(), bytes.size());
    return true;
  }

 private:
  memory::Memory& memory_;
};

platform::Config config_of(const Settings& settings) {
  platform::ConfigRequest request;
  for (const std::string& setting : settings) request.assignments.emplace_back(setting, "the test");
  return platform::LoadedConfig(request).config();
}

const Settings kLegacy = {"iommu.device_tlbs=true", "iommu.device_tlb_timeout_ns=" + std::to_string(kTimeoutNs)};
const Settings kScalable = kLegacy + Settings{"iommu.scalable_mode=true", "iommu.page_requests=true"};

/// What has arrived at memory, in order.
struct Arrivals final : DmaTap::Listener {
  struct Access {
    std::uint64_t address;
    bool write;
  };
  std::vector<Access> accesses;
  void request(const tlm::tlm_generic_payload& payload, std::uint16_t) override {
    accesses.push_back({payload.get_address(), payload.is_write()});
  }
};

/// The machine, the device at its last port, and software that a test writes.
struct Bench : sc_core::sc_module {
  SC_HAS_PROCESS(Bench);
  explicit Bench(const Settings& settings, const std::vector<MacAddress>& nics = {})
      : sc_module(sc_core::sc_module_name("bench")),
        config(config_of(settings)),
        machine(config, nics,
                {.free_ports = 1, .join_memory = [this](iommu::Iommu::InitiatorSocket& mem_out, memory::Memory& memory) {
                   mem_out.bind(tap.in);
                   tap.out.bind(memory.dma_in);
                 }}),
        core("core", machine.queue, config.pcie.ecam_base),
        device("device", machine.queue, machine.pool),
        ram(machine.memory),
        tables(ram) {
    core.out.bind(machine.root_complex.mmio_in);
    machine.root_complex.down[static_cast<int>(nics.size())].bind(device.tlp_in);
    device.tlp_out.bind(machine.root_complex.up[static_cast<int>(nics.size())]);
    SC_THREAD(thread);
  }
  void run(std::function<void()> script) {
    script_ = std::move(script);
    sc_core::sc_start();
    if (failure_) std::rethrow_exception(failure_);
    if (!done_) throw std::runtime_error("the script waits for something that never comes");
  }

  void write(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4) { core.store(config.iommu.register_base + offset, bytes, value); }
  std::uint64_t read(std::uint32_t offset, unsigned bytes = 4) { return core.load(config.iommu.register_base + offset, bytes); }
  std::uint32_t word(std::uint64_t address) { return *ram.load<std::uint32_t>(address); }
  void settle(double us = 5) { core.sleep(static_cast<Ps>(us * 1e6)); }

  /// Enumerates, and lets the device be bus master.
  void plug() {
    pcie::Enumerator enumerator(core, pcie::windows_of(config.pcie));
    for (const pcie::FoundFunction& function : enumerator.scan())
      if (function.device == 0xa7c0) bdf = function.bdf;
    REQUIRE(bdf != 0);
    core.write(bdf, kCommand, 2, kCommandMemoryEnable | kCommandBusMaster);
  }
  void set(std::uint16_t id, std::uint16_t offset, unsigned bytes, std::uint32_t value) {
    core.write(bdf, static_cast<std::uint16_t>(pcie::find_extended_capability(core, bdf, id) + offset), bytes, value);
  }
  std::uint32_t get(std::uint16_t id, std::uint16_t offset, unsigned bytes) {
    return core.read(bdf, static_cast<std::uint16_t>(pcie::find_extended_capability(core, bdf, id) + offset), bytes);
  }
  void enable_ats() { set(kExtAts, kAtsControl, 2, kAtsEnable); }
  /// Legacy tables; the device's top table. Translation type 1 lets it have translations.
  std::uint64_t translate_legacy(unsigned translation_type = 1) {
    enable_iommu([this](auto o, auto v, auto w) { write(o, v, w); }, tables);
    const std::uint64_t top = tables.new_page();
    tables.set_context(bdf, {.domain = 1, .levels = 4, .table = top, .translation_type = translation_type});
    return top;
  }
  /// The device has the translation of `address` to `frame`, and has written 1 through it; its top table.
  std::uint64_t cache_page(std::uint64_t address, std::uint64_t frame) {
    plug();
    const std::uint64_t top = translate_legacy();
    enable_ats();
    tables.map(top, 4, address, frame);
    finished(true, address, 1);
    return top;
  }
  void submit(const DescriptorWords& words, unsigned bytes = 16) {
    const std::uint64_t tail = read(reg::kIQT, 8);
    for (unsigned i = 0; i < bytes / 8; ++i) tables.set_word(tables.queue() + tail + 8 * i, i == 0 ? words.low : i == 1 ? words.high : 0);
    write(reg::kIQT, (tail + bytes) & 0xfff, 8);
  }
  DescriptorWords invalidate_device(std::uint64_t address) const { return {0x3 | 4ull << 16 | std::uint64_t{bdf} << 32, address}; }
  const Atc::Transfer& finished(bool is_write, std::uint64_t address, std::uint32_t value = 0) {
    const std::size_t index = device.transfer(is_write, address, value);
    settle();
    return device.transfers[index];
  }

  platform::Config config;
  Arrivals arrivals;
  DmaTap tap{"tap", arrivals};
  platform::Machine machine;
  pcie::HostPort core;
  AtcDevice device;
  RamPort ram;
  IommuTables tables;
  std::uint16_t bdf = 0;

 private:
  void thread() {
    try {
      script_();
    } catch (...) {
      failure_ = std::current_exception();
    }
    done_ = true;
    sc_core::sc_stop();
  }
  std::function<void()> script_;
  std::exception_ptr failure_;
  bool done_ = false;
};

}  // namespace

TEST_CASE("software enables ATS through ECAM, and the device then reaches memory through its own cache") {
  Bench bench(kLegacy);
  bench.run([&] {
    bench.plug();
    const std::uint64_t top = bench.translate_legacy();
    bench.tables.map(top, 4, 0x5000, kData);
    REQUIRE(bench.finished(true, 0x5010, 1).status == tlm::TLM_COMMAND_ERROR_RESPONSE);
    REQUIRE(bench.machine.iommu.statistics().translation_requests == 0);
    REQUIRE(bench.machine.iommu.statistics().requests == 0);
    bench.enable_ats();
    const auto first = bench.finished(true, 0x5010, 77);
    REQUIRE(first.state == State::done);
    REQUIRE(bench.word(kData + 0x10) == 77);
    REQUIRE(bench.machine.iommu.statistics().translation_requests == 1);
    const auto second = bench.finished(false, 0x5010);
    REQUIRE(second.hit);
    REQUIRE(second.data == 77);
    REQUIRE(bench.machine.iommu.statistics().translation_requests == 1);
    REQUIRE(bench.machine.iommu.statistics().translated_requests == 2);
    // The translation was a round trip of its own, with what the link and the root complex take both ways.
    const auto& pcie = bench.config.pcie;
    REQUIRE(first.ended - first.started > second.ended - second.started + 2 * ns_to_ps(pcie.propagation_ns + pcie.root_complex_ns));
    REQUIRE(bench.read(reg::kFSTS) == 0);
  });
}

TEST_CASE("software invalidates the device's cache through the queue, and the wait ends when the completion is there") {
  Bench bench(kLegacy);
  bench.run([&] {
    const std::uint64_t top = bench.cache_page(0x5000, kData);
    bench.tables.map(top, 4, 0x5000, kData + 0x1000);
    bench.submit(invalidate_pages(1, 0x5000));
    bench.settle();
    REQUIRE(bench.finished(true, 0x5000, 2).state == State::done);
    REQUIRE(bench.word(kData) == 2);  // stale: only the IOMMU's caches have been emptied
    bench.device.invalidation_time = 3'000'000;
    bench.submit(bench.invalidate_device(0x5000));
    bench.submit(wait_with_status(kDoneAt, 9));
    bench.settle(3);
    REQUIRE(bench.device.invalidations == 1);
    REQUIRE(bench.word(kDoneAt) == 0);
    bench.settle();
    REQUIRE(bench.word(kDoneAt) == 9);
    REQUIRE(bench.finished(true, 0x5000, 3).state == State::done);
    REQUIRE(bench.word(kData) == 2);
    REQUIRE(bench.word(kData + 0x1000) == 3);
    REQUIRE(bench.machine.iommu.statistics().device_invalidations == 1);
    REQUIRE(bench.machine.iommu.statistics().device_timeouts == 0);
    REQUIRE(bench.read(reg::kFSTS) == 0);
  });
}

TEST_CASE("when an invalidation's wait has ended every access through the old translation has landed") {
  Bench bench(kLegacy);
  bench.run([&] {
    const std::uint64_t top = bench.cache_page(0x5000, kData);
    bench.device.invalidation_time = 0;
    for (unsigned round = 1; round <= 3; ++round) {
      bench.tables.map(top, 4, 0x5000, kData + 0x1000 * round);
      bench.submit(invalidate_pages(1, 0x5000));
      bench.submit(bench.invalidate_device(0x5000));
      const std::size_t from = bench.device.transfers.size();
      for (unsigned i = 0; i < 100; ++i) bench.device.transfer(i % 4 != 0, 0x5000 + 32 * i, 1000 * round + i);
      bench.submit(wait_with_status(kDoneAt, round));
      std::size_t under_way = 0;
      while (bench.word(kDoneAt) != round) {
        if (bench.device.invalidations == round && under_way == 0)
          for (std::size_t i = from; i < bench.device.transfers.size(); ++i) under_way += bench.device.transfers[i].hit && bench.device.transfers[i].state == State::moving;
        bench.core.sleep(1000);
      }
      REQUIRE(under_way != 0);  // or the test shows nothing
      for (std::size_t i = from; i < bench.device.transfers.size(); ++i) {
        const Atc::Transfer& transfer = bench.device.transfers[i];
        if (!transfer.hit) continue;
        const std::uint64_t at = kData + 0x1000 * (round - 1) + (transfer.address & 0xfff);
        if (transfer.write)
          REQUIRE(bench.word(at) == transfer.data);
        else
          REQUIRE(transfer.state == State::done);
      }
      bench.settle(20);
      REQUIRE(bench.finished(true, 0x5000, round).state == State::done);
      REQUIRE(bench.word(kData + 0x1000 * round) == round);
    }
  });
}

/// Random traffic through the device's cache while software moves its pages.
void random_traffic(unsigned seed) {
  CAPTURE(seed);
  constexpr unsigned kPages = 6, kMoves = 150;
  struct Retired {
    std::uint64_t frame;
    std::uint32_t wait;
  };
  Bench bench(kLegacy);
  bench.run([&] {
    std::mt19937 random(seed);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
    bench.plug();
    const std::uint64_t top = bench.translate_legacy();
    bench.enable_ats();
    std::uint64_t next_frame = kData, frame[kPages];
    const auto move_to_next = [&](unsigned page) {
      frame[page] = next_frame;
      bench.tables.map(top, 4, page << 12, next_frame);
      next_frame += 0x1000;
    };
    for (unsigned page = 0; page < kPages; ++page) move_to_next(page);
    std::vector<Retired> retired;
    for (unsigned move = 1; move <= kMoves; ++move) {
      bench.device.invalidation_time = pick(400) * kPsPerNs;
      for (unsigned n = pick(40); n-- > 0;) {
        bench.device.transfer(pick(2) == 0, (pick(kPages) << 12) + 8 * pick(500), move);
        if (pick(4) == 0) bench.core.sleep(pick(60) * kPsPerNs + 1);
      }
      const unsigned page = pick(kPages);
      retired.push_back({frame[page], move});
      move_to_next(page);
      bench.submit(invalidate_pages(1, page << 12));
      bench.submit(bench.invalidate_device(page << 12));
      bench.submit(wait_with_status(kDoneAt + 8 * move, move));
      if (pick(3) == 0) bench.core.sleep(pick(2000) * kPsPerNs + 1);
      while (((bench.read(reg::kIQT, 8) - bench.read(reg::kIQH, 8)) & 0xfff) > 0x800) bench.core.sleep(100 * kPsPerNs);
    }
    bench.settle(100);

    unsigned served = 0;
    for (const auto& transfer : bench.device.transfers) {
      REQUIRE(transfer.state == State::done);
      served += transfer.hit;
    }
    REQUIRE(served > bench.device.transfers.size() / 10);
    REQUIRE(bench.device.invalidations == kMoves);
    REQUIRE(bench.read(reg::kFSTS) == 0);
    std::vector<std::size_t> over(kMoves + 1);  // where each wait's status arrived at memory
    for (std::size_t i = 0; i < bench.arrivals.accesses.size(); ++i) {
      const auto& access = bench.arrivals.accesses[i];
      if (access.write && access.address > kDoneAt && access.address <= kDoneAt + 8 * kMoves) over[(access.address - kDoneAt) / 8] = i;
    }
    for (const Retired& r : retired) {
      REQUIRE(bench.word(kDoneAt + 8 * r.wait) == r.wait);
      std::size_t late = 0;
      for (std::size_t i = over[r.wait]; i < bench.arrivals.accesses.size(); ++i) late += bench.arrivals.accesses[i].address >> 12 == r.frame >> 12;
      REQUIRE(late == 0);
    }
  });
}

TEST_CASE("over the link too nothing reaches a page of which the wait has ended") { random_traffic(1); }
TEST_CASE("over the link too nothing reaches a page of which the wait has ended, with other traffic") { random_traffic(2); }

TEST_CASE("a function that does not complete an invalidation is timed out, and the queue goes on when software clears ITE") {
  Bench bench(kLegacy);
  bench.run([&] {
    bench.plug();
    bench.translate_legacy();
    const auto times_out = [&](const DescriptorWords& words, std::uint16_t source) {
      const std::uint64_t timeouts = bench.machine.iommu.statistics().device_timeouts;
      bench.submit(words);
      bench.submit(wait_with_status(kDoneAt, 5));
      bench.settle(kTimeoutNs / 1000.0 - 2);
      REQUIRE(bench.read(reg::kFSTS) == 0);
      bench.settle(4);
      REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kITE) != 0);
      REQUIRE(reg::iqer::ITESID::get(bench.read(reg::kIQER, 8)) == source);
      REQUIRE(bench.machine.iommu.statistics().device_timeouts == timeouts + 1);
      REQUIRE(bench.word(kDoneAt) == 0);  // the wait has been given up
      bench.write(reg::kFSTS, reg::fsts::kITE);
    };
    // Its ATS is disabled: an Unsupported Request, of which only the device's own status tells.
    times_out(bench.invalidate_device(0x5000), bench.bdf);
    REQUIRE(bench.device.invalidations == 0);
    REQUIRE(bench.device.counters().unsupported == 1);
    bench.enable_ats();
    bench.device.answers_invalidations = false;
    times_out(bench.invalidate_device(0x5000), bench.bdf);
    REQUIRE(bench.device.invalidations == 1);
    times_out({0x3 | 0x0700ull << 32, 0x5000}, 0x0700);  // nobody there
    bench.device.answers_invalidations = true;
    bench.submit(bench.invalidate_device(0x5000));
    bench.submit(wait_with_status(kDoneAt, 6));
    bench.settle();
    REQUIRE(bench.word(kDoneAt) == 6);
  });
}

TEST_CASE("a NIC without ATS does not know what an invalidate request is") {
  Bench bench(kLegacy, {MacAddress{2, 0, 0, 0, 0, 1}});
  bench.run([&] {
    bench.plug();
    REQUIRE(bench.bdf == 0x200);
    bench.translate_legacy();
    bench.submit({0x3 | 0x0100ull << 32, 0x5000});
    bench.settle();
    REQUIRE(bench.machine.nics[0]->counters().unsupported == 1);
    bench.settle(kTimeoutNs / 1000.0);
    REQUIRE((bench.read(reg::kFSTS) & reg::fsts::kITE) != 0);
  });
}

TEST_CASE("translation requests that the tables do not allow come back as Unsupported Requests, and translated ones too") {
  Bench bench(kLegacy);
  bench.run([&] {
    bench.plug();
    const std::uint64_t top = bench.translate_legacy(0);
    bench.tables.map(top, 4, 0x5000, kData);
    bench.enable_ats();
    REQUIRE(bench.finished(true, 0x5000, 1).status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.machine.iommu.statistics().fault(iommu::FaultReason::translation_type_blocked) == 1);
    bench.tables.set_context(bench.bdf, {.domain = 1, .levels = 4, .table = top, .translation_type = 1});
    bench.submit(invalidate_contexts());
    bench.settle();
    REQUIRE(bench.finished(true, 0x5000, 2).state == State::done);
    REQUIRE(bench.finished(true, 0x6000, 2).status == tlm::TLM_OK_RESPONSE);  // no rights, which is no error
    bench.tables.set_context(bench.bdf, {.domain = 1, .levels = 4, .table = top, .translation_type = 0});
    bench.submit(invalidate_contexts());
    bench.settle();
    const auto read = bench.finished(false, 0x5000);
    REQUIRE(read.hit);
    REQUIRE(read.status == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.word(kData) == 2);
  });
}

TEST_CASE("a device asks for a page over the link, software maps it and responds, and the device gets through") {
  Bench bench(kScalable);
  ScalableTables scalable(bench.tables);
  FirstStage pages(bench.tables);
  bench.run([&] {
    bench.plug();
    bench.write(reg::kRTADDR, scalable.root() | 0x400, 8);
    bench.write(reg::kGCMD, reg::gcmd::kSRTP);
    bench.write(reg::kIQA, bench.tables.queue() | reg::iqa::DW::mask, 8);
    bench.write(reg::kGCMD, reg::gcmd::kQIE);
    bench.write(reg::kGCMD, reg::gcmd::kQIE | reg::gcmd::kTE);
    bench.write(reg::kPQA, kQueue, 8);
    scalable.set_context(bench.bdf, {.device_tlb = true, .page_requests = true});
    scalable.set_pasid(bench.bdf, kPasid, {.type = 1, .domain = 1, .first_table = pages.top()});
    bench.enable_ats();
    bench.set(kExtPasid, kPasidControl, 2, kPasidEnable);
    bench.set(kExtPageRequest, kPriAllocation, 4, 2);
    bench.set(kExtPageRequest, kPriControl, 2, kPriEnable);

    bench.device.pasid = kPasid;
    bench.device.asks_for_pages = true;
    const std::size_t index = bench.device.transfer(true, 0x7010, 55);
    bench.settle();
    REQUIRE(bench.device.transfers[index].state == State::paging);
    REQUIRE(bench.read(reg::kPQT, 8) == 0x20);
    REQUIRE(bench.read(reg::kPRS) == reg::prs::kPPR);
    const auto entry = [&](unsigned at) { return *bench.ram.load<std::uint64_t>(kQueue + at); };
    REQUIRE(entry(0) == (1ull | 1ull << 8 | std::uint64_t{bench.bdf} << 16 | std::uint64_t{kPasid} << 32));
    REQUIRE(entry(8) == (0x7000ull | 4 | 2));
    const auto respond = [&](unsigned at, unsigned code) {
      bench.submit({0x9 | 1ull << 4 | std::uint64_t{code} << 12 | (entry(at) & 0xffff'0000) | (entry(at) & 0x000f'ffff'0000'0000), entry(at + 8) & (0xff8 | 4)}, 32);
    };
    pages.map(0x7000, kData);
    bench.write(reg::kPQH, 0x20, 8);
    bench.write(reg::kPRS, reg::prs::kPPR);
    respond(0, 0);
    bench.settle();
    REQUIRE(bench.device.transfers[index].state == State::done);
    REQUIRE(bench.device.transfers[index].translations == 2);
    REQUIRE(bench.word(kData + 0x10) == 55);

    // As many as allocated, then a response failure, which ends them all.
    REQUIRE(bench.device.ask_for_page(0x8000, true, false, true, 7));
    REQUIRE(bench.device.ask_for_page(0x9000, true, false, true, 8));
    REQUIRE_FALSE(bench.device.ask_for_page(0xa000, true, false, true, 9));
    bench.settle();
    REQUIRE(bench.read(reg::kPQT, 8) == 0x60);
    respond(0x20, 15);
    bench.settle();
    REQUIRE(bench.get(kExtPageRequest, kPriStatus, 2) == kPriResponseFailure);
    REQUIRE_FALSE(bench.device.ask_for_page(0xa000, true, false, true, 9));
    // The device may not ask, says the context entry: the IOMMU itself answers, over the link.
    scalable.set_context(bench.bdf, {.device_tlb = true, .page_requests = false});
    scalable.set_pasid(bench.bdf, kPasid, {.type = 1, .domain = 1, .first_table = pages.top()});
    bench.submit(invalidate_contexts(), 32);
    bench.set(kExtPageRequest, kPriControl, 2, 0);
    bench.set(kExtPageRequest, kPriControl, 2, kPriEnable);
    REQUIRE(bench.device.ask_for_page(0xa000, true, false, true, 9));
    bench.settle();
    REQUIRE(bench.device.responses.back().group == 9);
    REQUIRE(bench.device.responses.back().code == static_cast<unsigned>(PageResponseCode::invalid_request));
    REQUIRE(bench.read(reg::kPQT, 8) == 0x60);
    REQUIRE(bench.machine.iommu.statistics().fault(iommu::FaultReason::page_requests_disabled) == 1);
  });
}
