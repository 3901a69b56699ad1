// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Second-stage tables (9.8; accessed and dirty bits: 3.7), for requests and for what the first stage of a nested
// translation needs.

#include "models/iommu/cache_tags.h"
#include "models/iommu/structures_spec.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {
namespace {

namespace pe = paging_entry;
constexpr unsigned shift_of_level(unsigned level) { return 12 + 9 * (level - 1); }
std::uint64_t entry_at(std::uint64_t table, std::uint64_t address, unsigned level) {
  return table + ((address >> shift_of_level(level)) & 0x1ff) * pe::kBytes;
}

}  // namespace

Step Translator::start_second(Walk& walk, Walk::Target target, std::uint64_t input) {
  const AddressSpace& space = walk.space;
  walk.target = target;
  walk.second_input = input;
  if (target != Walk::Target::request && (input >> second_stage_bits(space)) != 0)
    return fail(walk, FaultReason::nested_table_beyond_width);
  walk.second_table = space.second_table;
  walk.second_level = space.second_levels;
  walk.readable = walk.writable = true;
  for (unsigned level = 2; level <= space.second_levels; ++level) {
    const Directory* directory = find_directory(space.domain, second_key(space), input, level);
    if (!directory) continue;
    walk.second_table = directory->table;
    walk.readable = directory->rights & rights::kRead;
    walk.writable = directory->rights & rights::kWrite;
    walk.second_level = static_cast<std::uint8_t>(level - 1);
    break;
  }
  return ask(walk, Walk::Stage::second, entry_at(walk.second_table, input, walk.second_level), pe::kBytes);
}

Step Translator::second_read(Walk& walk, std::uint64_t entry) {
  const bool legacy = walk.space.legacy;
  const unsigned shift = shift_of_level(walk.second_level);
  if (!pe::R::get(entry) && !pe::W::get(entry)) {
    walk.page_absent = true;
    if (!legacy) return no_rights(walk, FaultReason::second_stage_not_present);
    return no_rights(walk, walk.request.write ? FaultReason::no_write_permission : FaultReason::no_read_permission);
  }
  const bool large = walk.second_level > 1 && pe::PS::get(entry);
  const bool large_supported = (walk.second_level == 2 && config_.pages_2m) || (walk.second_level == 3 && config_.pages_1g);
  std::uint64_t reserved = (pe::Address::mask & beyond_host_) | pe::IW::mask;
  if (!config_.snoop_control || !(large || walk.second_level == 1)) reserved |= pe::SNP::mask;
  if (large) reserved |= large_supported ? pe::Address::mask & ((1ull << shift) - 1) : pe::PS::mask;
  if (entry & reserved) return fail(walk, legacy ? FaultReason::paging_entry_reserved : FaultReason::second_stage_reserved);

  const bool readable = walk.readable && pe::R::get(entry);
  const bool writable = walk.writable && pe::W::get(entry);
  if (!legacy && !readable && !writable) return no_rights(walk, FaultReason::second_stage_not_present);
  const auto page = static_cast<std::uint8_t>((readable ? rights::kRead : 0) | (writable ? rights::kWrite : 0));
  if (walk.second_level == 1 || large) return second_leaf(walk, entry, shift, page);
  if (walk.space.second_dirty && !pe::A::get(entry)) return update_second(walk, walk.read_address, entry, pe::A::mask);

  walk.readable = readable;
  walk.writable = writable;
  walk.second_table = pe::Address::in_place(entry);
  insert_directory(walk, walk.second_input, walk.second_level, {walk.second_table, second_key(walk.space), page});
  --walk.second_level;
  return ask(walk, Walk::Stage::second, entry_at(walk.second_table, walk.second_input, walk.second_level), pe::kBytes);
}

Step Translator::second_leaf(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page) {
  const AddressSpace& space = walk.space;
  bool dirty = walk.table_write;
  if (walk.target == Walk::Target::table) {
    // With dirty tracking, reading a first-stage entry takes the right to write it too (3.8.1).
    if (!(page & rights::kRead) || (space.second_dirty && !(page & rights::kWrite)))
      return no_rights(walk, walk.first_level == space.first_levels ? FaultReason::nested_root_no_read_permission
                                                                    : FaultReason::nested_table_no_read_permission);
  } else {
    page |= walk.target == Walk::Target::request ? rights::kNoFirstStage : walk.leaf_rights;
    const std::uint64_t address = pe::Address::in_place(entry) + (walk.second_input & ((1ull << shift) - 1));
    if (const FaultReason reason = check_rights(walk.request, space, page); reason != FaultReason::none)
      if (walk.request.address_type != 1) return fail(walk, reason);
    if (reaches_interrupts(walk.request, address, shift))
      return fail(walk, space.legacy ? FaultReason::output_in_interrupt_range : FaultReason::scalable_interrupt_range);
    dirty = dirties(walk.request, space, page) && (walk.target == Walk::Target::request || walk.first_dirty);
  }
  if (space.second_dirty) {
    const std::uint64_t bits = (pe::A::mask | (dirty ? pe::D::mask : 0)) & ~entry;
    if (bits != 0) return update_second(walk, walk.read_address, entry, bits);
  }
  return second_done(walk, entry, shift, page);
}

Step Translator::second_done(Walk& walk, std::uint64_t entry, unsigned shift, std::uint8_t page) {
  const std::uint64_t offset = (1ull << shift) - 1;
  const std::uint64_t base = pe::Address::in_place(entry);
  if (walk.target == Walk::Target::table) {
    walk.writable = page & rights::kWrite;
    walk.second_entry = entry;
    walk.second_entry_at = walk.read_address;
    walk.first_entry_at = base + (walk.second_input & offset);
    return ask(walk, Walk::Stage::first, walk.first_entry_at, first_stage_entry::kBytes);
  }
  if (!walk.space.second_dirty || pe::D::get(entry)) page |= rights::kDirty;
  if (walk.space.page_snoop || pe::SNP::get(entry)) page |= rights::kSnoop;
  if (walk.target == Walk::Target::request) return give(walk, (shift - 12) / 9, {base, walk.space.key, page});
  if (!walk.first_dirty && dirties(walk.request, walk.space, page)) {
    walk.set_first_dirty = true;  // and then the second stage's, with another look at both
    return fetch_first(walk);
  }
  // Nested: the smaller of the two pages.
  if (!walk.first_dirty) page = static_cast<std::uint8_t>(page & ~rights::kDirty);
  const unsigned smaller = shift < walk.first_shift ? shift : walk.first_shift;
  const std::uint64_t address = base + (walk.second_input & offset);
  return give(walk, (smaller - 12) / 9, {address & ~((1ull << smaller) - 1), walk.space.key, page});
}

Step Translator::update_second(Walk& walk, std::uint64_t at, std::uint64_t entry, std::uint64_t bits) {
  // A walk that does not snoop cannot update atomically.
  if (!walk.space.walk_snoop) return fail(walk, FaultReason::second_stage_update_without_snoop);
  walk.read_address = at;
  return ask_update(walk, Walk::Stage::second, at, entry, entry | bits);
}

}  // namespace iovirt::iommu
