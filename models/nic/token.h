// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a DMA completion is about: [63:56] kind, [55:40] ring generation or piece, [39:32] queue, [31:0] slot.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::nic::token {

enum Kind : std::uint8_t { rx_fetch, rx_data, rx_write_back, tx_fetch, tx_data, tx_write_back };
using KindField = Field<63, 56>;
using Generation = Field<55, 40>;
using Piece = Field<55, 40>;
using Queue = Field<39, 32>;
using Slot = Field<31, 0>;
constexpr std::uint64_t make(Kind kind, std::uint64_t generation_or_piece, unsigned queue, std::uint32_t slot) {
  return KindField::of(kind) | Generation::of(generation_or_piece) | Queue::of(queue) | slot;
}

}  // namespace iovirt::nic::token
