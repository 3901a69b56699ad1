// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A VMCS region in simulated memory.
//
// Layout of the 4 KiB region (the architecture leaves it to the processor):
//   0x000  revision identifier [30:0], shadow indicator [31]     0x004  VMX-abort indicator
//   0x008  launch state (0 clear, 1 launched)                    0x00c  1: entry checks passed since the last change
//   0x040 + type * 0x20  + index * 2   16-bit fields             0x100 + type * 0x80  + index * 4   32-bit fields
//   0x400 + type * 0x100 + index * 8   natural-width fields      0x800 + type * 0x200 + index * 8   64-bit fields
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "models/cpu/vmx_spec.h"

namespace iovirt::cpu {

namespace vmcs_layout {

inline constexpr std::size_t kRegionBytes = 4096;

constexpr unsigned width_of(VmcsField field) { return static_cast<unsigned>(vmcs_encoding::width::get(field)); }
constexpr unsigned type_of(VmcsField field) { return static_cast<unsigned>(vmcs_encoding::type::get(field)); }

/// Byte offset in the region. REQUIRES: defined(field).
constexpr std::size_t offset_of(VmcsField field) {
  const std::size_t index = vmcs_encoding::index::get(field), type = type_of(field);
  switch (width_of(field)) {
    case vmcs_encoding::bits16: return 0x040 + type * 0x20 + index * 2;
    case vmcs_encoding::bits32: return 0x100 + type * 0x80 + index * 4;
    case vmcs_encoding::natural: return 0x400 + type * 0x100 + index * 8;
    default: return 0x800 + type * 0x200 + index * 8;
  }
}

/// The field exists on this processor. The high half of a 64-bit field does; a high access to another does not.
constexpr bool defined(VmcsField field) {
  if (field & vmcs_encoding::reserved) return false;
  if ((field & 1) && width_of(field) != vmcs_encoding::bits64) return false;
  for (const VmcsFieldRun& run : kVmcsFieldRuns)
    if ((field & ~1u) >= run.first && (field & ~1u) <= run.last) return true;
  return false;
}

template <VmcsField Encoding>
using Value = std::conditional_t<
    width_of(Encoding) == vmcs_encoding::bits16, std::uint16_t,
    std::conditional_t<width_of(Encoding) == vmcs_encoding::bits32, std::uint32_t, std::uint64_t>>;

}  // namespace vmcs_layout

/// A view: copies share the region, which must outlive them. Costs nothing to make.
class Vmcs {
 public:
  static constexpr std::size_t kBytes = vmcs_layout::kRegionBytes;

  explicit Vmcs(std::span<std::uint8_t, kBytes> region) : region_(region.data()) {}

  // -- software: VMREAD and VMWRITE -----------------------------------------------------------------------------
  /// VMREAD: none and `value` zero-extended, or unsupported_field.
  [[nodiscard]] VmxError read(VmcsField field, std::uint64_t& value) const;
  /// VMWRITE: bits beyond the field's width are dropped. unsupported_field, or read_only_field for exit information.
  [[nodiscard]] VmxError write(VmcsField field, std::uint64_t value);

  // -- the processor's own side, and hot software paths: no checks, offset known at compile time ----------------
  template <VmcsField Encoding>
  vmcs_layout::Value<Encoding> get() const {
    static_assert(vmcs_layout::defined(Encoding) && (Encoding & 1) == 0);
    vmcs_layout::Value<Encoding> value;
    std::memcpy(&value, region_ + vmcs_layout::offset_of(Encoding), sizeof value);
    return value;
  }
  template <VmcsField Encoding>
  void set(vmcs_layout::Value<Encoding> value) {
    static_assert(vmcs_layout::defined(Encoding) && (Encoding & 1) == 0);
    std::memcpy(region_ + vmcs_layout::offset_of(Encoding), &value, sizeof value);
    if constexpr (affects_checks(Encoding)) set_verified(false);
  }

  // -- header ----------------------------------------------------------------------------------------------------
  std::uint32_t revision() const { return word(0) & 0x7fff'ffff; }
  bool shadow() const { return word(0) >> 31; }
  void set_revision(std::uint32_t id) { set_word(0, id); }  ///< software does this before VMPTRLD
  std::uint32_t abort_indicator() const { return word(4); }
  void set_abort_indicator(std::uint32_t reason) { set_word(4, reason); }
  bool launched() const { return word(8) != 0; }
  void set_launched(bool launched) { set_word(8, launched ? 1 : 0); }
  /// VMCLEAR: launch state clear; fields keep their values.
  void clear() { set_launched(false), set_verified(false); }

  /// The static entry checks passed and nothing they look at was written since.
  bool verified() const { return word(12) != 0; }
  void set_verified(bool passed) { set_word(12, passed ? 1 : 0); }

  /// Written at every entry or changed by running the guest: checked at every entry, never cached.
  static constexpr bool affects_checks(VmcsField field) {
    namespace f = vmcs_field;
    return vmcs_layout::type_of(field) != vmcs_encoding::exit_information &&
           vmcs_layout::type_of(field) != vmcs_encoding::guest_state && field != f::entry_interruption_info &&
           field != f::entry_exception_error_code && field != f::entry_instruction_length && field != f::tpr_threshold;
  }

 private:
  std::uint32_t word(std::size_t offset) const {
    std::uint32_t value;
    std::memcpy(&value, region_ + offset, sizeof value);
    return value;
  }
  void set_word(std::size_t offset, std::uint32_t value) { std::memcpy(region_ + offset, &value, sizeof value); }

  std::uint8_t* region_;
};

}  // namespace iovirt::cpu
