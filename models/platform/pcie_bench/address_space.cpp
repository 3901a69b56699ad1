// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/pcie_bench/address_space.h"

#include <stdexcept>

#include "models/iommu/structures_spec.h"

namespace iovirt::platform::pcie_bench {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr unsigned kLevels = 4;
constexpr std::uint16_t kDomain = 1;

unsigned shift_of(unsigned level) { return 12 + 9 * (level - 1); }

class Builder {
 public:
  explicit Builder(MemoryPort& memory) : memory_(memory) {}

  std::uint64_t new_table() {
    const std::uint64_t table = next_;
    next_ += kPage;
    for (std::uint64_t offset = 0; offset < kPage; offset += 8) set(table + offset, 0);
    return table;
  }
  void set(std::uint64_t address, std::uint64_t value) {
    if (!memory_.store(address, value)) throw std::logic_error("no memory for the IOMMU's tables");
  }
  void map(std::uint64_t top, std::uint64_t bus, std::uint64_t physical, unsigned leaf) {
    namespace pe = iommu::paging_entry;
    std::uint64_t table = top;
    for (unsigned level = kLevels;; --level) {
      const std::uint64_t entry = table + ((bus >> shift_of(level)) & 511) * pe::kBytes;
      const std::uint64_t rights = pe::R::mask | pe::W::mask;
      if (level == leaf) return set(entry, physical | rights | (leaf > 1 ? pe::PS::mask : 0));
      table = pe::Address::in_place(memory_.load<std::uint64_t>(entry).value());
      if (table == 0) {
        table = new_table();
        set(entry, table | rights);
      }
    }
  }

 private:
  MemoryPort& memory_;
  std::uint64_t next_ = layout::kTables;
};

}  // namespace

std::uint64_t build_tables(MemoryPort& memory, std::uint16_t requester, std::uint64_t page_bytes) {
  Builder builder(memory);
  const std::uint64_t root = builder.new_table();
  const std::uint64_t contexts = builder.new_table();
  const std::uint64_t top = builder.new_table();
  builder.set(root + (requester >> 8) * iommu::root_entry::kBytes, contexts | iommu::root_entry::P::mask);
  const std::uint64_t entry = contexts + (requester & 0xff) * iommu::context_entry::kBytes;
  builder.set(entry + 8, iommu::context_entry::AW::of(kLevels - 2) | iommu::context_entry::DID::of(kDomain));
  builder.set(entry, top | iommu::context_entry::P::mask);
  for (std::uint64_t offset = 0; offset < layout::kBufferBytes; offset += page_bytes)
    builder.map(top, layout::kBusAddress + offset, layout::kBuffer + offset, page_bytes == kPage ? 1 : 2);
  return root;
}

}  // namespace iovirt::platform::pcie_bench
