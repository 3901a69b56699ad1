// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/msix.h"

#include "models/pcie/function.h"
#include "test/support/catch.h"

using namespace iovirt::pcie;
using namespace iovirt::pcie::spec;

namespace {

struct Fixture {
  Function function{Identity{.vendor = 0x8086, .device = 0x10c9}};
  Msix& msix = function.add_msix({.vectors = 70, .table_bar = 3, .table_offset = 0, .pba_bar = 3, .pba_offset = 0x2000}, 0x70);
  void control(std::uint16_t value) { function.config.write(0x72, 2, value); }
  void program(unsigned vector, std::uint32_t address, std::uint32_t data, bool masked) {
    msix.write(3, vector * 16, 4, address);
    msix.write(3, vector * 16 + 4, 4, 0x1);
    msix.write(3, vector * 16 + 8, 4, data);
    msix.write(3, vector * 16 + 12, 4, masked);
  }
};

}  // namespace

TEST_CASE("the capability tells table size and places, and only enable and function mask can be written") {
  Fixture f;
  REQUIRE(f.function.config.read(0x72, 2) == 69);
  REQUIRE(f.function.config.read(0x74, 4) == 3);
  REQUIRE(f.function.config.read(0x78, 4) == 0x2003);
  f.control(0xffff);
  REQUIRE(f.function.config.read(0x72, 2) == (0xc000 | 69));
}

TEST_CASE("an unmasked vector gives its message") {
  Fixture f;
  f.control(kMsixEnable);
  f.program(5, 0xfee01000, 0x4041, false);
  const auto message = f.msix.raise(5);
  REQUIRE(message);
  REQUIRE(message->address == 0x1'fee0'1000);
  REQUIRE(message->data == 0x4041);
  REQUIRE_FALSE(f.msix.pending(5));
}

TEST_CASE("after reset every vector is masked, and what is raised is pending until unmasked") {
  Fixture f;
  f.control(kMsixEnable);
  f.program(65, 0xfee00000, 0x31, true);
  REQUIRE_FALSE(f.msix.raise(65));
  REQUIRE_FALSE(f.msix.raise(65));
  REQUIRE(f.msix.read(3, 0x2008, 8) == 2);
  f.msix.write(3, 0x2008, 8, 0);  // the pending bits are read-only
  REQUIRE(f.msix.pending(65));
  REQUIRE_FALSE(f.msix.take_released());
  f.msix.write(3, 65 * 16 + 12, 4, 0);
  const auto released = f.msix.take_released();
  REQUIRE(released);
  REQUIRE(released->vector == 65);
  REQUIRE(released->message.data == 0x31);
  REQUIRE_FALSE(f.msix.take_released());
  REQUIRE(f.msix.read(3, 0x2008, 4) == 0);
}

TEST_CASE("the function mask holds every vector back") {
  Fixture f;
  f.control(kMsixEnable | kMsixFunctionMask);
  f.program(0, 0xfee00000, 0x30, false);
  f.program(1, 0xfee00000, 0x31, true);
  REQUIRE_FALSE(f.msix.raise(0));
  REQUIRE_FALSE(f.msix.raise(1));
  REQUIRE_FALSE(f.msix.take_released());
  f.control(kMsixEnable);
  REQUIRE(f.msix.take_released()->vector == 0);
  REQUIRE_FALSE(f.msix.take_released());
  REQUIRE(f.msix.pending(1));
}

TEST_CASE("while MSI-X is off, or for a vector that is not there, an interrupt is lost") {
  Fixture f;
  f.program(0, 0xfee00000, 0x30, false);
  REQUIRE_FALSE(f.msix.raise(0));
  REQUIRE_FALSE(f.msix.pending(0));
  f.control(kMsixEnable);
  REQUIRE_FALSE(f.msix.raise(70));
  REQUIRE_FALSE(f.msix.raise(100000));
}

TEST_CASE("table entries take 4 and 8 byte accesses and their reserved bits stay zero") {
  Fixture f;
  f.msix.write(3, 16, 8, 0x1122'3344'fee0'0fff);
  REQUIRE(f.msix.read(3, 16, 8) == 0x1122'3344'fee0'0ffc);
  f.msix.write(3, 28, 4, 0xffff'ffff);
  REQUIRE(f.msix.read(3, 28, 4) == 1);
  REQUIRE(f.msix.covers(3, 70 * 16 - 1));
  REQUIRE_FALSE(f.msix.covers(3, 70 * 16));
  REQUIRE(f.msix.covers(3, 0x200f));
  REQUIRE_FALSE(f.msix.covers(3, 0x2010));
  REQUIRE_FALSE(f.msix.covers(0, 0));
}
