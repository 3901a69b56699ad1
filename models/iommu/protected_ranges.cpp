// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/protected_ranges.h"

#include <string>

#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {

ProtectedRanges::ProtectedRanges(RegisterBank& bank, const Config& config) {
  if (!config.protected_low_range && !config.protected_high_range) return;
  using namespace reg::pmen;
  control_ = &bank.add({"PMEN", reg::kPMEN, 4, 0, kEPM, 0, 0}, [this](std::uint64_t, std::uint64_t) {
    const bool enable = control_->value & kEPM;
    if (enable && !enabled_) {
      if (low_registers_.base) low_ = range_of(low_registers_);
      if (high_registers_.base) high_ = range_of(high_registers_);
    }
    enabled_ = enable;
    control_->value = enable ? kEPM | kPRS : 0;
  });
  const std::uint64_t host = ((1ull << config.host_address_bits) - 1) & ~(kAlignment - 1);
  if (config.protected_low_range) low_registers_ = add_range(bank, "PLM", reg::kPLMBASE, 4, host & 0xffff'ffff);
  if (config.protected_high_range) high_registers_ = add_range(bank, "PHM", reg::kPHMBASE, 8, host);
}

ProtectedRanges::Registers ProtectedRanges::add_range(RegisterBank& bank, const char* prefix, std::uint32_t offset,
                                                      unsigned bytes, std::uint64_t writable) {
  // While the ranges are in force their registers cannot be changed.
  const auto add = [&](const char* name, std::uint32_t at) {
    RegisterBank::Register& added = bank.add({std::string(prefix) + name, at, bytes, 0, writable, 0, 0});
    added.on_write = [this, &added](std::uint64_t, std::uint64_t before) {
      if (enabled_) added.value = before;
    };
    return &added;
  };
  return {add("BASE", offset), add("LIMIT", offset + bytes)};
}

ProtectedRanges::Range ProtectedRanges::range_of(const Registers& registers) {
  return {registers.base->value, registers.limit->value | (kAlignment - 1)};
}

}  // namespace iovirt::iommu
