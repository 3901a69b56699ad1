// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the host's IOMMU driver writes: registers, tables and invalidation descriptors, for what the capabilities say.

#include "models/software/host/intel_iommu.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "lib/little_endian.h"
#include "models/iommu/invalidation_spec.h"
#include "models/iommu/registers_spec.h"
#include "models/software/host/dma_mapping.h"
#include "test/support/catch.h"
#include "test/support/fake_host.h"

using namespace iovirt;
using namespace iovirt::test;
using software::IommuMode;
using software::IntelIommu;
namespace descriptor = iommu::descriptor;
namespace reg = iommu::reg;

namespace {

constexpr std::uint64_t kPage = IntelIommu::kPage;
constexpr software::Bdf kDevice = 0x0100, kOther = 0x0208;

struct Descriptor {
  std::uint64_t low = 0, high = 0;
  unsigned type() const { return static_cast<unsigned>(descriptor::TypeLow::get(low) | descriptor::TypeHigh::get(low) << 4); }
  unsigned granularity() const { return static_cast<unsigned>(descriptor::G::get(low)); }
};

/// Registers as the driver left them. Commands are done at once; the queue runs to its tail, where a wait's status is written.
class Registers {
 public:
  static constexpr std::uint64_t kBase = 0xfed90000;

  Registers(FakeCpu& cpu, std::uint64_t cap, std::uint64_t ecap) : cpu_(cpu) {
    at[reg::kCAP] = cap;
    at[reg::kECAP] = ecap;
    cpu.map_mmio(kBase, reg::kWindowBytes, [this](std::uint64_t offset, unsigned) { return at[offset]; },
                 [this](std::uint64_t offset, unsigned, std::uint64_t value) { write(offset, value); });
  }

  std::map<std::uint64_t, std::uint64_t> at;  ///< by offset
  /// Queued since the last call, waits left out.
  std::vector<Descriptor> descriptors() { return std::exchange(queued_, {}); }

 private:
  void write(std::uint64_t offset, std::uint64_t value) {
    if (offset >= reg::kFaultRecords && (offset & 8) != 0 && reg::record::F::get(value)) value = 0;  // write 1 to clear
    at[offset] = value;
    if (offset == reg::kGCMD) at[reg::kGSTS] |= value;
    if (offset == reg::kIQT) run_queue(value);
  }
  void run_queue(std::uint64_t tail) {
    for (; head_ != tail; head_ = (head_ + descriptor::kBytes) % kPage) {
      const std::uint8_t* raw = &cpu_.memory.at(reg::iqa::Base::in_place(at[reg::kIQA]) + head_);
      const Descriptor queued{load_little_endian<std::uint64_t>(raw), load_little_endian<std::uint64_t>(raw + 8)};
      if (queued.type() != descriptor::wait) {
        queued_.push_back(queued);
        continue;
      }
      REQUIRE(descriptor::SW::get(queued.low) == 1);
      store_little_endian(&cpu_.memory.at(queued.high), static_cast<std::uint32_t>(descriptor::StatusData::get(queued.low)));
    }
  }

  FakeCpu& cpu_;
  std::uint64_t head_ = 0;
  std::vector<Descriptor> queued_;
};

constexpr std::uint64_t kCap = reg::cap::SAGAW::of(4) | reg::cap::MGAW::of(47) | reg::cap::PSI::of(1) | reg::cap::MAMV::of(18) |
                               reg::cap::FRO::of(reg::kFaultRecords / 16) | reg::cap::NFR::of(3);
constexpr std::uint64_t kEcap = reg::ecap::C::of(1) | reg::ecap::QI::of(1) | reg::ecap::IR::of(1) | reg::ecap::EIM::of(1) | reg::ecap::PT::of(1);

struct Bench : FakeHost {
  explicit Bench(IommuMode mode = IommuMode::strict, std::uint64_t cap = kCap, std::uint64_t ecap = kEcap)
      : registers(cpu(), cap, ecap), driver(kernel, Registers::kBase, {.mode = mode}) {
    kernel.set_remapping(&driver);
    driver.start();
  }
  /// Maps and unmaps `pages` one by one, unmapped together.
  void use(unsigned pages) {
    std::vector<std::uint64_t> bus;
    for (unsigned i = 0; i < pages; ++i) bus.push_back(kernel.dma_map(kDevice, kernel.allocate_page(), kPage));
    kernel.dma_unmap_all(kDevice, bus, kPage);
  }
  void fault(unsigned record, std::uint16_t source, std::uint8_t reason, std::uint64_t address, bool read) {
    const std::uint64_t offset = reg::kFaultRecords + record * 16;
    registers.at[offset] = address;
    registers.at[offset + 8] = reg::record::F::mask | reg::record::SID::of(source) | reg::record::FR::of(reason) | reg::record::T::of(read);
  }

  Registers registers;
  IntelIommu driver;
};

std::vector<Descriptor> only(const std::vector<Descriptor>& all, unsigned type) {
  std::vector<Descriptor> some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), [&](const Descriptor& d) { return d.type() == type; });
  return some;
}

}  // namespace

TEST_CASE("every invalidation of translations asks for the drains that the capabilities offer, and no other descriptor does") {
  constexpr std::uint64_t kBoth = descriptor::DR::mask | descriptor::DW::mask;
  for (const bool reads : {false, true})
    for (const bool writes : {false, true})
      for (const IommuMode mode : {IommuMode::strict, IommuMode::deferred, IommuMode::contiguous}) {
        INFO("DRD " << reads << ", DWD " << writes << ", mode " << static_cast<int>(mode));
        Bench bench(mode, kCap | reg::cap::DRD::of(reads) | reg::cap::DWD::of(writes));
        bench.use(250);  // a deferred flush
        const std::uint64_t expected = (reads ? descriptor::DR::mask : 0) | (writes ? descriptor::DW::mask : 0);
        std::set<unsigned> granularities;
        for (const Descriptor& queued : bench.registers.descriptors()) {
          INFO("type " << queued.type() << ", granularity " << queued.granularity());
          CHECK((queued.low & kBoth) == (queued.type() == descriptor::iotlb ? expected : 0));
          if (queued.type() == descriptor::iotlb) granularities.insert(queued.granularity());
        }
        // All when it starts, a domain when a device is attached or flushed, pages when they are unmapped.
        CHECK(granularities == (mode == IommuMode::deferred ? std::set<unsigned>{1, 2} : std::set<unsigned>{1, 2, 3}));
      }
}

TEST_CASE("a range that the IOMMU cannot invalidate as one takes its whole domain (CAP.MAMV)") {
  for (const unsigned largest : {18u, 5u}) {
    INFO("MAMV " << largest);
    Bench bench(IommuMode::contiguous, reg::cap::MAMV::set(kCap, largest));
    bench.kernel.dma_map(kDevice, bench.kernel.allocate_page(), kPage);
    bench.registers.descriptors();
    bench.use(127);  // ends one run of 64 pages and fills the next
    const auto flushes = only(bench.registers.descriptors(), descriptor::iotlb);
    REQUIRE_FALSE(flushes.empty());
    for (const Descriptor& flush : flushes) CHECK(flush.granularity() == (largest >= 6 ? 3u : 2u));
  }
}

TEST_CASE("an IOMMU that caches absence is told of context entries under domain 0, and of mappings (CAP.CM)") {
  for (const bool caching : {false, true}) {
    INFO("CM " << caching);
    Bench bench(IommuMode::strict, kCap | reg::cap::CM::of(caching));
    bench.registers.descriptors();
    bench.kernel.dma_map(kDevice, bench.kernel.allocate_page(), kPage);
    const auto queued = bench.registers.descriptors();
    const auto contexts = only(queued, descriptor::context_cache);
    REQUIRE(contexts.size() == (caching ? 2u : 1u));
    CHECK(descriptor::DID::get(contexts.back().low) != 0);
    CHECK(descriptor::DID::get(contexts.front().low) == (caching ? 0 : descriptor::DID::get(contexts.back().low)));
    for (const Descriptor& context : contexts) CHECK(descriptor::SID::get(context.low) == kDevice);
    CHECK(only(queued, descriptor::iotlb).size() == (caching ? 2u : 1u));
  }
}

TEST_CASE("what is written for an IOMMU that does not snoop is flushed out of the processor's cache (ECAP.C)") {
  for (const bool coherent : {true, false}) {
    INFO("C " << coherent);
    Bench bench(IommuMode::strict, kCap, reg::ecap::C::set(kEcap, coherent));
    bench.costs.cache_flush_cycles = 100;
    bench.use(1);
    const std::uint64_t before = bench.cpu().cycles;
    bench.use(1);  // an entry written, and cleared
    CHECK(bench.cpu().cycles - before == (coherent ? 0u : 200u));
  }
}

TEST_CASE("without interrupt remapping a device gets the processor's own message (ECAP.IR)") {
  Bench bench(IommuMode::strict, kCap, reg::ecap::IR::set(kEcap, 0));
  CHECK(bench.registers.at.count(reg::kIRTA) == 0);
  CHECK((bench.registers.at[reg::kGSTS] & reg::gcmd::kIRE) == 0);
  CHECK((bench.registers.at[reg::kGSTS] & reg::gcmd::kTE) != 0);
  const auto message = bench.driver.compose(kDevice, 0x45, 3);
  CHECK(message.address == 0xfee03000);
  CHECK(message.data == 0x45);
}

TEST_CASE("an entry of the interrupt-remapping table has its destination in the APIC's width (ECAP.EIM)") {
  for (const bool extended : {false, true}) {
    INFO("EIM " << extended);
    Bench bench(IommuMode::strict, kCap, reg::ecap::EIM::set(kEcap, extended));
    const std::uint64_t irta = bench.registers.at[reg::kIRTA];
    CHECK(reg::irta::EIME::get(irta) == extended);
    bench.registers.descriptors();
    const auto message = bench.driver.compose(kOther, 0x45, 3);
    CHECK((message.address >> 20) == 0xfee);
    const std::uint8_t* entry = &bench.cpu().memory.at(reg::irta::Base::in_place(irta));
    const auto low = load_little_endian<std::uint64_t>(entry), high = load_little_endian<std::uint64_t>(entry + 8);
    CHECK(iommu::irte::P::get(low) == 1);
    CHECK(iommu::irte::Vector::get(low) == 0x45);
    CHECK((extended ? iommu::irte::DST::get(low) : iommu::irte::DST_xAPIC::get(low)) == 3);
    CHECK(iommu::irte::SID::get(high) == kOther);
    CHECK(iommu::irte::SVT::get(high) == 1);
    const auto queued = only(bench.registers.descriptors(), descriptor::interrupt_entry_cache);
    REQUIRE(queued.size() == 1);
    CHECK(descriptor::InterruptG::get(queued[0].low) == 1);
    CHECK(descriptor::IIDX::get(queued[0].low) == 0);
  }
}

TEST_CASE("the interrupt-remapping table has 1,024 entries and no more") {
  Bench bench;
  for (unsigned i = 0; i < 1024; ++i) bench.driver.compose(kDevice, 0x45, 0);
  CHECK_THROWS_WITH(bench.driver.compose(kDevice, 0x45, 0), "the interrupt-remapping table is full");
}

TEST_CASE("the fault event reads every record from the oldest on, frees it and clears the overflow") {
  Bench bench;
  bench.fault(2, 0x0100, 5, 0x1000, false);
  bench.fault(3, 0x0208, 6, 0x2000, true);
  bench.fault(0, 0x0100, 2, 0x3000, true);
  bench.registers.at[reg::kFSTS] = reg::fsts::FRI::of(2) | reg::fsts::kPFO | reg::fsts::kPPF;
  bench.kernel.handle_vector(static_cast<std::uint8_t>(bench.registers.at[reg::kFEDATA]));
  const auto& faults = bench.driver.faults();
  REQUIRE(faults.size() == 3);
  CHECK(faults[0].reason == 5);
  CHECK(faults[0].source == 0x0100);
  CHECK(faults[0].address == 0x1000);
  CHECK_FALSE(faults[0].read);
  CHECK(faults[1].reason == 6);
  CHECK(faults[1].read);
  CHECK(faults[2].address == 0x3000);
  for (unsigned i = 0; i < 4; ++i) CHECK(bench.registers.at[reg::kFaultRecords + i * 16 + 8] == 0);
  CHECK(bench.registers.at[reg::kFSTS] == reg::fsts::kPFO);  // written as 1 to clear
}

TEST_CASE("the deferred flush that was waited for takes what there is, and unmappings after it wait anew") {
  Bench bench(IommuMode::deferred);
  bench.use(3);
  bench.registers.descriptors();
  REQUIRE(bench.scheduler.timer);
  std::exchange(bench.scheduler.timer, nullptr)();
  CHECK(only(bench.registers.descriptors(), descriptor::iotlb).size() == 1);
  CHECK_FALSE(bench.scheduler.timer);
  bench.use(1);
  CHECK(bench.scheduler.timer);
  CHECK(bench.registers.descriptors().empty());
}
