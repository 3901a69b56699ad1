// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The ways of giving a NIC to a virtual machine.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

#include "lib/config_field.h"

namespace iovirt::platform {

enum class Mode : std::uint8_t { native, emulated, virtio, vmdq, assigned, sriov };
inline constexpr std::array<Mode, 6> kModes = {Mode::native, Mode::emulated, Mode::virtio,
                                               Mode::vmdq,   Mode::assigned, Mode::sriov};
inline constexpr std::array<std::string_view, 6> kModeNames = {"native", "emulated", "virtio", "vmdq", "assigned", "sriov"};

constexpr std::string_view name_of(Mode mode) { return kModeNames[static_cast<std::size_t>(mode)]; }

}  // namespace iovirt::platform

template <>
struct iovirt::EnumNames<iovirt::platform::Mode> {
  using Mode = platform::Mode;
  static constexpr std::pair<std::string_view, Mode> values[] = {
      {"native", Mode::native}, {"emulated", Mode::emulated}, {"virtio", Mode::virtio},
      {"vmdq", Mode::vmdq},     {"assigned", Mode::assigned}, {"sriov", Mode::sriov}};
};
