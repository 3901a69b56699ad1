// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Local APIC registers (Intel SDM volume 3, 11.4 to 11.12). Offsets are those of the xAPIC page, the virtual-APIC page
// and, shifted right by 4, of the x2APIC MSRs from 0x800.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::cpu {

namespace apic_reg {
inline constexpr std::uint32_t id = 0x020, version = 0x030, tpr = 0x080, apr = 0x090, ppr = 0x0a0, eoi = 0x0b0,
                               rrd = 0x0c0, ldr = 0x0d0, dfr = 0x0e0, svr = 0x0f0, isr = 0x100, tmr = 0x180,
                               irr = 0x200, esr = 0x280, lvt_cmci = 0x2f0, icr_low = 0x300, icr_high = 0x310,
                               lvt_timer = 0x320, lvt_thermal = 0x330, lvt_perf = 0x340, lvt_lint0 = 0x350,
                               lvt_lint1 = 0x360, lvt_error = 0x370, initial_count = 0x380, current_count = 0x390,
                               divide = 0x3e0, self_ipi = 0x3f0;
}  // namespace apic_reg

namespace apic_msr {
inline constexpr std::uint32_t base = 0x01b, tsc_deadline = 0x6e0, x2apic_first = 0x800, x2apic_last = 0x8ff,
                               tpr = 0x808, ppr = 0x80a, eoi = 0x80b, icr = 0x830, lvt_timer = 0x832,
                               initial_count = 0x838, current_count = 0x839, self_ipi = 0x83f;
constexpr std::uint32_t of(std::uint32_t offset) { return x2apic_first + (offset >> 4); }
constexpr std::uint32_t offset(std::uint32_t msr) { return (msr - x2apic_first) << 4; }
}  // namespace apic_msr

namespace apic_base {  // IA32_APIC_BASE
using bsp = Field<8>;
using x2apic = Field<10>;
using enable = Field<11>;
using address = Field<51, 12>;
inline constexpr std::uint64_t default_address = 0xfee0'0000;
}  // namespace apic_base

namespace lvt {
using vector = Field<7, 0>;
using delivery = Field<10, 8>;
using mask = Field<16>;
using timer_mode = Field<18, 17>;
enum TimerMode : unsigned { one_shot = 0, periodic = 1, tsc_deadline = 2 };
}  // namespace lvt

namespace svr_field {
using vector = Field<7, 0>;
using enable = Field<8>;
using suppress_eoi_broadcast = Field<12>;
}  // namespace svr_field

namespace icr {
using vector = Field<7, 0>;
using delivery = Field<10, 8>;
using logical = Field<11>;
using assert_level = Field<14>;
using trigger = Field<15>;
using shorthand = Field<19, 18>;
enum Shorthand : unsigned { none = 0, self = 1, all = 2, all_but_self = 3 };
}  // namespace icr

namespace esr_error {
inline constexpr std::uint32_t send_illegal_vector = 1u << 5, receive_illegal_vector = 1u << 6,
                               illegal_register = 1u << 7;
}

}  // namespace iovirt::cpu
