// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/tenant_tables.h"

#include <bit>
#include <stdexcept>
#include <string>

#include "models/iommu/structures_spec.h"

namespace iovirt::platform {
namespace {

using iommu::context_entry::AW;
using iommu::context_entry::DID;
using iommu::paging_entry::PS;
using iommu::paging_entry::R;
using iommu::paging_entry::W;

constexpr std::uint64_t kFirstTable = 16ull << 20;
constexpr std::uint64_t kHole = 0xc000'0000, kHoleEnd = 1ull << 32;  ///< devices, interrupt addresses
constexpr unsigned shift_of(unsigned level) { return 12 + 9 * (level - 1); }

[[noreturn]] void out_of(const char* what, unsigned bits) {
  throw std::length_error(std::string("no room for more ") + what + " in " + std::to_string(bits) + " host address bits");
}

}  // namespace

TenantTables::TenantTables(memory::LineStore& memory, const TenantLayout& layout)
    : memory_(memory),
      layout_(layout),
      page_shift_(static_cast<unsigned>(std::countr_zero(layout.page_bytes))),
      leaf_level_((page_shift_ - 12) / 9 + 1),
      data_begin_(1ull << (layout.host_address_bits - 1)),
      next_data_(data_begin_),
      next_table_(kFirstTable),
      root_(new_table()) {
  // With 32 bits the upper half would reach into the hole.
  if (layout.host_address_bits == 32) data_begin_ = next_data_ = 1ull << 30;
}

std::uint64_t TenantTables::new_table() {
  if (next_table_ == kHole) next_table_ = kHoleEnd;
  if (next_table_ >= data_begin_) out_of("tables", layout_.host_address_bits);
  const std::uint64_t table = next_table_;
  next_table_ += 4096;
  ++table_pages_;
  return table;
}

std::uint64_t TenantTables::table_below(std::uint64_t entry) {
  const std::uint64_t word = memory_.word(entry);
  if (R::get(word)) return iommu::paging_entry::Address::in_place(word);
  const std::uint64_t table = new_table();
  memory_.set_word(entry, table | R::of(1) | W::of(1));
  return table;
}

std::uint32_t TenantTables::add_tenant(std::uint16_t requester) {
  if (tenants_.size() == kMaxTenants) throw std::length_error("more than " + std::to_string(kMaxTenants) + " requesters: domain ids have 16 bits");
  Tenant tenant;
  tenant.requester = requester;
  tenant.top = new_table();
  const std::uint64_t root_entry = root_ + (requester >> 8) * iommu::root_entry::kBytes;
  std::uint64_t contexts = memory_.word(root_entry);
  if (!contexts) {
    contexts = new_table() | iommu::root_entry::P::of(1);
    memory_.set_word(root_entry, contexts);
  }
  const std::uint64_t at = iommu::root_entry::CTP::in_place(contexts) + (requester & 0xff) * iommu::context_entry::kBytes;
  tenants_.push_back(tenant);
  memory_.set_word(at + 8, AW::of(layout_.levels - 2) | DID::of(tenants_.size()));
  memory_.set_word(at, tenant.top | iommu::context_entry::P::of(1));
  return static_cast<std::uint32_t>(tenants_.size());
}

void TenantTables::map_page(Tenant& tenant, std::uint64_t page) {
  tenant.last_page = page;
  if (page >> 9 != tenant.leaf_region) {
    std::uint64_t table = tenant.top;
    for (unsigned level = layout_.levels; level > leaf_level_; --level)
      table = table_below(table + 8 * ((page << page_shift_) >> shift_of(level) & 0x1ff));
    tenant.leaf_region = page >> 9;
    tenant.leaf_table = table;
  }
  const std::uint64_t entry = tenant.leaf_table + 8 * (page & 0x1ff);
  if (memory_.word(entry) != 0) return;
  const std::uint64_t limit = layout_.host_address_bits == 32 ? kHole : 1ull << layout_.host_address_bits;
  if (next_data_ + layout_.page_bytes > limit) out_of("data pages", layout_.host_address_bits);
  memory_.set_word(entry, next_data_ | R::of(1) | W::of(1) | PS::of(leaf_level_ > 1));
  next_data_ += layout_.page_bytes;
  ++tenant.pages;
  ++mapped_pages_;
}

std::uint64_t TenantTables::physical(std::uint16_t requester, std::uint64_t address) const {
  const std::uint32_t index = tenant_of_[requester];
  if (index == 0) return 0;
  std::uint64_t table = tenants_[index - 1].top;
  for (unsigned level = layout_.levels;; --level) {
    const std::uint64_t word = memory_.word(table + 8 * (address >> shift_of(level) & 0x1ff));
    if (!R::get(word)) return 0;
    table = iommu::paging_entry::Address::in_place(word);
    if (level == leaf_level_) return table + (address & (layout_.page_bytes - 1));
  }
}

}  // namespace iovirt::platform
