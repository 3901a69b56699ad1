// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/line_store.h"

#include <map>
#include <random>
#include <vector>

#include "test/support/catch.h"

using iovirt::memory::LineStore;

TEST_CASE("a line store holds what was written and zeros elsewhere") {
  LineStore store;
  std::map<std::uint64_t, std::uint8_t> model;
  constexpr unsigned kSeed = 7;
  INFO("seed " << kSeed);
  std::mt19937_64 random(kSeed);
  const std::uint64_t bases[] = {0, 0x1000, 0x3f'ffe0, 0xf'ffff'f000, 1ull << 45, (1ull << 52) - 0x4000};
  for (unsigned step = 0; step < 20'000; ++step) {
    const std::uint64_t address = bases[random() % 6] + random() % 0x3000;
    std::vector<std::uint8_t> bytes(1 + random() % 200);
    if (random() % 2 == 0) {
      for (auto& byte : bytes) byte = random() % 4 == 0 ? static_cast<std::uint8_t>(random()) : 0;
      REQUIRE(store.write(address, bytes));
      for (std::size_t i = 0; i < bytes.size(); ++i) model[address + i] = bytes[i];
    } else {
      REQUIRE(store.read(address, bytes));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const auto found = model.find(address + i);
        REQUIRE(bytes[i] == (found == model.end() ? 0 : found->second));
      }
    }
  }
  store.set_word(0x2008, 0x1122'3344'5566'7788);
  REQUIRE(store.word(0x2008) == 0x1122'3344'5566'7788);
  REQUIRE(store.load<std::uint32_t>(0x200c).value() == 0x1122'3344);
}

TEST_CASE("a line store ends where it is told, and costs by the line") {
  LineStore store(32);
  std::uint8_t bytes[16] = {};
  REQUIRE(store.read((1ull << 32) - 16, bytes));
  REQUIRE_FALSE(store.read((1ull << 32) - 15, bytes));
  REQUIRE_FALSE(store.write(1ull << 40, bytes));
  REQUIRE_FALSE(store.write(~0ull, bytes));
  REQUIRE(store.write(0x1000, bytes));  // zeros
  REQUIRE(store.lines() == 0);
  bytes[15] = 1;
  REQUIRE(store.write(0x1038, bytes));  // ends in the next line
  REQUIRE(store.lines() == 1);
  const std::uint64_t before = store.host_bytes();
  for (std::uint64_t page = 2; page < 502; ++page) store.set_word(page << 12, page);
  REQUIRE(store.host_bytes() - before <= 500 * 64 + 64 * 1024);
}
