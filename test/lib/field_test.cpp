// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/field.h"

#include "test/support/catch.h"

using iovirt::Field;

TEST_CASE("a field is taken out and put back without touching its neighbours") {
  using Middle = Field<11, 4>;
  REQUIRE(Middle::width == 8);
  REQUIRE(Middle::mask == 0xff0);
  REQUIRE(Middle::get(0xabcd) == 0xbc);
  REQUIRE(Middle::set(0xffff, 0) == 0xf00f);
  REQUIRE(Middle::set(0, 0x1234) == 0x340);  // what does not fit is dropped
  REQUIRE(Middle::of(5) == 0x50);
  REQUIRE(Middle::in_place(0xabcd) == 0xbc0);
}

TEST_CASE("a field may be one bit or the whole word") {
  REQUIRE(Field<63>::get(1ull << 63) == 1);
  REQUIRE(Field<0>::set(~0ull, 0) == ~0ull - 1);
  using All = Field<63, 0>;
  REQUIRE(All::mask == ~0ull);
  REQUIRE(All::set(1, 0x8000'0000'0000'0000) == 0x8000'0000'0000'0000);
}
