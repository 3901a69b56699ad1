// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/io_apic.h"

#include <vector>

#include "test/support/catch.h"

using namespace iovirt::cpu;

namespace {

struct Sent {
  unsigned pin;
  InterruptMessage message;
  std::uint64_t address;
  std::uint32_t data;
};

struct Bench final : IoApicSink {
  std::vector<Sent> sent;
  IoApic apic{*this, 2};

  void io_apic_send(unsigned pin, const InterruptMessage& message, std::uint64_t address, std::uint32_t data) override {
    sent.push_back({pin, message, address, data});
  }
  std::uint32_t get(std::uint8_t index) {
    apic.write(0x00, index);
    return apic.read(0x10);
  }
  void set(std::uint8_t index, std::uint32_t value) {
    apic.write(0x00, index);
    apic.write(0x10, value);
  }
  void route(unsigned pin, std::uint64_t entry) {
    const auto low = static_cast<std::uint8_t>(0x10 + 2 * pin);
    set(static_cast<std::uint8_t>(low + 1), static_cast<std::uint32_t>(entry >> 32));
    set(low, static_cast<std::uint32_t>(entry));
  }
};

constexpr std::uint64_t kLevel = rte::level::of(1);

}  // namespace

TEST_CASE("the I/O APIC reports 24 masked pins") {
  Bench b;
  REQUIRE(b.get(0x00) == 0x0200'0000);
  REQUIRE(b.get(0x01) == 0x0017'0020);
  for (unsigned pin = 0; pin < 24; ++pin) REQUIRE(b.get(static_cast<std::uint8_t>(0x10 + 2 * pin)) == 0x1'0000);
  REQUIRE(b.get(0x40) == 0);
  REQUIRE(b.get(0x05) == 0);
}

TEST_CASE("an edge pin sends on each rise, and loses it while masked") {
  Bench b;
  b.route(4, rte::vector::of(0x34) | rte::destination::of(3));
  b.apic.set_pin(4, true);
  REQUIRE(b.sent.size() == 1);
  REQUIRE(b.sent[0].message.vector == 0x34);
  REQUIRE(b.sent[0].message.destination == 3);
  REQUIRE_FALSE(b.sent[0].message.level);
  REQUIRE(b.sent[0].address == 0xfee0'3000);
  REQUIRE(b.sent[0].data == 0x34);
  b.apic.set_pin(4, true);
  REQUIRE(b.sent.size() == 1);
  b.apic.set_pin(4, false);
  b.apic.set_pin(4, true);
  REQUIRE(b.sent.size() == 2);
  b.apic.set_pin(4, false);
  b.route(4, rte::vector::of(0x34) | rte::mask::of(1));
  b.apic.set_pin(4, true);
  b.route(4, rte::vector::of(0x34));
  REQUIRE(b.sent.size() == 2);
}

TEST_CASE("a level pin sends once until its EOI, then again while it is still asserted") {
  Bench b;
  b.route(10, rte::vector::of(0x5a) | kLevel);
  b.apic.set_pin(10, true);
  REQUIRE(b.sent.size() == 1);
  REQUIRE(b.sent[0].message.level);
  REQUIRE(b.sent[0].data == 0xc05a);
  REQUIRE(rte::remote_irr::get(b.apic.rte(10)));
  b.apic.set_pin(10, false);
  b.apic.set_pin(10, true);
  REQUIRE(b.sent.size() == 1);
  b.apic.eoi(0x5b);
  REQUIRE(b.sent.size() == 1);
  b.apic.eoi(0x5a);
  REQUIRE(b.sent.size() == 2);
  b.apic.set_pin(10, false);
  b.apic.write(0x40, 0x5a);
  REQUIRE(b.sent.size() == 2);
  REQUIRE_FALSE(rte::remote_irr::get(b.apic.rte(10)));
}

TEST_CASE("unmasking an asserted level pin sends") {
  Bench b;
  b.apic.set_pin(11, true);
  b.route(11, rte::vector::of(0x61) | kLevel | rte::mask::of(1));
  b.apic.set_pin(11, false);
  b.apic.set_pin(11, true);
  REQUIRE(b.sent.empty());
  b.route(11, rte::vector::of(0x61) | kLevel);
  REQUIRE(b.sent.size() == 1);
}

TEST_CASE("software cannot write remote IRR, but turning a pin to edge clears it") {
  Bench b;
  b.route(9, rte::vector::of(0x71) | kLevel | rte::remote_irr::mask | rte::delivery_status::mask);
  REQUIRE_FALSE(rte::remote_irr::get(b.apic.rte(9)));
  REQUIRE_FALSE(rte::delivery_status::get(b.apic.rte(9)));
  b.apic.set_pin(9, true);
  REQUIRE(rte::remote_irr::get(b.apic.rte(9)));
  b.route(9, rte::vector::of(0x71) | rte::mask::of(1));
  REQUIRE_FALSE(rte::remote_irr::get(b.apic.rte(9)));
  b.route(9, rte::vector::of(0x71) | kLevel);
  REQUIRE(b.sent.size() == 2);
}

TEST_CASE("a remappable entry goes out in remappable format") {
  Bench b;
  const std::uint64_t index = 0x8123;
  b.route(3, rte::vector::of(0x41) | rte::remappable::of(1) | rte::index_low::of(index) | rte::index_high::of(index >> 15));
  b.apic.set_pin(3, true);
  REQUIRE(b.sent.size() == 1);
  REQUIRE(b.sent[0].address == (0xfee0'0000ull | 0x123ull << 5 | 1u << 4 | 1u << 2));
}

TEST_CASE("a pin that does not exist does nothing") {
  Bench b;
  b.apic.set_pin(24, true);
  b.apic.set_pin(4000, true);
  b.set(0x10 + 48, 0x41);
  REQUIRE(b.sent.empty());
}
