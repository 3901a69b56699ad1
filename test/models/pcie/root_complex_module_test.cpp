// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/catch.h"
#include "test/support/pcie_bench_module.h"

using namespace iovirt;
using test::PcieBench;

namespace {

std::vector<std::uint8_t> pattern(std::size_t size, unsigned seed = 1) {
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + seed);
  return bytes;
}

constexpr Ps kUp = 150'000;  // propagation and root complex
constexpr Ps kDown = 150'000;

}  // namespace

TEST_CASE("a DMA write takes serialisation, flight, root complex and memory") {
  PcieBench bench;
  Ps start = 0;
  bench.run([&] {
    bench.plug();
    start = bench.core.now();
    bench.device.write(0, 0x1000, pattern(64), 5);
    bench.drain();
  });
  REQUIRE(bench.memory.log.size() == 1);
  REQUIRE(bench.memory.log[0].arrived == start + bench.timing.time(64 + 24) + kUp);
  REQUIRE(bench.device.done.size() == 1);
  REQUIRE(bench.device.done[0].at == bench.memory.log[0].arrived + 100'000);
  REQUIRE(bench.memory.log[0].requester == 0x100);
  REQUIRE(std::equal(bench.memory.bytes.begin() + 0x1000, bench.memory.bytes.begin() + 0x1040, pattern(64).begin()));
}

TEST_CASE("a DMA read takes the request up, memory, and the completion down") {
  PcieBench bench;
  Ps start = 0;
  bench.run([&] {
    bench.plug();
    std::fill_n(bench.memory.bytes.begin() + 0x2000, 256, std::uint8_t{0xab});
    start = bench.core.now();
    bench.device.read(0, 0x2000, 256, 9);
    bench.drain();
  });
  REQUIRE(bench.device.done.at(0).at ==
          start + bench.timing.time(24) + kUp + 100'000 + kDown + bench.timing.time(256 + 20));
  REQUIRE(bench.device.done[0].ok);
  REQUIRE(bench.device.done[0].bytes == std::vector<std::uint8_t>(256, 0xab));
}

TEST_CASE("a write of 1500 bytes is cut at the payload size and at 4 KiB") {
  PcieBench bench;
  bench.run([&] {
    bench.plug();
    bench.device.write(0, 0x1f80, pattern(1500), 1);
    bench.drain();
  });
  std::vector<std::pair<std::uint64_t, unsigned>> pieces;
  for (const auto& entry : bench.memory.log) pieces.emplace_back(entry.address, entry.length);
  REQUIRE(pieces == std::vector<std::pair<std::uint64_t, unsigned>>{
                        {0x1f80, 128}, {0x2000, 256}, {0x2100, 256}, {0x2200, 256}, {0x2300, 256}, {0x2400, 256}, {0x2500, 92}});
  REQUIRE(std::equal(bench.memory.bytes.begin() + 0x1f80, bench.memory.bytes.begin() + 0x1f80 + 1500, pattern(1500).begin()));
  REQUIRE(bench.device.done.size() == 1);
}

TEST_CASE("a read of 1500 bytes is cut at the read request size and comes back whole") {
  PcieBench bench;
  bench.run([&] {
    bench.plug();
    const auto bytes = pattern(1500, 3);
    std::copy(bytes.begin(), bytes.end(), bench.memory.bytes.begin() + 0x1f80);
    bench.device.read(0, 0x1f80, 1500, 1);
    bench.drain();
  });
  REQUIRE(bench.memory.log.size() == 4);  // 128, 512, 512, 348
  REQUIRE(bench.memory.log[1].length == 512);
  REQUIRE(bench.device.done.at(0).bytes == pattern(1500, 3));
}

TEST_CASE("64-byte writes saturate the link at exactly its bandwidth") {
  PcieBench bench;
  constexpr unsigned kCount = 5000;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.write(0, 64 * i, pattern(64), i);
    bench.drain();
  });
  const auto& log = bench.memory.log;
  REQUIRE(log.size() == kCount);
  REQUIRE(log.back().arrived - log.front().arrived == (kCount - 1) * bench.timing.time(88));
  REQUIRE(bench.rc.counters().stalled == 0);
}

TEST_CASE("1500-byte writes saturate the link at its bandwidth less framing") {
  PcieBench bench;
  constexpr unsigned kCount = 1000;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.write(0, 2048 * i, pattern(1500), i);
    bench.drain();
  });
  const auto& log = bench.memory.log;
  REQUIRE(log.size() == 6 * kCount);
  const Ps each = 5 * bench.timing.time(256 + 24) + bench.timing.time(220 + 24);
  REQUIRE(log.back().arrived - log.front().arrived == kCount * each - bench.timing.time(256 + 24));
}

TEST_CASE("with one tag, a read waits for the round trip of the one before") {
  PcieBench bench(PcieBench::config(), {.read_tags = 1, .register_latency = 0});
  constexpr unsigned kCount = 100;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.read(0, 64 * i, 64, i);
    bench.drain();
  });
  const auto& done = bench.device.done;
  const Ps round_trip = bench.timing.time(24) + kUp + 100'000 + kDown + bench.timing.time(84);
  REQUIRE(done.back().at - done.front().at == (kCount - 1) * round_trip);
  REQUIRE(bench.memory.most_outstanding == 1);
}

TEST_CASE("some tags give as many reads per round trip") {
  PcieBench bench(PcieBench::config(), {.read_tags = 8, .register_latency = 0});
  constexpr unsigned kCount = 400;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.read(0, 64 * i, 64, i);
    bench.drain();
  });
  const auto& done = bench.device.done;
  const Ps round_trip = bench.timing.time(24) + kUp + 100'000 + kDown + bench.timing.time(84);
  REQUIRE(done[kCount - 8].at - done[0].at == (kCount / 8 - 1) * round_trip);
  REQUIRE(bench.memory.most_outstanding == 8);
}

TEST_CASE("many tags fill the downstream link with completions") {
  PcieBench bench(PcieBench::config(), {.read_tags = 256, .register_latency = 0});
  constexpr unsigned kCount = 2000;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.read(0, 512 * i, 512, i);
    bench.drain();
  });
  const auto& done = bench.device.done;
  REQUIRE(done.size() == kCount);
  const Ps each = bench.timing.time(512 + 2 * 20);
  const Ps span = done.back().at - done[kCount / 2].at;
  REQUIRE(span == (kCount - 1 - kCount / 2) * each);
}

TEST_CASE("completions cut at the read completion boundary take longer") {
  pcie::Config config = PcieBench::config();
  config.split_at_rcb = true;
  PcieBench bench(config);
  Ps start = 0;
  bench.run([&] {
    bench.plug();
    start = bench.core.now();
    bench.device.read(0, 0x2000, 256, 9);
    bench.drain();
  });
  REQUIRE(bench.device.done.at(0).at - start == bench.timing.time(24) + kUp + 100'000 + kDown + bench.timing.time(256 + 4 * 20));
}

TEST_CASE("posted header credits bound the writes in flight and the stall is counted") {
  pcie::Config config = PcieBench::config();
  config.posted_credits = 4;
  PcieBench bench(config);
  bench.memory.write_latency = 1'000'000;
  constexpr unsigned kCount = 40;
  bench.run([&] {
    bench.plug();
    for (unsigned i = 0; i < kCount; ++i) bench.device.write(0, 64 * i, pattern(64), i);
    bench.drain();
  });
  const auto& log = bench.memory.log;
  REQUIRE(log.size() == kCount);
  REQUIRE(bench.memory.most_outstanding == 4);
  // Each credit makes one write per serialisation, way up, memory, and way of the update back.
  const Ps loop = bench.timing.time(88) + kUp + 1'000'000 + 50'000;
  REQUIRE(log[4].arrived - log[0].arrived == loop);
  REQUIRE(log[36].arrived - log[0].arrived == 9 * loop);
  REQUIRE(bench.rc.counters().stalled > 8 * (loop - 5 * bench.timing.time(88)));
}

TEST_CASE("a read that waits for a credit lets writes pass") {
  pcie::Config config = PcieBench::config();
  config.nonposted_credits = 1;
  PcieBench bench(config);
  bench.memory.read_latency = 5'000'000;
  bench.run([&] {
    bench.plug();
    bench.device.read(0, 0, 64, 1);
    bench.device.read(0, 64, 64, 2);
    bench.device.write(0, 128, pattern(64), 3);
    bench.drain();
  });
  std::vector<std::uint64_t> order;
  for (const auto& entry : bench.device.done) order.push_back(entry.tag);
  REQUIRE(order == std::vector<std::uint64_t>{3, 1, 2});
}

TEST_CASE("a DMA read does not pass an earlier DMA write to the same place") {
  PcieBench bench;
  bench.memory.write_latency = 3'000'000;
  bench.memory.read_latency = 1'000;
  bench.run([&] {
    bench.plug();
    bench.device.write(0, 0x4000, pattern(64, 9), 1);
    bench.device.read(0, 0x4000, 64, 2);
    bench.drain();
  });
  REQUIRE(bench.device.done.at(1).tag == 2);
  REQUIRE(bench.device.done[1].bytes == pattern(64, 9));
}

TEST_CASE("a register read by a core pushes the device's earlier writes into memory") {
  PcieBench bench;
  bench.memory.write_latency = 4'000'000;
  std::uint8_t seen = 0;
  bench.run([&] {
    const auto nic = bench.plug();
    bench.device.on_write = [&](const auto&) { bench.device.write(0, 0x5000, std::vector<std::uint8_t>(64, 0x77), 1); };
    bench.core.store(nic.bar(0), 4, 1);
    bench.core.load(nic.bar(0), 4);
    seen = bench.memory.bytes[0x5000];
  });
  REQUIRE(seen == 0x77);
}

TEST_CASE("an early answer to a later write does not release what waits for an earlier one") {
  PcieBench bench;
  bench.memory.latency = [](const auto& entry) -> Ps { return entry.write && entry.address == 0x6000 ? 5'000'000 : 1'000; };
  bench.run([&] {
    bench.plug();
    bench.device.write(0, 0x6000, pattern(64, 4), 1);
    bench.device.write(0, 0x7000, pattern(64, 5), 2);
    bench.device.read(0, 0x6000, 64, 3);
    bench.drain();
  });
  REQUIRE(bench.device.done.at(2).tag == 3);
  REQUIRE(bench.device.done[2].bytes == pattern(64, 4));
}

TEST_CASE("a core's posted write costs acceptance only and its read a round trip") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    const Ps before = bench.core.now();
    bench.core.store(nic.bar(0) + 8, 4, 0x1234);
    REQUIRE(bench.core.now() - before == 20'000);
    const Ps read_from = bench.core.now();
    REQUIRE(bench.core.load(nic.bar(0) + 8, 4) == 0x1234);
    // The read follows the write down the link by the 20 ns it was accepted later.
    REQUIRE(bench.core.now() - read_from ==
            20'000 + kDown + bench.timing.time(24) + 10'000 + bench.timing.time(24) + kUp);
  });
}

TEST_CASE("the chipset window is passed on with addresses from zero") {
  PcieBench bench;
  bench.run([&] {
    bench.core.store(0xfed9'0018, 4, 0xc0000000);
    REQUIRE(bench.core.load(0xfed9'0018, 4) == 0xc0000000);
  });
  REQUIRE(bench.chipset.words[3] == 0xc0000000);
}

TEST_CASE("what nobody claims reads as ones") {
  PcieBench bench;
  bench.run([&] {
    const auto nic = bench.plug();
    REQUIRE(bench.core.load(0xd000'0000, 4) == 0xffff'ffff);
    REQUIRE(bench.core.last_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    REQUIRE(bench.core.load(nic.bar(0) + (80u << 10), 8) == ~0ull);  // in the bridge's window, in no BAR
    REQUIRE(bench.core.last_status() == tlm::TLM_ADDRESS_ERROR_RESPONSE);
    bench.core.store(0xd000'0000, 4, 1);
    REQUIRE(bench.core.read(0x0500, 0, 4) == 0xffff'ffff);
    REQUIRE(bench.core.read(0x0101, 0, 4) == 0xffff'ffff);
    REQUIRE(bench.core.last_status() == tlm::TLM_OK_RESPONSE);
  });
  REQUIRE(bench.rc.counters().unclaimed == 2);
  REQUIRE(bench.device.counters().unsupported == 2);
  REQUIRE((bench.device.function(0).aer()->offset()) != 0);
}

TEST_CASE("a slot with nothing in it is an absent device") {
  pcie::Config config = PcieBench::config();
  config.ports = 2;
  PcieBench bench(config);
  bench.run([&] {
    pcie::Enumerator enumerator(bench.core, pcie::windows_of(config));
    REQUIRE(enumerator.scan().size() == 4);  // the host bridge, two ports, one device
    REQUIRE(bench.core.read(0x0200, 0, 4) == 0xffff'ffff);
  });
}

TEST_CASE("run-ahead gives the same times as the plain form") {
  const pcie::Config config = [] {
    pcie::Config c = PcieBench::config();
    c.posted_credits = 6;
    c.nonposted_credits = 3;
    return c;
  }();
  PcieBench ahead(config, {.read_tags = 5, .register_latency = 10'000}, true, "ahead_");
  PcieBench plain(config, {.read_tags = 5, .register_latency = 10'000}, false, "plain_");
  for (PcieBench* bench : {&ahead, &plain}) {
    bench->core.stop_when_done = false;
    bench->memory.latency = [](const auto& entry) -> Ps { return 40'000 + entry.address * 7919 % 400'000; };
    bench->device.on_write = [bench](const auto& access) {
      bench->device.write(0, access.value * 128, pattern(300, 2), access.value);
      bench->device.read(0, access.value * 512, 700, 1000 + access.value);
      bench->device.interrupt(0, 0);
    };
    bench->core.script = [bench] {
      const auto nic = bench->plug();
      const std::uint64_t bar = nic.bar(0);
      bench->core.write(nic.bdf, bench->device.function(0).config.find_capability(pcie::spec::kCapMsix) + 2u, 2, pcie::spec::kMsixEnable);
      bench->core.store(bar + 0x2000, 8, 0xfee0'0000);
      bench->core.store(bar + 0x200c, 4, 0);
      for (unsigned i = 0; i < 300; ++i) {
        bench->core.store(bar, 8, i);
        if (i % 7 == 0) bench->core.load(bar + 8, 4);
        if (i % 11 == 0) bench->core.sleep(123'000);
      }
      bench->drain();
    };
  }
  sc_core::sc_start();
  for (PcieBench* bench : {&ahead, &plain}) {
    if (bench->core.failure) std::rethrow_exception(bench->core.failure);
    REQUIRE(bench->core.done);
  }
  REQUIRE(ahead.memory.log == plain.memory.log);
  REQUIRE(ahead.device.done == plain.device.done);
  REQUIRE(ahead.device.done.size() == 600);
  REQUIRE(ahead.memory.messages.size() == 300);
  REQUIRE(ahead.rc.counters().up_bytes == plain.rc.counters().up_bytes);
  REQUIRE(ahead.rc.counters().stalled == plain.rc.counters().stalled);
  REQUIRE(ahead.rc.counters().stalled > 0);
}
