// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/guest_pci.h"

#include "models/pcie/pci_spec.h"

namespace iovirt::software {

namespace spec = pcie::spec;

GuestPciBus::GuestPciBus(Vm& vm) : vm_(vm) { vm_.add_region(kEcamBase, kEcamBytes, *this, kEcamRegion); }

Bdf GuestPciBus::add(GuestPciFunction& function) {
  functions_.push_back(&function);
  const unsigned index = static_cast<unsigned>(functions_.size() - 1);
  place_bars(index);
  return static_cast<Bdf>((kFirstSlot + index) << 3);
}

void GuestPciBus::place_bars(unsigned index) {
  GuestPciFunction& function = *functions_[index];
  for (unsigned bar = 0; bar < 6; ++bar) {
    const auto at = static_cast<std::uint16_t>(spec::kBar0 + 4 * bar);
    function.config_write(at, 4, 0xffff'ffff);
    const std::uint32_t low = function.config_read(at, 4);
    if (low == 0) continue;
    const bool io = (low & 1) != 0;
    if (io) continue;  // drivers here use the memory BAR
    const bool wide = (low & spec::kBarMemory64) != 0;
    const std::uint64_t bytes = ~(low & ~std::uint32_t{spec::kBarFlags}) + std::uint64_t{1};
    const std::uint64_t size = bytes & 0xffff'ffff;
    next_ = (next_ + std::max<std::uint64_t>(size, 4096) - 1) & ~(std::max<std::uint64_t>(size, 4096) - 1);
    function.config_write(at, 4, static_cast<std::uint32_t>(next_));
    if (wide) function.config_write(static_cast<std::uint16_t>(at + 4), 4, 0);
    if (!function.bar_placed(bar, next_, size)) vm_.add_region(next_, size, *this, 1 + index * 8 + bar);
    next_ += std::max<std::uint64_t>(size, 4096);
    if (wide) ++bar;
  }
  function.config_write(spec::kCommand, 2, spec::kCommandMemoryEnable);
}

// Absent functions read as all ones, as on a real bus.
GuestPciFunction* GuestPciBus::at(std::uint64_t ecam_offset) {
  const std::uint64_t devfn = (ecam_offset >> 12) & 0xff;
  const std::uint64_t slot = devfn >> 3;
  if ((devfn & 7) != 0 || slot < kFirstSlot || slot - kFirstSlot >= functions_.size()) return nullptr;
  return functions_[slot - kFirstSlot];
}

std::uint64_t GuestPciBus::mmio_read(unsigned region, std::uint64_t offset, unsigned bytes) {
  if (region != kEcamRegion) return functions_[(region - 1) / 8]->bar_read((region - 1) % 8, offset, bytes);
  GuestPciFunction* function = at(offset);
  return function ? function->config_read(offset & 0xfff, bytes) : ~0ull;
}

void GuestPciBus::mmio_write(unsigned region, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (region != kEcamRegion) {
    functions_[(region - 1) / 8]->bar_write((region - 1) % 8, offset, bytes, value);
    return;
  }
  if (GuestPciFunction* function = at(offset)) function->config_write(offset & 0xfff, bytes, static_cast<std::uint32_t>(value));
}

}  // namespace iovirt::software
