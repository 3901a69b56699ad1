// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's fixed interrupt vectors, as Linux has them (arch/x86/include/asm/irq_vectors.h).
#pragma once

#include <cstdint>

namespace iovirt::software {

inline constexpr std::uint8_t kFirstDeviceVector = 0x30;
inline constexpr std::uint8_t kLastDeviceVector = 0xeb;
inline constexpr std::uint8_t kLocalTimerVector = 0xec;
inline constexpr std::uint8_t kPostedWakeupVector = 0xf1;
inline constexpr std::uint8_t kPostedNotificationVector = 0xf2;
inline constexpr std::uint8_t kRescheduleVector = 0xfd;

}  // namespace iovirt::software
