// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/enumeration.h"

#include <algorithm>
#include <stdexcept>

#include "models/pcie/config.h"

namespace iovirt::pcie {

using namespace spec;

namespace {

constexpr std::uint64_t kBridgeGranule = 1u << 20;  // 7.5.1.3.8

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) { return (value + alignment - 1) & ~(alignment - 1); }
std::uint16_t plus(std::uint16_t capability, unsigned offset) { return static_cast<std::uint16_t>(capability + offset); }

}  // namespace

std::uint64_t FoundFunction::bar(unsigned index) const {
  for (const FoundBar& b : bars)
    if (b.index == index) return b.address;
  return 0;
}

Enumerator::Windows windows_of(const Config& config) {
  return {config.mmio_base, config.mmio_bytes, config.mmio64_base, config.mmio64_bytes, config.mrrs_bytes, 255};
}

std::uint16_t find_capability(ConfigAccess& access, Bdf function, std::uint8_t id) {
  if (!(access.read(function, kStatus, 2) & kStatusCapabilities)) return 0;
  unsigned at = access.read(function, kCapabilities, 1) & 0xfc;
  for (unsigned steps = 0; at >= 0x40 && steps < 48; ++steps) {
    const std::uint32_t head = access.read(function, static_cast<std::uint16_t>(at), 2);
    if ((head & 0xff) == id) return static_cast<std::uint16_t>(at);
    at = (head >> 8) & 0xfc;
  }
  return 0;
}

std::uint16_t find_extended_capability(ConfigAccess& access, Bdf function, std::uint16_t id) {
  unsigned at = 0x100;
  for (unsigned steps = 0; at >= 0x100 && steps < 480; ++steps) {
    const std::uint32_t head = access.read(function, static_cast<std::uint16_t>(at), 4);
    if (head == 0 || head == 0xffff'ffff) return 0;
    if ((head & 0xffff) == id) return static_cast<std::uint16_t>(at);
    at = (head >> 20) & 0xffc;
  }
  return 0;
}

std::vector<FoundFunction> Enumerator::scan() {
  next_ = windows_.mmio_base;
  next64_ = windows_.mmio64_base;
  last_used_bus_ = 0;
  std::vector<FoundFunction> found;
  scan_bus(0, nullptr, found);
  return found;
}

void Enumerator::scan_bus(std::uint8_t bus, const FoundFunction* parent, std::vector<FoundFunction>& found) {
  // A link has one device behind it; only bus 0 and a switch's inside have more.
  const unsigned devices = parent && parent->downstream_port ? 1 : 32;
  for (unsigned device = 0; device < devices; ++device) {
    unsigned functions = 1;
    for (unsigned number = 0; number < functions; ++number) {
      const auto bdf = static_cast<Bdf>(bus << 8 | device << 3 | number);
      const std::uint32_t id = access_.read(bdf, kVendorId, 4);
      if ((id & 0xffff) == 0xffff) {
        if (number == 0) break;
        continue;
      }
      const std::uint32_t header = access_.read(bdf, kHeaderType, 1);
      if (number == 0 && (header & 0x80)) functions = 8;
      FoundFunction function;
      function.bdf = bdf;
      function.vendor = static_cast<std::uint16_t>(id);
      function.device = static_cast<std::uint16_t>(id >> 16);
      function.class_code = access_.read(bdf, kRevision, 4) >> 8;
      function.bridge = (header & 0x7f) == 1;
      function.parent = parent ? parent->bdf : Bdf{0};
      function.express = find_capability(access_, bdf, kCapExpress);
      if (function.express != 0) {
        const auto type = ExpPortType::get(access_.read(bdf, plus(function.express, kExpFlags), 2));
        function.downstream_port = type == 4 || type == 6;
      }
      place_bars(function, function.bridge ? 2 : 6, kBar0, 1);
      if (function.bridge) {
        const std::size_t index = found.size();
        found.push_back(function);
        scan_bridge(function, found);
        found[index] = function;
        continue;
      }
      if (parent) set_payload(function, *parent);
      prepare_sriov(function, parent);
      const std::uint32_t command = access_.read(bdf, kCommand, 2);
      access_.write(bdf, kCommand, 2, command | kCommandMemoryEnable);
      found.push_back(function);
    }
  }
}

void Enumerator::scan_bridge(FoundFunction& bridge, std::vector<FoundFunction>& found) {
  if (last_used_bus_ >= windows_.last_bus) throw std::runtime_error("enumeration: out of bus numbers");
  const std::uint8_t secondary = ++last_used_bus_;
  access_.write(bridge.bdf, kPrimaryBus, 1, bridge.bdf >> 8);
  access_.write(bridge.bdf, kSecondaryBus, 1, secondary);
  access_.write(bridge.bdf, kSubordinateBus, 1, windows_.last_bus);
  const std::uint64_t from = next_ = align_up(next_, kBridgeGranule);
  const std::uint64_t from64 = next64_ = align_up(next64_, kBridgeGranule);
  scan_bus(secondary, &bridge, found);
  access_.write(bridge.bdf, kSubordinateBus, 1, last_used_bus_);
  next_ = align_up(next_, kBridgeGranule);
  next64_ = align_up(next64_, kBridgeGranule);
  open_windows(bridge, from, from64);
}

void Enumerator::open_windows(const FoundFunction& bridge, std::uint64_t from, std::uint64_t from64) {
  const auto write = [&](std::uint16_t offset, unsigned bytes, std::uint64_t value) {
    access_.write(bridge.bdf, offset, bytes, static_cast<std::uint32_t>(value));
  };
  const bool open = next_ > from;  // otherwise base above limit: closed
  write(kMemoryBase, 2, open ? from >> 16 & 0xfff0 : 0xfff0);
  write(kMemoryLimit, 2, open ? (next_ - 1) >> 16 & 0xfff0 : 0);
  const bool open64 = next64_ > from64;
  write(kPrefetchableBase, 2, open64 ? from64 >> 16 & 0xfff0 : 0xfff0);
  write(kPrefetchableLimit, 2, open64 ? (next64_ - 1) >> 16 & 0xfff0 : 0);
  write(kPrefetchableBaseUpper, 4, open64 ? from64 >> 32 : 0);
  write(kPrefetchableLimitUpper, 4, open64 ? (next64_ - 1) >> 32 : 0);
  const std::uint32_t command = access_.read(bridge.bdf, kCommand, 2);
  access_.write(bridge.bdf, kCommand, 2, command | kCommandMemoryEnable | kCommandBusMaster);
}

std::uint64_t Enumerator::allocate(std::uint64_t size, std::uint64_t alignment, bool high) {
  std::uint64_t& next = high ? next64_ : next_;
  const std::uint64_t end = high ? windows_.mmio64_base + windows_.mmio64_bytes : windows_.mmio_base + windows_.mmio_bytes;
  const std::uint64_t at = align_up(next, alignment);
  if (at + size > end || at + size < at) throw std::runtime_error("enumeration: out of memory window");
  next = at + size;
  return at;
}

void Enumerator::place_bars(FoundFunction& function, unsigned count, std::uint16_t first, unsigned copies) {
  const Bdf bdf = function.bdf;
  for (unsigned index = 0; index < count; ++index) {
    const std::uint16_t offset = plus(first, 4 * index);
    access_.write(bdf, offset, 4, 0xffff'ffff);
    const std::uint32_t low = access_.read(bdf, offset, 4);
    if (low == 0 || (low & 1)) {  // none, or I/O, which nobody here uses
      access_.write(bdf, offset, 4, 0);
      continue;
    }
    FoundBar bar;
    bar.index = index;
    bar.is_64bit = (low & 6) == kBarMemory64;
    bar.prefetchable = (low & kBarPrefetchable) != 0;
    std::uint64_t mask = low & ~kBarFlags;
    if (bar.is_64bit) {
      access_.write(bdf, plus(offset, 4), 4, 0xffff'ffff);
      mask |= static_cast<std::uint64_t>(access_.read(bdf, plus(offset, 4), 4)) << 32;
    } else {
      mask |= 0xffff'ffff'0000'0000;
    }
    bar.size = ~mask + 1;
    bar.address = allocate(bar.size * copies, bar.size, bar.is_64bit && bar.prefetchable);
    access_.write(bdf, offset, 4, static_cast<std::uint32_t>(bar.address));
    if (bar.is_64bit) access_.write(bdf, plus(offset, 4), 4, static_cast<std::uint32_t>(bar.address >> 32));
    function.bars.push_back(bar);
    if (bar.is_64bit) ++index;
  }
}

void Enumerator::prepare_sriov(FoundFunction& function, const FoundFunction* parent) {
  function.sriov = find_extended_capability(access_, function.bdf, kExtSriov);
  const bool ari = find_extended_capability(access_, function.bdf, kExtAri) != 0;
  if (parent && parent->express != 0 && (ari || function.sriov != 0)) {
    const std::uint32_t able = access_.read(parent->bdf, plus(parent->express, kExpDeviceCap2), 4);
    if (able & kExpAriForwarding) {
      const std::uint16_t control = plus(parent->express, kExpDeviceControl2);
      access_.write(parent->bdf, control, 2, access_.read(parent->bdf, control, 2) | kExpAriForwarding);
      if (function.sriov != 0) access_.write(function.bdf, plus(function.sriov, kSriovControl), 2, kSriovAriHierarchy);
    }
  }
  if (function.sriov == 0) return;
  const auto read = [&](std::uint16_t offset, unsigned bytes) { return access_.read(function.bdf, plus(function.sriov, offset), bytes); };
  function.total_vfs = static_cast<std::uint16_t>(read(kSriovTotalVfs, 2));
  if (function.total_vfs == 0) return;
  FoundFunction vfs;
  vfs.bdf = function.bdf;
  place_bars(vfs, 6, plus(function.sriov, kSriovBar0), function.total_vfs);
  function.vf_bars = vfs.bars;
  const unsigned last = function.bdf + read(kSriovVfOffset, 2) + (function.total_vfs - 1u) * read(kSriovVfStride, 2);
  if (last >> 8 > windows_.last_bus) throw std::runtime_error("enumeration: out of bus numbers for virtual functions");
  last_used_bus_ = std::max(last_used_bus_, static_cast<std::uint8_t>(last >> 8));
}

void Enumerator::set_payload(const FoundFunction& function, const FoundFunction& parent) {
  if (function.express == 0) return;
  const auto supported = [&](const FoundFunction& f) {
    return ExpMpsSupported::get(access_.read(f.bdf, plus(f.express, kExpDeviceCap), 4));
  };
  const auto set = [&](const FoundFunction& f, std::uint64_t mps) {
    const std::uint16_t control = plus(f.express, kExpDeviceControl);
    std::uint64_t mrrs = 0;
    while (mrrs < 5 && (128u << mrrs) < windows_.mrrs_bytes) ++mrrs;
    const std::uint64_t value = ExpMrrs::set(ExpMps::set(access_.read(f.bdf, control, 2), mps), mrrs);
    access_.write(f.bdf, control, 2, static_cast<std::uint32_t>(value));
  };
  std::uint64_t mps = supported(function);
  if (parent.express != 0) {
    mps = std::min(mps, supported(parent));
    set(parent, mps);
  }
  set(function, mps);
}

std::vector<FoundFunction> Enumerator::enable_vfs(const FoundFunction& pf, unsigned count) {
  const auto reg = [&](std::uint16_t offset) { return plus(pf.sriov, offset); };
  const std::uint32_t control = access_.read(pf.bdf, reg(kSriovControl), 2);
  access_.write(pf.bdf, reg(kSriovNumVfs), 2, count);
  access_.write(pf.bdf, reg(kSriovControl), 2, control | kSriovVfEnable | kSriovVfMemoryEnable);
  const std::uint32_t offset = access_.read(pf.bdf, reg(kSriovVfOffset), 2);
  const std::uint32_t stride = access_.read(pf.bdf, reg(kSriovVfStride), 2);
  std::vector<FoundFunction> vfs;
  for (unsigned n = 0; n < count; ++n) {
    FoundFunction vf;
    vf.bdf = static_cast<Bdf>(pf.bdf + offset + n * stride);
    vf.vendor = pf.vendor;
    vf.device = static_cast<std::uint16_t>(access_.read(pf.bdf, reg(kSriovVfDeviceId), 2));
    vf.class_code = pf.class_code;
    vf.parent = pf.parent;
    vf.express = find_capability(access_, vf.bdf, kCapExpress);
    for (FoundBar bar : pf.vf_bars) {
      bar.address += n * bar.size;
      vf.bars.push_back(bar);
    }
    vfs.push_back(vf);
  }
  return vfs;
}

void Enumerator::disable_vfs(const FoundFunction& pf) {
  const std::uint16_t at = plus(pf.sriov, kSriovControl);
  const std::uint32_t off = static_cast<std::uint32_t>(kSriovVfEnable | kSriovVfMemoryEnable);
  access_.write(pf.bdf, at, 2, access_.read(pf.bdf, at, 2) & ~off);
  access_.write(pf.bdf, plus(pf.sriov, kSriovNumVfs), 2, 0);
}

}  // namespace iovirt::pcie
