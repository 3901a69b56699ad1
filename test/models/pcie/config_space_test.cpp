// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/config_space.h"

#include "models/pcie/function.h"
#include "test/support/catch.h"

using namespace iovirt::pcie;
using namespace iovirt::pcie::spec;

namespace {

const Identity kIdentity{.vendor = 0x8086, .device = 0x10c9, .class_code = 0x020000, .revision = 1, .subsystem_vendor = 0x8086, .subsystem = 0xa03c};

}  // namespace

TEST_CASE("identity reads back and cannot be written") {
  ConfigSpace config(kIdentity);
  config.write(kVendorId, 4, 0xdeadbeef);
  REQUIRE(config.read(kVendorId, 4) == 0x10c98086);
  REQUIRE(config.read(kRevision, 4) == 0x02000001);
  REQUIRE(config.read(kSubsystemVendor, 4) == 0xa03c8086);
  REQUIRE(config.read(kVendorId, 1) == 0x86);
  REQUIRE(config.read(0x01, 2) == 0xc980);
}

TEST_CASE("sizing a 32-bit BAR gives its size and flags") {
  ConfigSpace config(kIdentity);
  config.add_bar(0, 128 << 10, BarKind::memory32);
  config.write(kBar0, 4, 0xffff'ffff);
  REQUIRE(config.read(kBar0, 4) == 0xfffe'0000);
  config.write(kBar0, 4, 0xc012'3456);
  REQUIRE(config.read(kBar0, 4) == 0xc012'0000);
  REQUIRE_FALSE(config.bar(0));
  config.write(kCommand, 2, kCommandMemoryEnable);
  REQUIRE(config.bar(0) == 0xc012'0000u);
  REQUIRE_FALSE(config.bar(1));
  config.write(kBar0 + 4, 4, 0xffff'ffff);
  REQUIRE(config.read(kBar0 + 4, 4) == 0);
}

TEST_CASE("a 64-bit prefetchable BAR spans two registers, also beyond 4 GiB in size") {
  ConfigSpace config(kIdentity);
  config.add_bar(2, 1ull << 33, BarKind::memory64_prefetchable);
  config.write(kBar0 + 8, 4, 0xffff'ffff);
  config.write(kBar0 + 12, 4, 0xffff'ffff);
  REQUIRE(config.read(kBar0 + 8, 4) == 0xc);
  REQUIRE(config.read(kBar0 + 12, 4) == 0xffff'fffe);
  config.write(kBar0 + 8, 4, 0);
  config.write(kBar0 + 12, 4, 0x84);
  config.write(kCommand, 2, kCommandMemoryEnable);
  REQUIRE(config.bar(2) == 0x84'0000'0000);
  REQUIRE_THROWS_AS(config.add_bar(3, 4096, BarKind::memory32), std::logic_error);
  REQUIRE_THROWS_AS(config.add_bar(5, 4096, BarKind::memory64), std::logic_error);
  REQUIRE_THROWS_AS(config.add_bar(0, 3000, BarKind::memory32), std::logic_error);
}

TEST_CASE("bytes written one at a time add up, and what lies beyond 4 KiB is not there") {
  ConfigSpace config(kIdentity);
  config.add_bar(0, 16, BarKind::memory32);
  for (unsigned i = 0; i < 4; ++i) config.write(static_cast<std::uint16_t>(kBar0 + i), 1, 0x11u * (i + 1));
  REQUIRE(config.read(kBar0, 4) == 0x44332210);
  REQUIRE(config.read(0xffe, 4) == 0xffff0000);
  config.write(0xffe, 4, 0);
  config.write(0x1000, 4, 0);
  REQUIRE(config.read(0x1000, 4) == 0xffff'ffff);
}

TEST_CASE("write-1-to-clear bits clear and hooks run once a write") {
  ConfigSpace config(kIdentity);
  config.define(0x80, 4, 0xff00'00ff, 0x0000'ff00, 0xff00'0000);
  unsigned calls = 0;
  config.on_write(0x81, 1, [&] { ++calls; });
  config.write(0x80, 4, 0x0f00'5500);
  REQUIRE(config.read(0x80, 4) == 0xf000'55ff);
  REQUIRE(calls == 1);
  config.write(0x82, 2, 0xffff);
  REQUIRE(calls == 1);
  config.reset();
  REQUIRE(config.read(0x80, 4) == 0xff00'00ff);
  REQUIRE(calls == 1);
}

TEST_CASE("capabilities form a list in the order they were added, at the places asked for") {
  Function function(kIdentity);
  REQUIRE((function.config.read(kStatus, 2) & kStatusCapabilities) == 0);
  REQUIRE(function.config.find_capability(kCapMsix) == 0);
  add_power_management(function.config, 0x40);
  function.add_msix({.vectors = 10, .table_bar = 3, .pba_bar = 3, .pba_offset = 0x2000}, 0x70);
  function.add_express({}, 0xa0);
  function.add_aer(0x100);
  add_ari(function.config, 0x150);
  function.add_sriov({.vf_device = 0x10ca}, 0x160);
  REQUIRE(function.config.read(kStatus, 2) & kStatusCapabilities);
  std::vector<std::pair<unsigned, unsigned>> list;
  for (unsigned at = static_cast<unsigned>(function.config.read(kCapabilities, 1)); at != 0;
       at = static_cast<unsigned>(function.config.read(static_cast<std::uint16_t>(at + 1), 1)))
    list.emplace_back(at, function.config.read(static_cast<std::uint16_t>(at), 1));
  REQUIRE(list == std::vector<std::pair<unsigned, unsigned>>{{0x40, 1}, {0x70, 0x11}, {0xa0, 0x10}});
  REQUIRE(function.config.read(0x100, 4) == 0x15020001);
  REQUIRE(function.config.read(0x150, 4) == 0x1601000e);
  REQUIRE(function.config.read(0x160, 4) == 0x00010010);
  REQUIRE(function.config.find_extended_capability(kExtSriov) == 0x160);
  REQUIRE_THROWS_AS(function.add_aer(), std::logic_error);
}

TEST_CASE("an extended list that does not begin at 100h is reached through an empty head") {
  ConfigSpace config(kIdentity);
  add_ari(config, 0x140);
  REQUIRE(config.read(0x100, 4) == 0x14000000);
  REQUIRE(config.find_extended_capability(kExtAri) == 0x140);
}

TEST_CASE("a virtual function has no id, no BARs and of Command only bus mastering") {
  ConfigSpace config(kIdentity, ConfigSpace::Header::virtual_function);
  REQUIRE(config.read(kVendorId, 4) == 0xffff'ffff);
  config.write(kCommand, 2, 0xffff);
  REQUIRE(config.read(kCommand, 2) == kCommandBusMaster);
  config.write(kBar0, 4, 0xffff'ffff);
  REQUIRE(config.read(kBar0, 4) == 0);
  REQUIRE_THROWS_AS(config.add_bar(0, 4096, BarKind::memory32), std::logic_error);
}

TEST_CASE("bridge windows open with base not above limit") {
  ConfigSpace config(kIdentity, ConfigSpace::Header::type1);
  config.write(kMemoryBase, 4, 0xc110'c0f0);  // base c0f00000, limit c11fffff
  REQUIRE_FALSE(config.memory_window().contains(0xc100'0000));
  config.write(kCommand, 2, kCommandMemoryEnable);
  REQUIRE(config.memory_window().contains(0xc0f0'0000));
  REQUIRE(config.memory_window().contains(0xc11f'ffff));
  REQUIRE_FALSE(config.memory_window().contains(0xc120'0000));
  config.write(kPrefetchableBase, 4, 0x0001'fff1);
  REQUIRE_FALSE(config.prefetchable_window().contains(0xfff0'0000));
  config.write(kPrefetchableBase, 4, 0x0011'0001);
  config.write(kPrefetchableBaseUpper, 4, 0x80);
  config.write(kPrefetchableLimitUpper, 4, 0x80);
  REQUIRE(config.prefetchable_window().contains(0x80'001f'ffff));
  REQUIRE_FALSE(config.prefetchable_window().contains(0x80'0020'0000));
}

TEST_CASE("payload and read request sizes are what software set, within what is supported") {
  Function function(kIdentity);
  Express& express = function.add_express({.mps_bytes = 256});
  REQUIRE(express.mps() == 128);
  REQUIRE(express.mrrs() == 512);
  const auto control = static_cast<std::uint16_t>(express.offset() + kExpDeviceControl);
  function.config.write(control, 2, ExpMps::of(5) | ExpMrrs::of(5));
  REQUIRE(express.mps() == 256);
  REQUIRE(express.mrrs() == 4096);
}

TEST_CASE("a function-level reset runs its hook, reads back as zero, and restores the registers") {
  Function function(kIdentity);
  Express& express = function.add_express({.flr = true});
  unsigned resets = 0;
  express.on_flr([&] { ++resets; });
  function.config.write(kCommand, 2, kCommandBusMaster);
  const auto control = static_cast<std::uint16_t>(express.offset() + kExpDeviceControl);
  function.config.write(control, 2, 0x2810);
  REQUIRE(resets == 0);
  function.config.write(control, 2, 0x2810 | kExpInitiateFlr);
  REQUIRE(resets == 1);
  REQUIRE(function.config.read(control, 2) == 0x2810);
  function.reset();
  REQUIRE_FALSE(function.config.bus_master());
}
