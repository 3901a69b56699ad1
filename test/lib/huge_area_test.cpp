// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/huge_area.h"

#include <cstdint>
#include <stdexcept>

#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("a huge area is zero from end to end, aligned to a huge page, and its own") {
  constexpr std::size_t bytes = (5u << 20) + 64;
  HugeArea a(bytes), b(bytes);
  auto* const at = static_cast<std::uint8_t*>(a.data());
  CHECK(reinterpret_cast<std::uintptr_t>(at) % (2u << 20) == 0);
  CHECK(at[0] == 0);
  CHECK(at[bytes - 1] == 0);
  at[0] = 1;
  at[bytes - 1] = 2;
  const auto* const other = static_cast<const std::uint8_t*>(b.data());
  CHECK(other[0] == 0);
  CHECK(other[bytes - 1] == 0);
  CHECK(at[0] == 1);
  CHECK(at[bytes - 1] == 2);
}

TEST_CASE("a huge area larger than any address space is refused") {
  REQUIRE_THROWS_AS(HugeArea(std::size_t{1} << 60), std::runtime_error);
}
