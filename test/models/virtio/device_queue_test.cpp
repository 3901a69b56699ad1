// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/device_queue.h"

#include <deque>
#include <functional>
#include <random>

#include "test/support/catch.h"
#include "test/support/virtio_driver_ring.h"

using namespace iovirt;
using namespace iovirt::virtio;
using test::ByteMemory;
using test::VirtioDriverRing;

namespace {

struct Bench {
  explicit Bench(std::uint16_t size = 8, bool event_idx = false, bool indirect = true)
      : memory(1 << 20), ring(memory, 0x1000, size), queue(memory) {
    queue.configure(ring.layout, event_idx, indirect);
  }
  ByteMemory memory;
  VirtioDriverRing ring;
  DeviceQueue queue;
  Chain chain;
};

}  // namespace

TEST_CASE("a chain's buffers come out in order, what the device reads before what it writes") {
  Bench b;
  b.ring.desc(3, 0x8000, 12, kDescNext, 5);
  b.ring.desc(5, 0x9000, 100, kDescNext | kDescWrite, 1);
  b.ring.desc(1, 0xa000, 50, kDescWrite);
  b.ring.offer(3);
  REQUIRE(b.queue.pop(b.chain) == Pop::chain);
  CHECK(b.chain.head == 3);
  REQUIRE(b.chain.readable.size() == 1);
  CHECK(b.chain.readable[0].address == 0x8000);
  REQUIRE(b.chain.writable.size() == 2);
  CHECK(b.chain.writable[1].address == 0xa000);
  CHECK(b.chain.readable_bytes == 12);
  CHECK(b.chain.writable_bytes == 150);
  CHECK(b.queue.pop(b.chain) == Pop::empty);
}

TEST_CASE("an indirect table may follow direct descriptors") {
  Bench b;
  b.ring.desc(0, 0x8000, 12, kDescNext, 1);
  b.ring.desc(1, 0x20000, 32, kDescIndirect);
  b.ring.desc_at(0x20000, 0x9000, 60, kDescNext, 1);
  b.ring.desc_at(0x20010, 0xa000, 40, kDescWrite);
  b.ring.offer(0);
  REQUIRE(b.queue.pop(b.chain) == Pop::chain);
  CHECK(b.chain.readable_bytes == 72);
  CHECK(b.chain.writable_bytes == 40);
}

TEST_CASE("pushed elements are seen only after publish, with id and length") {
  Bench b;
  b.ring.desc(2, 0x8000, 64, kDescWrite);
  b.ring.offer(2);
  REQUIRE(b.queue.pop(b.chain) == Pop::chain);
  b.queue.push(2, 33);
  CHECK(b.ring.used_idx() == 0);
  CHECK(b.queue.unpublished() == 1);
  b.queue.publish();
  CHECK(b.ring.used_idx() == 1);
  CHECK(b.ring.used(0).id == 2);
  CHECK(b.ring.used(0).len == 33);
}

TEST_CASE("an unpopped chain comes again") {
  Bench b;
  b.ring.desc(2, 0x8000, 64, kDescWrite);
  b.ring.offer(2);
  REQUIRE(b.queue.pop(b.chain) == Pop::chain);
  b.queue.unpop();
  REQUIRE(b.queue.pop(b.chain) == Pop::chain);
  CHECK(b.chain.head == 2);
}

TEST_CASE("a malformed ring breaks the queue, says why, and stays broken until it is configured again") {
  struct Case {
    RingError error;
    std::function<void(Bench&)> spoil;
  };
  const std::vector<Case> cases = {
      {RingError::avail_index, [](Bench& b) { b.ring.set_avail_idx(9); }},
      {RingError::head_index, [](Bench& b) { b.ring.offer(8); }},
      {RingError::next_index,
       [](Bench& b) {
         b.ring.desc(0, 0x8000, 1, kDescNext, 8);
         b.ring.offer(0);
       }},
      {RingError::chain_too_long,
       [](Bench& b) {  // a loop of two
         b.ring.desc(0, 0x8000, 1, kDescNext, 1);
         b.ring.desc(1, 0x8000, 1, kDescNext, 0);
         b.ring.offer(0);
       }},
      {RingError::chain_too_long,
       [](Bench& b) {  // a loop of one inside an indirect table
         b.ring.desc(0, 0x20000, 16, kDescIndirect);
         b.ring.desc_at(0x20000, 0x8000, 1, kDescNext, 0);
         b.ring.offer(0);
       }},
      {RingError::chain_too_long,
       [](Bench& b) {  // nine buffers in a queue of eight
         b.ring.desc(0, 0x20000, 16 * 9, kDescIndirect);
         for (std::uint16_t i = 0; i < 9; ++i)
           b.ring.desc_at(0x20000 + 16ull * i, 0x8000, 1, i < 8 ? kDescNext : 0, i + 1);
         b.ring.offer(0);
       }},
      {RingError::segment_order,
       [](Bench& b) {
         b.ring.desc(0, 0x8000, 1, kDescNext | kDescWrite, 1);
         b.ring.desc(1, 0x8000, 1, 0);
         b.ring.offer(0);
       }},
      {RingError::bad_indirect,
       [](Bench& b) {  // nested
         b.ring.desc(0, 0x20000, 16, kDescIndirect);
         b.ring.desc_at(0x20000, 0x20000, 16, kDescIndirect);
         b.ring.offer(0);
       }},
      {RingError::bad_indirect,
       [](Bench& b) {
         b.ring.desc(0, 0x20000, 16, kDescIndirect | kDescNext, 1);
         b.ring.offer(0);
       }},
      {RingError::bad_indirect,
       [](Bench& b) {
         b.ring.desc(0, 0x20000, 17, kDescIndirect);
         b.ring.offer(0);
       }},
      {RingError::bad_indirect,
       [](Bench& b) {
         b.ring.desc(0, 0x20000, 0, kDescIndirect);
         b.ring.offer(0);
       }},
      {RingError::bad_indirect,
       [](Bench& b) {
         b.queue.configure(b.ring.layout, false, false);  // not negotiated
         b.ring.desc(0, 0x20000, 16, kDescIndirect);
         b.ring.offer(0);
       }},
      {RingError::unmapped,
       [](Bench& b) {
         b.ring.desc(0, 1ull << 40, 16, kDescIndirect);
         b.ring.offer(0);
       }},
      {RingError::unmapped,
       [](Bench& b) {
         auto layout = b.ring.layout;
         layout.driver = 1ull << 40;
         b.queue.configure(layout, false, true);
       }},
      {RingError::bad_layout,
       [](Bench& b) {
         auto layout = b.ring.layout;
         layout.driver = ~1ull;  // wraps
         b.queue.configure(layout, false, true);
       }},
      {RingError::bad_buffer,
       [](Bench& b) {
         b.ring.desc(0, ~0ull, 16, 0);
         b.ring.offer(0);
       }},
      {RingError::bad_layout,
       [](Bench& b) {
         auto layout = b.ring.layout;
         layout.desc += 8;
         b.queue.configure(layout, false, true);
       }},
      {RingError::bad_layout,
       [](Bench& b) {
         auto layout = b.ring.layout;
         layout.size = 6;
         b.queue.configure(layout, false, true);
       }},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    INFO("case " << i << ": " << name(cases[i].error));
    Bench b;
    cases[i].spoil(b);
    CHECK(b.queue.pop(b.chain) == Pop::broken);
    CHECK(b.queue.error() == cases[i].error);
    CHECK(b.queue.pop(b.chain) == Pop::broken);
    b.queue.push(0, 0);
    b.queue.publish();
    CHECK_FALSE(b.queue.should_signal());
    CHECK_FALSE(b.queue.enable_notify());

    Bench fresh;
    b.queue.configure(fresh.ring.layout, false, true);
    CHECK(b.queue.error() == RingError::none);
  }
}

TEST_CASE("a queue that is configured anew in the middle of a call starts clean") {
  // Memory whose nth access lets the driver reset the device and start it again.
  struct Interrupting final : MemoryPort {
    explicit Interrupting(MemoryPort& inner_in) : inner(inner_in) {}
    bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override {
      const bool ok = inner.read(address, bytes);
      if (countdown != 0 && --countdown == 0) hook();
      return ok;
    }
    bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override {
      const bool ok = inner.write(address, bytes);
      if (countdown != 0 && --countdown == 0) hook();
      return ok;
    }
    MemoryPort& inner;
    unsigned countdown = 0;
    std::function<void()> hook;
  };
  for (bool event_idx : {false, true}) {
    for (unsigned nth = 1; nth < 9; ++nth) {
      INFO("access " << nth);
      ByteMemory memory(1 << 20);
      Interrupting port(memory);
      DeviceQueue queue(port);
      VirtioDriverRing old_ring(memory, 0x1000, 8), new_ring(memory, 0x4000, 4);
      queue.configure(old_ring.layout, event_idx, true);
      old_ring.desc(7, 0x8000, 10, kDescNext, 6);
      old_ring.desc(6, 0x9000, 10, 0);
      old_ring.offer(7);
      port.countdown = nth;
      port.hook = [&] { queue.configure(new_ring.layout, event_idx, true); };
      Chain chain;
      queue.disable_notify();
      if (queue.pop(chain) == Pop::chain) queue.push(chain.head, 0);
      queue.publish();
      queue.should_signal();
      [[maybe_unused]] const bool more = queue.enable_notify();
      if (port.countdown != 0) port.hook();  // fewer accesses than that
      port.countdown = 0;
      new_ring.desc(2, 0xa000, 5, 0);
      new_ring.offer(2);
      REQUIRE(queue.pop(chain) == Pop::chain);
      CHECK(chain.head == 2);
      CHECK(queue.error() == RingError::none);
    }
  }
}

TEST_CASE("a disabled queue is empty and writes nothing") {
  Bench b;
  b.ring.desc(0, 0x8000, 1, 0);
  b.ring.offer(0);
  b.queue.disable();
  CHECK(b.queue.pop(b.chain) == Pop::empty);
  b.queue.push(0, 0);
  b.queue.publish();
  b.queue.disable_notify();
  CHECK(b.ring.used_idx() == 0);
  CHECK(b.ring.used_flags() == 0);
}

TEST_CASE("without event idx the flags suppress notifications and interrupts") {
  Bench b;
  b.queue.disable_notify();
  CHECK(b.ring.used_flags() == kUsedNoNotify);
  CHECK_FALSE(b.queue.enable_notify());
  CHECK(b.ring.used_flags() == 0);

  b.ring.desc(0, 0x8000, 1, 0);
  for (std::uint16_t flags : {std::uint16_t{0}, kAvailNoInterrupt}) {
    b.ring.set_avail_flags(flags);
    b.ring.offer(0);
    REQUIRE(b.queue.pop(b.chain) == Pop::chain);
    b.queue.push(0, 0);
    b.queue.publish();
    CHECK(b.queue.should_signal() == (flags == 0));
    CHECK_FALSE(b.queue.should_signal());  // nothing new
  }
}

TEST_CASE("enable_notify reports a chain that slipped in before it") {
  for (bool event_idx : {false, true}) {
    Bench b(8, event_idx);
    b.queue.disable_notify();
    REQUIRE(b.queue.pop(b.chain) == Pop::empty);
    b.ring.desc(0, 0x8000, 1, 0);
    b.ring.offer(0);
    CHECK(b.queue.enable_notify());
    CHECK(b.queue.pop(b.chain) == Pop::chain);
  }
}

TEST_CASE("with event idx, the event index asks for the next notification and interrupt exactly") {
  Bench b(8, true);
  b.ring.desc(0, 0x8000, 1, 0);
  auto serve = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      b.ring.offer(0);
      REQUIRE(b.queue.pop(b.chain) == Pop::chain);
      b.queue.push(0, 0);
    }
    b.queue.publish();
    return b.queue.should_signal();
  };
  b.queue.disable_notify();
  CHECK(b.ring.used_flags() == 0);  // nothing is written
  CHECK(serve(1));                  // the first is always told
  CHECK_FALSE(b.queue.enable_notify());
  CHECK(b.ring.avail_event() == 1);
  b.ring.set_used_event(4);         // tell me when element 4 (the fifth) is used
  CHECK_FALSE(serve(2));
  CHECK_FALSE(serve(1));
  CHECK(serve(1));
  CHECK_FALSE(serve(1));
  b.ring.set_used_event(7);
  CHECK(serve(4));                  // passed in one go
}

TEST_CASE("event indices work across the wrap of the 16-bit index") {
  CHECK(need_event(0xffff, 0, 0xfffe));
  CHECK(need_event(0, 1, 0xffff));
  CHECK_FALSE(need_event(1, 1, 0xffff));
  CHECK_FALSE(need_event(0xfffd, 0, 0xfffe));
  Bench b(4, true);
  b.ring.desc(0, 0x8000, 1, 0);
  unsigned signals = 0;
  for (unsigned i = 0; i < 200000; ++i) {
    b.ring.set_used_event(static_cast<std::uint16_t>(i));
    b.ring.offer(0);
    if (b.queue.pop(b.chain) != Pop::chain) FAIL("lost chain " << i);
    b.queue.push(0, 0);
    b.queue.publish();
    signals += b.queue.should_signal();
  }
  CHECK(signals == 200000);
}

// The driver side here is naive: a list of what is outstanding, and the specification's text about when each side must
// be told, evaluated by stepping one index at a time.
TEST_CASE("random producer and consumer steps lose no chain, no notification and no interrupt") {
  const auto seed = GENERATE(range(1u, 13u));
  const bool event_idx = seed & 1;
  const std::uint16_t size = static_cast<std::uint16_t>(1u << (1 + seed % 5));
  INFO("seed " << seed);
  std::mt19937 random(seed);
  auto chance = [&](unsigned percent) { return random() % 100 < percent; };

  Bench b(size, event_idx, true);
  const std::uint64_t tables = 0x40000;
  std::vector<std::uint16_t> free_heads;
  for (std::uint16_t i = 0; i < size; ++i) free_heads.push_back(i);
  std::vector<unsigned> cookie(size);          // of an outstanding chain, by head
  std::vector<std::vector<std::uint16_t>> held(size);
  std::deque<unsigned> expected;               // cookies in the order offered
  std::deque<std::pair<std::uint16_t, unsigned>> in_device;  // head, cookie
  unsigned next_cookie = 1, returned = 0;
  std::uint16_t driver_used = 0;               // the driver has seen used elements up to here
  bool device_asleep = false, notified = false;
  bool driver_wants = true, interrupted = false;
  std::uint16_t wanted_event = 0, kicked_upto = 0;

  for (unsigned step = 0; step < 20000; ++step) {
    switch (random() % 4) {
      case 0: {  // the driver offers a few chains, then kicks if it must
        unsigned burst = 1 + random() % 3;
        while (burst-- && !free_heads.empty()) {
          const bool use_indirect = chance(40);
          const unsigned want = 1 + random() % 3;
          const unsigned count = use_indirect ? std::min<unsigned>(want, size)
                                              : std::min<unsigned>(want, static_cast<unsigned>(free_heads.size()));
          std::vector<std::uint16_t> descs;
          for (unsigned i = 0; i < (use_indirect ? 1 : count); ++i) {
            const std::size_t pick = random() % free_heads.size();
            descs.push_back(free_heads[pick]);
            free_heads.erase(free_heads.begin() + static_cast<std::ptrdiff_t>(pick));
          }
          const std::uint16_t head = descs[0];
          for (unsigned i = 0; i < count; ++i) {
            const bool last = i + 1 == count;
            const auto flags = static_cast<std::uint16_t>(last ? 0 : kDescNext);
            if (use_indirect)
              b.ring.desc_at(tables + 256ull * head + 16ull * i, next_cookie * 16ull, i + 1, flags,
                             static_cast<std::uint16_t>(i + 1));
            else
              b.ring.desc(descs[i], next_cookie * 16ull, i + 1, flags, last ? std::uint16_t{0} : descs[i + 1]);
          }
          if (use_indirect) b.ring.desc(head, tables + 256ull * head, 16 * count, kDescIndirect);
          held[head] = descs;
          cookie[head] = next_cookie;
          expected.push_back(next_cookie++);
          b.ring.offer(head);
        }
        bool kick = false;
        for (; kicked_upto != b.ring.avail_idx; ++kicked_upto)
          if (event_idx ? kicked_upto == b.ring.avail_event() : b.ring.used_flags() == 0) kick = true;
        notified |= kick;
        break;
      }
      case 1: {  // the device, when awake, takes chains; on empty it goes to sleep as the contract says
        if (device_asleep && !notified) break;
        device_asleep = notified = false;
        b.queue.disable_notify();
        unsigned burst = 1 + random() % 4;
        while (burst--) {
          const Pop popped = b.queue.pop(b.chain);
          REQUIRE(popped != Pop::broken);
          if (popped == Pop::empty) {
            if (b.queue.enable_notify()) {
              b.queue.disable_notify();
              continue;
            }
            device_asleep = true;
            break;
          }
          REQUIRE_FALSE(expected.empty());
          REQUIRE(b.chain.readable[0].address == expected.front() * 16ull);
          in_device.push_back({b.chain.head, expected.front()});
          expected.pop_front();
        }
        break;
      }
      case 2: {  // the device completes some, out of order, and interrupts if it must
        unsigned burst = random() % 4;
        const std::uint16_t before = b.ring.used_idx();
        while (burst-- && !in_device.empty()) {
          const std::size_t pick = random() % in_device.size();
          b.queue.push(in_device[pick].first, in_device[pick].second);
          in_device.erase(in_device.begin() + static_cast<std::ptrdiff_t>(pick));
        }
        b.queue.publish();
        const bool first_ever = event_idx && before == 0 && returned == 0 && driver_used == 0;
        bool must = false;
        for (std::uint16_t i = before; i != b.ring.used_idx(); ++i)
          if (event_idx ? i == wanted_event : driver_wants) must = true;
        const bool told = b.queue.should_signal();
        if (!first_ever) REQUIRE(told == must);
        interrupted |= told;
        break;
      }
      case 3: {  // the driver reaps, sometimes without having been interrupted
        if (!interrupted && chance(70)) break;
        interrupted = false;
        while (driver_used != b.ring.used_idx()) {
          const auto used = b.ring.used(driver_used++);
          REQUIRE(used.id < size);
          REQUIRE(used.len == cookie[used.id]);
          for (std::uint16_t d : held[used.id]) free_heads.push_back(d);
          held[used.id].clear();
          ++returned;
        }
        wanted_event = driver_used;
        driver_wants = true;
        b.ring.set_used_event(wanted_event);
        b.ring.set_avail_flags(0);
        break;
      }
    }
    // Nobody sleeps on work it was not told of.
    if (device_asleep && !expected.empty()) REQUIRE(notified);
    if (driver_used != b.ring.used_idx()) REQUIRE(interrupted);
  }
  CHECK(returned > 1000);
}
