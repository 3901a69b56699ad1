// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/enumeration.h"

#include <map>
#include <set>

#include "models/pcie/config.h"
#include "models/pcie/function.h"
#include "test/support/catch.h"

using namespace iovirt::pcie;
using namespace iovirt::pcie::spec;

namespace {

/// A hierarchy as routing sees it: two root ports, a NIC with VFs behind the first and a plain card behind the second.
struct Hierarchy : ConfigAccess {
  Function bridge{Identity{.vendor = 0x8086, .device = 0x29c0, .class_code = 0x060000}};
  std::vector<std::unique_ptr<Function>> ports;
  Function nic{Identity{.vendor = 0x8086, .device = 0x10c9, .class_code = 0x020000}};
  std::vector<std::unique_ptr<Function>> vfs;
  Function card{Identity{.vendor = 0x1af4, .device = 0x1234}};

  explicit Hierarchy(const Sriov::Spec& sriov = default_sriov()) {
    for (unsigned i = 0; i < 2; ++i) {
      ports.push_back(std::make_unique<Function>(Identity{.vendor = 0x8086, .device = 0x3420, .class_code = 0x060400}, ConfigSpace::Header::type1));
      ports.back()->add_express({.port = Express::Port::root_port, .mps_bytes = i == 0 ? 512u : 256u, .ari_forwarding = true});
    }
    nic.config.add_bar(0, 128 << 10, BarKind::memory32);
    nic.config.add_bar(3, 16 << 10, BarKind::memory32);
    nic.add_msix({.vectors = 10, .table_bar = 3, .pba_bar = 3, .pba_offset = 0x2000}, 0x70);
    nic.add_express({.mps_bytes = 256}, 0xa0);
    nic.add_aer(0x100);
    add_ari(nic.config, 0x150);
    nic.add_sriov(sriov, 0x160);
    for (unsigned i = 0; i < sriov.total_vfs; ++i) {
      vfs.push_back(std::make_unique<Function>(Identity{}, ConfigSpace::Header::virtual_function));
      vfs.back()->add_express({.mps_bytes = 256}, 0xa0);
    }
    card.config.add_bar(0, 4096, BarKind::memory32);
    card.config.add_bar(2, 1 << 20, BarKind::memory64_prefetchable);
    card.config.add_bar(4, 64 << 10, BarKind::memory64);
    card.add_express({.mps_bytes = 512});
  }
  static Sriov::Spec default_sriov() {
    Sriov::Spec spec{.total_vfs = 8, .vf_offset = 0x80, .vf_stride = 2, .vf_device = 0x10ca};
    spec.bars[0] = {16 << 10, BarKind::memory64_prefetchable};
    spec.bars[3] = {16 << 10, BarKind::memory32};
    return spec;
  }
  Function* find(Bdf bdf) {
    const unsigned bus = bdf >> 8;
    const unsigned device = bdf >> 3 & 0x1f;
    if (bus == 0) {
      if (bdf & 7) return nullptr;
      return device == 0 ? &bridge : device <= 2 ? ports[device - 1].get() : nullptr;
    }
    for (unsigned i = 0; i < 2; ++i) {
      const ConfigSpace& port = ports[i]->config;
      if (bus < port.secondary_bus() || bus > port.subordinate_bus() || port.secondary_bus() == 0) continue;
      if (bus == port.secondary_bus() && device != 0 && !ports[i]->express()->ari_forwarding()) return nullptr;
      const auto pf = static_cast<Bdf>(port.secondary_bus() << 8);
      if (bdf == pf) return i == 0 ? &nic : &card;
      if (i == 0)
        if (const unsigned vf = nic.sriov()->vf_of(pf, bdf)) return vfs[vf - 1].get();
    }
    return nullptr;
  }
  std::uint32_t read(Bdf bdf, std::uint16_t offset, unsigned bytes) override {
    REQUIRE(offset % bytes == 0);
    Function* function = find(bdf);
    return static_cast<std::uint32_t>(function ? function->config.read(offset, bytes) : 0xffff'ffff >> (32 - 8 * bytes));
  }
  void write(Bdf bdf, std::uint16_t offset, unsigned bytes, std::uint32_t value) override {
    REQUIRE(offset % bytes == 0);
    if (Function* function = find(bdf)) function->config.write(offset, bytes, value);
  }
};

const FoundFunction& device(const std::vector<FoundFunction>& found, std::uint16_t id) {
  for (const auto& f : found)
    if (f.device == id) return f;
  throw std::runtime_error("not found");
}

}  // namespace

TEST_CASE("a scan finds every function once and numbers the buses") {
  Hierarchy h;
  Enumerator enumerator(h, windows_of(Config{}));
  const auto found = enumerator.scan();
  std::vector<std::pair<Bdf, unsigned>> list;
  for (const auto& f : found) list.emplace_back(f.bdf, f.device);
  REQUIRE(list == std::vector<std::pair<Bdf, unsigned>>{{0x0000, 0x29c0}, {0x0008, 0x3420}, {0x0100, 0x10c9}, {0x0010, 0x3420}, {0x0200, 0x1234}});
  REQUIRE(h.ports[0]->config.secondary_bus() == 1);
  REQUIRE(h.ports[0]->config.subordinate_bus() == 1);
  REQUIRE(h.ports[1]->config.secondary_bus() == 2);
  REQUIRE(device(found, 0x10c9).parent == 0x0008);
  REQUIRE(device(found, 0x10c9).class_code == 0x020000);
  REQUIRE(device(found, 0x10c9).total_vfs == 8);
}

TEST_CASE("BARs are aligned, apart from each other, and inside the windows of the bridge above") {
  Hierarchy h;
  Enumerator enumerator(h, windows_of(Config{}));
  const auto found = enumerator.scan();
  std::map<std::uint64_t, std::uint64_t> taken;
  for (const auto& f : found) {
    const ConfigSpace* bridge = f.parent == 0 ? nullptr : &h.find(f.parent)->config;
    auto bars = f.bars;
    for (FoundBar& bar : bars) REQUIRE(bar.address % bar.size == 0);
    for (FoundBar bar : f.vf_bars) {
      REQUIRE(bar.address % bar.size == 0);
      bar.size *= f.total_vfs;
      bars.push_back(bar);
    }
    for (const FoundBar& bar : bars) {
      REQUIRE(taken.emplace(bar.address, bar.size).second);
      REQUIRE(bridge);
      const auto window = bar.is_64bit && bar.prefetchable ? bridge->prefetchable_window() : bridge->memory_window();
      REQUIRE(window.contains(bar.address));
      REQUIRE(window.contains(bar.address + bar.size - 1));
    }
  }
  std::uint64_t end = 0;
  for (const auto& [base, size] : taken) {
    REQUIRE(base >= end);
    end = base + size;
  }
  REQUIRE(taken.size() == 7);
  const auto& nic = device(found, 0x10c9);
  REQUIRE(h.nic.config.bar(0) == nic.bar(0));
  REQUIRE(h.nic.config.bar(3) == nic.bar(3));
  const auto& card = device(found, 0x1234);
  REQUIRE(card.bar(2) >= 0x80'0000'0000);
  REQUIRE(card.bar(4) < 0x1'0000'0000);  // not prefetchable: below 4 GiB
  REQUIRE(h.card.config.bar(2) == card.bar(2));
  REQUIRE_FALSE(h.ports[0]->config.memory_window().contains(card.bar(0)));
}

TEST_CASE("both ends of a link get the largest payload both support") {
  Hierarchy h;
  Enumerator::Windows windows = windows_of(Config{});
  windows.mrrs_bytes = 1024;
  Enumerator(h, windows).scan();
  REQUIRE(h.nic.express()->mps() == 256);
  REQUIRE(h.ports[0]->express()->mps() == 256);
  REQUIRE(h.card.express()->mps() == 256);
  REQUIRE(h.nic.express()->mrrs() == 1024);
}

TEST_CASE("VFs appear at offset and stride with their share of the VF BARs, and go again") {
  Hierarchy h;
  Enumerator enumerator(h, windows_of(Config{}));
  const auto found = enumerator.scan();
  const auto& nic = device(found, 0x10c9);
  REQUIRE(h.read(0x0180, kCommand, 2) == 0xffff);
  const auto vfs = enumerator.enable_vfs(nic, 3);
  REQUIRE(vfs.size() == 3);
  REQUIRE(vfs[0].bdf == 0x0180);
  REQUIRE(vfs[2].bdf == 0x0184);
  REQUIRE(vfs[1].device == 0x10ca);
  REQUIRE(vfs[1].vendor == 0x8086);
  REQUIRE(vfs[2].express == 0xa0);
  REQUIRE(vfs[1].bar(0) == vfs[0].bar(0) + 0x4000);
  REQUIRE(vfs[2].bar(3) == vfs[0].bar(3) + 0x8000);
  REQUIRE(h.nic.sriov()->vf_bar(0) == vfs[0].bar(0));
  REQUIRE(h.nic.sriov()->vf_bar(3) == vfs[0].bar(3));
  REQUIRE(h.read(0x0184, kCommand, 2) == 0);
  REQUIRE(h.read(0x0186, kCommand, 2) == 0xffff);
  enumerator.disable_vfs(nic);
  REQUIRE(h.nic.sriov()->vfs() == 0);
  REQUIRE_FALSE(h.nic.sriov()->vf_bar(0));
}

TEST_CASE("routing ids of VFs that run over their bus take the next bus numbers") {
  Sriov::Spec spec = Hierarchy::default_sriov();
  spec.vf_offset = 0x100;
  spec.total_vfs = 200;
  Hierarchy h(spec);
  Enumerator enumerator(h, windows_of(Config{}));
  const auto found = enumerator.scan();
  REQUIRE(h.ports[0]->config.subordinate_bus() == 3);
  REQUIRE(h.ports[1]->config.secondary_bus() == 4);
  const auto vfs = enumerator.enable_vfs(device(found, 0x10c9), 200);
  REQUIRE(vfs[199].bdf == 0x0100 + 0x100 + 199 * 2);
  REQUIRE(vfs[199].express == 0xa0);
}

TEST_CASE("NumVFs counts when VF Enable is set and is at most TotalVFs") {
  Hierarchy h;
  const std::uint16_t control = 0x160 + kSriovControl;
  h.nic.config.write(0x160 + kSriovNumVfs, 2, 20);
  REQUIRE(h.nic.sriov()->vfs() == 0);
  h.nic.config.write(control, 2, kSriovVfEnable);
  REQUIRE(h.nic.sriov()->vfs() == 8);
  h.nic.config.write(0x160 + kSriovNumVfs, 2, 2);
  REQUIRE(h.nic.sriov()->vfs() == 8);
  REQUIRE(h.nic.sriov()->vf_of(0x0100, 0x018e) == 8);
  REQUIRE(h.nic.sriov()->vf_of(0x0100, 0x0190) == 0);
  REQUIRE(h.nic.sriov()->vf_of(0x0100, 0x0181) == 0);
  REQUIRE(h.nic.sriov()->vf_of(0x0100, 0x0100) == 0);
  h.nic.config.write(control, 2, 0);
  h.nic.config.write(control, 2, kSriovVfEnable);
  REQUIRE(h.nic.sriov()->vfs() == 2);
}

TEST_CASE("a window too small is an error that says so") {
  Hierarchy h;
  Enumerator::Windows windows = windows_of(Config{});
  windows.mmio_bytes = 1 << 20;
  REQUIRE_THROWS_WITH(Enumerator(h, windows).scan(), Catch::Matchers::ContainsSubstring("out of memory window"));
  windows = windows_of(Config{});
  windows.last_bus = 1;
  REQUIRE_THROWS_WITH(Enumerator(h, windows).scan(), Catch::Matchers::ContainsSubstring("out of bus numbers"));
}

TEST_CASE("a capability list that loops ends the search") {
  Hierarchy h;
  h.card.config.set(static_cast<std::uint16_t>(h.card.config.find_capability(kCapExpress) + 1), 1, h.card.config.find_capability(kCapExpress));
  h.ports[1]->config.set(kSecondaryBus, 1, 2);
  h.ports[1]->config.set(kSubordinateBus, 1, 2);
  REQUIRE(find_capability(h, 0x0200, kCapMsix) == 0);
}

TEST_CASE("a root complex configuration that makes no sense names the field") {
  Config c;
  c.width = 3;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("pcie.width: expected"));
  c = Config{};
  c.mps_bytes = 300;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("pcie.mps_bytes: expected"));
  c = Config{};
  c.mmio_base = 0xe000'0000;
  c.mmio_bytes = 1 << 20;
  REQUIRE_THROWS_WITH(c.validate(), Catch::Matchers::ContainsSubstring("pcie.mmio_base: expected"));
  REQUIRE(Config{}.trained(1, 4).generation == 1);
  REQUIRE(Config{}.trained(5, 16).width == 8);
}
