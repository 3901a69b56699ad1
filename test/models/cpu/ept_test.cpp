// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/ept.h"

#include <map>
#include <random>
#include <utility>

#include "test/support/catch.h"
#include "test/support/cpu_ept.h"

using namespace iovirt::cpu;
using iovirt::test::CpuEpt;
using iovirt::test::CpuMemory;

namespace {

constexpr std::uint64_t kGuest = 0x0000'1234'5678'9000, kHost = 0x0000'0abc'd000;

struct Tables {
  CpuMemory memory{256 * 1024};
  CpuEpt ept{memory, 0x1000};
  EptResult walk(std::uint64_t gpa, EptAccess access = EptAccess::read, bool flags = false) {
    return ept_walk(memory, ept.eptp(flags), gpa, access);
  }
};

}  // namespace

TEST_CASE("a 4 KiB page translates after four reads") {
  Tables t;
  t.ept.map(kGuest, kHost);
  const auto r = std::get<EptTranslation>(t.walk(kGuest + 0x123));
  REQUIRE(r.host_physical == kHost + 0x123);
  REQUIRE(r.page_bytes == 4096);
  REQUIRE(r.rights == 7);
  REQUIRE(r.memory_type == 6);
  REQUIRE(r.memory_reads == 4);
  REQUIRE(r.memory_writes == 0);
}

TEST_CASE("large pages translate after fewer reads") {
  Tables t;
  t.ept.map(0x4000'0000, 0x8000'0000, 7, 3);
  t.ept.map(0x80'0000'0000, 0x20'0000, 3, 2);
  auto giant = std::get<EptTranslation>(t.walk(0x4000'0000 + 0x1234'5678));
  REQUIRE(giant.host_physical == 0x8000'0000 + 0x1234'5678);
  REQUIRE(giant.page_bytes == 1u << 30);
  REQUIRE(giant.memory_reads == 2);
  auto large = std::get<EptTranslation>(t.walk(0x80'0000'0000 + 0x1f'fff0, EptAccess::write));
  REQUIRE(large.host_physical == 0x3f'fff0);
  REQUIRE(large.page_bytes == 1u << 21);
  REQUIRE(large.memory_reads == 3);
}

TEST_CASE("a missing entry is a violation that allows nothing") {
  Tables t;
  t.ept.map(kGuest, kHost);
  const auto v = std::get<EptViolation>(t.walk(kGuest + 0x1000, EptAccess::write));
  REQUIRE(v.guest_physical == kGuest + 0x1000);
  REQUIRE(v.qualification == 0x182);
  REQUIRE(v.memory_reads == 4);
  REQUIRE(std::get<EptViolation>(t.walk(0, EptAccess::fetch)).qualification == 0x184);
  REQUIRE(std::get<EptViolation>(t.walk(1ull << 48)).memory_reads == 0);
}

TEST_CASE("a violation of rights reports those all levels allow") {
  Tables t;
  t.ept.map(kGuest, kHost, 5);
  REQUIRE(std::get<EptViolation>(t.walk(kGuest, EptAccess::write)).qualification == (0x182 | 5 << 3));
  REQUIRE(std::holds_alternative<EptTranslation>(t.walk(kGuest, EptAccess::fetch)));
  t.ept.map(kGuest, kHost, 7);
  const std::uint64_t directory = t.ept.entry(kGuest, 3);
  REQUIRE(t.memory.store(t.ept.address_of(kGuest, 3), (directory & ~7ull) | 1));
  REQUIRE(std::get<EptViolation>(t.walk(kGuest, EptAccess::write)).qualification == (0x182 | 1 << 3));
  REQUIRE(std::get<EptTranslation>(t.walk(kGuest)).rights == 1);
}

TEST_CASE("each misconfigured entry is found at its level") {
  struct Case {
    const char* name;
    unsigned level;
    std::uint64_t entry;
  } const cases[] = {
      {"writable, not readable", 1, kHost | 2 | 6 << 3},
      {"writable and executable, not readable: how KVM marks MMIO", 1, kHost | 6 | 6 << 3},
      {"executable only", 1, kHost | 4 | 6 << 3},
      {"memory type 2", 1, kHost | 7 | 2 << 3},
      {"memory type 3", 1, kHost | 7 | 3 << 3},
      {"memory type 7", 1, kHost | 7 | 7 << 3},
      {"an address beyond the physical width", 1, 1ull << 46 | 7 | 6 << 3},
      {"an unaligned 2 MiB page", 2, 0x1000 | 7 | 6 << 3 | 1 << 7},
      {"an unaligned 1 GiB page", 3, 0x20'0000 | 7 | 6 << 3 | 1 << 7},
      {"a memory type in a page directory entry", 2, 0x8000 | 7 | 1 << 3},
      {"bit 6 in a page-directory-pointer entry", 3, 0x8000 | 7 | 1 << 6},
      {"bit 7 in a PML4 entry", 4, 0x8000 | 7 | 1 << 7},
      {"a table beyond the physical width", 4, 1ull << 47 | 7},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    Tables t;
    t.ept.set(kGuest, c.level, c.entry);
    const auto m = std::get<EptMisconfig>(t.walk(kGuest));
    REQUIRE(m.level == c.level);
    REQUIRE(m.entry == c.entry);
    REQUIRE(m.guest_physical == kGuest);
    REQUIRE(m.memory_reads == 5 - c.level);
  }
}

TEST_CASE("a misconfiguration below a level without the right comes first") {
  Tables t;
  t.ept.set(kGuest, 1, kHost | 6 | 6 << 3);
  REQUIRE(t.memory.store(t.ept.address_of(kGuest, 2), (t.ept.entry(kGuest, 2) & ~7ull) | 1));
  REQUIRE(std::holds_alternative<EptMisconfig>(t.walk(kGuest, EptAccess::write)));
}

TEST_CASE("ignored bits are ignored") {
  Tables t;
  t.ept.set(kGuest, 1, kHost | 7 | 6 << 3 | 1 << 6 | 1 << 7 | 0xf00 | 0xfffull << 52);
  REQUIRE(std::get<EptTranslation>(t.walk(kGuest)).host_physical == kHost);
}

TEST_CASE("execute-only entries are allowed where the processor supports them") {
  Tables t;
  t.ept.map(kGuest, kHost, 4);
  const EptResult r = ept_walk(t.memory, t.ept.eptp(), kGuest, EptAccess::fetch, {.execute_only = true});
  REQUIRE(std::get<EptTranslation>(r).rights == 4);
}

TEST_CASE("a table outside memory reads as all ones: a misconfiguration") {
  Tables t;
  t.ept.set(kGuest, 3, 0x3f'ffff'f000 | 7);
  const auto m = std::get<EptMisconfig>(t.walk(kGuest));
  REQUIRE(m.entry == ~0ull);
  REQUIRE(m.level == 2);
}

TEST_CASE("accessed and dirty flags are set once, and only by accesses that are allowed") {
  Tables t;
  t.ept.map(kGuest, kHost);
  auto first = std::get<EptTranslation>(t.walk(kGuest, EptAccess::read, true));
  REQUIRE(first.memory_writes == 4);
  REQUIRE(first.rights == 7);
  REQUIRE(first.cacheable_rights == 5);
  for (unsigned level = 1; level <= 4; ++level) REQUIRE(ept_entry::accessed::get(t.ept.entry(kGuest, level)));
  REQUIRE_FALSE(ept_entry::dirty::get(t.ept.entry(kGuest, 1)));
  REQUIRE(std::get<EptTranslation>(t.walk(kGuest, EptAccess::read, true)).memory_writes == 0);
  auto write = std::get<EptTranslation>(t.walk(kGuest, EptAccess::write, true));
  REQUIRE(write.memory_writes == 1);
  REQUIRE(write.cacheable_rights == 7);
  REQUIRE(ept_entry::dirty::get(t.ept.entry(kGuest, 1)));
  REQUIRE_FALSE(ept_entry::dirty::get(t.ept.entry(kGuest, 2)));

  Tables denied;
  denied.ept.map(kGuest, kHost, 1);
  REQUIRE(std::holds_alternative<EptViolation>(denied.walk(kGuest, EptAccess::write, true)));
  REQUIRE_FALSE(ept_entry::accessed::get(denied.ept.entry(kGuest, 4)));
  REQUIRE(std::get<EptTranslation>(denied.walk(kGuest)).memory_writes == 0);
}

TEST_CASE("a walk agrees with a naive oracle over random tables") {
  // The oracle never looks at memory: it keeps the tree that the tables were written from.
  struct Node {
    enum Kind { absent, table, leaf, bad } kind = absent;
    std::uint64_t rights = 0, host = 0;
    std::map<unsigned, Node> children;
  };
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  auto pick = [&](std::uint64_t n) { return random() % n; };
  constexpr unsigned kFan = 3;  // indices 0..2 of every table are in play, entry 2 of most stays absent

  for (unsigned round = 0; round < 60; ++round) {
    CpuMemory memory(1024 * 1024);
    std::uint64_t next = 0x1000;
    auto allocate = [&] { return std::exchange(next, next + 4096); };
    const std::uint64_t root = allocate();
    const std::uint64_t legal_rights[] = {1, 3, 5, 7, 7, 7};

    Node top{Node::table, 7, root, {}};
    auto grow = [&](auto&& self, Node& node, unsigned level) -> void {
      for (unsigned index = 0; index < kFan; ++index) {
        Node child;
        const auto dice = pick(10);
        std::uint64_t entry = 0;
        child.rights = legal_rights[pick(6)];
        if (dice < 2) {
          entry = random() & ~7ull;  // absent: the other bits do not matter
        } else if (dice == 2) {
          child.kind = Node::bad;
          switch (pick(3)) {
            case 0: entry = (pick(1 << 20) << 30) | 6; break;
            case 1: entry = 1ull << (46 + pick(6)) | 7 | 6 << 3; break;
            default: entry = 2; break;
          }
        } else if (level == 1 || (level < 4 && dice < 5)) {
          child.kind = Node::leaf;
          const std::uint64_t bytes = 1ull << (12 + 9 * (level - 1));
          child.host = (random() & ((1ull << 46) - 1)) & ~(bytes - 1);
          constexpr std::uint64_t types[] = {0, 1, 4, 5, 6};
          entry = child.host | child.rights | types[pick(5)] << 3 | (level > 1 ? 1 << 7 : 0) | pick(4096) << 52;
        } else {
          child.kind = Node::table;
          child.host = allocate();
          entry = child.host | child.rights | pick(4096) << 52;
          self(self, child, level - 1);
        }
        REQUIRE(memory.store(node.host + index * 8, entry));
        node.children[index] = std::move(child);
      }
    };
    grow(grow, top, 4);

    for (unsigned trial = 0; trial < 400; ++trial) {
      const std::uint64_t gpa = pick(kFan + 1) << 39 | pick(kFan + 1) << 30 | pick(kFan + 1) << 21 |
                                pick(kFan + 1) << 12 | pick(4096);
      const auto access = static_cast<EptAccess>(1u << pick(3));
      const Node* node = &top;
      std::uint64_t rights = 7;
      unsigned level = 4;
      for (;; --level) {
        const auto found = node->children.find(static_cast<unsigned>(gpa >> (12 + 9 * (level - 1)) & 0x1ff));
        static const Node nothing;
        node = found == node->children.end() ? &nothing : &found->second;
        rights = node->kind == Node::table || node->kind == Node::leaf ? rights & node->rights : 0;
        if (node->kind != Node::table) break;
      }
      const EptResult result = ept_walk(memory, eptp::make(root), gpa, access);
      CAPTURE(round, gpa, level);
      if (node->kind == Node::bad) {
        REQUIRE(std::get<EptMisconfig>(result).level == level);
      } else if (node->kind == Node::leaf && (rights & static_cast<unsigned>(access))) {
        const std::uint64_t offset = gpa & ((1ull << (12 + 9 * (level - 1))) - 1);
        REQUIRE(std::get<EptTranslation>(result).host_physical == (node->host | offset));
        REQUIRE(std::get<EptTranslation>(result).rights == rights);
        REQUIRE(std::get<EptTranslation>(result).memory_reads == 5 - level);
      } else {
        const auto& v = std::get<EptViolation>(result);
        REQUIRE(v.qualification == (0x180u | static_cast<unsigned>(access) | rights << 3));
      }
    }
  }
}
