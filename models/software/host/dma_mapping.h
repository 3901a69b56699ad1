// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The DMA API of the host's own drivers (Linux's dma-iommu): for each buffer an I/O virtual address, table entries, and
// when it goes an invalidation, at once or with others, as the mode says. Every step is made by the calling core.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "lib/statistics.h"
#include "models/software/host/intel_iommu.h"
#include "models/software/host/iova_allocator.h"

namespace iovirt::software {

/// Where the cores' time in map or unmap went; `total` is all of it, interrupts taken meanwhile included.
struct DmaCost {
  std::uint64_t calls = 0;     ///< of map or unmap
  std::uint64_t entries = 0;   ///< paging entries written
  std::uint64_t searches = 0;  ///< addresses that no magazine had, or took back
  std::uint64_t requests = 0;  ///< to the invalidation queue: descriptors, their wait apart
  Ps addresses = 0;            ///< allocating and freeing them
  Ps tables = 0;               ///< walking and writing paging entries
  Ps submitting = 0;           ///< writing descriptors and the queue's tail
  Ps waiting = 0;              ///< for the wait descriptor's status
  Ps total = 0;
};

class DmaMapping {
 public:
  DmaMapping(HostKernel& kernel, IntelIommu& iommu, const DmaOptions& options);
  ~DmaMapping();

  std::uint64_t map(Bdf function, std::uint64_t address, std::size_t bytes);
  void unmap(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes);

  const DmaCost& map_cost() const { return map_cost_; }
  const DmaCost& unmap_cost() const { return unmap_cost_; }
  std::uint64_t flushes() const { return flushes_; }  ///< of what was deferred
  Statistics statistics() const;

 private:
  /// IOVA chunk of mode contiguous: filled by one core from its first page on, freed when all of it was used.
  struct Chunk {
    std::uint64_t first = 0;  ///< page
    unsigned used = 0, live = 0;
  };
  /// 2 MB of buffers of mode huge_pages.
  struct Slab {
    std::uint64_t address = 0, iova = 0;
    std::uint64_t users = 0;
  };
  struct Device {
    IntelIommu::Domain* domain = nullptr;
    std::unique_ptr<IovaAllocator> addresses;
    std::vector<std::uint64_t> open;  ///< mode contiguous: each core's chunk, its first page; 0 none
    std::vector<Chunk> chunks;        ///< those with pages in use, by address
    std::vector<Slab> slabs;
  };
  struct Deferred {
    Device* device;
    std::uint64_t page, pages;
  };

  Device& device_of(IntelIommu::Domain& domain);
  std::uint64_t take_address(Device& device, std::uint64_t pages, DmaCost& cost);
  void give_address(Device& device, std::uint64_t page, std::uint64_t pages, DmaCost& cost);
  std::uint64_t map_slab(Device& device, std::uint64_t slab, std::uint64_t address);
  bool unmap_slab(Device& device, std::uint64_t bus_address);
  void clear_entries(Device& device, std::uint64_t page, std::uint64_t pages, unsigned level);
  void invalidate(Device& device, std::uint64_t page, std::uint64_t pages, bool leaf_only, DmaCost& cost);
  void submit(std::span<const IntelIommu::Descriptor> descriptors, DmaCost& cost);
  void defer(Device& device, std::uint64_t page, std::uint64_t pages);
  void flush_deferred();

  HostKernel& kernel_;
  IntelIommu& iommu_;
  const DmaOptions options_;
  std::deque<Device> devices_;
  std::vector<Deferred> deferred_;
  Scheduler::TimerId flush_timer_ = 0;
  std::uint64_t flushes_ = 0;
  DmaCost map_cost_, unmap_cost_;
};

}  // namespace iovirt::software
