// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/ept.h"

namespace iovirt::cpu {

namespace {

/// Reserved bits, rights and memory type (SDM 3, 29.3.3.1). `leaf` at level 3 and 2 means a large page.
bool misconfigured(std::uint64_t entry, unsigned level, bool leaf, const EptOptions& options) {
  const auto rights = ept_entry::rights::get(entry);
  if ((rights & 3) == 2) return true;                             // writable, not readable
  if (rights == 4 && !options.execute_only) return true;          // executable, not readable
  std::uint64_t reserved = ept_entry::address::mask & ~((1ull << options.physical_bits) - 1);
  if (leaf) {
    if (level > 1) reserved |= ((1ull << (12 + 9 * (level - 1))) - 1) & ~0xfffull;
    const auto type = ept_entry::memory_type::get(entry);
    if (type == 2 || type == 3 || type == 7) return true;
  } else {
    reserved |= level == 4 ? Field<7, 3>::mask : Field<6, 3>::mask;
  }
  return (entry & reserved) != 0;
}

}  // namespace

EptResult ept_walk(MemoryPort& memory, std::uint64_t eptp_value, std::uint64_t gpa, EptAccess access,
                   const EptOptions& options) {
  const auto wanted = static_cast<std::uint64_t>(access);
  const std::uint64_t asked =
      wanted | ept_qualification::linear_valid::of(1) | ept_qualification::final_access::of(1);
  if (gpa >> 48) return EptViolation{asked, gpa, 0};

  const bool flags = eptp::accessed_dirty::get(eptp_value);
  std::uint64_t addresses[4], entries[4];
  std::uint64_t table = eptp::address::in_place(eptp_value);
  std::uint64_t rights = 7;
  std::uint8_t reads = 0;
  for (unsigned level = 4;; --level) {
    const unsigned shift = 12 + 9 * (level - 1);
    const std::uint64_t address = table + (gpa >> shift & 0x1ff) * 8;
    const std::uint64_t entry = memory.load<std::uint64_t>(address).value_or(~0ull);
    addresses[reads] = address;
    entries[reads++] = entry;
    if (ept_entry::rights::get(entry) == 0) return EptViolation{asked, gpa, reads};
    const bool leaf = level == 1 || (level < 4 && ept_entry::page::get(entry));
    if (misconfigured(entry, level, leaf, options)) return EptMisconfig{gpa, entry, level, reads};
    rights &= ept_entry::rights::get(entry);
    if (!leaf) {
      table = ept_entry::address::in_place(entry);
      continue;
    }

    if (!(rights & wanted)) return EptViolation{asked | rights << 3, gpa, reads};
    EptTranslation result;
    result.page_bytes = 1ull << shift;
    result.host_physical = (ept_entry::address::in_place(entry) & ~(result.page_bytes - 1)) |
                           (gpa & (result.page_bytes - 1));
    result.rights = static_cast<std::uint8_t>(rights);
    result.memory_type = static_cast<std::uint8_t>(ept_entry::memory_type::get(entry));
    result.memory_reads = reads;
    bool dirty = true;
    if (flags) {
      for (unsigned i = 0; i < reads; ++i) {
        std::uint64_t updated = entries[i] | ept_entry::accessed::mask;
        if (i + 1 == reads && access == EptAccess::write) updated |= ept_entry::dirty::mask;
        if (updated != entries[i] && memory.store(addresses[i], updated)) ++result.memory_writes;
        entries[i] = updated;
      }
      dirty = ept_entry::dirty::get(entries[reads - 1]);
    }
    result.cacheable_rights = static_cast<std::uint8_t>(dirty ? rights : rights & ~2ull);
    return result;
  }
}

}  // namespace iovirt::cpu
