// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The I/O bitmap cases are those of kvm-unit-tests "I/O bitmap": width, direction, low and high port, partial pass,
// overrun, and the bitmap's precedence over unconditional exiting.
#include "models/cpu/bitmaps.h"

#include "test/support/catch.h"
#include "test/support/cpu_memory.h"

using namespace iovirt::cpu;

namespace {

constexpr std::uint64_t kA = 0x1000, kB = 0x2000, kMsr = 0x3000;

struct Machine {
  iovirt::test::CpuMemory memory{0x4000};
  VmControls controls;
  Machine() {
    controls.primary = primary::use_io_bitmaps | primary::use_msr_bitmaps;
    controls.io_bitmap_a = kA;
    controls.io_bitmap_b = kB;
    controls.msr_bitmap = kMsr;
  }
  void trap_port(std::uint32_t port) { memory.bytes[kA + port / 8] |= static_cast<std::uint8_t>(1u << port % 8); }
  void trap_msr(std::uint32_t index, bool write) {
    const std::uint32_t bit = msr_bitmap_bit(index, write);
    memory.bytes[kMsr + bit / 8] |= static_cast<std::uint8_t>(1u << bit % 8);
  }
  bool io(std::uint16_t port, unsigned bytes) { return io_exits(controls, memory, port, bytes); }
};

}  // namespace

TEST_CASE("a port whose bit is clear passes at every width") {
  Machine m;
  m.trap_port(0x5000);
  for (unsigned bytes : {1u, 2u, 4u}) REQUIRE_FALSE(m.io(0x5010, bytes));
}

TEST_CASE("a port whose bit is set exits at every width, in the low and the high bitmap") {
  Machine m;
  for (std::uint16_t port : {std::uint16_t{0x0000}, std::uint16_t{0x5000}, std::uint16_t{0x7fff}, std::uint16_t{0x8000},
                             std::uint16_t{0x9000}}) {
    m.trap_port(port);
    for (unsigned bytes : {1u, 2u, 4u}) {
      CAPTURE(port, bytes);
      REQUIRE(m.io(port, bytes));
    }
  }
}

TEST_CASE("a wide access that reaches into a trapped port exits: partial pass at 0x4fff") {
  Machine m;
  m.trap_port(0x5000);
  REQUIRE_FALSE(m.io(0x4fff, 1));
  REQUIRE(m.io(0x4fff, 2));
  REQUIRE(m.io(0x4fff, 4));
  REQUIRE_FALSE(m.io(0x4ffc, 4));
  REQUIRE_FALSE(m.io(0x5001, 4));
}

TEST_CASE("an access across the two bitmaps looks at both") {
  Machine m;
  m.trap_port(0x8000);
  REQUIRE_FALSE(m.io(0x7fff, 1));
  REQUIRE(m.io(0x7fff, 2));
  REQUIRE(m.io(0x7ffe, 4));
}

TEST_CASE("an access that overruns port 0xffff exits though no bit is set") {
  Machine m;
  REQUIRE_FALSE(m.io(0xffff, 1));
  REQUIRE(m.io(0xffff, 2));
  REQUIRE(m.io(0xfffd, 4));
  REQUIRE_FALSE(m.io(0xfffc, 4));
}

TEST_CASE("with bitmaps in use unconditional I/O exiting is ignored, without them it decides") {
  Machine m;
  m.controls.primary |= primary::unconditional_io_exiting;
  REQUIRE_FALSE(m.io(0x80, 1));
  m.trap_port(0x80);
  REQUIRE(m.io(0x80, 1));
  m.controls.primary = primary::unconditional_io_exiting;
  REQUIRE(m.io(0x81, 1));
  m.controls.primary = 0;
  REQUIRE_FALSE(m.io(0x80, 1));
}

TEST_CASE("a bitmap that is not memory exits") {
  Machine m;
  m.controls.io_bitmap_a = 1ull << 40;
  m.controls.msr_bitmap = 1ull << 40;
  REQUIRE(m.io(0x80, 1));
  REQUIRE(msr_exits(m.controls, m.memory, 0x808, true));
}

TEST_CASE("the I/O qualification says port, width and direction") {
  const std::uint64_t q = io_qualification::of(0x3f8, 4, true);
  REQUIRE(q == (0x03f8'0000ull | 1u << 3 | 3));
  REQUIRE(io_qualification::of(0x70, 1, false) == 0x70'0000);
}

TEST_CASE("MSR bitmaps tell reads from writes and low from high indices") {
  Machine m;
  struct {
    std::uint32_t index;
    std::uint32_t read_byte;
  } const cases[] = {{0, 0}, {0x808, 0x101}, {0x1fff, 0x3ff}, {0xc000'0080, 0x410}, {0xc000'1fff, 0x7ff}};
  for (const auto& c : cases) {
    CAPTURE(c.index);
    REQUIRE_FALSE(msr_exits(m.controls, m.memory, c.index, false));
    REQUIRE_FALSE(msr_exits(m.controls, m.memory, c.index, true));
    m.trap_msr(c.index, true);
    REQUIRE_FALSE(msr_exits(m.controls, m.memory, c.index, false));
    REQUIRE(msr_exits(m.controls, m.memory, c.index, true));
    REQUIRE(m.memory.bytes[kMsr + 0x800 + c.read_byte] == 1u << (c.index & 7));
    m.trap_msr(c.index, false);
    REQUIRE(msr_exits(m.controls, m.memory, c.index, false));
    REQUIRE(m.memory.bytes[kMsr + c.read_byte] == 1u << (c.index & 7));
  }
}

TEST_CASE("an MSR outside both ranges, or any without bitmaps, exits") {
  Machine m;
  for (std::uint32_t index : {0x2000u, 0xbfff'ffffu, 0xc000'2000u, 0x4000'0000u, 0xffff'ffffu})
    for (bool write : {false, true}) REQUIRE(msr_exits(m.controls, m.memory, index, write));
  m.controls.primary = 0;
  REQUIRE(msr_exits(m.controls, m.memory, 0x10, false));
}
