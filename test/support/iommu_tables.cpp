// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_tables.h"

#include <algorithm>
#include <cstring>

namespace iovirt::test {

bool SparseMemory::broken(std::uint64_t page) const { return std::find(broken_.begin(), broken_.end(), page) != broken_.end(); }

bool SparseMemory::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  for (auto& byte : bytes) {
    if (broken(address >> 12)) return false;
    const auto page = pages_.find(address >> 12);
    byte = page == pages_.end() ? std::uint8_t{0} : page->second[address & 0xfff];
    ++address;
  }
  return true;
}

bool SparseMemory::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (broken(address >> 12) || std::find(protected_.begin(), protected_.end(), address >> 12) != protected_.end()) return false;
  for (const auto byte : bytes) {
    auto [page, made] = pages_.try_emplace(address >> 12);
    if (made) page->second.fill(0);
    page->second[address & 0xfff] = byte;
    ++address;
  }
  return true;
}

IommuTables::IommuTables(MemoryPort& memory, std::uint64_t first_page)
    : memory_(memory), next_(first_page), root_(new_page()), interrupts_(new_page()), queue_(new_page()) {}

std::uint64_t IommuTables::new_page() {
  const std::uint64_t page = next_;
  next_ += 4096;
  const std::array<std::uint8_t, 4096> zero{};
  static_cast<void>(memory_.write(page, zero));
  return page;
}

std::uint64_t IommuTables::context_entry(std::uint16_t source) {
  return (word(root_entry(source)) & ~0xfffull) + 16ull * (source & 0xff);
}

void IommuTables::set_context(std::uint16_t source, const ContextFields& fields) {
  if (!(word(root_entry(source)) & 1)) set_word(root_entry(source), new_page() | 1);
  const std::uint64_t at = context_entry(source);
  set_word(at + 8, (fields.levels - 2) | std::uint64_t{fields.domain} << 8);
  set_word(at, fields.table | fields.translation_type << 2 | (fields.fault_processing_disabled ? 2u : 0u) | 1u);
}

std::uint64_t IommuTables::entry(std::uint64_t table, unsigned levels, std::uint64_t iova, unsigned level) {
  for (unsigned at = levels;; --at) {
    const std::uint64_t slot = table + 8 * ((iova >> (12 + 9 * (at - 1))) & 0x1ff);
    if (at == level) return slot;
    table = word(slot) & 0x000f'ffff'ffff'f000;
  }
}

void IommuTables::map(std::uint64_t table, unsigned levels, std::uint64_t iova, std::uint64_t physical,
                      std::uint64_t page_bytes, bool readable, bool writable) {
  const unsigned leaf = page_bytes == 4096 ? 1 : page_bytes == 1ull << 21 ? 2 : 3;
  for (unsigned level = levels; level > leaf; --level) {
    const std::uint64_t slot = entry(table, levels, iova, level);
    if ((word(slot) & 3) == 0) set_word(slot, new_page() | 3);
  }
  set_word(entry(table, levels, iova, leaf), physical | (leaf > 1 ? 0x80u : 0u) | (writable ? 2u : 0u) | (readable ? 1u : 0u));
}

void IommuTables::set_irte(unsigned index, std::uint64_t low, std::uint64_t high) {
  set_word(interrupts_ + 16ull * index + 8, high);
  set_word(interrupts_ + 16ull * index, low);
}

void IommuTables::set_remapped(unsigned index, std::uint8_t vector, std::uint32_t destination, int source) {
  set_irte(index, 1 | std::uint64_t{vector} << 16 | std::uint64_t{destination} << 32,
           source < 0 ? 0 : static_cast<std::uint64_t>(source) | 1u << 18);
}

void IommuTables::set_posted(unsigned index, std::uint8_t vector, std::uint64_t descriptor, bool urgent, int source) {
  set_irte(index, 1 | 1u << 15 | (urgent ? 1u << 14 : 0u) | std::uint64_t{vector} << 16 | (descriptor & 0xffff'ffc0) << 32,
           (source < 0 ? 0 : static_cast<std::uint64_t>(source) | 1u << 18) | (descriptor >> 32) << 32);
}

}  // namespace iovirt::test
