// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Root, context and paging tables for requesters that each have a domain of their own, written page by page as their
// accesses ask for it. Without PASIDs legacy mode, second-stage tables. With them scalable mode: accesses without PASID go
// through second-stage tables (RID_PASID 0), each PASID of a requester through first-stage tables of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "models/memory/line_store.h"

namespace iovirt::platform {

struct TenantLayout {
  std::uint64_t page_bytes = 4096;  ///< 4 KB, 2 MB or 1 GB
  unsigned levels = 4;              ///< 3 or 4
  unsigned host_address_bits = 46;  ///< data pages lie in the upper half of these, tables in the lower
  bool scalable = false;
};

class TenantTables {
 public:
  static constexpr unsigned kMaxTenants = 65535;  ///< domain ids of 16 bits; 0 stays free

  /// REQUIRES: host_address_bits at least 32.
  TenantTables(memory::LineStore& memory, const TenantLayout& layout);

  /// What RTADDR gets.
  std::uint64_t root() const;
  bool scalable() const { return layout_.scalable; }
  /// Maps the page of `address` into the requester's domain, readable and writable, unless it is. PASID 0 is that of
  /// requests without PASID. Throws std::length_error, saying what ran out. REQUIRES: scalable, or no other PASID.
  void map(std::uint16_t requester, std::uint64_t address, std::uint32_t pasid = 0) {
    std::uint32_t& index = tenant_of_[requester];
    if (index == 0) index = add_tenant(requester);
    Tenant& tenant = tenants_[index - 1];
    const std::uint64_t page = address >> page_shift_;
    if (pasid != 0)
      map_first(tenant, pasid, page);
    else if (page != tenant.last_page)
      map_page(tenant, page);
  }
  /// All of [address, last] lies in the page that was mapped last for this requester, without PASID.
  bool is_last_page(std::uint16_t requester, std::uint64_t address, std::uint64_t last) const {
    const std::uint32_t index = tenant_of_[requester];
    if (index == 0) return false;
    const std::uint64_t page = tenants_[index - 1].last_page;
    return address >> page_shift_ == page && last >> page_shift_ == page;
  }
  /// Where the data of [address, ...) lies without PASID; 0 when it is not mapped. For tests.
  std::uint64_t physical(std::uint16_t requester, std::uint64_t address) const;

  /// In the order of their first access; the index of one is its domain id less 1.
  std::size_t tenants() const { return tenants_.size(); }
  std::uint16_t requester(std::size_t index) const { return tenants_[index].requester; }
  /// REQUIRES: it has been mapped something.
  std::size_t index_of(std::uint16_t requester) const { return tenant_of_[requester] - 1; }
  std::uint64_t pages(std::size_t index) const { return tenants_[index].pages; }
  std::uint64_t mapped_pages() const { return mapped_pages_; }
  /// 4 KB pages of tables.
  std::uint64_t table_pages() const { return table_pages_; }

 private:
  struct Tenant {
    std::uint64_t top = 0;
    std::uint64_t pasids = 0;  ///< PASID directory
    std::uint64_t last_page = ~0ull;
    std::uint64_t leaf_region = ~0ull;  ///< which leaf table the one below is
    std::uint64_t leaf_table = 0;
    std::uint64_t pages = 0;
    std::uint16_t requester = 0;
  };
  std::uint32_t add_tenant(std::uint16_t requester);
  void map_page(Tenant& tenant, std::uint64_t page);
  void map_first(Tenant& tenant, std::uint32_t pasid, std::uint64_t page);
  void add_context(const Tenant& tenant, std::uint64_t domain);
  void add_scalable_context(const Tenant& tenant, std::uint64_t domain);
  std::uint64_t pasid_entry(const Tenant& tenant, std::uint32_t pasid);
  std::uint64_t new_table(unsigned pages = 1);
  std::uint64_t new_page(Tenant& tenant);
  std::uint64_t table_below(std::uint64_t entry, std::uint64_t flags);

  memory::LineStore& memory_;
  TenantLayout layout_;
  unsigned page_shift_, leaf_level_;
  std::uint64_t mapped_pages_ = 0, table_pages_ = 0;
  std::uint64_t data_begin_, next_data_, next_table_, root_;
  std::vector<std::uint32_t> tenant_of_ = std::vector<std::uint32_t>(65536, 0);  ///< index + 1
  std::vector<Tenant> tenants_;
};

}  // namespace iovirt::platform
