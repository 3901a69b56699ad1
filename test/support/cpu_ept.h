// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Builds EPT structures in memory, one mapping at a time; and gives back where an entry lies, to damage it.
#pragma once

#include <cstdint>

#include "models/cpu/ept_spec.h"
#include "test/support/cpu_memory.h"

namespace iovirt::test {

class CpuEpt {
 public:
  /// Tables are taken from `first` upwards; the PML4 is the first.
  CpuEpt(CpuMemory& memory, std::uint64_t first) : memory_(memory), next_(first) { pml4_ = allocate(); }

  std::uint64_t eptp(bool accessed_dirty = false) const { return cpu::eptp::make(pml4_, accessed_dirty); }

  /// `level` is that of the leaf: 1 for 4 KiB, 2 for 2 MiB, 3 for 1 GiB. Tables in between get all rights.
  void map(std::uint64_t guest, std::uint64_t host, std::uint64_t rights = 7, unsigned level = 1) {
    std::uint64_t entry = host | rights | cpu::ept_entry::memory_type::of(6);
    if (level > 1) entry |= cpu::ept_entry::page::of(1);
    set(guest, level, entry);
  }
  /// The raw entry for `guest` at `level`, with tables made on the way down.
  void set(std::uint64_t guest, unsigned level, std::uint64_t entry) {
    std::uint64_t table = pml4_;
    for (unsigned l = 4; l > level; --l) {
      const std::uint64_t at = slot(table, guest, l);
      std::uint64_t e = *memory_.load<std::uint64_t>(at);
      if (e == 0) (void)memory_.store(at, e = allocate() | 7);
      table = cpu::ept_entry::address::in_place(e);
    }
    (void)memory_.store(slot(table, guest, level), entry);
  }
  /// Where the entry for `guest` at `level` lies. REQUIRES: the tables above exist.
  std::uint64_t address_of(std::uint64_t guest, unsigned level) {
    std::uint64_t table = pml4_;
    for (unsigned l = 4; l > level; --l)
      table = cpu::ept_entry::address::in_place(*memory_.load<std::uint64_t>(slot(table, guest, l)));
    return slot(table, guest, level);
  }
  std::uint64_t entry(std::uint64_t guest, unsigned level) { return *memory_.load<std::uint64_t>(address_of(guest, level)); }

 private:
  static std::uint64_t slot(std::uint64_t table, std::uint64_t guest, unsigned level) {
    return table + (guest >> (12 + 9 * (level - 1)) & 0x1ff) * 8;
  }
  std::uint64_t allocate() {
    const std::uint64_t page = next_;
    next_ += 4096;
    return page;
  }

  CpuMemory& memory_;
  std::uint64_t next_, pml4_;
};

}  // namespace iovirt::test
