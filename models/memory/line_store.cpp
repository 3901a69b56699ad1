// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/line_store.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace iovirt::memory {
namespace {

constexpr std::size_t kBlockLines = 1024;

constexpr unsigned part_of(std::uint64_t address) { return static_cast<unsigned>(address >> 36); }
constexpr unsigned region_of(std::uint64_t address) { return static_cast<unsigned>(address >> 21 & 0x7fff); }
constexpr unsigned page_of(std::uint64_t address) { return static_cast<unsigned>(address >> 12 & 0x1ff); }
constexpr unsigned line_of(std::uint64_t address) { return static_cast<unsigned>(address >> 6 & 0x3f); }

/// std::popcount is a call into a library where the processor is not known to count.
constexpr unsigned count(std::uint64_t bits) {
  bits -= bits >> 1 & 0x5555'5555'5555'5555;
  bits = (bits & 0x3333'3333'3333'3333) + (bits >> 2 & 0x3333'3333'3333'3333);
  bits = (bits + (bits >> 4)) & 0x0f0f'0f0f'0f0f'0f0f;
  return static_cast<unsigned>(bits * 0x0101'0101'0101'0101 >> 56);
}

bool is_zero(const std::uint8_t* bytes, std::size_t size) {
  std::uint64_t any = 0, word = 0;
  for (; size >= 8; size -= 8, bytes += 8) {
    std::memcpy(&word, bytes, 8);
    any |= word;
  }
  word = 0;
  std::memcpy(&word, bytes, size);
  return (any | word) == 0;
}

/// A line's bytes, zeros without one. Table entries come in these sizes, most lines whole.
template <class Line>
inline void copy(std::uint8_t* to, const Line* line, std::size_t offset, std::size_t bytes) {
  const auto some = [&](std::size_t size) {
    if (line)
      std::memcpy(to, line->bytes.data() + offset, size);
    else
      std::memset(to, 0, size);
  };
  switch (bytes) {
    case 8: return some(8);
    case 16: return some(16);
    case 64: return some(64);
    default: return some(bytes);
  }
}

constexpr unsigned order_of(std::uint64_t present) {
  return static_cast<unsigned>(std::countr_zero(std::bit_ceil(static_cast<std::uint64_t>(count(present)))));
}

}  // namespace

inline const LineStore::Line* LineStore::find(std::uint64_t address) const {
  const Part* part = (*directory_)[part_of(address)].get();
  if (!part) return nullptr;
  const Region* region = (*part)[region_of(address)].get();
  if (!region) return nullptr;
  const Page& page = (*region)[page_of(address)];
  const std::uint64_t bit = std::uint64_t{1} << line_of(address);
  if (!(page.present & bit)) return nullptr;
  return page.lines + count(page.present & (bit - 1));
}

inline const LineStore::Line* LineStore::known_or_find(std::uint64_t address) const {
  const std::uint64_t number = address / kLineBytes;
  const Known& known = known_[place_of(number)];
  return known.number == number ? known.line : find(address);
}

void LineStore::expect(std::uint64_t address) {
  if (address >= limit_) return;
  const std::uint64_t number = address / kLineBytes;
  const Line* line = find(address);
  if (line) __builtin_prefetch(line);
  known_[place_of(number)] = {number, line};
}

LineStore::Line* LineStore::take(unsigned order) {
  if (auto& free = free_[order]; !free.empty()) {
    Line* run = free.back();
    free.pop_back();
    return run;
  }
  const std::size_t lines = std::size_t{1} << order;
  if (blocks_.empty() || used_in_block_ + lines > kBlockLines) {
    blocks_.push_back(std::make_unique<Line[]>(kBlockLines));
    used_in_block_ = 0;
  }
  Line* run = blocks_.back().get() + used_in_block_;
  used_in_block_ += lines;
  return run;
}

LineStore::Line& LineStore::make(std::uint64_t address) {
  known_.fill({});  // others of the page may move
  auto& part = (*directory_)[part_of(address)];
  if (!part) {
    part = std::make_unique<Part>();
    ++parts_;
  }
  auto& region = (*part)[region_of(address)];
  if (!region) {
    region = std::make_unique<Region>();
    ++regions_;
  }
  Page& page = (*region)[page_of(address)];
  const std::uint64_t bit = std::uint64_t{1} << line_of(address);
  const std::size_t place = count(page.present & (bit - 1));
  if (page.present & bit) return page.lines[place];
  const std::size_t held = count(page.present);
  const unsigned order = order_of(page.present | bit);
  if (!page.lines || order != order_of(page.present)) {
    Line* run = take(order);
    if (page.lines) {
      std::copy(page.lines, page.lines + held, run);
      free_[order_of(page.present)].push_back(page.lines);
    }
    page.lines = run;
  }
  std::copy_backward(page.lines + place, page.lines + held, page.lines + held + 1);
  page.present |= bit;
  ++lines_;
  page.lines[place].bytes.fill(0);
  return page.lines[place];
}

bool LineStore::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  if (address > limit_ || bytes.size() > limit_ - address) return false;
  const std::size_t offset = address % kLineBytes;
  if (offset + bytes.size() <= kLineBytes)
    copy(bytes.data(), known_or_find(address), offset, bytes.size());
  else
    read_lines(address, bytes);
  return true;
}

void LineStore::read_lines(std::uint64_t address, std::span<std::uint8_t> bytes) const {
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t offset = (address + done) % kLineBytes;
    const std::size_t here = std::min(bytes.size() - done, kLineBytes - offset);
    copy(bytes.data() + done, find(address + done), offset, here);
    done += here;
  }
}

bool LineStore::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (address > limit_ || bytes.size() > limit_ - address) return false;
  for (std::size_t done = 0; done < bytes.size();) {
    const std::size_t offset = (address + done) % kLineBytes;
    const std::size_t here = std::min(bytes.size() - done, kLineBytes - offset);
    const std::uint8_t* from = bytes.data() + done;
    if (auto* line = const_cast<Line*>(known_or_find(address + done)))
      std::memcpy(line->bytes.data() + offset, from, here);
    else if (!is_zero(from, here))
      std::memcpy(make(address + done).bytes.data() + offset, from, here);
    done += here;
  }
  return true;
}

std::uint64_t LineStore::word(std::uint64_t address) const {
  const Line* line = find(address);
  if (!line) return 0;
  std::uint64_t value;
  std::memcpy(&value, line->bytes.data() + address % kLineBytes, sizeof value);
  return value;
}

void LineStore::set_word(std::uint64_t address, std::uint64_t value) {
  auto* line = const_cast<Line*>(find(address));
  if (!line && value == 0) return;
  if (!line) line = &make(address);
  std::memcpy(line->bytes.data() + address % kLineBytes, &value, sizeof value);
}

std::uint64_t LineStore::host_bytes() const {
  return sizeof *this + sizeof(Directory) + parts_ * sizeof(Part) + regions_ * sizeof(Region) +
         blocks_.size() * kBlockLines * sizeof(Line);
}

}  // namespace iovirt::memory
