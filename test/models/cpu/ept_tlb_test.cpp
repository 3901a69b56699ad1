// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/ept_tlb.h"

#include <algorithm>
#include <list>
#include <map>
#include <random>

#include "test/support/catch.h"

using namespace iovirt::cpu;

namespace {

EptTranslation page(std::uint64_t gpa, std::uint64_t host_page, std::uint64_t bytes = 4096, std::uint8_t rights = 7) {
  EptTranslation t;
  t.host_physical = host_page | (gpa & (bytes - 1));
  t.page_bytes = bytes;
  t.rights = t.cacheable_rights = rights;
  return t;
}

constexpr std::uint64_t kEptp = eptp::make(0x7000);
constexpr EptContext kContext = ept_context(kEptp, 1);

}  // namespace

TEST_CASE("a cached translation is found for every address of its page and for no other context") {
  EptTlb tlb(1536, 12);
  REQUIRE(tlb.lookup(kContext, 0x5123, EptAccess::read) == nullptr);
  tlb.insert(kContext, 0x5123, page(0x5123, 0x9000));
  const auto* e = tlb.lookup(kContext, 0x5ff8, EptAccess::write);
  REQUIRE(e != nullptr);
  REQUIRE(e->translate(0x5ff8) == 0x9ff8);
  REQUIRE(tlb.lookup(kContext, 0x6000, EptAccess::read) == nullptr);
  REQUIRE(tlb.lookup(ept_context(kEptp, 2), 0x5000, EptAccess::read) == nullptr);
  REQUIRE(tlb.lookup(ept_context(eptp::make(0x8000), 1), 0x5000, EptAccess::read) == nullptr);
  REQUIRE(tlb.hits() == 1);
  REQUIRE(tlb.misses() == 4);
}

TEST_CASE("an empty TLB holds nothing, not even at strange addresses") {
  EptTlb tlb(64, 4);
  for (std::uint64_t gpa : {0ull, 1ull, 0xfffull, 0x1000ull, ~0ull})
    REQUIRE(tlb.lookup(0, gpa, EptAccess::read) == nullptr);
}

TEST_CASE("one entry covers a large page") {
  EptTlb tlb(64, 4);
  tlb.insert(kContext, 0x40'1234, page(0x40'1234, 0x1'2340'0000 & ~0x1f'ffffull, 1u << 21));
  tlb.insert(kContext, 0x4000'0000, page(0x4000'0000, 0xc000'0000, 1u << 30));
  REQUIRE(tlb.lookup(kContext, 0x5f'ffff, EptAccess::read)->translate(0x5f'ffff) ==
          ((0x1'2340'0000 & ~0x1f'ffffull) | 0x1f'ffff));
  REQUIRE(tlb.lookup(kContext, 0x7fff'fff8, EptAccess::read)->translate(0x7fff'fff8) == 0xffff'fff8);
  REQUIRE(tlb.lookup(kContext, 0x60'0000, EptAccess::read) == nullptr);
}

TEST_CASE("a hit without the right is a miss and drops the entry") {
  EptTlb tlb(64, 4);
  tlb.insert(kContext, 0x5000, page(0x5000, 0x9000, 4096, 5));
  REQUIRE(tlb.lookup(kContext, 0x5000, EptAccess::fetch) != nullptr);
  REQUIRE(tlb.lookup(kContext, 0x5000, EptAccess::write) == nullptr);
  REQUIRE(tlb.lookup(kContext, 0x5000, EptAccess::read) == nullptr);
}

TEST_CASE("INVEPT takes every VPID of its tables, INVVPID every table of its VPID") {
  EptTlb tlb(64, 4);
  const std::uint64_t other = eptp::make(0x9000);
  auto fill = [&] {
    for (std::uint16_t vpid : {1, 2}) {
      tlb.insert(ept_context(kEptp, vpid), 0x5000, page(0x5000, 0x1000));
      tlb.insert(ept_context(other, vpid), 0x5000, page(0x5000, 0x2000));
    }
  };
  auto has = [&](std::uint64_t eptp_value, std::uint16_t vpid) {
    return tlb.lookup(ept_context(eptp_value, vpid), 0x5000, EptAccess::read) != nullptr;
  };
  fill();
  tlb.invept(kEptp | 0x40);
  REQUIRE_FALSE(has(kEptp, 1));
  REQUIRE_FALSE(has(kEptp, 2));
  REQUIRE(has(other, 1));
  REQUIRE(has(other, 2));
  fill();
  tlb.invvpid(2);
  REQUIRE(has(kEptp, 1));
  REQUIRE_FALSE(has(kEptp, 2));
  REQUIRE_FALSE(has(other, 2));
  tlb.invalidate(ept_context(kEptp, 1), 0x5abc);
  REQUIRE_FALSE(has(kEptp, 1));
  tlb.invept_all();
  REQUIRE_FALSE(has(other, 1));
}

TEST_CASE("the TLB hits exactly as often as a plain LRU list of its capacity") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  constexpr std::uint32_t kEntries = 16;
  EptTlb tlb(kEntries, kEntries);
  std::list<std::uint64_t> lru;
  for (unsigned i = 0; i < 20'000; ++i) {
    const std::uint64_t gpa = random() % 24 * 4096 + random() % 4096, wanted = gpa & ~0xfffull;
    const auto found = std::find(lru.begin(), lru.end(), wanted);
    const bool expected = found != lru.end();
    if (expected) lru.erase(found);
    else if (lru.size() == kEntries) lru.pop_back();
    lru.push_front(wanted);
    const auto* e = tlb.lookup(kContext, gpa, EptAccess::read);
    REQUIRE((e != nullptr) == expected);
    if (!e) tlb.insert(kContext, gpa, page(gpa, wanted + 0x10'0000));
    else REQUIRE(e->translate(gpa) == gpa + 0x10'0000);
  }
}

TEST_CASE("whatever is inserted and invalidated, a hit is never stale") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  EptTlb tlb(64, 4);
  // What software has mapped now: per context and page, the generation encoded in the host page.
  std::map<std::pair<EptContext, std::uint64_t>, std::uint64_t> mapped;
  std::uint64_t generation = 1;
  for (unsigned i = 0; i < 40'000; ++i) {
    const auto vpid = static_cast<std::uint16_t>(random() % 3);
    const EptContext context = ept_context(eptp::make(0x1000 * (1 + random() % 2)), vpid);
    const std::uint64_t gpa = random() % 128 * 4096 | random() % 4096, page_of = gpa & ~0xfffull;
    switch (random() % 200) {
      case 0:
        tlb.invept(context);
        for (auto& [key, value] : mapped)
          if (ept_context(key.first, 0) == ept_context(context, 0)) value = ++generation << 12;
        break;
      case 1:
        tlb.invvpid(static_cast<std::uint16_t>(context >> 48));
        for (auto& [key, value] : mapped)
          if (key.first >> 48 == context >> 48) value = ++generation << 12;
        break;
      case 2:
        tlb.invalidate(context, gpa);
        mapped[{context, page_of}] = ++generation << 12;
        break;
      default: {
        auto& host = mapped[{context, page_of}];
        if (host == 0) host = ++generation << 12;
        const auto* e = tlb.lookup(context, gpa, EptAccess::read);
        if (e) REQUIRE(e->translate(gpa) == (host | (gpa & 0xfff)));
        else tlb.insert(context, gpa, page(gpa, host));
      }
    }
  }
  REQUIRE(tlb.hits() > 1000);
}

TEST_CASE("peeking counts nothing, drops nothing and does not refresh an entry") {
  EptTlb tlb(2, 2);
  tlb.insert(kContext, 0x1000, page(0x1000, 0xa000, 4096, 1));
  tlb.insert(kContext, 0x2000, page(0x2000, 0xb000));
  REQUIRE(tlb.peek(kContext, 0x1abc)->translate(0x1abc) == 0xaabc);
  REQUIRE(tlb.peek(kContext, 0x3000) == nullptr);
  REQUIRE(tlb.hits() + tlb.misses() == 0);
  tlb.insert(kContext, 0x3000, page(0x3000, 0xc000));
  REQUIRE(tlb.peek(kContext, 0x1000) == nullptr);
  REQUIRE(tlb.peek(kContext, 0x2000) != nullptr);
}

TEST_CASE("an impossible geometry is refused") {
  REQUIRE_THROWS_AS(EptTlb(0, 4), std::invalid_argument);
  REQUIRE_THROWS_AS(EptTlb(64, 0), std::invalid_argument);
  REQUIRE_THROWS_AS(EptTlb(100, 3), std::invalid_argument);
  REQUIRE_THROWS_AS(EptTlb(36, 12), std::invalid_argument);
  REQUIRE_NOTHROW(EptTlb(1536, 12));
}
