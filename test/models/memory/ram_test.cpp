// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/ram.h"

#include <array>

#include "test/support/catch.h"

using namespace iovirt;
using memory::Ram;

TEST_CASE("RAM larger than the hole's base goes on behind the hole") {
  Ram ram(4ull << 30);
  REQUIRE(ram.contains(0xbfff'ffff, 1));
  REQUIRE_FALSE(ram.contains(0xbfff'ffff, 2));
  REQUIRE_FALSE(ram.contains(0xc000'0000, 1));
  REQUIRE_FALSE(ram.contains(0xffff'ffff, 2));
  REQUIRE(ram.contains(0x1'0000'0000, 1));
  REQUIRE(ram.contains(0x1'3fff'ffff, 1));
  REQUIRE_FALSE(ram.contains(0x1'4000'0000, 1));
  REQUIRE(ram.end() == 0x1'4000'0000);
  REQUIRE(ram.region(0x1'0000'0005).begin == 0x1'0000'0000);
  REQUIRE(ram.region(0xd000'0000).end == 0);
  REQUIRE(ram.store<std::uint64_t>(0x1'2345'0000, 0x1122334455667788ull));
  REQUIRE(ram.load<std::uint32_t>(0x1'2345'0004) == 0x11223344u);
  REQUIRE(ram.data()[0x1'2345'0000] == 0x88);
}

TEST_CASE("small RAM ends where it ends") {
  Ram ram(1 << 20);
  std::array<std::uint8_t, 16> bytes{};
  REQUIRE(ram.read((1 << 20) - 16, bytes));
  REQUIRE_FALSE(ram.read((1 << 20) - 15, bytes));
  REQUIRE_FALSE(ram.write(~0ull - 4, bytes));
  REQUIRE(ram.end() == 1 << 20);
  REQUIRE_THROWS_AS(Ram(1000), std::invalid_argument);
}
