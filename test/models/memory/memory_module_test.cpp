// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/memory_module.h"

#include <cstring>
#include <functional>

#include <tlm_utils/simple_initiator_socket.h>

#include "test/support/catch.h"

using namespace iovirt;
using memory::Memory;

namespace {

memory::Config config() {
  memory::Config c;
  c.size_bytes = 16 << 20;
  c.llc_bytes = 64 << 10;
  c.llc_ways = 4;
  c.channels = 2;
  c.llc_latency_ns = 20;
  c.device_latency_ns = 80;
  c.dram_latency_ns = 60;
  c.channel_gbytes_per_s = 12.8;  // 5 ns a line
  c.memory_parallelism = 4;
  return c;
}

struct Initiator : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Initiator> out;
  Initiator(sc_core::sc_module_name name, sim::EventQueue& q) : sc_module(name), out("out"), queue(q) {
    out.register_nb_transport_bw(this, &Initiator::answered);
  }
  struct Answer {
    std::uint64_t tag;
    Ps at;
    bool ok;
    PacketId packet;
    std::vector<std::uint8_t> bytes;
  };
  std::vector<Answer> answers;
  tlm::tlm_generic_payload& make(bool write, std::uint64_t address, unsigned length, std::uint64_t tag, std::uint8_t fill = 0) {
    auto& p = pool.acquire(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, length);
    std::memset(p.get_data_ptr(), fill, length);
    sim::TransactionPool::extension(p).tag = tag;
    return p;
  }
  void send(tlm::tlm_generic_payload& p) {
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = queue.delay();
    REQUIRE(out->nb_transport_fw(p, phase, delay) == tlm::TLM_UPDATED);
    REQUIRE(phase == tlm::END_REQ);
  }
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& p, tlm::tlm_phase&, sc_core::sc_time&) {
    const auto& ext = sim::TransactionPool::extension(p);
    answers.push_back({ext.tag, queue.now(), p.is_response_ok(), ext.packet,
                       std::vector<std::uint8_t>(p.get_data_ptr(), p.get_data_ptr() + p.get_data_length())});
    p.release();
    return tlm::TLM_COMPLETED;
  }
  sim::EventQueue& queue;
  sim::TransactionPool pool;
};

struct Bench {
  explicit Bench(const memory::Config& c = config()) : memory("memory", c, queue), device("device", queue), other("other", queue) {
    device.out.bind(memory.dma_in);
    other.out.bind(memory.dma_in);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  sim::EventQueue queue{"queue"};
  Memory memory;
  Initiator device, other;
};

}  // namespace

TEST_CASE("a device's read costs the cache's latency on a hit and DRAM's on a miss") {
  Bench bench;
  bench.device.send(bench.device.make(false, 0x1000, 64, 1));
  sc_core::sc_start();
  REQUIRE(bench.device.answers[0].at == 160'000);
  bench.memory.cpu_access(0x1000, 64, false);
  const Ps start = sc_core::sc_time_stamp().value();
  bench.device.send(bench.device.make(false, 0x1000, 64, 2));
  sc_core::sc_start();
  REQUIRE(bench.device.answers[1].at - start == 100'000);
  REQUIRE(bench.memory.counters().device_line_hits == 1);
  REQUIRE(bench.memory.counters().device_line_misses == 1);
}

TEST_CASE("bytes move when the request commits and the answer goes to who asked") {
  Bench bench;
  bench.other.send(bench.other.make(true, 0x2000, 100, 7, 0xcd));
  REQUIRE(bench.memory.data()[0x2000] == 0);
  sc_core::sc_start(sc_core::sc_time(99, sc_core::SC_NS));
  REQUIRE(bench.memory.data()[0x2000] == 0);
  sc_core::sc_start();
  REQUIRE(bench.memory.data()[0x2063] == 0xcd);
  REQUIRE(bench.memory.data()[0x2064] == 0);
  REQUIRE(bench.device.answers.empty());
  REQUIRE(bench.other.answers.at(0).at == 100'000);
}

TEST_CASE("a channel serves one line at a time and channels work side by side") {
  Bench bench;
  for (unsigned i = 0; i < 8; ++i) bench.device.send(bench.device.make(false, 0x10000 + 128 * i, 64, i));  // all on channel 0
  bench.device.send(bench.device.make(false, 0x10040, 64, 8));
  sc_core::sc_start();
  std::vector<Ps> at(9);
  for (const auto& answer : bench.device.answers) at[answer.tag] = answer.at;
  for (unsigned i = 0; i < 8; ++i) REQUIRE(at[i] == 160'000 + i * 5'000);
  REQUIRE(at[8] == 160'000);
}

TEST_CASE("one read of many lines waits for the last of them") {
  Bench bench;
  bench.device.send(bench.device.make(false, 0x20000, 512, 0));  // four lines a channel
  sc_core::sc_start();
  REQUIRE(bench.device.answers[0].at == 160'000 + 3 * 5'000);
}

TEST_CASE("reads take their turn at the I/O hub's port by request and line, writes do not") {
  memory::Config c = config();
  c.device_read_interval_ns = 7;
  c.device_line_interval_ns = 4;
  Bench bench(c);
  bench.device.send(bench.device.make(false, 0x10000, 256, 1));  // keeps the port for 7 + 4 * 4 ns
  bench.device.send(bench.device.make(true, 0x20000, 64, 2));
  bench.other.send(bench.other.make(false, 0x30040, 64, 3));     // 7 + 4 ns
  bench.device.send(bench.device.make(false, 0x40080, 64, 4));
  sc_core::sc_start();
  const auto at = [&](const Initiator& who, std::uint64_t tag) {
    for (const auto& answer : who.answers)
      if (answer.tag == tag) return answer.at;
    return Ps{0};
  };
  REQUIRE(at(bench.device, 1) == 165'000);  // as without the port: two lines on each channel
  REQUIRE(at(bench.device, 2) == 100'000);
  REQUIRE(at(bench.other, 3) == 160'000 + 23'000);
  REQUIRE(at(bench.device, 4) == 160'000 + 34'000);
}

TEST_CASE("a refresh keeps one channel after the other from serving lines, and lines that hit the cache from nothing") {
  memory::Config c = config();
  c.refresh_interval_ns = 1000;
  c.refresh_ns = 100;
  Bench bench(c);
  bench.memory.cpu_access(0x8000, 64, false);                    // channel 0 refreshes from 0 to 100: served from 100 to 105
  const auto read_at = [&](double ns, std::uint64_t address, std::uint64_t tag) {
    sc_core::sc_start(sc_core::sc_time(ns, sc_core::SC_NS) - sc_core::sc_time_stamp());
    bench.device.send(bench.device.make(false, address, 64, tag));
  };
  read_at(490, 0x1000, 0);  // channel 0
  read_at(520, 0x1040, 1);  // channel 1 refreshes from 500 to 600
  read_at(530, 0x2040, 2);  // behind it
  read_at(540, 0x8000, 3);  // a hit
  read_at(990, 0x3040, 4);
  sc_core::sc_start();
  std::vector<Ps> took(5);
  const Ps sent[] = {490'000, 520'000, 530'000, 540'000, 990'000};
  for (const auto& answer : bench.device.answers) took[answer.tag] = answer.at - sent[answer.tag];
  REQUIRE(took == std::vector<Ps>{160'000, 160'000 + 80'000, 160'000 + 75'000, 100'000, 160'000});
}

TEST_CASE("without DDIO, writes faster than DRAM are held up once the write queue is full, and stay in order") {
  memory::Config c = config();
  c.ddio_ways = 0;
  c.write_queue_lines = 4;
  Bench bench(c);
  for (unsigned i = 0; i < 20; ++i) bench.device.send(bench.device.make(true, 0x10000 + 128 * i, 64, i));
  sc_core::sc_start();
  const auto& answers = bench.device.answers;
  for (unsigned i = 0; i < 20; ++i) REQUIRE(answers[i].tag == i);
  REQUIRE(answers[3].at == 100'000);
  REQUIRE(answers[4].at == 105'000);
  REQUIRE(answers[19].at == 100'000 + 16 * 5'000);
  REQUIRE(bench.memory.counters().write_backs == 20);
}

TEST_CASE("what is not RAM gets an address error") {
  Bench bench;
  bench.device.send(bench.device.make(true, (16 << 20) - 32, 64, 1));
  bench.device.send(bench.device.make(false, 0xfee0'0000, 4, 2));
  sc_core::sc_start();
  REQUIRE(bench.device.answers.size() == 2);
  REQUIRE_FALSE(bench.device.answers[0].ok);
  REQUIRE_FALSE(bench.device.answers[1].ok);
  REQUIRE(bench.memory.counters().errors == 2);
}

TEST_CASE("a core overlaps the lines of one access by the memory parallelism") {
  Bench bench;
  REQUIRE(bench.memory.cpu_access(0x100, 8, false) == 80'000);
  REQUIRE(bench.memory.cpu_access(0x100, 8, false) == 20'000);
  REQUIRE(bench.memory.cpu_access(0x13c, 8, false) == 80'000 + 0);  // two lines, one of them there already
  REQUIRE(bench.memory.cpu_access(0x100, 512, true) > 80'000);      // eight lines: two groups
  REQUIRE(bench.memory.cpu_access(0x100, 512, false) == 2 * 20'000);
}

TEST_CASE("what a device wrote with DDIO is in the cache for the core") {
  Bench bench;
  bench.device.send(bench.device.make(true, 0x3000, 64, 1, 0x11));
  sc_core::sc_start();
  REQUIRE(bench.memory.cpu_access(0x3000, 64, false) == 20'000);
}

TEST_CASE("an exclusive read leaves the line in the cache, modified, as a write would") {
  Bench bench;
  const auto exclusive = [&](std::uint64_t tag) {
    auto& payload = bench.device.make(false, 0x3000, 64, tag);
    sim::TransactionPool::extension(payload).exclusive = true;
    const Ps start = sc_core::sc_time_stamp().value();
    bench.device.send(payload);
    sc_core::sc_start();
    return bench.device.answers.back().at - start;
  };
  REQUIRE(exclusive(1) == 160'000);
  REQUIRE(exclusive(2) == 100'000);
  REQUIRE(bench.memory.cpu_access(0x3000, 64, false) == 20'000);
  REQUIRE(bench.memory.counters().write_backs == 0);
  for (std::uint64_t way = 1; way <= 4; ++way) bench.memory.cpu_access(0x3000 + (way << 14), 64, false);  // the set is full
  REQUIRE(bench.memory.counters().write_backs == 1);
}

TEST_CASE("without DDIO an exclusive read puts the line back into DRAM") {
  memory::Config c = config();
  c.ddio_ways = 0;
  Bench bench(c);
  bench.memory.cpu_access(0x3000, 64, true);
  auto& payload = bench.device.make(false, 0x3000, 64, 1);
  sim::TransactionPool::extension(payload).exclusive = true;
  bench.device.send(payload);
  sc_core::sc_start();
  REQUIRE(bench.memory.counters().write_backs == 1);
  REQUIRE(bench.memory.counters().device_line_hits == 1);
}

TEST_CASE("a write notes where a packet lies, a read learns which packet it fetches and charges its way there") {
  Bench bench;
  PacketLedger ledger;
  const PacketId packet = ledger.open(0, Direction::rx, 0, 0);
  auto& write = bench.device.make(true, 0x4000, 64, 1);
  auto& w = sim::TransactionPool::extension(write);
  w.ledger = &ledger;
  w.packet = packet;
  w.first = w.last = true;
  bench.device.send(write);
  sc_core::sc_start();
  REQUIRE(ledger.at(0x4000) == packet);
  REQUIRE(ledger[packet].stages[Stage::memory] == 100'000);

  auto& read = bench.device.make(false, 0x4000, 64, 2);
  auto& r = sim::TransactionPool::extension(read);
  r.ledger = &ledger;
  r.first = r.last = true;
  r.mark(Stage::nic, 130'000);
  r.mark(Stage::pcie, 150'000);
  sc_core::sc_start(sc_core::sc_time(60, sc_core::SC_NS));
  bench.device.send(read);  // at 160 ns
  sc_core::sc_start();
  REQUIRE(bench.device.answers.at(1).packet == packet);
  REQUIRE(ledger[packet].stages[Stage::nic] == 30'000);
  REQUIRE(ledger[packet].stages[Stage::pcie] == 20'000);
  REQUIRE(ledger[packet].stages[Stage::memory] == 100'000 + (bench.device.answers[1].at - 150'000));
  REQUIRE(ledger[packet].stages.sum() == ledger[packet].last);
}

TEST_CASE("DMI gives RAM up to the hole and debug transport moves bytes at once") {
  Bench bench;
  tlm::tlm_generic_payload payload;
  payload.set_address(0x5000);
  tlm::tlm_dmi dmi;
  REQUIRE(bench.device.out->get_direct_mem_ptr(payload, dmi));
  REQUIRE(dmi.get_dmi_ptr() == bench.memory.data());
  REQUIRE(dmi.get_end_address() == (16u << 20) - 1);
  REQUIRE(dmi.is_read_write_allowed());
  payload.set_address(0xd000'0000);
  REQUIRE_FALSE(bench.device.out->get_direct_mem_ptr(payload, dmi));
  unsigned char bytes[4] = {1, 2, 3, 4};
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  payload.set_address(0x5000);
  payload.set_data_ptr(bytes);
  payload.set_data_length(4);
  REQUIRE(bench.device.out->transport_dbg(payload) == 4);
  REQUIRE(bench.memory.data()[0x5003] == 4);
}

TEST_CASE("byte enables are refused, and no byte moves") {
  Bench bench;
  std::uint8_t enables[8] = {};
  auto& write = bench.device.make(true, 0x1000, 8, 1, 0x5a);
  write.set_byte_enable_ptr(enables);
  write.set_byte_enable_length(sizeof enables);
  bench.device.send(write);
  bench.device.send(bench.device.make(false, 0x1000, 8, 2));
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_US));
  REQUIRE(bench.device.answers.size() == 2);
  REQUIRE_FALSE(bench.device.answers[0].ok);
  REQUIRE(bench.device.answers[1].ok);
  REQUIRE(bench.device.answers[1].bytes == std::vector<std::uint8_t>(8));
  REQUIRE(bench.memory.counters().errors == 1);
}

TEST_CASE("a memory configuration that makes no sense names the field") {
  memory::Config c = config();
  c.channel_gbytes_per_s = 0;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("memory.channel_gbytes_per_s: expected"));
  c = config();
  c.ddio_ways = 5;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("memory.ddio_ways: expected"));
  c = config();
  c.refresh_interval_ns = c.refresh_ns = 100;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("memory.refresh_ns: expected less than refresh_interval_ns"));
}
