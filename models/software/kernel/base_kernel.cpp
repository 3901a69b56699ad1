// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/kernel/base_kernel.h"

#include <algorithm>
#include <stdexcept>

namespace iovirt::software {
namespace {

constexpr std::size_t kPageBytes = 4096;

}  // namespace

BaseKernel::BaseKernel(const Costs& costs, std::uint64_t begin, std::uint64_t end)
    : costs_(costs), next_(begin), end_(end) {}

// PCI Express 5.0, 7.2.2: bus, device and function select 4 KB each. Not counted as driver accesses.
std::uint32_t BaseKernel::pci_read(Bdf function, std::uint16_t offset, unsigned bytes) {
  return static_cast<std::uint32_t>(cpu().load(ecam_base_ + (std::uint64_t{function} << 12) + offset, bytes));
}

void BaseKernel::pci_write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  cpu().store(ecam_base_ + (std::uint64_t{function} << 12) + offset, bytes, value);
}

std::uint64_t BaseKernel::allocate(std::size_t bytes, std::size_t alignment) {
  const std::uint64_t at = (next_ + alignment - 1) & ~(std::uint64_t{alignment} - 1);
  if (at + bytes > end_) throw std::runtime_error("a simulated kernel ran out of memory; raise software.vm_memory_mb");
  next_ = at + bytes;
  return at;
}

std::uint64_t BaseKernel::allocate_buffer() {
  if (free_buffers_.empty()) {
    ++buffers_made_;
    return carve(kBufferBytes);
  }
  const std::uint64_t buffer = free_buffers_.back();
  free_buffers_.pop_back();
  return buffer;
}

std::uint64_t BaseKernel::allocate_page() {
  if (free_pages_.empty()) return carve(kPageBytes);
  const std::uint64_t page = free_pages_.back();
  free_pages_.pop_back();
  return page;
}

/// `bytes` is a power of two of at most a page.
std::uint64_t BaseKernel::carve(std::size_t bytes) {
  if (!slabs_used_) return allocate(bytes, bytes);
  slab_next_ = (slab_next_ + bytes - 1) & ~(std::uint64_t{bytes} - 1);
  if (slabs_.empty() || slab_next_ == slabs_.back() + kSlabBytes) {
    slabs_.push_back(allocate(kSlabBytes, kSlabBytes));
    slab_next_ = slabs_.back();
  }
  const std::uint64_t at = slab_next_;
  slab_next_ += bytes;
  return at;
}

std::uint64_t BaseKernel::buffer_slab(std::uint64_t address) const {
  const std::uint64_t slab = address & ~(kSlabBytes - 1);
  return std::binary_search(slabs_.begin(), slabs_.end(), slab) ? slab : 0;
}

void BaseKernel::free_buffer(std::uint64_t address) { free_buffers_.push_back(address); }

BaseKernel::Napi& BaseKernel::napi(NetDriver& driver, unsigned queue) {
  for (Napi* entry : napis_)
    if (entry->driver == &driver && entry->queue == queue) return *entry;
  napi_storage_.push_back(Napi{&driver, queue, 0});
  napis_.push_back(&napi_storage_.back());
  return napi_storage_.back();
}

bool BaseKernel::poll(Napi& entry) {
  cpu().compute(costs_.napi_poll_cycles);
  // Cleared first: the interrupt that poll() re-arms may come before poll() has returned.
  entry.scheduled = false;
  const unsigned done = entry.driver->poll(entry.queue, kNapiBudget);
  rx_handler_->poll_done(*entry.driver, entry.queue);
  if (done < kNapiBudget) return entry.scheduled;
  entry.scheduled = true;
  return true;
}

}  // namespace iovirt::software
