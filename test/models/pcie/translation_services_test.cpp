// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/translation_services.h"

#include "models/pcie/function.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::pcie;
using namespace iovirt::pcie::spec;

namespace {

const Identity kIdentity{.vendor = 0x1af4, .device = 0xa7c0, .class_code = 0x020000};

std::uint16_t at(std::uint16_t capability, std::uint16_t offset) { return static_cast<std::uint16_t>(capability + offset); }

/// A page-request interface as software sees it.
struct Interface {
  explicit Interface(std::uint32_t capacity = 8) : function(kIdentity), pri(function.add_page_requests({.capacity = capacity})) {}
  std::uint64_t read(std::uint16_t offset, unsigned bytes = 2) const { return function.config.read(at(pri.offset(), offset), bytes); }
  void write(std::uint16_t offset, std::uint64_t value, unsigned bytes = 2) { function.config.write(at(pri.offset(), offset), bytes, value); }
  Function function;
  Pri& pri;
};

}  // namespace

TEST_CASE("the ATS capability tells its queue depth and software sets the unit and Enable") {
  Function function(kIdentity);
  Ats& ats = function.add_ats({.queue_depth = 5, .global_invalidate = true});
  ConfigSpace& config = function.config;
  REQUIRE(ats.offset() == 0x100);
  REQUIRE(config.find_extended_capability(0x000f) == ats.offset());
  REQUIRE(config.read(ats.offset(), 4) == 0x0001'000f);
  REQUIRE(config.read(at(ats.offset(), 4), 2) == (5 | 1 << 5 | 1 << 6));
  config.write(at(ats.offset(), 4), 2, 0);
  REQUIRE(config.read(at(ats.offset(), 4), 2) == (5 | 1 << 5 | 1 << 6));
  REQUIRE_FALSE(ats.enabled());
  REQUIRE(ats.unit_bytes() == 4096);
  config.write(at(ats.offset(), kAtsControl), 2, 0xffff);
  REQUIRE(config.read(at(ats.offset(), kAtsControl), 2) == 0x801f);
  REQUIRE(ats.enabled());
  REQUIRE(ats.unit_bytes() == 4096ull << 31);
  config.write(at(ats.offset(), kAtsControl), 2, 4);
  REQUIRE_FALSE(ats.enabled());
  REQUIRE(ats.unit_bytes() == 65536);
  function.reset();
  REQUIRE(ats.unit_bytes() == 4096);
}

TEST_CASE("a queue of 32 invalidate requests reads as 0, and one of none is refused") {
  Function function(kIdentity);
  REQUIRE((function.config.read(at(function.add_ats({}).offset(), kAtsCap), 2) & 0x1f) == 0);
  Function other(kIdentity);
  REQUIRE_THROWS_AS(other.add_ats({.queue_depth = 0}), std::logic_error);
  REQUIRE_THROWS_AS(other.add_ats({.queue_depth = 33}), std::logic_error);
}

TEST_CASE("a virtual function has an Enable of its own and its physical function's unit") {
  Function pf(kIdentity), vf(kIdentity, ConfigSpace::Header::virtual_function);
  Ats& of_pf = pf.add_ats({.queue_depth = 7});
  Ats& of_vf = vf.add_ats({.queue_depth = 7}, &of_pf);
  REQUIRE((vf.config.read(at(of_vf.offset(), kAtsCap), 2) & 0x1f) == 0);
  vf.config.write(at(of_vf.offset(), kAtsControl), 2, kAtsEnable | 9);
  REQUIRE(vf.config.read(at(of_vf.offset(), kAtsControl), 2) == kAtsEnable);
  pf.config.write(at(of_pf.offset(), kAtsControl), 2, 3);
  REQUIRE(of_vf.enabled());
  REQUIRE_FALSE(of_pf.enabled());
  REQUIRE(of_vf.unit_bytes() == 32768);
}

TEST_CASE("the page-request interface starts stopped, with a capacity and nothing allocated") {
  Interface i(12);
  REQUIRE(i.function.config.read(i.pri.offset(), 4) == 0x0001'0013);
  REQUIRE(i.read(kPriStatus) == kPriStopped);
  REQUIRE(i.read(kPriCapacity, 4) == 12);
  REQUIRE(i.read(kPriAllocation, 4) == 0);
  i.write(kPriCapacity, 99, 4);
  REQUIRE(i.read(kPriCapacity, 4) == 12);
  REQUIRE_FALSE(i.pri.may_ask());
  i.write(kPriControl, kPriEnable);
  REQUIRE(i.read(kPriStatus) == 0);
  REQUIRE_FALSE(i.pri.may_ask());  // nothing allocated
  i.write(kPriAllocation, 1, 4);
  REQUIRE(i.pri.may_ask());
}

TEST_CASE("page requests stop at the allocation, or the capacity if that is less, and a response gives its group's back") {
  Interface i(3);
  i.write(kPriAllocation, 100, 4);
  i.write(kPriControl, kPriEnable);
  i.pri.asked(4);
  i.pri.asked(4);
  i.pri.asked(5);
  REQUIRE_FALSE(i.pri.may_ask());
  REQUIRE(i.pri.responded(4, PageResponseCode::success));
  REQUIRE(i.pri.outstanding() == 1);
  i.write(kPriAllocation, 1, 4);
  REQUIRE_FALSE(i.pri.may_ask());
  REQUIRE(i.pri.responded(5, PageResponseCode::invalid_request));
  REQUIRE(i.pri.may_ask());
  REQUIRE(i.read(kPriStatus) == 0);
}

TEST_CASE("a response that nobody waits for sets UPRGI until software clears it") {
  Interface i;
  i.write(kPriAllocation, 8, 4);
  i.write(kPriControl, kPriEnable);
  REQUIRE_FALSE(i.pri.responded(9, PageResponseCode::success));
  REQUIRE(i.read(kPriStatus) == kPriUnexpectedGroup);
  REQUIRE(i.pri.may_ask());
  i.write(kPriStatus, kPriUnexpectedGroup);
  REQUIRE(i.read(kPriStatus) == 0);
}

TEST_CASE("a response failure ends every group and all asking until the interface is enabled anew") {
  Interface i;
  i.write(kPriAllocation, 8, 4);
  i.write(kPriControl, kPriEnable);
  i.pri.asked(1);
  i.pri.asked(2);
  REQUIRE(i.pri.responded(1, PageResponseCode::response_failure));
  REQUIRE(i.read(kPriStatus) == kPriResponseFailure);
  REQUIRE(i.pri.outstanding() == 0);
  REQUIRE_FALSE(i.pri.may_ask());
  REQUIRE_FALSE(i.pri.responded(2, PageResponseCode::success));  // ignored, not unexpected
  REQUIRE(i.read(kPriStatus) == kPriResponseFailure);
  i.write(kPriControl, 0);
  REQUIRE(i.read(kPriStatus) == (kPriResponseFailure | kPriStopped));
  i.write(kPriControl, kPriEnable);
  REQUIRE(i.read(kPriStatus) == 0);
  REQUIRE(i.pri.may_ask());
}

TEST_CASE("a disabled interface has stopped when the last response is there") {
  Interface i;
  i.write(kPriAllocation, 8, 4);
  i.write(kPriControl, kPriEnable);
  i.pri.asked(1);
  i.pri.asked(2);
  i.write(kPriControl, 0);
  REQUIRE(i.read(kPriStatus) == 0);
  REQUIRE_FALSE(i.pri.may_ask());
  REQUIRE(i.pri.responded(1, PageResponseCode::success));
  REQUIRE(i.read(kPriStatus) == 0);
  REQUIRE(i.pri.responded(2, PageResponseCode::success));
  REQUIRE(i.read(kPriStatus) == kPriStopped);
}

TEST_CASE("Reset forgets what is outstanding, but not while the interface is enabled") {
  Interface i;
  i.write(kPriAllocation, 8, 4);
  i.write(kPriControl, kPriEnable);
  i.pri.asked(1);
  i.write(kPriControl, kPriEnable | kPriReset);
  REQUIRE(i.read(kPriControl) == kPriEnable);
  REQUIRE(i.pri.outstanding() == 1);
  i.write(kPriControl, kPriReset);
  REQUIRE(i.read(kPriControl) == 0);
  REQUIRE(i.pri.outstanding() == 0);
  REQUIRE(i.read(kPriStatus) == kPriStopped);
}

TEST_CASE("a function-level reset leaves the interface stopped, with nothing outstanding or allocated") {
  Interface i;
  i.write(kPriAllocation, 8, 4);
  i.write(kPriControl, kPriEnable);
  i.pri.asked(1);
  i.function.reset();
  REQUIRE(i.pri.outstanding() == 0);
  REQUIRE(i.read(kPriStatus) == kPriStopped);
  REQUIRE(i.read(kPriAllocation, 4) == 0);
  i.write(kPriControl, kPriEnable);
  REQUIRE(i.read(kPriStatus) == 0);
}

TEST_CASE("a PASID needs its Enable, its width, and for each right another") {
  Function function(kIdentity);
  const Pasid& pasid = function.add_pasid({.width = 8, .privileged = true});
  ConfigSpace& config = function.config;
  REQUIRE(config.read(at(pasid.offset(), kPasidCap), 2) == (8u << 8 | kPasidPrivileged));
  REQUIRE_FALSE(pasid.allows(5, false, false));
  config.write(at(pasid.offset(), kPasidControl), 2, 0xffff);
  REQUIRE(config.read(at(pasid.offset(), kPasidControl), 2) == (kPasidEnable | kPasidPrivileged));
  REQUIRE(pasid.allows(255, false, true));
  REQUIRE_FALSE(pasid.allows(256, false, false));
  REQUIRE_FALSE(pasid.allows(5, true, false));
  config.write(at(pasid.offset(), kPasidControl), 2, kPasidEnable);
  REQUIRE_FALSE(pasid.allows(5, false, true));
  Function wide(kIdentity);
  REQUIRE_THROWS_AS(wide.add_pasid({.width = 21}), std::logic_error);
}
