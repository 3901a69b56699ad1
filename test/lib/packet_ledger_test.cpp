// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/packet_ledger.h"

#include <map>
#include <random>

#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("each interval is charged to one stage and the clock never goes back") {
  PacketLedger ledger;
  const PacketId id = ledger.open(100, Direction::rx, 3, 17);
  REQUIRE(id == 1);
  REQUIRE(ledger.count() == 1);
  ledger.charge(id, Stage::wire, 150);
  ledger.charge(id, Stage::nic, 140);  // earlier: nothing
  ledger.charge(id, Stage::pcie, 180);
  REQUIRE(ledger[id].stages[Stage::wire] == 50);
  REQUIRE(ledger[id].stages[Stage::nic] == 0);
  REQUIRE(ledger[id].stages[Stage::pcie] == 30);
  REQUIRE(ledger[id].vm == 3);
  REQUIRE(ledger[id].frame == 17);
  ledger.close(id, 180);
  REQUIRE(ledger[id].closed);
}

TEST_CASE("packet 0 is nobody: charging it does nothing") {
  PacketLedger ledger;
  ledger.charge(0, Stage::wire, 1000);
  ActivityLog core;
  ledger.charge_core(0, core, 1000);
  ledger.close(0, 1000);
  ledger.notice_fired(0, 5);
  ledger.notice_mark(0, Stage::pcie, 5);
  REQUIRE(ledger.count() == 0);
}

TEST_CASE("a packet closed at a time it is not accounted to is not closed") {
  PacketLedger ledger;
  const PacketId id = ledger.open(0, Direction::tx, 0, 0);
  ledger.charge(id, Stage::nic, 10);
  ledger.close(id, 20);
  REQUIRE_FALSE(ledger[id].closed);
}

TEST_CASE("the wait for an interrupt is charged along its journey, the rest as the core spent it") {
  PacketLedger ledger;
  const NoticeId notice = ledger.open_notice();
  const PacketId id = ledger.open(0, Direction::rx, 0, 0);
  ledger.charge(id, Stage::memory, 100);
  ledger[id].notice = notice;
  ledger.notice_fired(notice, 400);
  ledger.notice_mark(notice, Stage::pcie, 450);
  ledger.notice_mark(notice, Stage::iommu, 480);
  ActivityLog core;
  core.append(Activity::idle, 500);
  core.append(Activity::interrupt, 100);
  core.append(Activity::host_kernel, 400);
  ledger.charge_core(id, core, 700);
  const auto& stages = ledger[id].stages;
  REQUIRE(stages[Stage::moderation] == 300);
  REQUIRE(stages[Stage::pcie] == 50);
  REQUIRE(stages[Stage::iommu] == 30);
  REQUIRE(stages[Stage::sched] == 20);
  REQUIRE(stages[Stage::interrupt] == 100);
  REQUIRE(stages[Stage::host_kernel] == 100);
  REQUIRE(stages.sum() == 700);
  REQUIRE(ledger[id].notice == 0);
}

TEST_CASE("an interrupt that fires again forgets its earlier journey") {
  PacketLedger ledger;
  const NoticeId notice = ledger.open_notice();
  ledger.notice_fired(notice, 10);
  ledger.notice_mark(notice, Stage::pcie, 20);
  ledger.notice_fired(notice, 100);
  ledger.notice_mark(notice, Stage::iommu, 130);
  const PacketId id = ledger.open(50, Direction::rx, 0, 0);
  ledger[id].notice = notice;
  ledger.charge_core(id, ActivityLog{}, 130);
  REQUIRE(ledger[id].stages[Stage::moderation] == 50);
  REQUIRE(ledger[id].stages[Stage::iommu] == 30);
  REQUIRE(ledger[id].stages[Stage::pcie] == 0);
}

TEST_CASE("a packet polled before its interrupt fired is charged to the core alone") {
  PacketLedger ledger;
  const NoticeId notice = ledger.open_notice();
  const PacketId id = ledger.open(100, Direction::rx, 0, 0);
  ledger[id].notice = notice;
  ActivityLog core;
  core.append(Activity::host_kernel, 1000);
  ledger.charge_core(id, core, 300);
  REQUIRE(ledger[id].stages[Stage::host_kernel] == 200);
  REQUIRE(ledger[id].stages[Stage::moderation] == 0);
}

TEST_CASE("a packet is found by the address of its first byte, the latest one placed there") {
  PacketLedger ledger;
  ledger.place(0x1000, 5);
  ledger.place(0x1000, 6);
  REQUIRE(ledger.at(0x1000) == 6);
  REQUIRE(ledger.at(0x1001) == 0);
}

TEST_CASE("packets are found however close together they begin") {
  const unsigned seed = 20261121;
  INFO("seed " << seed);
  std::mt19937 random(seed);
  PacketLedger ledger;
  std::map<std::uint64_t, PacketId> oracle;
  for (unsigned step = 0; step < 20000; ++step) {
    // Few addresses, often two in one piece of 2 KB, in several megabytes.
    const std::uint64_t address = (random() % 4 << 21) + (random() % 16 << 11) + (random() % 3) * 700;
    const PacketId id = random() % 8 == 0 ? 0 : step;
    ledger.place(address, id);
    oracle[address] = id;
    const std::uint64_t asked = (random() % 5 << 21) + (random() % 17 << 11) + (random() % 3) * 700;
    const auto found = oracle.find(asked);
    REQUIRE(ledger.at(asked) == (found == oracle.end() ? 0 : found->second));
  }
  CHECK(ledger.at(~0ull) == 0);
}

TEST_CASE("the storage of forgotten packets is used again, whoever still holds their ids") {
  PacketLedger ledger;
  std::vector<PacketId> open;
  PacketId lost = 0;
  for (unsigned i = 0; i < 100'000; ++i) {
    open.push_back(ledger.open(i, Direction::tx, 0, i));
    if (i == 50'000) lost = open.back();
    if (open.size() <= 32) continue;
    const PacketId oldest = open.front();
    open.erase(open.begin());
    ledger.charge(oldest, Stage::wire, i);
    ledger.place(oldest % 512 * 0x1000, oldest);
    if (oldest == lost) continue;  // never closed: it stays
    ledger.close(oldest, i);
    ledger.forget(oldest);
  }
  REQUIRE(ledger.count() == 100'000);
  REQUIRE(ledger.held() < 2'000);
  REQUIRE(ledger[lost].frame == 50'000);
  REQUIRE_FALSE(ledger[lost].closed);
  // What an address still says of a packet that is gone does nothing.
  const PacketId stale = 77;
  ledger.charge(stale, Stage::nic, 200'000);
  REQUIRE(ledger[stale].closed);
  REQUIRE(ledger[stale].stages.sum() == 0);
  REQUIRE(ledger[0].stages.sum() == 0);
}

TEST_CASE("whatever is charged, the stages sum to the packet's age") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  PacketLedger ledger;
  ActivityLog core;
  Ps now = 1000;
  std::vector<NoticeId> notices;
  for (int i = 0; i < 4; ++i) notices.push_back(ledger.open_notice());
  for (int i = 0; i < 20000; ++i) {
    now += random() % 500;
    while (core.end() < now) core.append(static_cast<Activity>(random() % kActivities), 1 + random() % 300);
    const PacketId id = ledger.count() == 0 ? 0 : 1 + random() % ledger.count();
    switch (random() % 6) {
      case 0: ledger.open(now, Direction::rx, 0, 0); break;
      case 1: ledger.charge(id, static_cast<Stage>(random() % kStages), now - random() % 300); break;
      case 2: ledger.charge_core(id, core, now); break;
      case 3: ledger.notice_fired(notices[random() % 4], now); break;
      case 4: ledger.notice_mark(notices[random() % 4], Stage::pcie, now + random() % 100); break;
      default: if (id != 0) ledger[id].notice = notices[random() % 4];
    }
    if (id != 0 && ledger[id].stages.sum() != ledger[id].last - ledger[id].opened) {
      CAPTURE(i, id);
      REQUIRE(ledger[id].stages.sum() == ledger[id].last - ledger[id].opened);
    }
  }
}
