// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/activity_log.h"

#include <numeric>
#include <random>

#include "test/support/catch.h"

using namespace iovirt;

namespace {

std::array<Ps, kStages> split(const ActivityLog& log, Ps from, Ps to) {
  std::array<Ps, kStages> stages{};
  log.split(from, to, stages);
  return stages;
}
Ps at(const std::array<Ps, kStages>& stages, Stage stage) { return stages[static_cast<std::size_t>(stage)]; }
Ps sum(const std::array<Ps, kStages>& stages) { return std::accumulate(stages.begin(), stages.end(), Ps{0}); }

}  // namespace

TEST_CASE("an interval is split among the activities it spans") {
  ActivityLog log;
  log.append(Activity::idle, 100);
  log.append(Activity::interrupt, 50);
  log.append(Activity::host_kernel, 200);
  log.append(Activity::guest, 300);
  REQUIRE(log.end() == 650);
  REQUIRE(log.total(Activity::host_kernel) == 200);
  const auto stages = split(log, 80, 500);
  REQUIRE(at(stages, Stage::sched) == 20);  // an idle core with a packet waiting wakes up
  REQUIRE(at(stages, Stage::interrupt) == 50);
  REQUIRE(at(stages, Stage::host_kernel) == 200);
  REQUIRE(at(stages, Stage::guest) == 150);
}

TEST_CASE("time beyond the end counts as the most recent activity, and an empty log as scheduling") {
  ActivityLog log;
  REQUIRE(at(split(log, 10, 30), Stage::sched) == 20);
  log.append(Activity::exit, 10);
  REQUIRE(at(split(log, 5, 40), Stage::exit) == 35);
  REQUIRE(sum(split(log, 7, 7)) == 0);
  REQUIRE(sum(split(log, 9, 7)) == 0);
}

TEST_CASE("work taken back is as if it had not been") {
  ActivityLog log;
  log.append(Activity::guest, 100);
  log.append(Activity::host_copy, 50);
  log.append(Activity::guest, 25);
  std::vector<ActivityLog::Piece> taken;
  log.take_back(120, taken);
  REQUIRE(log.end() == 120);
  REQUIRE(taken.size() == 2);
  REQUIRE(taken[0].activity == Activity::host_copy);
  REQUIRE(taken[0].duration == 30);
  REQUIRE(taken[1].activity == Activity::guest);
  REQUIRE(taken[1].duration == 25);
  REQUIRE(log.total(Activity::guest) == 100);
  log.append(Activity::interrupt, 10);
  for (const auto& piece : taken) log.append(piece.activity, piece.duration);
  REQUIRE(log.end() == 185);
  const auto stages = split(log, 0, 185);
  REQUIRE(at(stages, Stage::guest) == 125);
  REQUIRE(at(stages, Stage::interrupt) == 10);
  REQUIRE(at(stages, Stage::copy) == 50);
}

TEST_CASE("every split sums to its interval, also after history has been forgotten") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  ActivityLog log;
  std::vector<ActivityLog::Piece> taken;
  for (unsigned i = 0; i < 40000; ++i) {
    log.append(static_cast<Activity>(random() % kActivities), random() % 1000);
    if (random() % 16 == 0) log.take_back(log.end() - std::min<Ps>(log.end(), random() % 2000), taken);
    const Ps from = random() % (log.end() + 1);
    const Ps to = from + random() % (log.end() - from + 500);
    if (sum(split(log, from, to)) != to - from) {
      CAPTURE(i, from, to);
      REQUIRE(sum(split(log, from, to)) == to - from);
    }
  }
  Ps total = 0;
  for (std::size_t a = 0; a < kActivities; ++a) total += log.total(static_cast<Activity>(a));
  REQUIRE(total == log.end());
}

TEST_CASE("a split is what adding up the segments one by one gives") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  ActivityLog log;
  struct Known {
    Ps begin, end;
    Activity activity;
  };
  std::vector<Known> all;
  std::vector<ActivityLog::Piece> taken;
  for (unsigned i = 0; i < 12'000; ++i) {  // less than is remembered
    const auto activity = static_cast<Activity>(random() % kActivities);
    const Ps duration = random() % 1000;
    all.push_back({log.end(), log.end() + duration, activity});
    log.append(activity, duration);
    if (random() % 16 == 0) {
      const Ps at = log.end() - std::min<Ps>(log.end(), random() % 2000);
      log.take_back(at, taken);
      while (!all.empty() && all.back().begin >= at) all.pop_back();
      if (!all.empty()) all.back().end = std::min(all.back().end, at);
    }
    if (random() % 8 != 0 || all.empty()) continue;
    const Ps reach = random() % 4 == 0 ? log.end() : std::min<Ps>(log.end(), 1 + random() % 60'000);
    const Ps from = log.end() - random() % (reach + 1);
    const Ps to = from + random() % (log.end() - from + 1);
    std::array<Ps, kStages> expected{};
    std::array<Ps, kActivities> until{};
    for (const Known& known : all) {
      if (known.end > from && known.begin < to)
        expected[static_cast<std::size_t>(stage_of(known.activity))] += std::min(known.end, to) - std::max(known.begin, from);
      if (known.begin < from) until[static_cast<std::size_t>(known.activity)] += std::min(known.end, from) - known.begin;
    }
    CAPTURE(i, from, to, log.end());
    if (split(log, from, to) != expected) REQUIRE(split(log, from, to) == expected);
    if (log.totals_until(from) != until) REQUIRE(log.totals_until(from) == until);
  }
}
