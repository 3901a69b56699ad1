// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/credited_link.h"

#include <random>
#include <vector>

#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::pcie;

namespace {

const LinkTiming kTiming(3, 8, 256);

std::vector<std::uint64_t> take_all(CreditedLink& link, Ps now) {
  std::vector<std::uint64_t> handles;
  while (const auto launch = link.next(now)) handles.push_back(launch->handle);
  return handles;
}

}  // namespace

TEST_CASE("TLPs leave one after the other") {
  CreditedLink link(kTiming, 8, 8);
  link.queue({1, 88, Flow::posted}, 0);
  link.queue({2, 24, Flow::nonposted}, 0);
  REQUIRE(link.next(0)->end == kTiming.time(88));
  REQUIRE(link.next(0)->end == kTiming.time(88) + kTiming.time(24));
  REQUIRE_FALSE(link.next(0));
  link.queue({3, 88, Flow::posted}, 1'000'000);
  REQUIRE(link.next(1'000'000)->end == 1'000'000 + kTiming.time(88));
  REQUIRE(link.bytes() == 88 + 24 + 88);
  REQUIRE(link.tlps() == 3);
  REQUIRE(link.stalled() == 0);
}

TEST_CASE("writes without a credit wait until it is known, completions do not") {
  CreditedLink link(kTiming, 1, 1);
  link.queue({1, 88, Flow::posted}, 0);
  link.queue({2, 88, Flow::posted}, 0);
  REQUIRE(take_all(link, 0) == std::vector<std::uint64_t>{1});
  REQUIRE(link.wake_at() == CreditedLink::kNever);
  link.give_back(Flow::posted, 500'000);
  REQUIRE(link.wake_at() == 500'000);
  REQUIRE(take_all(link, 499'999).empty());
  link.queue({3, 24, Flow::completion}, 499'999);
  REQUIRE(take_all(link, 499'999).empty());  // behind the write: it may not pass
  REQUIRE(take_all(link, 500'000) == std::vector<std::uint64_t>{2, 3});
  REQUIRE(link.stalled() == 500'000 - kTiming.time(88));
}

TEST_CASE("a read does not pass the write before it, a write passes a read without a credit") {
  CreditedLink link(kTiming, 1, 1);
  link.queue({1, 88, Flow::posted}, 0);
  link.queue({2, 88, Flow::posted}, 0);
  link.queue({3, 24, Flow::nonposted}, 0);
  REQUIRE(take_all(link, 0) == std::vector<std::uint64_t>{1});
  link.give_back(Flow::posted, 100'000);
  REQUIRE(take_all(link, 100'000) == std::vector<std::uint64_t>{2, 3});
  link.queue({4, 24, Flow::nonposted}, 100'000);
  link.queue({5, 24, Flow::completion}, 100'000);
  REQUIRE(take_all(link, 100'000) == std::vector<std::uint64_t>{5});
  link.give_back(Flow::nonposted, 200'000);
  REQUIRE(take_all(link, 200'000) == std::vector<std::uint64_t>{4});
}

TEST_CASE("no order of PCIe is ever broken and nothing is lost, whatever the credits do") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const unsigned posted_limit = 1 + random() % 4;
  const unsigned read_limit = 1 + random() % 4;
  CreditedLink link(kTiming, posted_limit, read_limit);
  std::vector<Flow> flows;          // by handle
  std::vector<bool> gone;
  std::vector<Flow> to_return;
  unsigned in_flight[2] = {0, 0};
  Ps now = 0;
  Ps known = 0;
  Ps last_end = 0;
  std::size_t launched = 0;
  const auto check = [&](const CreditedLink::Launch& launch) {
    REQUIRE(launch.end > last_end);
    last_end = launch.end;
    const auto handle = static_cast<std::size_t>(launch.handle);
    REQUIRE_FALSE(gone[handle]);
    for (std::size_t before = handle >= 40 ? handle - 40 : 0; before < handle; ++before) {
      if (gone[before]) continue;
      // Only a read can have been passed, and not by a read.
      if (flows[before] != Flow::nonposted || flows[handle] == Flow::nonposted) FAIL("handle " << handle << " passed " << before);
    }
    gone[handle] = true;
    ++launched;
    if (launch.flow == Flow::completion) return;
    const unsigned kind = launch.flow == Flow::posted ? 0 : 1;
    REQUIRE(++in_flight[kind] <= (kind == 0 ? posted_limit : read_limit));
    to_return.push_back(launch.flow);
  };
  for (unsigned step = 0; step < 20000 || launched < flows.size(); ++step) {
    now += random() % 30'000;
    if (step < 20000 && random() % 2) {
      const Flow flow = static_cast<Flow>(random() % 3);
      flows.push_back(flow);
      gone.push_back(false);
      const CreditedLink::Tlp tlp{flows.size() - 1, static_cast<std::uint32_t>(24 + random() % 256), flow};
      std::optional<CreditedLink::Launch> launch;
      if (link.idle() && random() % 2) launch = link.launch_at_once(tlp, now);
      if (launch)
        check(*launch);
      else
        link.queue(tlp, now);
    }
    if (!to_return.empty() && random() % 2) {
      known = std::max(known, now + random() % 50'000);
      link.give_back(to_return.back(), known);
      --in_flight[to_return.back() == Flow::posted ? 0 : 1];
      to_return.pop_back();
    }
    while (const auto launch = link.next(now)) check(*launch);
    REQUIRE(link.wake_at() > now);
  }
}
