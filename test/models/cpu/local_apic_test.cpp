// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/local_apic.h"

#include <algorithm>
#include <array>
#include <random>
#include <set>

#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::cpu;

namespace {

constexpr std::uint64_t kMhz = 2000;
constexpr Ps kTick = 10'000;

struct Apic {
  alignas(8) std::array<std::uint8_t, kApicPageBytes> bytes{};
  LocalApic apic;
  explicit Apic(std::uint32_t id = 3, bool x2 = true) : apic({.id = id, .tsc_mhz = kMhz, .timer_tick = kTick}, bytes) {
    if (x2) {
      REQUIRE_FALSE(msr(apic_msr::base, apic.base() | apic_base::x2apic::mask).fault);
      REQUIRE_FALSE(msr(apic_msr::of(apic_reg::svr), 0x1ff).fault);
    } else {
      apic.write(apic_reg::svr, 0x1ff, 0);
    }
  }
  ApicEffect msr(std::uint32_t index, std::uint64_t value, Ps now = 0) { return apic.write_msr(index, value, now); }
};

}  // namespace

TEST_CASE("after reset the APIC is disabled, masked and in xAPIC mode") {
  std::array<std::uint8_t, kApicPageBytes> bytes{};
  LocalApic apic({.id = 5, .bootstrap = true}, bytes);
  REQUIRE_FALSE(apic.enabled());
  REQUIRE_FALSE(apic.x2apic());
  REQUIRE(apic.base() == 0xfee0'0900);
  REQUIRE(apic.read(apic_reg::id, 0) == 5u << 24);
  REQUIRE(apic.read(apic_reg::svr, 0) == 0xff);
  REQUIRE(apic.read(apic_reg::dfr, 0) == 0xffff'ffff);
  REQUIRE(apic.read(apic_reg::lvt_timer, 0) == 0x1'0000);
  REQUIRE_FALSE(apic.accept(0x41, false));
  REQUIRE(apic.highest_requested() == -1);
  REQUIRE(apic.next_deadline() == kNever);
}

TEST_CASE("an interrupt is requested, serviced and ended") {
  Apic a;
  REQUIRE(a.apic.accept(0x41, false));
  REQUIRE(a.apic.deliverable() == 0x41);
  REQUIRE(a.apic.acknowledge() == 0x41);
  REQUIRE(a.apic.deliverable() == -1);
  REQUIRE(a.apic.highest_in_service() == 0x41);
  REQUIRE(a.apic.ppr() == 0x40);
  const auto effect = a.msr(apic_msr::eoi, 0);
  REQUIRE(effect.ended.value().vector == 0x41);
  REQUIRE_FALSE(effect.ended.value().broadcast);
  REQUIRE(a.apic.highest_in_service() == -1);
  REQUIRE_FALSE(a.msr(apic_msr::eoi, 0).ended.has_value());
}

TEST_CASE("only a higher class interrupts what is in service or the task priority") {
  Apic a;
  a.apic.accept(0x41, false);
  a.apic.acknowledge();
  a.apic.accept(0x4e, false);
  REQUIRE(a.apic.deliverable() == -1);
  a.apic.accept(0x50, false);
  REQUIRE(a.apic.deliverable() == 0x50);
  a.apic.set_tpr(0x50);
  REQUIRE(a.apic.deliverable() == -1);
  REQUIRE(a.apic.ppr() == 0x50);
  a.apic.set_tpr(0x4f);
  REQUIRE(a.apic.deliverable() == 0x50);
  REQUIRE(a.apic.ppr() == 0x4f);
  a.apic.acknowledge();
  a.apic.eoi();
  a.apic.set_tpr(0);
  REQUIRE(a.apic.ppr() == 0x40);
  REQUIRE(a.apic.deliverable() == -1);
  a.apic.eoi();
  REQUIRE(a.apic.deliverable() == 0x4e);
}

TEST_CASE("an acknowledge without a deliverable interrupt gives the spurious vector") {
  Apic a;
  a.msr(apic_msr::of(apic_reg::svr), 0x1ef);
  REQUIRE(a.apic.acknowledge() == 0xef);
  REQUIRE(a.apic.highest_in_service() == -1);
}

TEST_CASE("a level interrupt's EOI is broadcast unless suppressed") {
  Apic a;
  a.apic.accept(0x61, true);
  REQUIRE(a.apic.page().bit(apic_reg::tmr, 0x61));
  a.apic.acknowledge();
  REQUIRE(a.msr(apic_msr::eoi, 0).ended.value().broadcast);
  a.msr(apic_msr::of(apic_reg::svr), 0x11ff);
  a.apic.accept(0x61, true);
  a.apic.acknowledge();
  REQUIRE_FALSE(a.msr(apic_msr::eoi, 0).ended.value().broadcast);
  a.apic.accept(0x61, false);
  REQUIRE_FALSE(a.apic.page().bit(apic_reg::tmr, 0x61));
}

TEST_CASE("priorities agree with a naive oracle under random interrupts, ends and task priorities") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  Apic a;
  std::set<unsigned> requested, serviced;
  unsigned tpr = 0;
  for (unsigned i = 0; i < 50'000; ++i) {
    const unsigned in_service = serviced.empty() ? 0 : *serviced.rbegin();
    const unsigned priority = std::max(tpr >> 4, in_service >> 4);
    const int top = requested.empty() ? -1 : static_cast<int>(*requested.rbegin());
    const int expected = top >= 0 && static_cast<unsigned>(top) >> 4 > priority ? top : -1;
    REQUIRE(a.apic.deliverable() == expected);
    REQUIRE(a.apic.ppr() >> 4 == static_cast<int>(priority));
    switch (random() % 4) {
      case 0: {
        const auto vector = static_cast<std::uint8_t>(16 + random() % 240);
        a.apic.accept(vector, random() % 2);
        requested.insert(vector);
        break;
      }
      case 1:
        if (expected >= 0) {
          REQUIRE(a.apic.acknowledge() == expected);
          requested.erase(static_cast<unsigned>(expected));
          serviced.insert(static_cast<unsigned>(expected));
        }
        break;
      case 2: {
        const auto ended = a.apic.eoi();
        REQUIRE(ended.has_value() == !serviced.empty());
        if (ended) {
          REQUIRE(ended->vector == in_service);
          serviced.erase(in_service);
        }
        break;
      }
      default:
        tpr = static_cast<unsigned>(random() % 8 ? random() % 64 : random() % 256);
        a.apic.set_tpr(static_cast<std::uint8_t>(tpr));
    }
  }
}

TEST_CASE("the same page seen by virtual-interrupt delivery stays consistent after refresh") {
  Apic a;
  a.apic.page().set_bit(apic_reg::irr, 0x77);
  a.apic.refresh();
  REQUIRE(a.apic.deliverable() == 0x77);
}

// -- timer -------------------------------------------------------------------------------------------------------------

TEST_CASE("a one-shot timer fires once, after the count times the divided clock") {
  Apic a;
  a.msr(apic_msr::lvt_timer, 0xec);
  a.msr(apic_msr::of(apic_reg::divide), 0x3);  // by 16
  REQUIRE(a.msr(apic_msr::initial_count, 100, 5'000).timer_changed);
  const Ps due = 5'000 + 100 * 16 * kTick;
  REQUIRE(a.apic.next_deadline() == due);
  REQUIRE(a.apic.read_msr(apic_msr::current_count, 5'000).value() == 100);
  REQUIRE(a.apic.read_msr(apic_msr::current_count, 5'000 + 50 * 16 * kTick).value() == 50);
  REQUIRE_FALSE(a.apic.expire(due - 1));
  REQUIRE(a.apic.expire(due));
  REQUIRE(a.apic.deliverable() == 0xec);
  REQUIRE(a.apic.next_deadline() == kNever);
  REQUIRE_FALSE(a.apic.expire(due + 1));
  REQUIRE(a.apic.read_msr(apic_msr::current_count, due).value() == 0);
}

TEST_CASE("a periodic timer fires again and again without drift, and late calls coalesce") {
  Apic a;
  a.msr(apic_msr::lvt_timer, 0x2'00ec);
  a.msr(apic_msr::of(apic_reg::divide), 0xb);  // by 1
  a.msr(apic_msr::initial_count, 1000, 0);
  const Ps period = 1000 * kTick;
  for (unsigned i = 1; i <= 3; ++i) {
    REQUIRE(a.apic.next_deadline() == i * period);
    REQUIRE(a.apic.expire(i * period));
    a.apic.acknowledge();
    a.apic.eoi();
  }
  REQUIRE(a.apic.expire(7 * period + 1));
  REQUIRE(a.apic.next_deadline() == 8 * period);
  REQUIRE(a.apic.timer_fired() == 4);
  a.msr(apic_msr::initial_count, 0, 7 * period + 1);
  REQUIRE(a.apic.next_deadline() == kNever);
}

TEST_CASE("the TSC deadline fires at the first instant the counter shows it, and reads 0 afterwards") {
  Apic a;
  a.msr(apic_msr::tsc_deadline, 4000);
  REQUIRE(a.apic.next_deadline() == kNever);  // not in that mode yet
  a.msr(apic_msr::lvt_timer, 0x4'00ec);
  REQUIRE(a.msr(apic_msr::tsc_deadline, 4001).timer_changed);
  REQUIRE(a.apic.next_deadline() == 2'000'500);
  REQUIRE(tsc_at(2'000'500, kMhz) == 4001);
  REQUIRE(tsc_at(2'000'499, kMhz) == 4000);
  REQUIRE(a.apic.read_msr(apic_msr::tsc_deadline, 0).value() == 4001);
  a.msr(apic_msr::initial_count, 5, 0);
  REQUIRE(a.apic.next_deadline() == 2'000'500);
  REQUIRE(a.apic.expire(2'000'500));
  REQUIRE(a.apic.read_msr(apic_msr::tsc_deadline, 0).value() == 0);
  a.msr(apic_msr::tsc_deadline, 1);
  REQUIRE(a.apic.next_deadline() <= 2'000'500);  // a deadline in the past is due at once
  a.msr(apic_msr::tsc_deadline, 0);
  REQUIRE(a.apic.next_deadline() == kNever);
  a.msr(apic_msr::tsc_deadline, ~0ull);
  REQUIRE(a.apic.next_deadline() == kNever);
  a.msr(apic_msr::tsc_deadline, 9000);
  a.msr(apic_msr::lvt_timer, 0xec);
  REQUIRE(a.apic.next_deadline() == kNever);  // leaving the mode disarms
}

TEST_CASE("a masked timer runs but interrupts nobody") {
  Apic a;
  a.msr(apic_msr::lvt_timer, 0x1'00ec);
  a.msr(apic_msr::initial_count, 10, 0);
  REQUIRE(a.apic.next_deadline() != kNever);
  REQUIRE_FALSE(a.apic.expire(a.apic.next_deadline()));
  REQUIRE(a.apic.highest_requested() == -1);
}

TEST_CASE("changing the divisor of a running timer stretches what is left") {
  Apic a;
  a.msr(apic_msr::lvt_timer, 0xec);
  a.msr(apic_msr::of(apic_reg::divide), 0xb, 0);
  a.msr(apic_msr::initial_count, 100, 0);
  a.msr(apic_msr::of(apic_reg::divide), 0x1, 40 * kTick);  // by 4
  REQUIRE(a.apic.next_deadline() == 40 * kTick + 60 * 4 * kTick);
}

TEST_CASE("TSC conversions are exact for every frequency") {
  for (std::uint64_t mhz : {1ull, 1700ull, 2100ull, 2933ull, 3333ull})
    for (std::uint64_t tsc : {0ull, 1ull, 7ull, 12'345'678'901ull}) {
      CAPTURE(mhz, tsc);
      const Ps at = tsc_to_ps(tsc, mhz);
      REQUIRE(tsc_at(at, mhz) == tsc);
      if (at) REQUIRE(tsc_at(at - 1, mhz) < tsc);
    }
  REQUIRE(cycles_to_ps(2100, 2100) == 1'000'000);
  REQUIRE(cycles_to_ps(1, 3000) == 333);
}

// -- registers ----------------------------------------------------------------------------------------------------------

TEST_CASE("x2APIC: what does not exist, is read-only, or has reserved bits set is a #GP") {
  Apic a;
  for (std::uint32_t index : {0x800u, 0x801u, 0x80cu, 0x80eu, 0x831u, 0x840u, 0x8ffu}) {
    CAPTURE(index);
    REQUIRE_FALSE(a.apic.read_msr(index, 0).has_value());
    REQUIRE(a.msr(index, 0).fault);
  }
  for (std::uint32_t index : {0x802u, 0x803u, 0x80au, 0x80du, 0x810u, 0x818u, 0x820u, 0x839u}) {
    CAPTURE(index);
    REQUIRE(a.apic.read_msr(index, 0).has_value());
    REQUIRE(a.msr(index, 0).fault);
  }
  REQUIRE_FALSE(a.apic.read_msr(0x80b, 0).has_value());
  REQUIRE_FALSE(a.apic.read_msr(0x83f, 0).has_value());
  REQUIRE(a.msr(0x808, 0x100).fault);
  REQUIRE(a.msr(0x80b, 1).fault);
  REQUIRE(a.msr(0x828, 1).fault);
  REQUIRE(a.msr(0x830, 1u << 20).fault);
  REQUIRE(a.msr(0x832, 3u << 17).fault);
  REQUIRE(a.msr(0x838, 1ull << 32).fault);
  REQUIRE(a.msr(0x83e, 4).fault);
  REQUIRE(a.apic.read_msr(0x802, 0).value() == 3);
  REQUIRE(a.apic.read_msr(0x80d, 0).value() == 8);
}

TEST_CASE("x2APIC registers do not answer in xAPIC mode") {
  Apic a(3, false);
  REQUIRE_FALSE(a.apic.read_msr(0x802, 0).has_value());
  REQUIRE(a.msr(0x808, 0).fault);
}

TEST_CASE("the modes change only along the arrows the specification draws") {
  Apic a(0x25, false);
  const std::uint64_t xapic = a.apic.base();
  REQUIRE(a.msr(apic_msr::base, (xapic & ~apic_base::enable::mask) | apic_base::x2apic::mask).fault);
  REQUIRE_FALSE(a.msr(apic_msr::base, xapic | apic_base::x2apic::mask).fault);
  REQUIRE(a.apic.read_msr(0x802, 0).value() == 0x25);
  REQUIRE(a.apic.read_msr(0x80d, 0).value() == (2u << 16 | 1u << 5));
  REQUIRE(a.msr(apic_msr::base, xapic).fault);
  REQUIRE_FALSE(a.msr(apic_msr::base, xapic & ~apic_base::enable::mask).fault);
  REQUIRE_FALSE(a.apic.enabled());
  REQUIRE(a.msr(apic_msr::base, xapic | apic_base::x2apic::mask).fault);
  REQUIRE_FALSE(a.msr(apic_msr::base, xapic).fault);
  REQUIRE(a.msr(apic_msr::base, xapic | 1).fault);
  std::array<std::uint8_t, kApicPageBytes> bytes{};
  LocalApic old({.id = 1, .x2apic = false, .tsc_deadline = false}, bytes);
  REQUIRE(old.write_msr(apic_msr::base, xapic | apic_base::x2apic::mask, 0).fault);
  REQUIRE(old.write_msr(apic_msr::tsc_deadline, 5, 0).fault);
}

TEST_CASE("disabling by software masks every LVT entry") {
  Apic a;
  a.msr(apic_msr::lvt_timer, 0xec);
  a.msr(apic_msr::of(apic_reg::svr), 0xff);
  REQUIRE(a.apic.read_msr(apic_msr::lvt_timer, 0).value() == 0x1'00ec);
  a.msr(apic_msr::lvt_timer, 0xed);
  REQUIRE(a.apic.read_msr(apic_msr::lvt_timer, 0).value() == 0x1'00ed);
  REQUIRE_FALSE(a.apic.accept(0x41, false));
}

TEST_CASE("errors collect until the ESR is written, and interrupt once unmasked") {
  Apic a(3, false);
  REQUIRE_FALSE(a.apic.accept(0x0f, false));
  a.apic.write(apic_reg::lvt_error, 0xfe, 0);
  REQUIRE(a.apic.read(0x010, 0) == 0);
  REQUIRE(a.apic.deliverable() == 0xfe);
  REQUIRE(a.apic.read(apic_reg::esr, 0) == 0);
  a.apic.write(apic_reg::esr, 0, 0);
  REQUIRE(a.apic.read(apic_reg::esr, 0) == (esr_error::receive_illegal_vector | esr_error::illegal_register));
  a.apic.write(apic_reg::esr, 0, 0);
  REQUIRE(a.apic.read(apic_reg::esr, 0) == 0);
}

TEST_CASE("an IPI to self is accepted, one to others is handed to the interconnect") {
  Apic a;
  REQUIRE_FALSE(a.msr(apic_msr::self_ipi, 0x55).ipi.has_value());
  REQUIRE(a.apic.deliverable() == 0x55);
  a.msr(apic_msr::icr, 0x4'0077);
  REQUIRE(a.apic.deliverable() == 0x77);
  const auto sent = a.msr(apic_msr::icr, 0x2'0000'0041).ipi.value();
  REQUIRE(sent.message.destination == 2);
  REQUIRE(sent.message.vector == 0x41);
  REQUIRE(sent.message.mode == DeliveryMode::fixed);
  REQUIRE(sent.shorthand == icr::none);
  REQUIRE(a.apic.read_msr(apic_msr::icr, 0).value() == 0x2'0000'0041);
  REQUIRE(a.msr(apic_msr::icr, 0xc'0041).ipi.value().shorthand == icr::all_but_self);
  REQUIRE_FALSE(a.msr(apic_msr::icr, 0x2'0000'0008).ipi.has_value());
  a.msr(apic_msr::of(apic_reg::esr), 0);
  REQUIRE(a.apic.read_msr(apic_msr::of(apic_reg::esr), 0).value() == esr_error::send_illegal_vector);

  Apic x(1, false);
  x.apic.write(apic_reg::icr_high, 6u << 24, 0);
  const auto old = x.apic.write(apic_reg::icr_low, 0x4041, 0).ipi.value();
  REQUIRE(old.message.destination == 6);
  REQUIRE(x.apic.read(apic_reg::icr_low, 0) == 0x4041);
}

TEST_CASE("messages match by physical and logical destination in both modes") {
  Apic a(0x25);
  auto to = [](std::uint32_t destination, bool logical) {
    InterruptMessage m;
    m.destination = destination;
    m.logical = logical;
    return m;
  };
  REQUIRE(a.apic.matches(to(0x25, false)));
  REQUIRE_FALSE(a.apic.matches(to(0x24, false)));
  REQUIRE_FALSE(a.apic.matches(to(0xff, false)));
  REQUIRE(a.apic.matches(to(0xffff'ffff, false)));
  REQUIRE(a.apic.matches(to(2u << 16 | 0x30, true)));
  REQUIRE_FALSE(a.apic.matches(to(2u << 16 | 0x10, true)));
  REQUIRE_FALSE(a.apic.matches(to(3u << 16 | 0x20, true)));

  Apic x(5, false);
  REQUIRE(x.apic.matches(to(5, false)));
  REQUIRE(x.apic.matches(to(0xff, false)));
  x.apic.write(apic_reg::ldr, 0x22u << 24, 0);
  REQUIRE(x.apic.matches(to(0x02, true)));
  REQUIRE_FALSE(x.apic.matches(to(0x11, true)));
  x.apic.write(apic_reg::dfr, 0, 0);
  REQUIRE(x.apic.matches(to(0x23, true)));
  REQUIRE_FALSE(x.apic.matches(to(0x32, true)));
}

TEST_CASE("a message survives the trip through its MSI format") {
  InterruptMessage m;
  m.destination = 0x0001'2345;
  m.vector = 0x91;
  m.mode = DeliveryMode::lowest_priority;
  m.logical = true;
  m.level = true;
  REQUIRE(InterruptMessage::is_msi(m.address()));
  const auto back = InterruptMessage::from_msi(m.address(), m.data());
  REQUIRE(back.destination == m.destination);
  REQUIRE(back.vector == m.vector);
  REQUIRE(back.mode == m.mode);
  REQUIRE(back.logical);
  REQUIRE(back.level);
  REQUIRE(back.asserted);
  REQUIRE(InterruptMessage::from_msi(0xfee0'3000, 0x41).destination == 3);
}
