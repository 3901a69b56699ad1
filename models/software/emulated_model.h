// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Which NIC QEMU emulates in mode `emulated`.
#pragma once

#include <cstdint>

namespace iovirt::software {

enum class EmulatedModel : std::uint8_t { e1000, rtl8139 };

}  // namespace iovirt::software
