// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/msix.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace iovirt::pcie {

using namespace spec;

Msix::Msix(ConfigSpace& config, const Spec& spec, std::uint16_t at)
    : config_(config), spec_(spec), table_(spec.vectors * kMsixEntryBytes), pba_((spec.vectors + 63) / 64) {
  if (spec.vectors < 1 || spec.vectors > 2048) throw std::logic_error("MSI-X has 1 to 2048 vectors");
  if (spec.table_offset % 8 != 0 || spec.pba_offset % 8 != 0 || spec.table_bar > 5 || spec.pba_bar > 5)
    throw std::logic_error("MSI-X table and PBA lie at multiples of 8 of a BAR");
  const std::uint16_t offset = config.add_capability(kCapMsix, kMsixBytes, at);
  control_ = static_cast<std::uint16_t>(offset + kMsixControl);
  config.define(control_, 2, MsixTableSize::of(spec.vectors - 1), kMsixEnable | kMsixFunctionMask);
  config.define(static_cast<std::uint16_t>(offset + kMsixTable), 4, spec.table_offset | spec.table_bar);
  config.define(static_cast<std::uint16_t>(offset + kMsixPba), 4, spec.pba_offset | spec.pba_bar);
  reset();
}

void Msix::reset() {
  std::fill(table_.begin(), table_.end(), std::uint8_t{0});
  for (unsigned v = 0; v < spec_.vectors; ++v) table_[v * kMsixEntryBytes + 12] = 1;  // masked
  std::fill(pba_.begin(), pba_.end(), 0);
  pending_count_ = 0;
}

bool Msix::enabled() const { return (config_.get(control_, 2) & kMsixEnable) != 0; }
bool Msix::function_masked() const { return (config_.get(control_, 2) & kMsixFunctionMask) != 0; }
bool Msix::vector_masked(unsigned vector) const { return (table_[vector * kMsixEntryBytes + 12] & 1) != 0; }
bool Msix::pending(unsigned vector) const {
  return vector < spec_.vectors && ((pba_[vector / 64] >> (vector % 64)) & 1) != 0;
}

bool Msix::covers(unsigned bar, std::uint64_t offset) const {
  return (bar == spec_.table_bar && offset >= spec_.table_offset && offset < spec_.table_offset + table_.size()) ||
         (bar == spec_.pba_bar && offset >= spec_.pba_offset && offset < spec_.pba_offset + pba_.size() * 8);
}

std::uint64_t Msix::read(unsigned bar, std::uint64_t offset, unsigned bytes) const {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) {
    const std::uint64_t at = offset + i;
    std::uint64_t byte = 0;
    if (bar == spec_.table_bar && at >= spec_.table_offset && at < spec_.table_offset + table_.size())
      byte = table_[at - spec_.table_offset];
    else if (bar == spec_.pba_bar && at >= spec_.pba_offset && at < spec_.pba_offset + pba_.size() * 8)
      byte = pba_[(at - spec_.pba_offset) / 8] >> (8 * ((at - spec_.pba_offset) % 8)) & 0xff;
    value |= byte << (8 * i);
  }
  return value;
}

void Msix::write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  for (unsigned i = 0; i < bytes; ++i) {  // the pending bits are read-only
    const std::uint64_t at = offset + i;
    if (bar != spec_.table_bar || at < spec_.table_offset || at >= spec_.table_offset + table_.size()) continue;
    const std::uint64_t index = at - spec_.table_offset;
    auto byte = static_cast<std::uint8_t>(value >> (8 * i));
    if (index % kMsixEntryBytes == 0) byte &= 0xfc;                     // message address [1:0]
    if (index % kMsixEntryBytes == 12) byte &= 1;                       // vector control: mask bit only
    if (index % kMsixEntryBytes > 12) byte = 0;
    table_[index] = byte;
  }
}

Msix::Message Msix::message(unsigned vector) const {
  Message message;
  std::memcpy(&message.address, &table_[vector * kMsixEntryBytes], 8);
  std::memcpy(&message.data, &table_[vector * kMsixEntryBytes + 8], 4);
  return message;
}

std::optional<Msix::Message> Msix::raise(unsigned vector) {
  if (vector >= spec_.vectors || !enabled()) return std::nullopt;
  if (!function_masked() && !vector_masked(vector)) return message(vector);
  std::uint64_t& word = pba_[vector / 64];
  const std::uint64_t bit = 1ull << (vector % 64);
  if (!(word & bit)) ++pending_count_;
  word |= bit;
  return std::nullopt;
}

std::optional<Msix::Released> Msix::take_released() {
  if (pending_count_ == 0 || !enabled() || function_masked()) return std::nullopt;
  for (unsigned v = 0; v < spec_.vectors; ++v) {
    if (!pending(v) || vector_masked(v)) continue;
    pba_[v / 64] &= ~(1ull << (v % 64));
    --pending_count_;
    return Released{v, message(v)};
  }
  return std::nullopt;
}

}  // namespace iovirt::pcie
