// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/senders.h"

#include <string>

#include "test/support/catch.h"

using iovirt::platform::stream::Senders;

namespace {

/// The flows of the next packets, "-" when there is none.
std::string next(Senders& senders, unsigned packets) {
  std::string flows;
  for (unsigned i = 0; i < packets; ++i) {
    const auto packet = senders.next();
    flows += packet ? std::to_string(packet->flow) : "-";
  }
  return flows;
}

}  // namespace

TEST_CASE("senders stay within their windows, and take turns") {
  Senders senders(3, 2);
  CHECK(next(senders, 1) == "-");
  senders.window(0, 5);
  senders.window(2, 3);
  CHECK(next(senders, 9) == "22002000-");
  senders.window(1, 1);
  senders.window(2, 1);  // an old acknowledgement takes nothing back
  CHECK(next(senders, 2) == "1-");
}

TEST_CASE("a flow's packets are numbered in order") {
  Senders senders(2, 1);
  senders.window(0, 3);
  senders.window(1, 3);
  std::uint64_t expected[2] = {};
  while (const auto packet = senders.next()) CHECK(packet->number == expected[packet->flow]++);
  CHECK(expected[0] == 3);
  CHECK(expected[1] == 3);
}
