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

constexpr std::uint64_t kSecond = R::mask | W::mask;
namespace fe = iommu::first_stage_entry;
/// Accessed and dirty already, as software does that wants no updates.
constexpr std::uint64_t kFirst = fe::P::mask | fe::RW::mask | fe::US::mask | fe::A::mask;
constexpr unsigned kFirstLevels = 4;
constexpr unsigned kDirectoryPages = 32;  ///< 2^14 entries: every PASID

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

std::uint64_t TenantTables::root() const {
  constexpr std::uint64_t scalable_mode = 1ull << 10;  // RTADDR.TTM
  return layout_.scalable ? root_ | scalable_mode : root_;
}

std::uint64_t TenantTables::new_table(unsigned pages) {
  if (next_table_ < kHoleEnd && next_table_ + pages * 4096ull > kHole) next_table_ = kHoleEnd;
  if (next_table_ + pages * 4096ull > data_begin_) out_of("tables", layout_.host_address_bits);
  const std::uint64_t table = next_table_;
  next_table_ += pages * 4096ull;
  table_pages_ += pages;
  return table;
}

std::uint64_t TenantTables::new_page(Tenant& tenant) {
  const std::uint64_t limit = layout_.host_address_bits == 32 ? kHole : 1ull << layout_.host_address_bits;
  if (next_data_ + layout_.page_bytes > limit) out_of("data pages", layout_.host_address_bits);
  const std::uint64_t page = next_data_;
  next_data_ += layout_.page_bytes;
  ++tenant.pages;
  ++mapped_pages_;
  return page;
}

/// Both stages' entries have their address in the same place.
std::uint64_t TenantTables::table_below(std::uint64_t entry, std::uint64_t flags) {
  const std::uint64_t word = memory_.word(entry);
  if (word != 0) return iommu::paging_entry::Address::in_place(word);
  const std::uint64_t table = new_table();
  memory_.set_word(entry, table | flags);
  return table;
}

std::uint32_t TenantTables::add_tenant(std::uint16_t requester) {
  if (tenants_.size() == kMaxTenants) throw std::length_error("more than " + std::to_string(kMaxTenants) + " requesters: domain ids have 16 bits");
  Tenant tenant;
  tenant.requester = requester;
  tenant.top = new_table();
  if (layout_.scalable) tenant.pasids = new_table(kDirectoryPages);
  tenants_.push_back(tenant);
  if (layout_.scalable)
    add_scalable_context(tenant, tenants_.size());
  else
    add_context(tenant, tenants_.size());
  return static_cast<std::uint32_t>(tenants_.size());
}

void TenantTables::add_context(const Tenant& tenant, std::uint64_t domain) {
  const std::uint64_t contexts = table_below(root_ + (tenant.requester >> 8) * iommu::root_entry::kBytes, iommu::root_entry::P::mask);
  const std::uint64_t at = contexts + (tenant.requester & 0xff) * iommu::context_entry::kBytes;
  memory_.set_word(at + 8, AW::of(layout_.levels - 2) | DID::of(domain));
  memory_.set_word(at, tenant.top | iommu::context_entry::P::mask);
}

void TenantTables::add_scalable_context(const Tenant& tenant, std::uint64_t domain) {
  namespace re = iommu::scalable_root_entry;
  namespace ce = iommu::scalable_context_entry;
  namespace pe = iommu::pasid_entry;
  const unsigned devfn = tenant.requester & 0xff;  // each half of a root entry has a table for half of the bus
  const std::uint64_t contexts = table_below(root_ + (tenant.requester >> 8) * re::kBytes + (devfn >> 7) * 8, re::P::mask);
  const std::uint64_t own = pasid_entry(tenant, 0);
  memory_.set_word(own + 8, pe::DID::of(domain));
  memory_.set_word(own, tenant.top | pe::P::mask | pe::AW::of(layout_.levels - 2) | pe::PGTT::of(pe::second_stage));
  memory_.set_word(contexts + (devfn & 0x7f) * ce::kBytes, tenant.pasids | ce::P::mask | ce::PASIDE::mask | ce::PDTS::mask);
}

/// Where it lies.
std::uint64_t TenantTables::pasid_entry(const Tenant& tenant, std::uint32_t pasid) {
  namespace de = iommu::pasid_directory_entry;
  const std::uint64_t table = table_below(tenant.pasids + (pasid >> 6) * de::kBytes, de::P::mask);
  return table + (pasid & 0x3f) * iommu::pasid_entry::kBytes;
}

void TenantTables::map_page(Tenant& tenant, std::uint64_t page) {
  tenant.last_page = page;
  if (page >> 9 != tenant.leaf_region) {
    std::uint64_t table = tenant.top;
    for (unsigned level = layout_.levels; level > leaf_level_; --level)
      table = table_below(table + 8 * ((page << page_shift_) >> shift_of(level) & 0x1ff), kSecond);
    tenant.leaf_region = page >> 9;
    tenant.leaf_table = table;
  }
  const std::uint64_t entry = tenant.leaf_table + 8 * (page & 0x1ff);
  if (memory_.word(entry) == 0) memory_.set_word(entry, new_page(tenant) | kSecond | PS::of(leaf_level_ > 1));
}

void TenantTables::map_first(Tenant& tenant, std::uint32_t pasid, std::uint64_t page) {
  namespace pe = iommu::pasid_entry;
  const std::uint64_t at = pasid_entry(tenant, pasid);
  if (memory_.word(at) == 0) {
    memory_.set_word(at + 8, pe::DID::of(tenant_of_[tenant.requester]));
    memory_.set_word(at + 16, new_table());
    memory_.set_word(at, pe::P::mask | pe::PGTT::of(pe::first_stage));
  }
  std::uint64_t table = pe::FSPTPTR::in_place(memory_.word(at + 16));
  for (unsigned level = kFirstLevels; level > leaf_level_; --level)
    table = table_below(table + 8 * ((page << page_shift_) >> shift_of(level) & 0x1ff), kFirst);
  const std::uint64_t entry = table + 8 * (page & 0x1ff);
  if (memory_.word(entry) == 0) memory_.set_word(entry, new_page(tenant) | kFirst | fe::D::mask | fe::PS::of(leaf_level_ > 1));
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
