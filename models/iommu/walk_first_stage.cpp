// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// First-stage tables, the processor's own format (9.7; rights: 3.6.1, accessed and dirty bits: 3.6.2). When nested, the
// second stage translates the address of each entry, and in the end of the page.

#include "models/iommu/cache_tags.h"
#include "models/iommu/structures_spec.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {
namespace {

namespace fe = first_stage_entry;
constexpr unsigned shift_of_level(unsigned level) { return 12 + 9 * (level - 1); }

}  // namespace

Step Translator::start_first(Walk& walk) {
  const AddressSpace& space = walk.space;
  walk.first_table = space.first_table;
  walk.first_level = space.first_levels;
  walk.first_rights = rights::kNoFirstStage;
  for (unsigned level = 2; level <= space.first_levels; ++level) {
    const Directory* directory = find_directory(space.domain, space.key, tagged_address(walk.request.address), level);
    if (!directory) continue;
    walk.first_table = directory->table;
    walk.first_rights = directory->rights;
    walk.first_level = static_cast<std::uint8_t>(level - 1);
    break;
  }
  return fetch_first(walk);
}

Step Translator::fetch_first(Walk& walk) {
  const std::uint64_t index = (walk.request.address >> shift_of_level(walk.first_level)) & 0x1ff;
  const std::uint64_t at = walk.first_table + index * fe::kBytes;
  walk.table_write = false;
  if (walk.space.kind == AddressSpace::Kind::nested) return start_second(walk, Walk::Target::table, at);
  walk.first_entry_at = at;
  return ask(walk, Walk::Stage::first, at, fe::kBytes);
}

Step Translator::first_read(Walk& walk, std::uint64_t entry) {
  const AddressSpace& space = walk.space;
  const unsigned level = walk.first_level, shift = shift_of_level(level);
  walk.page_absent = !fe::P::get(entry);
  if (walk.page_absent) return no_rights(walk, FaultReason::first_stage_not_present);
  const bool large = level > 1 && fe::PS::get(entry);
  const bool large_supported = level == 2 || (level == 3 && config_.first_stage_1g);
  std::uint64_t reserved = fe::Address::mask & beyond_host_;
  if (large) reserved |= large_supported ? fe::Address::mask & ((1ull << shift) - 1) & ~fe::kLargePat : fe::PS::mask;
  if (entry & reserved) return fail(walk, FaultReason::first_stage_reserved);

  auto page = walk.first_rights;
  if (!fe::RW::get(entry)) page &= static_cast<std::uint8_t>(~rights::kFirstWrite);
  if (!fe::US::get(entry)) page &= static_cast<std::uint8_t>(~rights::kUser);
  if (fe::XD::get(entry)) page &= static_cast<std::uint8_t>(~rights::kExecute);
  if (level == 1 || large) return first_leaf(walk, entry, shift, page);

  const std::uint64_t bits = (fe::A::mask | (space.extended_accessed ? fe::EA::mask : 0)) & ~entry;
  if (bits != 0) return update_first(walk, entry, bits);
  walk.first_rights = page;
  walk.first_table = fe::Address::in_place(entry);
  insert_directory(walk, tagged_address(walk.request.address), level, {walk.first_table, space.key, page});
  --walk.first_level;
  return fetch_first(walk);
}

Step Translator::first_leaf(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page) {
  const AddressSpace& space = walk.space;
  constexpr std::uint8_t no_second_stage = rights::kRead | rights::kWrite;
  const auto alone = static_cast<std::uint8_t>(page | no_second_stage);
  const FaultReason reason = check_rights(walk.request, space, alone);
  if (reason != FaultReason::none && !is_accessible(walk.request, space, alone)) return no_rights(walk, reason);
  if (reason != FaultReason::none && walk.request.address_type != 1) return fail(walk, reason);

  const std::uint64_t offset = (1ull << shift) - 1;
  const std::uint64_t base = fe::Address::in_place(entry) & ~offset;
  walk.guest_address = base + (walk.request.address & offset);
  const bool nested = space.kind == AddressSpace::Kind::nested;
  if (!nested && reaches_interrupts(walk.request, walk.guest_address, shift))
    return fail(walk, FaultReason::scalable_interrupt_range);
  // Only accessed bits may be set before it is certain that nothing faults (3.6.2).
  const bool dirty = nested ? walk.set_first_dirty : dirties(walk.request, space, alone);
  const std::uint64_t bits =
      (fe::A::mask | (space.extended_accessed ? fe::EA::mask : 0) | (dirty ? fe::D::mask : 0)) & ~entry;
  if (bits != 0) return update_first(walk, entry, bits);

  walk.first_dirty = fe::D::get(entry);
  walk.first_shift = static_cast<std::uint8_t>(shift);
  walk.leaf_rights = page;
  if (nested) return start_second(walk, Walk::Target::output, walk.guest_address);
  page = alone;
  if (walk.first_dirty) page |= rights::kDirty;
  if (space.page_snoop) page |= rights::kSnoop;
  return give(walk, (shift - 12) / 9, {base, space.key, page});
}

Step Translator::update_first(Walk& walk, std::uint64_t entry, std::uint64_t bits) {
  if (!walk.space.walk_snoop) return fail(walk, FaultReason::first_stage_update_without_snoop);
  if (walk.space.kind == AddressSpace::Kind::nested) {
    if (!walk.writable) return fail(walk, FaultReason::nested_table_no_write_permission);
    if (walk.space.second_dirty && !paging_entry::D::get(walk.second_entry)) {
      // The page that the entry lies in becomes dirty first; the entry is then read anew.
      walk.table_write = true;
      return update_second(walk, walk.second_entry_at, walk.second_entry, paging_entry::D::mask);
    }
  }
  return ask_update(walk, Walk::Stage::first, walk.first_entry_at, entry, entry | bits);
}

}  // namespace iovirt::iommu
