// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/trace.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include <nlohmann/json.hpp>

#include "lib/config_error.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"

using namespace iovirt;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr Ps kStart = 5'000'000;

std::string_view reason_name(unsigned reason) { return reason == 12 ? "HLT" : "EPT_MISCONFIG"; }

json parsed(const std::string& path) {
  std::ifstream in(path);
  return json::parse(in).at("traceEvents");
}

std::int64_t ns(const json& microseconds) { return std::llround(microseconds.get<double>() * 1000); }
std::int64_t ns(Ps at) { return static_cast<std::int64_t>((at - kStart) / kPsPerNs); }

json with(const json& events, const char* key, const json& value) {
  json found = json::array();
  std::copy_if(events.begin(), events.end(), std::back_inserter(found), [&](const json& e) { return e.contains(key) && e[key] == value; });
  return found;
}

/// Balanced, stages one after the other from the packet's beginning to its end; returns the stages' sums.
std::map<std::string, std::int64_t> check_packet(const json& events, PacketId id, Ps opened, Ps last) {
  const json mine = with(with(events, "cat", "packet"), "id", id);
  REQUIRE(mine.size() >= 2);
  REQUIRE(mine.size() % 2 == 0);
  CHECK(mine.front()["ph"] == "b");
  CHECK(mine.back()["ph"] == "e");
  CHECK(mine.front()["name"] == mine.back()["name"]);
  CHECK(ns(mine.front()["ts"]) == ns(opened));
  CHECK(ns(mine.back()["ts"]) == ns(last));
  std::int64_t hand = ns(mine.front()["ts"]);
  std::map<std::string, std::int64_t> sums;
  for (std::size_t i = 1; i + 1 < mine.size(); i += 2) {
    REQUIRE(mine[i]["ph"] == "b");
    REQUIRE(mine[i + 1]["ph"] == "e");
    REQUIRE(mine[i]["name"] == mine[i + 1]["name"]);
    REQUIRE(ns(mine[i]["ts"]) == hand);
    REQUIRE(ns(mine[i + 1]["ts"]) >= hand);
    sums[mine[i]["name"]] += ns(mine[i + 1]["ts"]) - hand;
    hand = ns(mine[i + 1]["ts"]);
  }
  CHECK(hand == ns(last));
  return sums;
}

}  // namespace

TEST_CASE("a packet's stages lie one after the other and sum to its latency") {
  const test::TemporaryFolder folder;
  Trace trace(folder / "t.json", 10);
  PacketLedger ledger;
  trace.begin(kStart, 1, reason_name);
  ledger.set_trace(&trace);
  const NoticeId notice = ledger.open_notice();
  const PacketId id = ledger.open(kStart + 1'500, Direction::rx, 2, 7);
  ledger.charge(id, Stage::wire, kStart + 10'499);
  ledger.charge(id, Stage::pcie, kStart + 10'999);
  ledger[id].notice = notice;
  ledger.notice_fired(notice, kStart + 20'000);
  ledger.notice_mark(notice, Stage::pcie, kStart + 21'000);
  ActivityLog core;
  core.append(Activity::idle, kStart + 22'000);
  core.append(Activity::host_kernel, 3'000);
  core.append(Activity::guest, 3'000);
  core.append(Activity::guest_copy, 4'000);
  ledger.charge_core(id, core, kStart + 30'500);
  ledger.close(id, ledger[id].last);
  ledger.charge(id, Stage::nic, kStart + 90'000);  // it is over
  trace.commit();

  const json events = parsed(trace.path());
  auto sums = check_packet(events, id, kStart + 1'500, kStart + 30'500);
  CHECK(sums["wire"] == 9);
  CHECK(sums["moderation"] == 10);
  CHECK(sums["host_kernel"] == 3);
  CHECK(sums["copy"] == 2);
  CHECK(with(with(events, "ph", "M"), "name", "process_name")[1]["args"]["name"] == "VM 2 rx");
}

TEST_CASE("only the first packets are shown, and the cores until these are done") {
  const test::TemporaryFolder folder;
  Trace trace(folder / "t.json", 2);
  PacketLedger ledger;
  ActivityLog core;
  trace.begin(kStart, 1, reason_name);
  ledger.set_trace(&trace);
  core.append(Activity::idle, kStart);
  for (Ps i = 0; i < 5; ++i) {
    const PacketId id = ledger.open(kStart + i * 1'000'000, Direction::tx, 0, 0);
    ledger.charge(id, Stage::nic, kStart + i * 1'000'000 + 500'000);
    i == 1 ? ledger.drop(id) : ledger.close(id, ledger[id].last);
    core.append(Activity::guest, 1'000'000);
    trace.core_until(0, core, core.end());
  }
  CHECK_FALSE(trace.watches(0));
  trace.commit();
  const json events = parsed(trace.path());
  CHECK(with(events, "cat", "packet").size() == 8);
  check_packet(events, 1, kStart, kStart + 500'000);
  check_packet(events, 2, kStart + 1'000'000, kStart + 1'500'000);
  CHECK(with(with(events, "id", 2), "ph", "e").back()["args"]["dropped"] == true);
  const json pieces = with(events, "cat", "core");
  REQUIRE(pieces.size() == 1);  // merged, and nothing of the idle time
  CHECK(pieces[0]["name"] == "guest");
  CHECK(ns(pieces[0]["ts"]) == 0);
  CHECK(ns(pieces[0]["dur"]) == 1500);
}

TEST_CASE("when a packet is lost without a word, the cores' tracks end all the same") {
  const test::TemporaryFolder folder;
  Trace trace(folder / "t.json", 2);
  PacketLedger ledger;
  trace.begin(kStart, 1, reason_name);
  ledger.set_trace(&trace);
  for (Ps i = 0; i < 4; ++i) ledger.open(kStart + i * 1'000'000, Direction::rx, 0, 0);
  ActivityLog core;
  core.append(Activity::guest, kStart + 10'000'000);
  trace.core_until(0, core, core.end());
  CHECK_FALSE(trace.watches(0));
  trace.commit();
  CHECK(ns(with(parsed(trace.path()), "cat", "core")[0]["dur"]) == 3000);
}

TEST_CASE("an exit lasts from its mark to the entry's, moved by an interrupt that came before") {
  const test::TemporaryFolder folder;
  Trace trace(folder / "t.json", 1);
  trace.begin(0, 1, reason_name);
  ActivityLog core;
  core.mark(TraceMark::of(TraceMark::entry, 0, 1));  // of an exit before time 0
  core.append(Activity::guest, 100'000);
  core.mark(TraceMark::of(TraceMark::exit, 12, 1));
  core.append(Activity::exit, 50'000);
  core.mark(TraceMark::of(TraceMark::entry, 0, 1));

  std::vector<ActivityLog::Piece> rest;
  core.take_back(40'000, rest);
  core.mark(TraceMark::of(TraceMark::exit, 1, 1));
  core.append(Activity::exit, 10'000);
  core.mark(TraceMark::of(TraceMark::interrupt, 0x41, 0));
  core.append(Activity::interrupt, 20'000);
  core.mark(TraceMark::of(TraceMark::entry, 0, 1));
  for (const auto& piece : rest) {
    if (piece.mark != 0) core.mark(piece.mark);
    core.append(piece.activity, piece.duration);
  }
  REQUIRE(core.end() == 180'000);
  trace.core_until(0, core, 100'000);  // what is beyond may still move
  trace.core_until(0, core, 180'000);
  trace.commit();

  const json events = parsed(trace.path());
  const auto us = [](const json& value) { return std::llround(value.get<double>() * 1000); };
  const json exits = with(events, "cat", "exit");
  REQUIRE(exits.size() == 2);
  CHECK(exits[0]["name"] == "EPT_MISCONFIG");
  CHECK(us(exits[0]["ts"]) == 40);
  CHECK(us(exits[0]["dur"]) == 30);
  CHECK(exits[1]["name"] == "HLT");
  CHECK(us(exits[1]["ts"]) == 130);
  CHECK(us(exits[1]["dur"]) == 50);
  const json interrupts = with(events, "cat", "interrupt");
  REQUIRE(interrupts.size() == 1);
  CHECK(us(interrupts[0]["ts"]) == 50);
  CHECK(interrupts[0]["args"]["vector"] == 0x41);
  std::int64_t hand = 0;
  for (const json& piece : with(events, "cat", "core")) {
    CHECK(us(piece["ts"]) == hand);
    hand += us(piece["dur"]);
  }
  CHECK(hand == 180);
}

TEST_CASE("whatever is charged, every shown packet's intervals are balanced and sum to its age") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const test::TemporaryFolder folder;
  Trace trace(folder / "t.json", 1000);
  PacketLedger ledger;
  ActivityLog core;
  core.append(Activity::idle, kStart);
  trace.begin(kStart, 1, reason_name);
  ledger.set_trace(&trace);
  Ps now = kStart;
  for (int i = 0; i < 200; ++i) {
    now += random() % 5000;
    while (core.end() < now) core.append(static_cast<Activity>(random() % kActivities), 1 + random() % 3000);
    const PacketId id = ledger.count() == 0 ? 0 : 1 + random() % ledger.count();
    switch (random() % 4) {
      case 0: ledger.open(now, random() % 2 ? Direction::rx : Direction::tx, random() % 3, 0); break;
      case 1: ledger.charge(id, static_cast<Stage>(random() % kStages), now - random() % 300); break;
      default: ledger.charge_core(id, core, now);
    }
  }
  for (PacketId id = 1; id <= ledger.count(); ++id) ledger.close(id, ledger[id].last);
  trace.commit();
  const json packets = with(parsed(trace.path()), "cat", "packet");
  for (PacketId id = 1; id <= std::min<std::size_t>(20, ledger.count()); ++id)
    check_packet(packets, id, ledger[id].opened, ledger[id].last);
}

TEST_CASE("a trace that cannot be written is refused, one not committed leaves nothing") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_AS(Trace(folder / "absent/t.json", 1), ConfigError);
  CHECK_THROWS_AS(Trace(folder / "", 1), ConfigError);
  std::ofstream(folder / "old.json") << "old";
  { Trace trace(folder / "old.json", 1); }
  std::string text;
  std::ifstream(folder / "old.json") >> text;
  CHECK(text == "old");
  CHECK(std::distance(fs::directory_iterator(folder / ""), fs::directory_iterator{}) == 1);
}
