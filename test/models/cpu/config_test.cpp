// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/config.h"

#include <set>
#include <string>
#include <type_traits>

#include "models/cpu/ept_tlb.h"
#include "test/support/catch.h"

using namespace iovirt;

TEST_CASE("every field of the processor's configuration is listed once, and costs have no built-in value") {
  cpu::Config config;
  std::set<std::string> names;
  cpu::Config::fields(config, [&](std::string_view name, auto& value, FieldInfo info) {
    REQUIRE(names.insert(std::string(name)).second);
    REQUIRE_FALSE(info.doc.empty());
    if (info.unit == "cycles" || info.unit == "ns" || info.unit == "mhz") {
      INFO(name);
      REQUIRE(value == std::remove_reference_t<decltype(value)>{});
    }
  });
  REQUIRE(names.count("apicv") == 1);
  REQUIRE_NOTHROW(cpu::EptTlb(config.ept_tlb_entries, config.ept_tlb_ways));
}
