// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The benchmark's card: its registers, its addresses, its times. The link is free but for serialisation; memory takes
// 100 ns.

#include "models/pcie/dma_engine_module.h"

#include <algorithm>
#include <set>

#include "test/support/catch.h"
#include "test/support/pcie_bench_module.h"

using namespace iovirt;
using namespace iovirt::pcie;
namespace de = iovirt::pcie::dma_engine;
using iovirt::test::TestChipset;
using iovirt::test::TestCore;
using iovirt::test::TestMemory;

namespace {

DmaEngineConfig config() {
  DmaEngineConfig c;
  c.read_tags = 4;
  c.write_slots = 4;
  c.transfer_ns = 10;
  c.unit_ns = 5;
  c.write_interval_ns = 30;
  c.request_ns = 40;
  c.completion_ns = 60;
  c.write_ns = 25;
  return c;
}

struct CardBench {
  explicit CardBench(const DmaEngineConfig& c = config())
      : rc("rc", Config{}, queue, pool), card("card", c, {}, queue, pool), memory("memory", queue), chipset("chipset", queue),
        core("core", queue, Config{}.ecam_base) {
    core.out.bind(rc.mmio_in);
    rc.dma_out.bind(memory.in);
    rc.chipset_out.bind(chipset.in);
    rc.down[0].bind(card.tlp_in);
    card.tlp_out.bind(rc.up[0]);
  }
  void run(std::function<void()> script) {
    core.script = [&, script = std::move(script)] {
      Enumerator enumerator(core, windows_of(rc.config()));
      const auto found = enumerator.scan().at(2);
      core.write(found.bdf, spec::kCommand, 2, spec::kCommandMemoryEnable | spec::kCommandBusMaster);
      bar = found.bar(0);
      script();
    };
    sc_core::sc_start();
    if (core.failure) std::rethrow_exception(core.failure);
    REQUIRE(core.done);
  }
  void set(std::uint64_t offset, std::uint64_t value) { core.store(bar + offset, 8, value); }
  std::uint64_t get(std::uint64_t offset) { return core.load(bar + offset, 8); }
  /// Gives the status at the end.
  std::uint64_t test(de::Test which, std::uint64_t window, std::uint64_t bytes, std::uint64_t count, bool random = false,
                     std::uint64_t offset = 0) {
    set(de::kWindow, 0x10'0000);
    set(de::kWindowBytes, window);
    set(de::kTransferBytes, bytes);
    set(de::kOffset, offset);
    set(de::kCount, count);
    set(de::kSeed, 7);
    set(de::kControl, static_cast<std::uint64_t>(which) | (random ? de::kRandom : 0));
    while (get(de::kStatus) & de::kBusy) core.sleep(1'000'000);
    return get(de::kStatus);
  }

  sim::TransactionPool pool;
  sim::EventQueue queue{"queue"};
  RootComplex rc;
  DmaEngine card;
  TestMemory memory;
  TestChipset chipset;
  TestCore core;
  std::uint64_t bar = 0;
};

}  // namespace

TEST_CASE("sequential transfers go through the window line by line and around") {
  CardBench bench;
  bench.run([&] {
    REQUIRE(bench.test(de::Test::bandwidth_read, 4 * 128, 100, 6) == 0);
    std::vector<std::uint64_t> addresses;
    for (const auto& entry : bench.memory.log) {
      REQUIRE_FALSE(entry.write);
      REQUIRE(entry.length == 100);
      addresses.push_back(entry.address - 0x10'0000);
    }
    REQUIRE(addresses == std::vector<std::uint64_t>{0, 128, 256, 384, 0, 128});
  });
}

TEST_CASE("random transfers keep to their places and reach all of them") {
  CardBench bench;
  bench.run([&] {
    REQUIRE(bench.test(de::Test::bandwidth_write, 1024, 64, 200, true, 8) == 0);
    std::set<std::uint64_t> addresses;
    for (const auto& entry : bench.memory.log)
      if (entry.write) addresses.insert(entry.address - 0x10'0000);
    REQUIRE(addresses.size() == 8);  // places of two lines
    for (const std::uint64_t address : addresses) REQUIRE(address % 128 == 8);
  });
}

TEST_CASE("a lone read takes command, link, memory and completion") {
  CardBench bench;
  bench.run([&] {
    REQUIRE(bench.test(de::Test::latency_read, 4096, 64, 3) == 0);
    const LinkTiming timing(3, 8, 256);
    const Ps expected = 40'000 + timing.time(kReadRequestBytes) + 100'000 + timing.time(kCompletionOverheadBytes + 64) + 5'000 + 60'000;
    REQUIRE(bench.card.journal() == std::vector<Ps>(3, expected));
  });
}

TEST_CASE("a write and read waits until the write is sent, not until it has landed") {
  CardBench bench;
  bench.memory.write_latency = 0;
  bench.run([&] {
    REQUIRE(bench.test(de::Test::latency_write_read, 4096, 64, 1) == 0);
    const LinkTiming timing(3, 8, 256);
    const Ps read = 40'000 + timing.time(kReadRequestBytes) + 100'000 + timing.time(kCompletionOverheadBytes + 64) + 5'000 + 60'000;
    REQUIRE(bench.card.journal() == std::vector<Ps>{40'000 + 25'000 + read});
    REQUIRE(bench.memory.log.at(0).write);
    REQUIRE_FALSE(bench.memory.log.at(1).write);
    REQUIRE(bench.memory.log.at(0).address == bench.memory.log.at(1).address);
  });
}

TEST_CASE("latencies are told in steps of the card's timer") {
  DmaEngineConfig c = config();
  c.timer_ns = 13;
  CardBench bench(c);
  bench.run([&] {
    REQUIRE(bench.test(de::Test::latency_read, 4096, 64, 20) == 0);
    for (const Ps latency : bench.card.journal()) REQUIRE(latency % 13'000 == 0);
  });
}

TEST_CASE("reads in flight are bounded by tags and their pace by the engine") {
  CardBench bench;
  bench.memory.read_latency = 1'000'000;
  bench.run([&] { REQUIRE(bench.test(de::Test::bandwidth_read, 1 << 16, 128, 12) == 0); });
  REQUIRE(bench.memory.most_outstanding == 4);
  const auto& log = bench.memory.log;
  for (unsigned i = 1; i < 4; ++i) REQUIRE(log[i].arrived - log[i - 1].arrived == 20'000);  // 10 ns and two units
  REQUIRE(log[4].arrived - log[3].arrived > 900'000);
}

TEST_CASE("writes keep their least distance and their number in flight") {
  CardBench bench;
  bench.memory.write_latency = 1'000'000;
  bench.run([&] { REQUIRE(bench.test(de::Test::bandwidth_write, 1 << 16, 64, 8) == 0); });
  REQUIRE(bench.memory.most_outstanding == 4);
  for (unsigned i = 1; i < 4; ++i) REQUIRE(bench.memory.log[i].arrived - bench.memory.log[i - 1].arrived == 30'000);
}

TEST_CASE("reads and writes take turns when both are asked for") {
  CardBench bench;
  bench.run([&] { REQUIRE(bench.test(de::Test::bandwidth_both, 1 << 16, 64, 10) == 0); });
  const auto writes = std::count_if(bench.memory.log.begin(), bench.memory.log.end(), [](const auto& entry) { return entry.write; });
  REQUIRE(writes == 5);
  REQUIRE(bench.memory.log.size() == 10);
}

TEST_CASE("a test that makes no sense is refused, and a transfer that fails is told") {
  CardBench bench;
  bench.run([&] {
    REQUIRE(bench.test(de::Test::bandwidth_read, 4096, 0, 1) == de::kFailed);
    REQUIRE(bench.test(de::Test::bandwidth_read, 64, 65, 1) == de::kFailed);
    REQUIRE(bench.test(de::Test::bandwidth_read, 4096, 64, 0) == de::kFailed);
    REQUIRE(bench.test(static_cast<de::Test>(5), 4096, 64, 1) == de::kFailed);
    REQUIRE(bench.memory.log.empty());
    REQUIRE(bench.test(de::Test::bandwidth_read, 1ull << 40, 64, 20, true) == de::kFailed);  // most of it is not memory
    REQUIRE(bench.test(de::Test::latency_read, 4096, 64, 1) == 0);  // and the card still works
  });
}

TEST_CASE("registers do not change while a test runs") {
  CardBench bench;
  bench.memory.read_latency = 5'000'000;
  bench.run([&] {
    bench.set(de::kWindow, 0x10'0000);
    bench.set(de::kWindowBytes, 4096);
    bench.set(de::kTransferBytes, 64);
    bench.set(de::kCount, 1);
    bench.set(de::kControl, 0);
    bench.set(de::kCount, 99);
    REQUIRE((bench.get(de::kStatus) & de::kBusy) != 0);
    REQUIRE(bench.get(de::kCount) == 1);
    bench.core.sleep(10'000'000);
    REQUIRE(bench.get(de::kStatus) == 0);
    REQUIRE(bench.get(de::kElapsed) > 5'000'000);
  });
}
