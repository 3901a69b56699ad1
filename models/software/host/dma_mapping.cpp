// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host/dma_mapping.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "models/iommu/invalidation_spec.h"

namespace iovirt::software {
namespace {

namespace descriptor = iommu::descriptor;

constexpr std::uint64_t kPage = IntelIommu::kPage;
constexpr std::uint64_t kSlab = HostKernel::kSlabBytes;
constexpr std::uint64_t kSlabPages = kSlab / kPage;
constexpr std::uint64_t kLimit = (1ull << 32) / kPage;  // addresses below 4 GB first, as iommu_dma_alloc_iova
constexpr unsigned kChunkPages = 64;                    // of mode contiguous: 256 KB
constexpr std::size_t kDeferredLimit = 250;             // IOVA_FQ_SIZE, then 256
constexpr Ps kDeferredAge = 10 * kPsPerMs;              // IOVA_FQ_TIMEOUT

/// Adds the core's time from here to the end of the scope.
class Stopwatch {
 public:
  Stopwatch(HostKernel& kernel, Ps& sum) : cpu_(kernel.vmx_cpu()), sum_(sum), begin_(cpu_.now()) {}
  ~Stopwatch() { sum_ += cpu_.now() - begin_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  cpu::VmxCpu& cpu_;
  Ps& sum_;
  Ps begin_;
};

std::uint64_t pages_of(std::uint64_t address, std::size_t bytes) {
  return (address % kPage + bytes + kPage - 1) / kPage;
}

}  // namespace

DmaMapping::DmaMapping(HostKernel& kernel, IntelIommu& iommu, const DmaOptions& options)
    : kernel_(kernel), iommu_(iommu), options_(options) {}

DmaMapping::~DmaMapping() = default;

DmaMapping::Device& DmaMapping::device_of(IntelIommu::Domain& domain) {
  for (Device& device : devices_)
    if (device.domain == &domain) return device;
  Device& device = devices_.emplace_back();
  device.domain = &domain;
  const unsigned cores = kernel_.scheduler().cores();
  device.addresses = std::make_unique<IovaAllocator>(kLimit, cores, options_.iova_cache);
  device.open.assign(cores, 0);
  return device;
}

// -- map -----------------------------------------------------------------------------------------------------------------

// dma_map_page: an address, an entry for each page; nothing to invalidate unless absent entries are cached too.
std::uint64_t DmaMapping::map(Bdf function, std::uint64_t address, std::size_t bytes) {
  IntelIommu::Domain* domain = iommu_.domain_of(function);
  if (!domain) return address;
  Device& device = device_of(*domain);
  DmaCost& cost = map_cost_;
  ++cost.calls;
  const Stopwatch total(kernel_, cost.total);
  if (options_.mode == IommuMode::huge_pages)
    if (const std::uint64_t slab = kernel_.buffer_slab(address)) return map_slab(device, slab, address);
  const std::uint64_t pages = pages_of(address, bytes);
  const std::uint64_t page = take_address(device, pages, cost);
  {
    const Stopwatch tables(kernel_, cost.tables);
    iommu_.map_range(*device.domain, page * kPage, address - address % kPage, pages * kPage, kPage);
    cost.entries += pages;
  }
  if (iommu_.caching_mode()) invalidate(device, page, pages, true, cost);
  return page * kPage + address % kPage;
}

std::uint64_t DmaMapping::take_address(Device& device, std::uint64_t pages, DmaCost& cost) {
  const Stopwatch watch(kernel_, cost.addresses);
  cpu::VmxCpu& cpu = kernel_.vmx_cpu();
  const unsigned core = cpu.index();
  const Costs& costs = kernel_.costs();
  const auto search = [&](std::uint64_t count) {
    const IovaAllocator::Range range = device.addresses->allocate(core, count);
    cost.searches += range.visited != 0;
    cpu.compute(costs.iova_cycles + range.visited * costs.iova_node_cycles);
    return range.page;
  };
  if (options_.mode != IommuMode::contiguous || pages != 1) return search(pages);
  std::uint64_t& open = device.open[core];
  if (open == 0) {
    const std::uint64_t first = search(kChunkPages);
    if (open != 0) throw std::logic_error("an interrupt handler maps buffers of its core's open chunk");
    const auto at = std::lower_bound(device.chunks.begin(), device.chunks.end(), first,
                                     [](const Chunk& chunk, std::uint64_t page) { return chunk.first < page; });
    device.chunks.insert(at, Chunk{first});
    open = first;
  }
  auto chunk = std::lower_bound(device.chunks.begin(), device.chunks.end(), open,
                                [](const Chunk& c, std::uint64_t page) { return c.first < page; });
  const std::uint64_t page = chunk->first + chunk->used++;
  ++chunk->live;
  if (chunk->used == kChunkPages) open = 0;
  return page;
}

std::uint64_t DmaMapping::map_slab(Device& device, std::uint64_t address_of_slab, std::uint64_t address) {
  auto slab = std::find_if(device.slabs.begin(), device.slabs.end(), [&](const Slab& s) { return s.address == address_of_slab; });
  if (slab == device.slabs.end()) {
    const std::uint64_t page = take_address(device, kSlabPages, map_cost_);
    const Stopwatch tables(kernel_, map_cost_.tables);
    iommu_.map_range(*device.domain, page * kPage, address_of_slab, kSlab, kSlab);
    ++map_cost_.entries;
    device.slabs.push_back({address_of_slab, page * kPage, 0});
    slab = device.slabs.end() - 1;
  }
  ++slab->users;
  const std::uint64_t bus = slab->iova + (address - address_of_slab);
  const Stopwatch watch(kernel_, map_cost_.addresses);
  kernel_.cpu().compute(kernel_.costs().iova_cycles);
  return bus;
}

// -- unmap ---------------------------------------------------------------------------------------------------------------

void DmaMapping::unmap(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes) {
  IntelIommu::Domain* domain = iommu_.domain_of(function);
  if (!domain) return;
  Device& device = device_of(*domain);
  DmaCost& cost = unmap_cost_;
  const Stopwatch total(kernel_, cost.total);
  cost.calls += bus_addresses.size();
  const bool together = options_.mode == IommuMode::contiguous;
  std::uint64_t first = 0, run = 0;  // pages whose entries are gone, not yet invalidated
  const auto finish = [&] {
    if (run == 0) return;
    invalidate(device, first, run, together, cost);
    give_address(device, first, run, cost);
    run = 0;
  };
  for (const std::uint64_t bus : bus_addresses) {
    if (options_.mode == IommuMode::huge_pages && unmap_slab(device, bus)) continue;
    const std::uint64_t page = bus / kPage, pages = pages_of(bus, bytes);
    clear_entries(device, page, pages, 1);
    if (options_.mode == IommuMode::deferred) {
      defer(device, page, pages);
      continue;
    }
    if (!together || page != first + run) finish();
    if (run == 0) first = page;
    run += pages;
    if (!together) finish();
  }
  finish();
}

void DmaMapping::clear_entries(Device& device, std::uint64_t page, std::uint64_t pages, unsigned level) {
  const Stopwatch watch(kernel_, unmap_cost_.tables);
  for (std::uint64_t i = 0; i < pages; ++i)
    iommu_.write_entry(iommu_.walk_to(*device.domain, (page + i) * kPage, level), 0);
  unmap_cost_.entries += pages;
}

void DmaMapping::give_address(Device& device, std::uint64_t page, std::uint64_t pages, DmaCost& cost) {
  const Stopwatch watch(kernel_, cost.addresses);
  cpu::VmxCpu& cpu = kernel_.vmx_cpu();
  const Costs& costs = kernel_.costs();
  const auto give = [&](std::uint64_t first, std::uint64_t count) {
    const unsigned visited = device.addresses->free(cpu.index(), first, count);
    cost.searches += visited != 0;
    cpu.compute(costs.iova_cycles + visited * costs.iova_node_cycles);
  };
  while (pages != 0) {
    // A page of a chunk goes back with the chunk.
    auto chunk = std::upper_bound(device.chunks.begin(), device.chunks.end(), page,
                                  [](std::uint64_t p, const Chunk& c) { return p < c.first; });
    if (chunk == device.chunks.begin() || page >= (--chunk)->first + kChunkPages) return give(page, pages);
    const std::uint64_t part = std::min(pages, chunk->first + kChunkPages - page);
    chunk->live -= static_cast<unsigned>(part);
    page += part;
    pages -= part;
    if (chunk->live != 0 || chunk->used != kChunkPages) continue;
    const std::uint64_t first = chunk->first;
    device.chunks.erase(chunk);
    give(first, kChunkPages);
  }
}

/// True when the address was in a slab. The mapping stays until the slab's last buffer is unmapped.
bool DmaMapping::unmap_slab(Device& device, std::uint64_t bus) {
  const auto slab = std::find_if(device.slabs.begin(), device.slabs.end(),
                                 [&](const Slab& s) { return bus - s.iova < kSlab; });
  if (slab == device.slabs.end()) return false;
  const std::uint64_t page = slab->iova / kPage;
  const bool last = --slab->users == 0;
  if (last) device.slabs.erase(slab);  // whoever maps a buffer of it from now on maps it anew
  {
    const Stopwatch watch(kernel_, unmap_cost_.addresses);
    kernel_.cpu().compute(kernel_.costs().iova_cycles);
  }
  if (!last) return true;
  clear_entries(device, page, 1, 2);
  invalidate(device, page, kSlabPages, false, unmap_cost_);
  give_address(device, page, kSlabPages, unmap_cost_);
  return true;
}

// -- invalidation ----------------------------------------------------------------------------------------------------------

// iommu_flush_iotlb_psi: one naturally aligned range that covers the pages. Linux's driver means to say that only leaf
// entries changed, but the hint is masked off on the way (qi_flush_iotlb): the paging-structure caches go too.
void DmaMapping::invalidate(Device& device, std::uint64_t page, std::uint64_t pages, bool leaf_only, DmaCost& cost) {
  unsigned mask = static_cast<unsigned>(std::bit_width(pages - 1));
  while ((page >> mask) != ((page + pages - 1) >> mask)) ++mask;
  IntelIommu::Descriptor flush{iommu_.iotlb_flush(2, device.domain->id), 0};
  if (mask <= iommu_.max_address_mask())
    flush = {iommu_.iotlb_flush(3, device.domain->id),
             (page >> mask << mask) * kPage | descriptor::AM::of(mask) | descriptor::IH::of(leaf_only)};
  submit({&flush, 1}, cost);
}

void DmaMapping::submit(std::span<const IntelIommu::Descriptor> descriptors, DmaCost& cost) {
  const IntelIommu::Submission submission = iommu_.submit(descriptors);
  cost.requests += descriptors.size();
  cost.submitting += submission.submitting;
  cost.waiting += submission.waiting;
}

void DmaMapping::defer(Device& device, std::uint64_t page, std::uint64_t pages) {
  deferred_.push_back({&device, page, pages});
  if (deferred_.size() >= kDeferredLimit) return flush_deferred();
  if (flush_timer_ == 0)
    flush_timer_ = kernel_.scheduler().start_timer(kernel_.cpu().now() + kDeferredAge, [this] {
      flush_timer_ = 0;
      flush_deferred();
    });
}

// fq_flush_timeout, iova_domain_flush: everything cached of the domains goes, then the addresses may be used again.
void DmaMapping::flush_deferred() {
  std::vector<Deferred> batch;
  batch.swap(deferred_);  // others may unmap while this one waits
  if (flush_timer_ != 0) kernel_.scheduler().cancel_timer(flush_timer_);
  flush_timer_ = 0;
  if (batch.empty()) return;
  ++flushes_;
  std::vector<IntelIommu::Descriptor> descriptors;
  for (Device& device : devices_)
    if (std::any_of(batch.begin(), batch.end(), [&](const Deferred& range) { return range.device == &device; }))
      descriptors.push_back({iommu_.iotlb_flush(2, device.domain->id), 0});
  submit(descriptors, unmap_cost_);
  for (const Deferred& range : batch) give_address(*range.device, range.page, range.pages, unmap_cost_);
}

Statistics DmaMapping::statistics() const {
  Statistics all("dma");
  const auto add = [&all](const char* name, const DmaCost& cost) {
    Statistics one(name);
    one.add("calls", "buffers", "buffers", cost.calls);
    one.add("entries", "paging entries written", "entries", cost.entries);
    one.add("searches", "I/O virtual addresses looked for in the tree", "searches", cost.searches);
    one.add("requests", "invalidation descriptors queued, their waits apart", "descriptors", cost.requests);
    one.add("addresses_ps", "the cores' time for I/O virtual addresses", "ps", cost.addresses);
    one.add("tables_ps", "the cores' time for paging entries", "ps", cost.tables);
    one.add("submitting_ps", "the cores' time for queueing invalidations", "ps", cost.submitting);
    one.add("waiting_ps", "the cores' time waiting for invalidations", "ps", cost.waiting);
    one.add("total_ps", "the cores' time altogether", "ps", cost.total);
    all.add(one);
  };
  add("map", map_cost_);
  add("unmap", unmap_cost_);
  all.add("flushes", "deferred unmappings flushed together", "flushes", flushes_);
  return all;
}

}  // namespace iovirt::software
