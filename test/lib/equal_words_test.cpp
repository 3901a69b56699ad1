// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/equal_words.h"

#include <vector>

#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("each word that equals the wanted one has its bit, whatever their number") {
  for (std::size_t count = 0; count <= 32; ++count) {
    std::vector<std::uint32_t> words(count);
    for (std::size_t i = 0; i < count; ++i) words[i] = i % 3 == 1 ? 0xffff'ffff : static_cast<std::uint32_t>(i);
    std::uint32_t expected = 0;
    for (std::size_t i = 1; i < count; i += 3) expected |= 1u << i;
    REQUIRE(equal_words(words.data(), count, 0xffff'ffff) == expected);
    REQUIRE(equal_words(words.data(), count, 77) == 0);
    if (count > 30) REQUIRE(equal_words(words.data(), count, 30) == 1u << 30);
  }
}

TEST_CASE("words behind the last one do not count") {
  const std::uint32_t words[] = {1, 2, 3, 4, 5, 5, 5, 5};
  REQUIRE(equal_words(words, 5, 5) == 1u << 4);
  REQUIRE(equal_words(words, 4, 5) == 0);
}
