// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/register_bank.h"

#include <stdexcept>

namespace iovirt {
namespace {

std::uint64_t ones(unsigned bytes) { return bytes >= 8 ? ~0ull : (1ull << (bytes * 8)) - 1; }

}  // namespace

RegisterBank::RegisterBank(std::string name, bool strict_width) : name_(std::move(name)), strict_width_(strict_width) {}

RegisterBank::Register& RegisterBank::add(RegisterSpec spec) { return add(std::move(spec), {}, {}); }

RegisterBank::Register& RegisterBank::add(RegisterSpec spec, WriteHook on_write, ReadHook on_read) {
  const auto complain = [&](const char* what) {
    throw std::logic_error(name_ + "." + spec.name + ": " + what);
  };
  if (spec.bytes != 1 && spec.bytes != 2 && spec.bytes != 4 && spec.bytes != 8) complain("width must be 1, 2, 4 or 8");
  if (spec.offset % spec.bytes != 0) complain("offset is not aligned to the width");
  if (spec.writable & spec.write1_clear) complain("a bit is both writable and write-1-to-clear");
  auto next = by_offset_.lower_bound(spec.offset);
  if (next != by_offset_.end() && next->first < spec.offset + spec.bytes) complain("overlaps the next register");
  if (next != by_offset_.begin()) {
    const auto& before = std::prev(next)->second.spec;
    if (before.offset + before.bytes > spec.offset) complain("overlaps the register before");
  }
  const auto offset = spec.offset;
  const auto bytes = spec.bytes;
  auto& entry = by_offset_[offset];
  entry = Register{std::move(spec), 0, std::move(on_write), std::move(on_read)};
  entry.value = entry.spec.reset;
  order_.push_back(&entry);
  if (bytes == 4 && order_.size() < 0xffff) {
    if (fast_.size() <= offset / 4) fast_.resize(offset / 4 + 1, 0);
    fast_[offset / 4] = static_cast<std::uint16_t>(order_.size());
  }
  return entry;
}

RegisterBank::Register* RegisterBank::covering(std::uint32_t offset) {
  if (offset % 4 == 0 && offset / 4 < fast_.size() && fast_[offset / 4] != 0) return order_[fast_[offset / 4] - 1];
  auto next = by_offset_.upper_bound(offset);
  if (next == by_offset_.begin()) return nullptr;
  auto& candidate = std::prev(next)->second;
  return offset < candidate.spec.offset + candidate.spec.bytes ? &candidate : nullptr;
}

std::uint64_t RegisterBank::read(std::uint32_t offset, unsigned bytes) {
  std::uint64_t result = 0;
  for (unsigned done = 0; done < bytes;) {
    Register* reg = covering(offset + done);
    if (!reg) {
      ++done;
      continue;
    }
    const unsigned skip = offset + done - reg->spec.offset;
    const unsigned take = std::min(reg->spec.bytes - skip, bytes - done);
    if (strict_width_ && (skip != 0 || bytes != reg->spec.bytes)) return 0;
    const std::uint64_t seen = reg->on_read ? reg->on_read(reg->value) : reg->value;
    reg->value &= ~(reg->spec.read_clear & (ones(take) << (skip * 8)));
    result |= ((seen >> (skip * 8)) & ones(take)) << (done * 8);
    done += take;
  }
  return result;
}

void RegisterBank::write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  for (unsigned done = 0; done < bytes;) {
    Register* reg = covering(offset + done);
    if (!reg) {
      ++done;
      continue;
    }
    const unsigned skip = offset + done - reg->spec.offset;
    const unsigned take = std::min(reg->spec.bytes - skip, bytes - done);
    if (strict_width_ && (skip != 0 || bytes != reg->spec.bytes)) return;
    const std::uint64_t lanes = ones(take) << (skip * 8);
    const std::uint64_t before = reg->value;
    const std::uint64_t written = ((value >> (done * 8)) & ones(take)) << (skip * 8);
    std::uint64_t after = (before & ~(reg->spec.writable & lanes)) | (written & reg->spec.writable);
    after &= ~(written & reg->spec.write1_clear);
    reg->value = after;
    if (reg->on_write) reg->on_write(written | (before & reg->spec.writable & ~lanes), before);
    done += take;
  }
}

std::uint64_t& RegisterBank::operator[](std::uint32_t offset) {
  auto found = by_offset_.find(offset);
  if (found == by_offset_.end()) throw std::out_of_range(name_ + ": no register at offset " + std::to_string(offset));
  return found->second.value;
}

std::uint64_t RegisterBank::at(std::uint32_t offset) const { return by_offset_.at(offset).value; }
bool RegisterBank::contains(std::uint32_t offset) const { return by_offset_.count(offset) != 0; }

void RegisterBank::reset() {
  for (auto& [offset, reg] : by_offset_) reg.value = reg.spec.reset;
}

std::vector<const RegisterBank::Register*> RegisterBank::registers() const {
  std::vector<const Register*> all;
  for (const auto& [offset, reg] : by_offset_) all.push_back(&reg);
  return all;
}

}  // namespace iovirt
