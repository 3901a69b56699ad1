// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/sriov.h"

#include <algorithm>
#include <stdexcept>

namespace iovirt::pcie {

using namespace spec;

Sriov::Sriov(ConfigSpace& pf, const Spec& spec, std::uint16_t at) : pf_(pf), spec_(spec) {
  at_ = pf.add_extended_capability(kExtSriov, 1, kSriovBytes, at);
  const auto reg = [&](std::uint16_t offset, unsigned bytes, std::uint64_t reset, std::uint64_t writable = 0) {
    pf.define(static_cast<std::uint16_t>(at_ + offset), bytes, reset, writable);
  };
  reg(kSriovCap, 4, 2);  // ARI capable hierarchy preserved
  reg(kSriovControl, 2, 0, kSriovVfEnable | kSriovVfMemoryEnable | kSriovAriHierarchy);
  reg(kSriovInitialVfs, 2, spec.total_vfs);
  reg(kSriovTotalVfs, 2, spec.total_vfs);
  reg(kSriovNumVfs, 2, 0, 0xffff);
  reg(kSriovVfOffset, 2, spec.vf_offset);
  reg(kSriovVfStride, 2, spec.vf_stride);
  reg(kSriovVfDeviceId, 2, spec.vf_device);
  reg(kSriovSupportedPages, 4, 0x553);
  reg(kSriovSystemPage, 4, 1, 0x553);
  for (unsigned i = 0; i < 6; ++i) {
    const auto& bar = spec.bars[i];
    if (bar.size == 0) continue;
    const bool wide = bar.kind != BarKind::memory32;
    if ((bar.size & (bar.size - 1)) != 0 || bar.size < 4096) throw std::logic_error("a VF BAR's size is a power of two from 4096");
    if (wide && (i == 5 || spec.bars[i + 1].size != 0)) throw std::logic_error("a 64-bit VF BAR takes two places");
    std::uint32_t flags = wide ? kBarMemory64 : 0;
    if (bar.kind == BarKind::memory64_prefetchable) flags |= kBarPrefetchable;
    reg(static_cast<std::uint16_t>(kSriovBar0 + 4 * i), wide ? 8 : 4, flags,
        ~(bar.size - 1) & (wide ? ~0ull : 0xffff'ffffull));
  }
  // NumVFs counts when VF Enable is set; changing it afterwards is undefined (9.3.3.7): here it has no effect.
  pf.on_write(static_cast<std::uint16_t>(at_ + kSriovControl), 2, [this] {
    const bool now = vf_enabled();
    if (now && !was_enabled_)
      latched_ = std::min<unsigned>(static_cast<unsigned>(pf_.get(static_cast<std::uint16_t>(at_ + kSriovNumVfs), 2)), spec_.total_vfs);
    was_enabled_ = now;
  });
}

bool Sriov::vf_enabled() const { return (pf_.get(static_cast<std::uint16_t>(at_ + kSriovControl), 2) & kSriovVfEnable) != 0; }

bool Sriov::vf_memory_enabled() const {
  return vf_enabled() && (pf_.get(static_cast<std::uint16_t>(at_ + kSriovControl), 2) & kSriovVfMemoryEnable) != 0;
}

void Sriov::reset() { was_enabled_ = false; }

Bdf Sriov::vf_bdf(Bdf pf, unsigned number) const {
  return static_cast<Bdf>(pf + spec_.vf_offset + (number - 1) * spec_.vf_stride);
}

unsigned Sriov::vf_of(Bdf pf, Bdf id) const {
  const unsigned count = vfs();
  if (count == 0) return 0;
  const auto distance = static_cast<std::uint16_t>(id - pf - spec_.vf_offset);
  if (spec_.vf_stride == 0) return distance == 0 ? 1 : 0;
  if (distance % spec_.vf_stride != 0 || distance / spec_.vf_stride >= count) return 0;
  return distance / spec_.vf_stride + 1u;
}

std::optional<std::uint64_t> Sriov::vf_bar(unsigned index) const {
  if (index >= 6 || spec_.bars[index].size == 0 || !vf_memory_enabled()) return std::nullopt;
  const bool wide = spec_.bars[index].kind != BarKind::memory32;
  return pf_.get(static_cast<std::uint16_t>(at_ + kSriovBar0 + 4 * index), wide ? 8 : 4) & ~static_cast<std::uint64_t>(kBarFlags);
}

}  // namespace iovirt::pcie
