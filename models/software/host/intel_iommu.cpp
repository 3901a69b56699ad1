// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host/intel_iommu.h"

#include <algorithm>
#include <stdexcept>

#include "models/iommu/invalidation_spec.h"
#include "models/iommu/registers_spec.h"
#include "models/software/host/dma_mapping.h"

namespace iovirt::software {
namespace {

namespace reg = iommu::reg;

constexpr unsigned kIrteBits = 9;                // IRTA.S: 2^(S+1) entries
constexpr unsigned kIrtes = 1u << (kIrteBits + 1);
constexpr unsigned kStatusWords = 16;
constexpr unsigned kQueueEntries = 256;          // IQA.QS = 0
constexpr std::uint64_t kCacheLine = 64;
constexpr std::uint64_t kPteReadWrite = iommu::paging_entry::R::mask | iommu::paging_entry::W::mask;

unsigned shift_of(unsigned level) { return 12 + 9 * (level - 1); }

}  // namespace

IntelIommu::IntelIommu(HostKernel& kernel, std::uint64_t register_base, const DmaOptions& options)
    : kernel_(kernel),
      registers_(register_base),
      mode_(options.mode),
      dma_(std::make_unique<DmaMapping>(kernel, *this, options)) {}

IntelIommu::~IntelIommu() = default;

// 11.4.4.1: a command is written with the other enables as they are, and is done when its status bit says so.
void IntelIommu::command(std::uint32_t bit) {
  cpu::Cpu& cpu = kernel_.cpu();
  constexpr std::uint32_t kEnables = reg::gcmd::kTE | reg::gcmd::kEAFL | reg::gcmd::kQIE | reg::gcmd::kIRE | reg::gcmd::kCFI;
  const auto status = static_cast<std::uint32_t>(cpu.load(registers_ + reg::kGSTS, 4)) & kEnables;
  cpu.store(registers_ + reg::kGCMD, 4, status | bit);
  while ((cpu.load(registers_ + reg::kGSTS, 4) & bit) == 0) cpu.pause();
}

void IntelIommu::start() {
  cpu::Cpu& cpu = kernel_.cpu();
  read_capabilities();
  const std::uint64_t ecap = cpu.load(registers_ + reg::kECAP, 8);
  coherent_ = reg::ecap::C::get(ecap) != 0;
  root_table_ = new_table();
  queue_ = kernel_.allocate(kQueueEntries * iommu::descriptor::kBytes, kPage);
  status_ = kernel_.allocate(64, 64);
  irte_table_ = kernel_.allocate(kIrtes * iommu::irte::kBytes, kPage);

  cpu.store(registers_ + reg::kRTADDR, 8, root_table_);
  command(reg::gcmd::kSRTP);
  cpu.store(registers_ + reg::kIQT, 8, 0);
  cpu.store(registers_ + reg::kIQA, 8, queue_);
  command(reg::gcmd::kQIE);

  // The fault event is an MSI of the IOMMU's own: it is not remapped (5.1.6).
  const std::uint8_t vector = kernel_.allocate_vector([this] { fault_interrupt(); });
  cpu.store(registers_ + reg::kFEDATA, 4, vector);
  cpu.store(registers_ + reg::kFEADDR, 4, 0xfee00000);
  cpu.store(registers_ + reg::kFEUADDR, 4, 0);
  cpu.store(registers_ + reg::kFECTL, 4, 0);

  if (reg::ecap::IR::get(ecap)) {
    extended_ = reg::ecap::EIM::get(ecap) != 0;
    cpu.store(registers_ + reg::kIRTA, 8, irte_table_ | reg::irta::EIME::of(extended_) | reg::irta::S::of(kIrteBits));
    command(reg::gcmd::kSIRTP);
    invalidate({{iommu::descriptor::interrupt_entry_cache, 0}});
    command(reg::gcmd::kIRE);
  } else {
    irte_table_ = 0;
  }
  invalidate({{iommu::descriptor::context_cache | iommu::descriptor::G::of(1), 0},
              {iotlb_flush(1, 0), 0}});
  command(reg::gcmd::kTE);
}

void IntelIommu::read_capabilities() {
  const std::uint64_t cap = kernel_.cpu().load(registers_ + reg::kCAP, 8);
  caching_mode_ = reg::cap::CM::get(cap) != 0;
  max_address_mask_ = static_cast<unsigned>(reg::cap::MAMV::get(cap));
  drains_ = iommu::descriptor::DR::of(reg::cap::DRD::get(cap)) | iommu::descriptor::DW::of(reg::cap::DWD::get(cap));
}

std::uint64_t IntelIommu::iotlb_flush(unsigned granularity, std::uint16_t domain) const {
  return iommu::descriptor::iotlb | iommu::descriptor::G::of(granularity) | iommu::descriptor::DID::of(domain) | drains_;
}

// Linux __iommu_flush_cache, domain_flush_cache: an IOMMU that does not snoop must find in memory what was written.
void IntelIommu::flush_cache(std::uint64_t bytes) {
  if (!coherent_) kernel_.cpu().compute((bytes + kCacheLine - 1) / kCacheLine * kernel_.costs().cache_flush_cycles);
}

std::uint64_t IntelIommu::new_table() {
  const std::uint64_t table = kernel_.allocate(kPage, kPage);
  flush_cache(kPage);
  return table;
}

IntelIommu::Domain& IntelIommu::create_domain() {
  domains_.push_back(Domain{next_domain_++, new_table()});
  return domains_.back();
}

void IntelIommu::write_context(Bdf function, std::uint64_t low, std::uint64_t high) {
  cpu::Cpu& cpu = kernel_.cpu();
  const std::uint64_t root = root_table_ + (function >> 8) * iommu::root_entry::kBytes;
  std::uint64_t table = iommu::root_entry::CTP::in_place(cpu.load(root, 8));
  if (table == 0) {
    table = new_table();
    cpu.store(root, 8, table | iommu::root_entry::P::mask);
    flush_cache(iommu::root_entry::kBytes);
  }
  const std::uint64_t entry = table + (function & 0xff) * iommu::context_entry::kBytes;
  cpu.store(entry + 8, 8, high);
  cpu.store(entry, 8, low);
  flush_cache(iommu::context_entry::kBytes);
  const auto domain = static_cast<std::uint16_t>(iommu::context_entry::DID::get(high));
  const std::uint64_t of_function =
      iommu::descriptor::context_cache | iommu::descriptor::G::of(3) | iommu::descriptor::SID::of(function);
  std::vector<Descriptor> descriptors = {{of_function | iommu::descriptor::DID::of(domain), 0}, {iotlb_flush(2, domain), 0}};
  // What has been cached as absent is of domain 0 (6.2.2).
  if (caching_mode_) descriptors.insert(descriptors.begin(), {of_function, 0});
  invalidate(descriptors);
}

void IntelIommu::attach(Bdf function, Domain& domain) {
  std::erase_if(devices_, [&](const DeviceDomain& d) { return d.function == function; });
  devices_.push_back({function, &domain});
  write_context(function, domain.root | iommu::context_entry::P::mask,
                iommu::context_entry::AW::of(2) | iommu::context_entry::DID::of(domain.id));
}

void IntelIommu::attach_pass_through(Bdf function) {
  std::erase_if(devices_, [&](const DeviceDomain& d) { return d.function == function; });
  devices_.push_back({function, nullptr});
  write_context(function,
                iommu::context_entry::P::mask | iommu::context_entry::TT::of(iommu::context_entry::pass_through),
                iommu::context_entry::AW::of(2) | iommu::context_entry::DID::of(next_domain_++));
}

std::uint64_t IntelIommu::walk_to(Domain& domain, std::uint64_t iova, unsigned level) {
  cpu::Cpu& cpu = kernel_.cpu();
  std::uint64_t table = domain.root;
  for (unsigned at = 4;; --at) {
    const std::uint64_t entry = table + ((iova >> shift_of(at)) & 511) * 8;
    if (at == level) return entry;
    const std::uint64_t value = cpu.load(entry, 8);
    table = iommu::paging_entry::Address::in_place(value);
    if ((value & kPteReadWrite) == 0) {
      table = new_table();
      write_entry(entry, table | kPteReadWrite);
    }
  }
}

void IntelIommu::write_entry(std::uint64_t address, std::uint64_t value) {
  kernel_.cpu().store(address, 8, value);
  flush_cache(8);
}

void IntelIommu::map_range(Domain& domain, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes,
                           std::uint64_t page_bytes) {
  while (bytes != 0) {
    unsigned level = page_bytes >= 1ull << 30 ? 3 : page_bytes >= 1ull << 21 ? 2 : 1;
    while (level > 1 && (((iova | address) & ((1ull << shift_of(level)) - 1)) != 0 || bytes < 1ull << shift_of(level))) --level;
    const std::uint64_t entry = walk_to(domain, iova, level);
    write_entry(entry, address | kPteReadWrite | (level > 1 ? iommu::paging_entry::PS::mask : 0));
    const std::uint64_t step = 1ull << shift_of(level);
    iova += step;
    address += step;
    bytes -= std::min(bytes, step);
  }
}

IntelIommu::Domain* IntelIommu::domain_of(Bdf function) {
  for (DeviceDomain& device : devices_)
    if (device.function == function) return device.domain;
  if (mode_ == IommuMode::passthrough) {
    attach_pass_through(function);
    return nullptr;
  }
  Domain& domain = create_domain();
  attach(function, domain);
  return &domain;
}

std::uint64_t IntelIommu::map(Bdf function, std::uint64_t address, std::size_t bytes) {
  return dma_->map(function, address, bytes);
}

void IntelIommu::unmap(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes) {
  dma_->unmap(function, bus_addresses, bytes);
}

void IntelIommu::put(std::uint64_t low, std::uint64_t high) {
  const std::uint64_t slot = queue_ + queue_tail_ * iommu::descriptor::kBytes;
  queue_tail_ = (queue_tail_ + 1) % kQueueEntries;
  kernel_.cpu().store(slot, 8, low);
  kernel_.cpu().store(slot + 8, 8, high);
}

/// Descriptors and a wait, whose number it returns: everything is carried out when its status word holds that (6.5.2.9).
/// REQUIRES: the queue's lock, which it gives back, and interrupts off, as in Linux's qi_submit_sync.
std::uint32_t IntelIommu::enqueue(std::span<const Descriptor> descriptors) {
  const std::uint32_t sequence = ++wait_sequence_;
  for (const Descriptor& descriptor : descriptors) put(descriptor.low, descriptor.high);
  put(iommu::descriptor::wait | iommu::descriptor::SW::mask | iommu::descriptor::StatusData::of(sequence), status_of(sequence));
  kernel_.cpu().store(registers_ + reg::kIQT, 8, queue_tail_ * std::uint64_t{iommu::descriptor::kBytes});
  queue_locked_ = false;
  return sequence;
}

std::uint64_t IntelIommu::status_of(std::uint32_t sequence) const { return status_ + (sequence % kStatusWords) * 4; }

void IntelIommu::invalidate(const std::vector<Descriptor>& descriptors) {
  cpu::Cpu& cpu = kernel_.cpu();
  const bool enabled = cpu.interrupts_enabled();
  cpu.cli();
  while (queue_locked_) cpu.pause();
  queue_locked_ = true;
  const std::uint32_t sequence = enqueue(descriptors);
  if (enabled) cpu.sti();
  while (cpu.load(status_of(sequence), 4) != sequence) cpu.pause();
}

// The lock is free while the core waits, so that several have requests in the queue; each looks at its own status
// word at its own time.
IntelIommu::Submission IntelIommu::submit(std::span<const Descriptor> descriptors) {
  cpu::VmxCpu& cpu = kernel_.vmx_cpu();
  const Ps begin = cpu.now();
  const bool enabled = cpu.interrupts_enabled();
  const auto entries = static_cast<unsigned>(descriptors.size()) + 1;
  cpu.cli();
  while (queue_locked_ || queued_ + entries >= kQueueEntries) {
    cpu.pause();
    cpu.synchronise();
  }
  queue_locked_ = true;
  queued_ += entries;
  const std::uint32_t sequence = enqueue(descriptors);
  const Ps submitted = cpu.now();
  // A later wait may have written the word again: its descriptors came after these.
  while (static_cast<std::int32_t>(static_cast<std::uint32_t>(cpu.load(status_of(sequence), 4)) - sequence) < 0) {
    cpu.pause();
    cpu.synchronise();
  }
  queued_ -= entries;
  if (enabled) cpu.sti();
  return {submitted - begin, cpu.now() - submitted};
}

MsiMessage IntelIommu::install(Bdf function, std::uint64_t low) {
  if (next_irte_ == kIrtes) throw std::runtime_error("the interrupt-remapping table is full");
  cpu::Cpu& cpu = kernel_.cpu();
  const std::uint16_t index = next_irte_++;
  const std::uint64_t entry = irte_table_ + index * std::uint64_t{iommu::irte::kBytes};
  const std::uint64_t high = cpu.load(entry + 8, 8) | iommu::irte::SID::of(function) | iommu::irte::SVT::of(1);
  cpu.store(entry + 8, 8, high);
  cpu.store(entry, 8, low | iommu::irte::P::mask);
  flush_cache(iommu::irte::kBytes);
  invalidate({{iommu::descriptor::interrupt_entry_cache | iommu::descriptor::InterruptG::mask |
                   iommu::descriptor::IIDX::of(index),
               0}});
  using namespace iommu::interrupt_request;
  return {kBase | Format::mask | HandleLow::of(index) | HandleHigh::of(index >> 15), 0};
}

MsiMessage IntelIommu::compose(Bdf function, std::uint8_t vector, std::uint32_t apic_id) {
  domain_of(function);  // a device that may interrupt may also write: it needs its context entry
  if (irte_table_ == 0) return {0xfee00000ull | std::uint64_t{apic_id} << 12, vector};
  return install(function, iommu::irte::Vector::of(vector) |
                               (extended_ ? iommu::irte::DST::of(apic_id) : iommu::irte::DST_xAPIC::of(apic_id)));
}

MsiMessage IntelIommu::compose_posted(Bdf function, const PostedTarget& target) {
  const std::uint64_t entry = irte_table_ + next_irte_ * std::uint64_t{iommu::irte::kBytes};
  kernel_.cpu().store(entry + 8, 8, iommu::irte::PDAH::of(target.descriptor >> 32));
  return install(function, iommu::irte::IM::mask | iommu::irte::Vector::of(target.vector) |
                               iommu::irte::PDAL::of((target.descriptor & 0xffff'ffff) >> 6));
}

// 7.3: read each record that is set, free it, then clear overflow; the next fault raises the event again.
void IntelIommu::fault_interrupt() {
  cpu::Cpu& cpu = kernel_.cpu();
  const std::uint64_t cap = cpu.load(registers_ + reg::kCAP, 8);
  const std::uint64_t base = registers_ + reg::cap::FRO::get(cap) * 16;
  const std::uint64_t records = reg::cap::NFR::get(cap) + 1;
  const auto first = reg::fsts::FRI::get(cpu.load(registers_ + reg::kFSTS, 4));
  for (std::uint64_t i = 0; i < records; ++i) {
    const std::uint64_t record = base + ((first + i) % records) * 16;
    const std::uint64_t high = cpu.load(record + 8, 8);
    if (!reg::record::F::get(high)) break;
    const std::uint64_t low = cpu.load(record, 8);
    FaultReport report;
    report.source = static_cast<std::uint16_t>(reg::record::SID::get(high));
    report.reason = static_cast<std::uint8_t>(reg::record::FR::get(high));
    report.address = reg::record::FI::in_place(low);
    report.read = reg::record::T::get(high) != 0;
    faults_.push_back(report);
    cpu.store(record + 8, 8, reg::record::F::mask);
  }
  cpu.store(registers_ + reg::kFSTS, 4, reg::fsts::kPFO);
}

}  // namespace iovirt::software
