// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vmcs.h"

#include <array>

namespace iovirt::cpu {

namespace {

/// One bit per index for every width and type: VMREAD and VMWRITE are hot in a monitor.
constexpr auto kDefined = [] {
  std::array<std::array<std::uint64_t, 4>, 4> table{};
  for (const VmcsFieldRun& run : kVmcsFieldRuns)
    for (VmcsField field = run.first; field <= run.last; field += 2)
      table[vmcs_layout::width_of(field)][vmcs_layout::type_of(field)] |= 1ull << vmcs_encoding::index::get(field);
  return table;
}();

constexpr bool layout_is_sound() {
  std::array<bool, vmcs_layout::kRegionBytes> taken{};
  for (std::size_t i = 0; i < 16; ++i) taken[i] = true;  // the header
  for (const VmcsFieldRun& run : kVmcsFieldRuns)
    for (VmcsField field = run.first; field <= run.last; field += 2) {
      const std::size_t bytes = vmcs_layout::width_of(field) == vmcs_encoding::bits16   ? 2
                                : vmcs_layout::width_of(field) == vmcs_encoding::bits32 ? 4
                                                                                        : 8;
      for (std::size_t i = 0; i < bytes; ++i) {
        const std::size_t at = vmcs_layout::offset_of(field) + i;
        if (at >= taken.size() || taken[at]) return false;
        taken[at] = true;
      }
    }
  return true;
}
static_assert(layout_is_sound(), "two fields overlap, or one lies outside the region");

bool exists(VmcsField field) {
  if (field & vmcs_encoding::reserved) return false;
  const unsigned width = vmcs_layout::width_of(field);
  if ((field & 1) && width != vmcs_encoding::bits64) return false;
  const auto index = vmcs_encoding::index::get(field);
  return index < 64 && kDefined[width][vmcs_layout::type_of(field)] >> index & 1;
}

std::size_t bytes_of(VmcsField field) {
  switch (vmcs_layout::width_of(field)) {
    case vmcs_encoding::bits16: return 2;
    case vmcs_encoding::bits32: return 4;
    default: return field & 1 ? 4 : 8;
  }
}

}  // namespace

VmxError Vmcs::read(VmcsField field, std::uint64_t& value) const {
  if (!exists(field)) return VmxError::unsupported_field;
  value = 0;
  std::memcpy(&value, region_ + vmcs_layout::offset_of(field) + (field & 1) * 4, bytes_of(field));
  return VmxError::none;
}

VmxError Vmcs::write(VmcsField field, std::uint64_t value) {
  if (!exists(field)) return VmxError::unsupported_field;
  if (vmcs_layout::type_of(field) == vmcs_encoding::exit_information) return VmxError::read_only_field;
  std::uint8_t* at = region_ + vmcs_layout::offset_of(field) + (field & 1) * 4;
  const std::size_t bytes = bytes_of(field);
  if (affects_checks(field) && std::memcmp(at, &value, bytes) != 0) set_verified(false);
  std::memcpy(at, &value, bytes);
  return VmxError::none;
}

}  // namespace iovirt::cpu
