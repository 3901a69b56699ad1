// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The translator against the naive one: random tables, edits, invalidations and requests, one after the other and at once.

#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "test/support/catch.h"
#include "test/support/iommu_world.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;

namespace {

Request request_of(const OracleRequest& asked) {
  Request request;
  request.source = asked.source;
  request.address = asked.address;
  request.write = asked.write;
  request.zero_length = asked.zero_length;
  request.pasid = asked.pasid < 0 ? kNoPasid : static_cast<std::uint32_t>(asked.pasid);
  request.privileged = asked.privileged;
  request.execute = asked.execute;
  return request;
}

OracleAnswer answer_of(const Fault& fault) { return OracleFault{static_cast<unsigned>(fault.reason)}; }
OracleAnswer answer_of(const Translation& translation) { return translation.address; }

/// The oracle's view of memory as it is, with the bits that it wants set written down instead.
class Recorder : public PlainOracleMemory {
 public:
  using PlainOracleMemory::PlainOracleMemory;
  bool set_bits(std::uint64_t address, std::uint64_t wanted) override {
    bits[address] |= wanted;
    return true;
  }
  std::map<std::uint64_t, std::uint64_t> bits;
};

/// A translator in a world, and requests under way in it.
struct Player {
  struct Flight {
    bool busy = false;
    OracleRequest asked;
    std::uint64_t begin = 0;
    Walk walk;
    Step step = Step::read;
    std::uint64_t last_read = 0;
  };

  Player(unsigned seed, RandomWorld::Options options) : world(seed, options), translator(world.config(), statistics) {
    translator.set_root(world.rtaddr());
  }

  void invalidate(const std::vector<AnyInvalidation>& invalidations) {
    for (const auto& any : invalidations) std::visit([&](const auto& invalidation) { translator.invalidate(invalidation); }, any);
  }

  /// The answer, if the caches have one; otherwise the flight's walk has begun.
  std::optional<OracleAnswer> start(Flight& flight, const OracleRequest& asked) {
    flight.asked = asked;
    flight.begin = world.now();
    Translation translation;
    Fault fault;
    Translator::Trail& trail = trails[asked.source];
    if (along_trails && translator.find_along(trail, request_of(asked), translation)) {
      ++found_along;
      return answer_of(translation);
    }
    switch (translator.lookup(request_of(asked), translation, fault, true, &trail)) {
      case Translator::Answer::translated: return answer_of(translation);
      case Translator::Answer::faulted: return answer_of(fault);
      case Translator::Answer::miss: break;
    }
    flight.step = translator.begin(flight.walk, request_of(asked));
    flight.busy = true;
    return ended(flight);
  }
  /// One access to memory.
  std::optional<OracleAnswer> advance(Flight& flight) {
    Walk& walk = flight.walk;
    if (flight.step == Step::read) {
      std::uint64_t words[kMaxReadBytes / 8] = {};
      PlainOracleMemory memory(world.memory());
      const bool ok = memory.read(walk.read_address, walk.read_bytes / 8, words);
      flight.last_read = walk.read_address;
      flight.step = translator.resume(walk, ok, words);
    } else {
      const auto before = world.memory().load<std::uint64_t>(walk.update_address);
      Updated outcome = Updated::failed;
      if (before) outcome = *before == walk.update_expected ? Updated::done : Updated::changed;
      if (outcome == Updated::done) {
        updates[walk.update_address] |= walk.update_value & ~*before;
        static_cast<void>(world.memory().store(walk.update_address, walk.update_value));
      }
      flight.step = translator.updated(walk, outcome);
    }
    return ended(flight);
  }
  std::optional<OracleAnswer> ended(Flight& flight) {
    if (flight.step == Step::read || flight.step == Step::update) return std::nullopt;
    flight.busy = false;
    return flight.step == Step::translated ? answer_of(flight.walk.translation) : answer_of(flight.walk.fault);
  }
  OracleAnswer whole(const OracleRequest& asked) {
    Flight flight;
    auto answer = start(flight, asked);
    while (!answer) answer = advance(flight);
    return *answer;
  }

  RandomWorld world;
  Statistics statistics;
  Translator translator;
  bool along_trails = true;
  std::map<std::uint16_t, Translator::Trail> trails;
  std::uint64_t found_along = 0;
  OracleAnswer last;  ///< of another player to the same request
  std::map<std::uint64_t, std::uint64_t> updates;  ///< bits that walks have set
};

std::string text(const OracleAnswer& answer) {
  char buffer[40];
  if (const auto* fault = std::get_if<OracleFault>(&answer))
    std::snprintf(buffer, sizeof buffer, "fault %x", fault->reason);
  else
    std::snprintf(buffer, sizeof buffer, "%llx", static_cast<unsigned long long>(std::get<0>(answer)));
  return buffer;
}
std::string text(const OracleRequest& asked) {
  char buffer[120];
  std::snprintf(buffer, sizeof buffer, "source %x pasid %lld address %llx %s%s%s%s", asked.source, static_cast<long long>(asked.pasid),
                static_cast<unsigned long long>(asked.address), asked.write ? "write" : "read", asked.zero_length ? " of nothing" : "",
                asked.privileged ? " privileged" : "", asked.execute ? " execute" : "");
  return buffer;
}

/// Every edit is followed by an invalidation that suffices (unless software forgets it): the first request whose answer,
/// or whose accessed and dirty bits, are not the oracle's; -1 if there is none.
int first_difference(Player& player, int steps, bool forget, std::string& what) {
  RandomWorld& world = player.world;
  for (int step = 0; step < steps; ++step) {
    if (world.chance(20)) {
      world.edit();
      if (!forget) player.invalidate(world.sufficient(0));
      world.clean(0);
      if (world.chance(5)) player.invalidate({world.noise()});
      continue;
    }
    const OracleRequest asked = world.request();
    Recorder recorder(world.memory());
    const OracleAnswer expected = translate_naively(recorder, world.config(), world.rtaddr(), asked);
    player.updates.clear();
    const OracleAnswer answer = player.whole(asked);
    what = text(asked) + ": expected " + text(expected) + ", got " + text(answer);
    if (!(answer == expected)) return step;
    // A fault may come from the caches: its walk, and what that would have set on its way, is then spared.
    for (const auto& [address, bits] : recorder.bits)
      if (std::holds_alternative<std::uint64_t>(answer) && (world.memory().load<std::uint64_t>(address).value() & bits) != bits) return what += ", a bit is not set", step;
    for (const auto& [address, bits] : player.updates)
      if ((bits & ~recorder.bits[address]) != 0) return what += ", a bit too many is set", step;
  }
  return -1;
}

void require_no_difference(bool scalable, unsigned seed, int steps) {
  Player player(seed, {.scalable = scalable});
  std::string what;
  const int difference = first_difference(player, steps, false, what);
  INFO("seed " << seed << ", step " << difference << ": " << what);
  REQUIRE(difference == -1);
  REQUIRE(player.statistics.iotlb_hits > static_cast<std::uint64_t>(steps / 100));  // caches matter in this world
  if (!scalable) REQUIRE(player.found_along > 0);
}

/// Software invalidates when it likes; with `at_once`, several walks are under way while it does.
void require_legal(bool scalable, unsigned seed, int steps, std::size_t at_once) {
  Player player(seed, {.scalable = scalable, .history = false});
  RandomWorld& world = player.world;
  std::vector<Player::Flight> flights(at_once);
  OracleRequest favourite = world.request();
  std::uint64_t answers = 0, changed = 0;
  for (int step = 0; step < steps; ++step) {
    Player::Flight& flight = flights[world.random()() % at_once];
    std::optional<OracleAnswer> answer;
    const unsigned what = static_cast<unsigned>(world.random()() % 1000);
    if (what < 20 && flight.busy && flight.last_read != 0) {
      // Behind the walk's back: what it has just read is edited, perhaps invalidated, and asked for again.
      if (!world.edit_at(flight.last_read)) continue;
      ++changed;
      favourite = flight.asked;
      if (world.chance(30)) continue;
      const std::size_t which = world.stale() - 1;
      player.invalidate(world.sufficient(which));
      world.clean(which);
    } else if (what < 40) {
      world.edit();
      ++changed;
    } else if (what < 55 && world.stale() != 0) {
      const std::size_t which = world.random()() % world.stale();
      player.invalidate(world.sufficient(which));
      world.clean(which);
    } else if (what < 60) {
      player.invalidate({world.noise()});
    } else if (what < 62 || world.stale() > 5) {
      player.invalidate(RandomWorld::everything());
      world.clean_all();
    } else if (flight.busy) {
      answer = player.advance(flight);
    } else {
      answer = player.start(flight, world.chance(40) ? favourite : world.request());
    }
    while (answer == std::nullopt && at_once == 1 && flight.busy) answer = player.advance(flight);
    if (!answer) continue;
    ++answers;
    if (world.legal(flight.asked, flight.begin, *answer)) continue;
    INFO("seed " << seed << ", step " << step << ": " << text(flight.asked) << ": no legal order gives " << text(*answer));
    REQUIRE(false);
  }
  REQUIRE(answers > static_cast<std::uint64_t>(steps / 20));
  REQUIRE(changed > static_cast<std::uint64_t>(steps / 50));
  REQUIRE(world.undecided() < answers / 50);
}

}  // namespace

TEST_CASE("legacy mode answers as the naive translator does, whatever is edited and then invalidated") {
  require_no_difference(false, GENERATE(range(1u, 25u)), 25'000);
}

TEST_CASE("scalable mode answers as the naive translator does, whatever is edited and then invalidated") {
  require_no_difference(true, GENERATE(range(101u, 133u)), 25'000);
}

TEST_CASE("what is found where the last request's was is counted, used and replaced as what is searched for") {
  const auto seed = GENERATE(range(601u, 613u));
  Player along(seed, {}), searching(seed, {});
  searching.along_trails = false;
  for (int step = 0; step < 25'000; ++step) {
    for (Player* player : {&along, &searching}) {
      RandomWorld& world = player->world;
      if (world.chance(1)) {
        world.edit();
        player->invalidate(world.sufficient(0));
        world.clean(0);
        continue;
      }
      const OracleRequest request = world.request();
      const OracleAnswer answer = player->whole(request);
      INFO("seed " << seed << ", step " << step << ": " << text(request) << ": " << text(answer));
      if (player == &searching) REQUIRE(answer == searching.last);
      searching.last = answer;
    }
  }
  REQUIRE(along.found_along > 0);
  REQUIRE(searching.found_along == 0);
  REQUIRE(along.statistics.context_hits == searching.statistics.context_hits);
  REQUIRE(along.statistics.iotlb_hits == searching.statistics.iotlb_hits);
  REQUIRE(along.statistics.walks == searching.statistics.walks);
  REQUIRE(along.statistics.memory_reads == searching.statistics.memory_reads);
}

TEST_CASE("the naive translator notices when software forgets its invalidations") {
  const bool scalable = GENERATE(false, true);
  Player player(7, {.scalable = scalable});
  std::string what;
  REQUIRE(first_difference(player, 20'000, true, what) >= 0);
}

TEST_CASE("without invalidation legacy mode answers as some legal order of edits and reads does") {
  require_legal(false, GENERATE(range(201u, 213u)), 25'000, 1);
}

TEST_CASE("without invalidation scalable mode answers as some legal order of edits and reads does") {
  require_legal(true, GENERATE(range(301u, 313u)), 25'000, 1);
}

TEST_CASE("walks at once in legacy mode answer legally while tables change and invalidations run") {
  require_legal(false, GENERATE(range(401u, 413u)), 50'000, 6);
}

TEST_CASE("walks at once in scalable mode answer legally while tables change and invalidations run") {
  require_legal(true, GENERATE(range(501u, 525u)), 50'000, 6);
}
