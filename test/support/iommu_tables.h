// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Builds what software puts into memory for an IOMMU: root, context and paging tables, IRTEs, invalidation descriptors.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "lib/memory_port.h"

namespace iovirt::test {

/// Memory that exists where it is touched, except where `break_at` says that there is none.
class SparseMemory : public MemoryPort {
 public:
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;

  std::uint64_t word(std::uint64_t address) { return load<std::uint64_t>(address).value(); }
  void set_word(std::uint64_t address, std::uint64_t value) { static_cast<void>(store(address, value)); }
  /// Accesses to the 4 KB page of `address` fail.
  void break_at(std::uint64_t address) { broken_.push_back(address >> 12); }
  /// Writes to the 4 KB page of `address` fail.
  void protect(std::uint64_t address) { protected_.push_back(address >> 12); }

 private:
  using Page = std::array<std::uint8_t, 4096>;
  bool broken(std::uint64_t page) const;
  std::map<std::uint64_t, Page> pages_;
  std::vector<std::uint64_t> broken_, protected_;
};

struct ContextFields {
  std::uint16_t domain = 1;
  unsigned levels = 4;
  std::uint64_t table = 0;
  unsigned translation_type = 0;
  bool fault_processing_disabled = false;
};

class IommuTables {
 public:
  /// Takes pages from `first_page` upwards.
  explicit IommuTables(MemoryPort& memory, std::uint64_t first_page = 0x10'0000);

  std::uint64_t root() const { return root_; }
  std::uint64_t interrupts() const { return interrupts_; }
  static constexpr unsigned kInterruptBits = 7;  ///< IRTA.S: 256 entries
  std::uint64_t queue() const { return queue_; }
  std::uint64_t new_page();

  void set_context(std::uint16_t source, const ContextFields& fields);
  /// Where the entries of a device are; the root entry's must have been made by set_context for the latter.
  std::uint64_t root_entry(std::uint16_t source) const { return root_ + 16ull * (source >> 8); }
  std::uint64_t context_entry(std::uint16_t source);

  /// Tables are made on the way. `page_bytes`: 4 KB, 2 MB or 1 GB.
  void map(std::uint64_t table, unsigned levels, std::uint64_t iova, std::uint64_t physical,
           std::uint64_t page_bytes = 4096, bool readable = true, bool writable = true);
  /// Address of the entry for `iova` in the table of `level` (1: the last), whose parents must exist.
  std::uint64_t entry(std::uint64_t table, unsigned levels, std::uint64_t iova, unsigned level = 1);

  void set_irte(unsigned index, std::uint64_t low, std::uint64_t high);
  /// A present remapped-format entry; SVT 1, SQ 0 when `source` >= 0.
  void set_remapped(unsigned index, std::uint8_t vector, std::uint32_t destination, int source = -1);
  void set_posted(unsigned index, std::uint8_t vector, std::uint64_t descriptor, bool urgent = false, int source = -1);

  std::uint64_t word(std::uint64_t address) { return memory_.load<std::uint64_t>(address).value(); }
  void set_word(std::uint64_t address, std::uint64_t value) { static_cast<void>(memory_.store(address, value)); }

 private:
  MemoryPort& memory_;
  std::uint64_t next_;
  std::uint64_t root_, interrupts_, queue_;
};

/// A remappable-format MSI address for IRTE `index` (subhandle not valid).
constexpr std::uint32_t msi_address(unsigned index, bool subhandle_valid = false) {
  return 0xfee0'0010u | (index & 0x7fff) << 5 | (index >> 15) << 2 | (subhandle_valid ? 8u : 0u);
}

/// Invalidation descriptors, low and high halves.
struct DescriptorWords {
  std::uint64_t low = 0, high = 0;
};
constexpr DescriptorWords invalidate_contexts() { return {0x11, 0}; }
constexpr DescriptorWords invalidate_domain_contexts(std::uint16_t domain) { return {0x21 | std::uint64_t{domain} << 16, 0}; }
constexpr DescriptorWords invalidate_device_context(std::uint16_t domain, std::uint16_t source, unsigned mask = 0) {
  return {0x31 | std::uint64_t{domain} << 16 | std::uint64_t{source} << 32 | std::uint64_t{mask} << 48, 0};
}
constexpr DescriptorWords invalidate_iotlb() { return {0xd2, 0}; }
constexpr DescriptorWords invalidate_domain(std::uint16_t domain) { return {0xe2 | std::uint64_t{domain} << 16, 0}; }
constexpr DescriptorWords invalidate_pages(std::uint16_t domain, std::uint64_t address, unsigned mask = 0, bool leaf_only = false) {
  return {0xf2 | std::uint64_t{domain} << 16, address | (leaf_only ? 0x40u : 0u) | mask};
}
constexpr DescriptorWords invalidate_interrupts() { return {0x4, 0}; }
constexpr DescriptorWords invalidate_interrupt(unsigned index, unsigned mask = 0) {
  return {0x14 | std::uint64_t{mask} << 27 | std::uint64_t{index} << 32, 0};
}
constexpr DescriptorWords wait_with_status(std::uint64_t address, std::uint32_t data) {
  return {0x25 | std::uint64_t{data} << 32, address};
}
constexpr DescriptorWords wait_with_interrupt() { return {0x15, 0}; }

}  // namespace iovirt::test
