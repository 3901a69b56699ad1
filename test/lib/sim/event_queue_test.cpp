// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/event_queue.h"

#include <array>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include "lib/sim/simulation.h"
#include "lib/sim/strand.h"
#include "test/support/catch.h"

using namespace iovirt;
using sim::EventQueue;

namespace {

struct Recorder final : sim::Actor {
  explicit Recorder(EventQueue& q) : queue(q) {}
  void fire(std::uint32_t what, std::uint64_t arg) override {
    log.push_back({queue.now(), what, arg});
    kernel_times.push_back(sc_core::sc_time_stamp().value());
    if (react) react(what, arg);
  }
  struct Entry {
    Ps at;
    std::uint32_t what;
    std::uint64_t arg;
    bool operator==(const Entry&) const = default;
  };
  EventQueue& queue;
  std::vector<Entry> log;
  std::vector<Ps> kernel_times;
  std::function<void(std::uint32_t, std::uint64_t)> react;
};

/// Threads that poke a queue at irregular times, wait for its notifications, and note what they see.
struct Machine : sc_core::sc_module {
  SC_HAS_PROCESS(Machine);
  Machine(sc_core::sc_module_name name, bool run_ahead) : sc_module(name), queue("queue", run_ahead), path(queue) {
    path.react = [this](std::uint32_t what, std::uint64_t arg) {
      ++path_steps;
      if (what == 0 && arg > 0) queue.post(queue.now() + arg % 977, path, 0, arg - 1);  // a chain of steps
      if (what == 0 && arg % 5 == 0) {
        last_signal = queue.now();
        queue.notify(signal);
      }
    };
    SC_THREAD(poke);
    SC_THREAD(listen);
  }
  void poke() {
    std::mt19937 random(7);
    for (unsigned i = 0; i < 400; ++i) {
      wait(sc_core::sc_time::from_value(1 + random() % 20'000));
      queue.catch_up();
      seen.push_back({queue.now(), 1, path_steps});
      queue.post(queue.now() + random() % 3'000, path, 0, random() % 40);
    }
  }
  void listen() {
    for (;;) {
      wait(signal);
      queue.catch_up();
      if (sc_core::sc_time_stamp().value() < last_signal) continue;  // run-ahead notified for later
      seen_signals.push_back(queue.now());
    }
  }
  EventQueue queue;
  Recorder path;
  sc_core::sc_event signal;
  Ps last_signal = 0;
  std::uint64_t path_steps = 0;
  std::vector<Recorder::Entry> seen;
  std::vector<Ps> seen_signals;
};

}  // namespace

TEST_CASE("events fire in time order, equal times in order of posting") {
  EventQueue queue("queue");
  Recorder actor(queue);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  queue.post(300, actor, 1);
  queue.post(100, actor, 2);
  queue.post(300, actor, 3);
  queue.post(0, actor, 4);
  queue.post(100, actor, 5);
  sc_core::sc_start();
  std::vector<std::uint32_t> order;
  for (const auto& entry : actor.log) order.push_back(entry.what);
  REQUIRE(order == std::vector<std::uint32_t>{4, 2, 5, 1, 3});
  REQUIRE(actor.log[1].at == 100);
  REQUIRE(queue.processed() == 5);
}

TEST_CASE("events posted by a lane come when and in the order they would without it") {
  constexpr unsigned kSeed = 11;
  INFO("seed " << kSeed);
  std::vector<Recorder::Entry> logs[2];
  for (const bool lanes : {false, true}) {
    sim::Simulation simulation;
    EventQueue queue("queue");
    Recorder recorder(queue);
    std::vector<std::unique_ptr<sim::Lane>> all;
    for (unsigned i = 0; i < 3; ++i) all.push_back(std::make_unique<sim::Lane>(queue, recorder));
    std::mt19937 random(kSeed);
    std::uint64_t posted = 0;
    const auto post = [&](unsigned lane, Ps at) {
      if (lanes && lane < 3)
        all[lane]->post(at, lane, ++posted);
      else
        queue.post(at, recorder, lane, ++posted);
    };
    recorder.react = [&](std::uint32_t, std::uint64_t) {
      if (posted > 5000) return;
      for (unsigned n = random() % 4 + (posted < 200); n > 0; --n) {
        const unsigned lane = random() % 4;
        // A lane's latency is constant, but for some of lane 2.
        const Ps latency = lane == 3 ? random() % 50 : lane * 20 + (lane == 2 ? random() % 2 * 7 : 0);
        post(lane, queue.now() + latency);
      }
    };
    for (unsigned i = 0; i < 100; ++i) post(i % 4, i / 8);
    sc_core::sc_start();
    logs[lanes] = recorder.log;
  }
  REQUIRE(logs[0].size() > 1000);
  REQUIRE(logs[0] == logs[1]);
}

TEST_CASE("with nothing else to do, run-ahead serves a whole chain in one kernel event") {
  EventQueue queue("queue");
  Recorder actor(queue);
  actor.react = [&](std::uint32_t what, std::uint64_t) {
    if (what < 100) queue.post(queue.now() + 10, actor, what + 1);
  };
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  queue.post(50, actor, 0);
  sc_core::sc_start();
  REQUIRE(actor.log.size() == 101);
  REQUIRE(actor.log.back().at == 1050);
  REQUIRE(actor.kernel_times.back() == 50);
}

TEST_CASE("the plain form advances the kernel with every event") {
  EventQueue queue("queue", false);
  Recorder actor(queue);
  actor.react = [&](std::uint32_t what, std::uint64_t) {
    if (what < 10) queue.post(queue.now() + 10, actor, what + 1);
  };
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  queue.post(50, actor, 0);
  sc_core::sc_start();
  for (std::size_t i = 0; i < actor.log.size(); ++i) REQUIRE(actor.log[i].at == actor.kernel_times[i]);
}

TEST_CASE("run-ahead stops where the kernel has something to do") {
  EventQueue queue("queue");
  Recorder actor(queue);
  sc_core::sc_event other;
  actor.react = [&](std::uint32_t what, std::uint64_t) {
    if (what < 100) queue.post(queue.now() + 10, actor, what + 1);
  };
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  other.notify(sc_core::sc_time::from_value(500));
  queue.post(50, actor, 0);
  sc_core::sc_start();
  for (std::size_t i = 0; i < actor.log.size(); ++i)
    if (actor.log[i].at >= 500) REQUIRE(actor.kernel_times[i] >= 500);
}

TEST_CASE("a notification reaches its process at the path's time, not at the kernel's") {
  EventQueue queue("queue");
  Recorder actor(queue);
  sc_core::sc_event event;
  Ps woken = 0;
  actor.react = [&](std::uint32_t what, std::uint64_t) {
    if (what == 0) queue.post(queue.now() + 700, actor, 1);
    if (what == 1) queue.notify(event);
  };
  sc_core::sc_spawn([&] {
    sc_core::wait(event);
    woken = sc_core::sc_time_stamp().value();
    sc_core::sc_stop();
  });
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  queue.post(50, actor, 0);
  sc_core::sc_start();
  REQUIRE(woken == 750);
}

TEST_CASE("catching up serves what is due at the kernel's time, and not what comes later") {
  EventQueue queue("queue");
  Recorder actor(queue);
  std::size_t before = 9;
  std::size_t after = 9;
  sc_core::sc_spawn([&] {
    sc_core::wait(sc_core::sc_time::from_value(100));
    queue.post(queue.now(), actor, 1);
    queue.post(queue.now() + 1, actor, 2);
    before = actor.log.size();
    queue.catch_up();
    after = actor.log.size();
  });
  sc_core::sc_start();
  REQUIRE(before == 0);
  REQUIRE(after == 1);
  REQUIRE(actor.log.size() == 2);
}

TEST_CASE("run-ahead and the plain form are the same machine") {
  Machine ahead("ahead", true);
  Machine plain("plain", false);
  sc_core::sc_start();
  REQUIRE(ahead.path.log.size() > 5000);
  REQUIRE(ahead.path.log == plain.path.log);
  REQUIRE(ahead.seen == plain.seen);
  REQUIRE(ahead.seen_signals == plain.seen_signals);
  REQUIRE(ahead.seen_signals.size() > 100);
  REQUIRE(ahead.queue.processed() == plain.queue.processed());
}

namespace {

/// Threads that work in the path's time: they sleep, wake each other, post to the path and are woken by it.
struct Crew : sc_core::sc_module {
  SC_HAS_PROCESS(Crew);
  Crew(sc_core::sc_module_name name, bool run_ahead, bool as_strands)
      : sc_module(name), queue("queue", run_ahead), path(queue) {
    path.react = [this](std::uint32_t what, std::uint64_t arg) {
      if (what == 0 && arg > 0) queue.post(queue.now() + 1 + arg * 37 % 991, path, 0, arg - 1);
      if (what == 0 && arg % 3 == 0) queue.notify(alarms[arg % kThreads]);
    };
    for (unsigned i = 0; i < kThreads; ++i) {
      if (as_strands)
        strands.push_back(std::make_unique<sim::Strand>(queue, 65'536, [this, i] { run(i); }));
      else
        sc_core::sc_spawn([this, i] { run(i); });
    }
    SC_THREAD(foreigner);
  }
  void run(unsigned id) {
    std::mt19937 random(id + 1);
    for (unsigned step = 0; step < 300; ++step) {
      const Ps until = queue.now() + random() % 5'000;
      queue.wait(alarms[id], until);
      REQUIRE(queue.now() <= until);
      seen.push_back({queue.now(), id, step});
      if (random() % 4 == 0) queue.post(queue.now() + random() % 2'000, path, 0, random() % 30);
      if (random() % 8 == 0) queue.notify(alarms[random() % kThreads]);
      if (random() % 16 == 0) queue.notify(signal);
    }
  }
  /// A SystemC process of somebody else's: works at the kernel's time only.
  void foreigner() {
    std::mt19937 random(99);
    for (unsigned step = 0; step < 100; ++step) {
      wait(sc_core::sc_time::from_value(1 + random() % 9'000), signal);
      queue.catch_up();
      REQUIRE(queue.now() == sc_core::sc_time_stamp().value());
      queue.post(queue.now() + random() % 500, path, 0, random() % 10);
    }
  }
  static constexpr unsigned kThreads = 5;
  EventQueue queue;
  Recorder path;
  std::array<sim::Alarm, kThreads> alarms;
  sc_core::sc_event signal;
  std::vector<Recorder::Entry> seen;
  std::vector<std::unique_ptr<sim::Strand>> strands;
};

}  // namespace

TEST_CASE("strands with run-ahead and in the plain form are the same machine") {
  Crew ahead("ahead", true, true);
  Crew plain("plain", false, true);
  sc_core::sc_start();
  REQUIRE(ahead.seen.size() == 300 * Crew::kThreads);
  REQUIRE(ahead.seen == plain.seen);
  REQUIRE(ahead.path.log.size() > 2000);
  REQUIRE(ahead.path.log == plain.path.log);
}

TEST_CASE("a strand that sleeps among events of the path goes on at its own time, the kernel's standing still") {
  EventQueue queue("queue");
  Recorder actor(queue);
  actor.react = [&](std::uint32_t what, std::uint64_t) {
    if (what < 100) queue.post(queue.now() + 10, actor, what + 1);
  };
  sim::Alarm alarm;
  Ps woken = 0, kernel = 0;
  std::size_t before = 0;
  const sim::Strand strand(queue, 65'536, [&] {
    queue.wait(alarm, 5);  // the kernel has nothing more to do at time 0
    queue.post(50, actor, 0);
    queue.wait(alarm, 550);
    woken = queue.now();
    kernel = sc_core::sc_time_stamp().value();
    before = actor.log.size();
  });
  sc_core::sc_start();
  REQUIRE(woken == 550);
  REQUIRE(kernel == 0);
  REQUIRE(before == 51);  // 50 to 550, the last one included
  REQUIRE(actor.log.size() == 101);
}

TEST_CASE("an event of the path wakes a strand before its time is up") {
  EventQueue queue("queue");
  Recorder actor(queue);
  sim::Alarm alarm;
  actor.react = [&](std::uint32_t, std::uint64_t) { queue.notify(alarm); };
  std::vector<Ps> woken;
  const sim::Strand strand(queue, 65'536, [&] {
    queue.post(300, actor, 1);
    queue.wait(alarm, 1000);
    woken.push_back(queue.now());
    queue.wait(alarm, 2000);
    woken.push_back(queue.now());  // the first wait's time, 1000, is void
  });
  sc_core::sc_start();
  REQUIRE(woken == std::vector<Ps>{300, 2000});
}

TEST_CASE("a notification that finds nobody waiting ends the next wait at once") {
  EventQueue queue("queue");
  sim::Alarm alarm;
  std::vector<Ps> woken;
  const sim::Strand strand(queue, 65'536, [&] {
    queue.notify(alarm);
    queue.wait(alarm, 1000);
    woken.push_back(queue.now());
    queue.wait(alarm, 1000);
    woken.push_back(queue.now());
  });
  sc_core::sc_start();
  REQUIRE(woken == std::vector<Ps>{0, 1000});
}

TEST_CASE("strands of one time go on in the order in which they were woken") {
  EventQueue queue("queue");
  Recorder actor(queue);
  std::array<sim::Alarm, 3> alarms;
  std::vector<unsigned> order;
  std::vector<std::unique_ptr<sim::Strand>> strands;
  for (unsigned i = 0; i < 3; ++i)
    strands.push_back(std::make_unique<sim::Strand>(queue, 65'536, [&, i] {
      queue.wait(alarms[i]);
      order.push_back(i);
    }));
  actor.react = [&](std::uint32_t, std::uint64_t) {
    for (const unsigned i : {2u, 0u, 1u}) queue.notify(alarms[i]);
  };
  sc_core::sc_spawn([&] { queue.post(100, actor, 0); });
  sc_core::sc_start();
  REQUIRE(order == std::vector<unsigned>{2, 0, 1});
}

TEST_CASE("strands that sleep until one time go on in the order in which they began, after its events") {
  EventQueue queue("queue");
  Recorder actor(queue);
  std::array<sim::Alarm, 4> alarms;
  constexpr std::array<Ps, 4> kUntil = {700, 500, 700, 500};
  std::vector<std::pair<Ps, unsigned>> order;
  std::vector<std::size_t> events;
  std::vector<std::unique_ptr<sim::Strand>> strands;
  for (unsigned i = 0; i < 4; ++i)
    strands.push_back(std::make_unique<sim::Strand>(queue, 65'536, [&, i] {
      if (i == 0)
        for (const Ps at : {499, 500, 500, 700, 701}) queue.post(at, actor, 0);
      queue.wait(alarms[i], kUntil[i]);
      order.emplace_back(queue.now(), i);
      events.push_back(actor.log.size());
    }));
  sc_core::sc_start();
  REQUIRE(order == std::vector<std::pair<Ps, unsigned>>{{500, 1}, {500, 3}, {700, 0}, {700, 2}});
  REQUIRE(events == std::vector<std::size_t>{3, 3, 4, 4});
}

TEST_CASE("a strand that is woken before its time leaves that of the others as it was") {
  EventQueue queue("queue");
  Recorder actor(queue);
  std::array<sim::Alarm, 3> alarms;
  actor.react = [&](std::uint32_t what, std::uint64_t) { queue.notify(alarms[what]); };
  std::vector<std::pair<Ps, unsigned>> order;
  std::vector<std::unique_ptr<sim::Strand>> strands;
  for (unsigned i = 0; i < 3; ++i)
    strands.push_back(std::make_unique<sim::Strand>(queue, 65'536, [&, i] {
      if (i == 0) queue.post(100, actor, 1);
      queue.wait(alarms[i], 300 + 100 * i);
      order.emplace_back(queue.now(), i);
      if (i == 1) queue.wait(alarms[i], 350);
      if (i == 1) order.emplace_back(queue.now(), i);
    }));
  sc_core::sc_start();
  REQUIRE(order == std::vector<std::pair<Ps, unsigned>>{{100, 1}, {300, 0}, {350, 1}, {500, 2}});
}

TEST_CASE("a strand that is ended leaves the others their time") {
  EventQueue queue("queue");
  std::array<sim::Alarm, 2> alarms;
  std::vector<Ps> woken;
  sim::Strand first(queue, 65'536, [&] { queue.wait(alarms[0], 1000); woken.push_back(0); });
  const sim::Strand second(queue, 65'536, [&] {
    queue.wait(alarms[1], 2000);
    woken.push_back(queue.now());
  });
  sc_core::sc_event over;
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.set_sensitivity(&over);
  method.dont_initialize();
  sc_core::sc_spawn([&] { first.end(); }, "end", &method);
  over.notify(sc_core::sc_time::from_value(500));
  sc_core::sc_start();
  REQUIRE(woken == std::vector<Ps>{2000});
}

TEST_CASE("a process that is no strand waits for the kernel's time") {
  EventQueue queue("queue");
  Recorder actor(queue);
  sim::Alarm alarm;
  actor.react = [&](std::uint32_t, std::uint64_t) { queue.notify(alarm); };
  std::vector<std::pair<Ps, Ps>> woken;
  const auto note = [&] { woken.emplace_back(queue.now(), sc_core::sc_time_stamp().value()); };
  sc_core::sc_spawn([&] {
    queue.post(300, actor, 1);
    queue.wait(alarm);
    note();
    queue.wait(alarm, 700);
    note();
  });
  sc_core::sc_start();
  REQUIRE(woken == std::vector<std::pair<Ps, Ps>>{{300, 300}, {700, 700}});
}

TEST_CASE("what a strand throws comes out of the simulation") {
  EventQueue queue("queue");
  const sim::Strand strand(queue, 65'536, [] { throw std::runtime_error("of the strand"); });
  REQUIRE_THROWS_WITH(sc_core::sc_start(), Catch::Matchers::ContainsSubstring("of the strand"));
}

TEST_CASE("a strand that waits can be ended: what lies on its stack is destroyed") {
  EventQueue queue("queue");
  std::array<sim::Alarm, 2> alarms;
  unsigned destroyed = 0;
  struct Guard {
    unsigned& count;
    ~Guard() { ++count; }
  };
  std::vector<std::unique_ptr<sim::Strand>> strands;
  for (unsigned i = 0; i < 2; ++i)
    strands.push_back(std::make_unique<sim::Strand>(queue, 65'536, [&, i] {
      const Guard guard{destroyed};
      for (;;) queue.wait(alarms[i], queue.now() + 1000);
    }));
  sc_core::sc_event over;
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.set_sensitivity(&over);
  method.dont_initialize();
  sc_core::sc_spawn(
      [&] {
        for (auto& strand : strands) strand->end();
        sc_core::sc_stop();
      },
      "end", &method);
  over.notify(sc_core::sc_time::from_value(4500));
  sc_core::sc_start();
  REQUIRE(destroyed == 2);
}
