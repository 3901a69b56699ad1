// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// EPT structures (Intel SDM volume 3, 29.3.2).
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::cpu {

namespace eptp {  // SDM 3, 25.6.11
using memory_type = Field<2, 0>;
using walk_length_minus_1 = Field<5, 3>;
using accessed_dirty = Field<6>;
using reserved = Field<11, 7>;
using address = Field<51, 12>;  ///< in place: EP4TA
constexpr std::uint64_t make(std::uint64_t pml4, bool accessed_dirty_flags = false) {
  return address::in_place(pml4) | memory_type::of(6) | walk_length_minus_1::of(3) |
         accessed_dirty::of(accessed_dirty_flags);
}
}  // namespace eptp

namespace ept_entry {
using rights = Field<2, 0>;
using read = Field<0>;
using write = Field<1>;
using execute = Field<2>;
using memory_type = Field<5, 3>;  ///< leaves only; reserved in others
using ignore_pat = Field<6>;      ///< leaves only
using page = Field<7>;            ///< PDPTE: 1 GiB, PDE: 2 MiB
using accessed = Field<8>;
using dirty = Field<9>;
using address = Field<51, 12>;
}  // namespace ept_entry

/// Exit qualification of an EPT violation (SDM 3, 28.2.1).
namespace ept_qualification {
using read = Field<0>;
using write = Field<1>;
using fetch = Field<2>;
using readable = Field<3>;
using writable = Field<4>;
using executable = Field<5>;
using linear_valid = Field<7>;
using final_access = Field<8>;  ///< to the translation of the linear address, not to a paging structure
}  // namespace ept_qualification

}  // namespace iovirt::cpu
