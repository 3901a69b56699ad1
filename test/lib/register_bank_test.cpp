// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/register_bank.h"

#include <stdexcept>

#include "test/support/catch.h"

using iovirt::RegisterBank;

TEST_CASE("writes pass the writable mask and clear what is write-1-to-clear") {
  RegisterBank bank("nic");
  bank.add({.name = "icr", .offset = 0x10, .reset = 0xf0f0, .writable = 0x00ff, .write1_clear = 0xf000});
  REQUIRE(bank.read(0x10, 4) == 0xf0f0);
  bank.write(0x10, 4, 0x3055);
  REQUIRE(bank.read(0x10, 4) == 0xc055);
  bank.reset();
  REQUIRE(bank.at(0x10) == 0xf0f0);
}

TEST_CASE("a read clears the bits that reading clears, after showing them") {
  RegisterBank bank("nic");
  bank.add({.name = "icr", .offset = 0, .reset = 0xff, .read_clear = 0x0f});
  REQUIRE(bank.read(0, 4) == 0xff);
  REQUIRE(bank.read(0, 4) == 0xf0);
}

TEST_CASE("unknown offsets read zero and ignore writes") {
  RegisterBank bank("nic");
  bank.add({.name = "ctrl", .offset = 8, .writable = 0xffff'ffff});
  bank.write(0x20, 4, 1);
  bank.write(0, 4, 1);
  REQUIRE(bank.read(0x20, 4) == 0);
  REQUIRE(bank.read(0, 8) == 0);
  REQUIRE_FALSE(bank.contains(0x20));
  REQUIRE_THROWS_AS(bank[0x20], std::out_of_range);
}

TEST_CASE("narrow and wide accesses are served bytewise across registers") {
  RegisterBank bank("nic");
  bank.add({.name = "low", .offset = 0, .reset = 0x44332211, .writable = 0xffff'ffff});
  bank.add({.name = "high", .offset = 4, .bytes = 2, .reset = 0x6655, .writable = 0xffff});
  bank.add({.name = "wide", .offset = 8, .bytes = 8, .reset = 0x8877665544332211, .writable = ~0ull});
  REQUIRE(bank.read(0, 8) == 0x0000'6655'4433'2211);
  REQUIRE(bank.read(1, 2) == 0x3322);
  REQUIRE(bank.read(2, 4) == 0x66554433);
  REQUIRE(bank.read(12, 4) == 0x88776655);
  bank.write(3, 2, 0xbbaa);
  REQUIRE(bank.read(0, 8) == 0x0000'66bb'aa33'2211);
  bank.write(8, 4, 0);
  REQUIRE(bank.read(8, 8) == 0x8877665500000000);
}

TEST_CASE("with strict width, an access of another width does nothing") {
  RegisterBank bank("iommu", true);
  bank.add({.name = "gcmd", .offset = 0x18, .reset = 5, .writable = 0xffff'ffff});
  bank.write(0x18, 2, 7);
  bank.write(0x1a, 2, 7);
  REQUIRE(bank.read(0x18, 4) == 5);
  REQUIRE(bank.read(0x18, 1) == 0);
}

TEST_CASE("the write hook sees what was written and what was there, the read hook decides what is seen") {
  RegisterBank bank("nic");
  std::uint64_t written = 0;
  std::uint64_t before = 0;
  bank.add(
      {.name = "tail", .offset = 0x2818, .reset = 3, .writable = 0xffff},
      [&](std::uint64_t w, std::uint64_t b) {
        written = w;
        before = b;
      },
      [](std::uint64_t stored) { return stored + 1000; });
  bank.write(0x2818, 4, 0x12345);
  REQUIRE(written == 0x12345);
  REQUIRE(before == 3);
  REQUIRE(bank.at(0x2818) == 0x2345);
  REQUIRE(bank.read(0x2818, 4) == 0x2345 + 1000);
  bank.write(0x2819, 1, 0xff);  // a byte: the rest keeps its value
  REQUIRE((written & 0xffff) == 0xff45);
}

TEST_CASE("registers that overlap, are misaligned or contradict themselves are refused") {
  RegisterBank bank("nic");
  bank.add({.name = "a", .offset = 8, .bytes = 8});
  REQUIRE_THROWS_AS(bank.add({.name = "b", .offset = 12}), std::logic_error);
  REQUIRE_THROWS_AS(bank.add({.name = "c", .offset = 0, .bytes = 8, .writable = 1, .write1_clear = 1}), std::logic_error);
  REQUIRE_THROWS_AS(bank.add({.name = "d", .offset = 2}), std::logic_error);
  REQUIRE_THROWS_AS(bank.add({.name = "e", .offset = 0, .bytes = 3}), std::logic_error);
  bank.add({.name = "f", .offset = 4});
  REQUIRE_THROWS_AS(bank.add({.name = "g", .offset = 0, .bytes = 8}), std::logic_error);
  REQUIRE(bank.registers().size() == 2);
  REQUIRE(bank.registers()[0]->spec.name == "f");
}
