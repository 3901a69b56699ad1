// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/config_space.h"

#include <stdexcept>

namespace iovirt::pcie {
namespace {

using namespace spec;

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

ConfigSpace::ConfigSpace(const Identity& identity, Header header) : header_(header) {
  const bool vf = header == Header::virtual_function;
  define(kVendorId, 2, vf ? 0xffff : identity.vendor);
  define(kDeviceId, 2, vf ? 0xffff : identity.device);
  define(kCommand, 2, 0, vf ? kCommandBusMaster : kCommandIoEnable | kCommandMemoryEnable | kCommandBusMaster | 0x140 | kCommandInterruptDisable);
  define(kStatus, 2, 0, 0, 0xf900);
  define(kRevision, 1, identity.revision);
  define(kClassCode, 3, identity.class_code);
  define(kHeaderType, 1, (header == Header::type1 ? 1u : 0u) | (identity.multi_function ? 0x80u : 0u));
  define(0x0c, 1, 0, vf ? 0 : 0xff);  // cache line size
  if (!vf) {
    define(kInterruptLine, 1, 0, 0xff);
    define(kInterruptPin, 1, identity.interrupt_pin);
  }
  if (header == Header::type1) {
    define(kPrimaryBus, 1, 0, 0xff);
    define(kSecondaryBus, 1, 0, 0xff);
    define(kSubordinateBus, 1, 0, 0xff);
    define(0x1e, 2, 0, 0, 0xf900);  // secondary status
    define(kMemoryBase, 2, 0, 0xfff0);
    define(kMemoryLimit, 2, 0, 0xfff0);
    define(kPrefetchableBase, 2, 1, 0xfff0);  // 64-bit
    define(kPrefetchableLimit, 2, 1, 0xfff0);
    define(kPrefetchableBaseUpper, 4, 0, 0xffff'ffff);
    define(kPrefetchableLimitUpper, 4, 0, 0xffff'ffff);
    define(0x3e, 2, 0, 0x0043);  // bridge control
  } else {
    define(kSubsystemVendor, 2, identity.subsystem_vendor);
    define(kSubsystem, 2, identity.subsystem);
  }
}

std::uint64_t ConfigSpace::read(std::uint16_t offset, unsigned bytes) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes && i < 8; ++i) {
    const unsigned at = offset + i;
    value |= static_cast<std::uint64_t>(at < kBytes ? value_[at] : 0xff) << (8 * i);
  }
  return value;
}

void ConfigSpace::write(std::uint16_t offset, unsigned bytes, std::uint64_t value) {
  if (offset >= kBytes) return;
  for (unsigned i = 0; i < bytes && i < 8 && offset + i < kBytes; ++i) {
    const unsigned at = offset + i;
    const auto byte = static_cast<std::uint8_t>(value >> (8 * i));
    const unsigned kept = value_[at] & ~writable_[at] & ~(byte & write1_clear_[at]);
    value_[at] = static_cast<std::uint8_t>(kept | (byte & writable_[at]));
  }
  for (std::size_t i = 0; i < watches_.size(); ++i)
    if (offset <= watches_[i].last && offset + bytes > watches_[i].first) watches_[i].hook();
}

void ConfigSpace::define(std::uint16_t offset, unsigned bytes, std::uint64_t reset, std::uint64_t writable,
                         std::uint64_t write1_clear) {
  if (bytes == 0 || bytes > 8 || offset + bytes > kBytes) throw std::logic_error("a configuration register beyond 4 KiB");
  if (writable & write1_clear) throw std::logic_error("a configuration bit both writable and write-1-to-clear");
  for (unsigned i = 0; i < bytes; ++i) {
    value_[offset + i] = reset_[offset + i] = static_cast<std::uint8_t>(reset >> (8 * i));
    writable_[offset + i] = static_cast<std::uint8_t>(writable >> (8 * i));
    write1_clear_[offset + i] = static_cast<std::uint8_t>(write1_clear >> (8 * i));
  }
}

void ConfigSpace::on_write(std::uint16_t offset, unsigned bytes, Hook hook) {
  watches_.push_back({offset, static_cast<std::uint16_t>(offset + bytes - 1), std::move(hook)});
}

void ConfigSpace::add_bar(unsigned index, std::uint64_t size, BarKind kind) {
  const bool wide = kind != BarKind::memory32;
  const unsigned bars = header_ == Header::type0 ? 6 : header_ == Header::type1 ? 2 : 0;
  if (index + (wide ? 1 : 0) >= bars) throw std::logic_error("no such BAR");
  if (!power_of_two(size) || size < 16 || (!wide && size > 1ull << 31)) throw std::logic_error("a BAR's size is a power of two from 16");
  if (bar_size_[index] != 0 || (wide && bar_size_[index + 1] != 0)) throw std::logic_error("BAR defined twice");
  if (index > 0 && bar_size_[index - 1] != 0 && (value_[kBar0 + 4 * (index - 1)] & kBarMemory64))
    throw std::logic_error("BAR is the upper half of the one before");
  bar_size_[index] = size;
  const std::uint64_t mask = ~(size - 1);
  std::uint32_t flags = wide ? kBarMemory64 : 0;
  if (kind == BarKind::memory64_prefetchable) flags |= kBarPrefetchable;
  const auto offset = static_cast<std::uint16_t>(kBar0 + 4 * index);
  define(offset, wide ? 8 : 4, flags, mask & ~static_cast<std::uint64_t>(kBarFlags));
}

std::uint16_t ConfigSpace::add_capability(std::uint8_t id, unsigned bytes, std::uint16_t at) {
  const std::uint16_t offset = at != 0 ? at : next_capability_;
  if (offset < 0x40 || offset % 4 != 0 || offset + bytes > 0x100) throw std::logic_error("a capability outside 40h to FFh");
  define(offset, 2, id);
  if (last_capability_ == 0) {
    define(kCapabilities, 1, offset);
    set(kStatus, 2, get(kStatus, 2) | kStatusCapabilities);
    reset_[kStatus] |= kStatusCapabilities;
  } else {
    define(static_cast<std::uint16_t>(last_capability_ + 1), 1, offset);
  }
  last_capability_ = offset;
  const unsigned end = (offset + bytes + 3u) & ~3u;
  if (end > next_capability_) next_capability_ = static_cast<std::uint16_t>(end);
  return offset;
}

std::uint16_t ConfigSpace::add_extended_capability(std::uint16_t id, unsigned version, unsigned bytes, std::uint16_t at) {
  std::uint16_t offset = at != 0 ? at : next_extended_;
  // The list starts at 100h (7.6.2), so the first one lies there unless something null does.
  if (last_extended_ == 0 && offset != 0x100) {
    define(0x100, 4, static_cast<std::uint32_t>(offset) << 20);
    last_extended_ = 0x100;
  }
  if (offset < 0x100 || offset % 4 != 0 || offset + bytes > kBytes) throw std::logic_error("an extended capability outside 100h to FFFh");
  define(offset, 4, id | static_cast<std::uint32_t>(version) << 16);
  if (last_extended_ != 0) {
    const auto before = static_cast<std::uint32_t>(get(last_extended_, 4));
    define(last_extended_, 4, (before & 0xfffff) | static_cast<std::uint32_t>(offset) << 20);
  }
  last_extended_ = offset;
  const unsigned end = (offset + bytes + 3u) & ~3u;
  if (end > next_extended_) next_extended_ = static_cast<std::uint16_t>(end);
  return offset;
}

void ConfigSpace::set(std::uint16_t offset, unsigned bytes, std::uint64_t value) {
  for (unsigned i = 0; i < bytes && offset + i < kBytes; ++i) value_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::optional<std::uint64_t> ConfigSpace::bar(unsigned index) const {
  if (index >= 6 || bar_size_[index] == 0 || !memory_enabled()) return std::nullopt;
  const auto offset = static_cast<std::uint16_t>(kBar0 + 4 * index);
  const bool wide = (value_[offset] & kBarMemory64) != 0;
  return get(offset, wide ? 8 : 4) & ~static_cast<std::uint64_t>(kBarFlags);
}

std::uint16_t ConfigSpace::find_capability(std::uint8_t id) const {
  for (std::uint8_t at = value_[kCapabilities]; at != 0; at = value_[at + 1])
    if (value_[at] == id) return at;
  return 0;
}

std::uint16_t ConfigSpace::find_extended_capability(std::uint16_t id) const {
  if (last_extended_ == 0) return 0;
  for (std::uint16_t at = 0x100; at != 0; at = static_cast<std::uint16_t>(get(at, 4) >> 20))
    if (get(at, 2) == id) return at;
  return 0;
}

void ConfigSpace::reset() { value_ = reset_; }

ConfigSpace::Window ConfigSpace::memory_window() const {
  if (!memory_enabled()) return {};
  return {(get(kMemoryBase, 2) & 0xfff0) << 16, (get(kMemoryLimit, 2) & 0xfff0) << 16 | 0xfffff};
}

ConfigSpace::Window ConfigSpace::prefetchable_window() const {
  if (!memory_enabled()) return {};
  const std::uint64_t base = (get(kPrefetchableBase, 2) & 0xfff0) << 16 | get(kPrefetchableBaseUpper, 4) << 32;
  const std::uint64_t limit = (get(kPrefetchableLimit, 2) & 0xfff0) << 16 | 0xfffff | get(kPrefetchableLimitUpper, 4) << 32;
  return {base, limit};
}

}  // namespace iovirt::pcie
