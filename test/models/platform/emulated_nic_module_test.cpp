// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// QEMU's e1000 between a guest's memory and a tap, when the guest's descriptors are wrong.
#include <array>
#include <cstring>
#include <vector>

#include "lib/sim/simulation.h"
#include "models/pcie/pci_spec.h"
#include "models/platform/config_loader.h"
#include "models/platform/protection/host_rig_module.h"
#include "models/software/host_net/host_port.h"
#include "models/software/qemu/e1000_spec.h"
#include "models/software/qemu/emulated_nic_function.h"
#include "test/support/catch.h"

using namespace iovirt;
namespace e1000 = software::e1000_spec;

namespace {

constexpr std::uint64_t kVmBytes = 16ull << 20, kRing = 0x1000, kFrames = 0x2000;
constexpr std::uint32_t kEntries = 8;  // the least that TDLEN can say
constexpr std::uint64_t kWhole = e1000::kTxEop | e1000::kTxIfcs;

struct Nobody final : software::TrafficBook {
  void received(PacketId, std::span<const std::uint8_t>, Ps) override {}
  bool reply_to(PacketId, Ps, PacketId&, std::span<const std::uint8_t>&) override { return false; }
  bool scheduled_send(unsigned, std::size_t, Ps&) override { return false; }
  PacketId begin_send(unsigned, std::size_t, Ps, std::span<const std::uint8_t>&) override { return 0; }
  void dropped(PacketId) override {}
};

/// What comes out of the tap.
struct Tap final : software::HostPort {
  Tap(software::HostKernel& kernel, software::TrafficBook& book, memory::Memory& memory) : HostPort(kernel, book), ram(memory) {}
  void put(const software::HostFrame& frame) override {
    const std::uint8_t* const first = ram.data() + frame.address;
    frames.emplace_back(first, first + frame.bytes);
    release(frame.buffer);
  }
  memory::Memory& ram;
  std::vector<std::vector<std::uint8_t>> frames;
};

struct Descriptor {
  std::uint64_t address, word;
};

/// The descriptors go out in one go; returns what the tap got. The device has taken all of them.
std::vector<std::vector<std::uint8_t>> transmit(const std::vector<Descriptor>& descriptors) {
  REQUIRE(descriptors.size() < kEntries);
  const platform::LoadedConfig loaded{platform::ConfigRequest{}};
  sim::Simulation simulation;
  platform::Machine machine(loaded.config(), {}, {.free_ports = 1});
  platform::HostRig rig(machine);
  software::Vm vm(0, {.memory_bytes = kVmBytes}, loaded.config().cpu, rig.kernel, machine.core_memory);
  Nobody nobody;
  Tap tap(rig.kernel, nobody, machine.memory);
  rig.run(
      [&] {
        vm.create();
        software::EmulatedNicFunction nic(software::EmulatedModel::e1000, {2, 0, 0, 0, 0, 1}, rig.kernel, vm, tap, 10, nobody, machine.ledger);
        std::uint8_t* const guest = machine.memory.data() + vm.memory_base();
        std::memcpy(guest + kRing, descriptors.data(), descriptors.size() * sizeof(Descriptor));
        for (unsigned i = 0; i < 4096; ++i) guest[kFrames + i] = static_cast<std::uint8_t>(i % 251);
        nic.config_write(pcie::spec::kCommand, 2, pcie::spec::kCommandMemoryEnable | pcie::spec::kCommandBusMaster);
        nic.bar_write(0, e1000::TDBAL, 4, kRing);
        nic.bar_write(0, e1000::TDLEN, 4, kEntries * sizeof(Descriptor));
        nic.bar_write(0, e1000::TCTL, 4, e1000::kTctlEn);
        nic.bar_write(0, e1000::TDT, 4, descriptors.size());
        CHECK(nic.bar_read(0, e1000::TDH, 4) == descriptors.size());
        rig.stop();
      },
      kPsPerSecond);
  return tap.frames;
}

}  // namespace

TEST_CASE("a frame whose pieces lie in guest memory comes out of the tap") {
  const auto frames = transmit({{kFrames, 14}, {kFrames + 100, 86 | kWhole}});
  REQUIRE(frames.size() == 1);
  REQUIRE(frames[0].size() == 100);
  CHECK(frames[0][13] == 13);
  CHECK(frames[0][14] == 100);
}

TEST_CASE("a frame of which a piece lies outside guest memory is dropped, the next one is sent") {
  for (const Descriptor& wrong : {Descriptor{kVmBytes, 60 | kWhole}, Descriptor{kVmBytes - 10, 60 | kWhole}, Descriptor{~0ull - 9, 60 | kWhole}}) {
    INFO(wrong.address);
    const auto frames = transmit({wrong, {kFrames + 1, 60 | kWhole}});
    REQUIRE(frames.size() == 1);
    CHECK(frames[0][0] == 1);
  }
  const auto frames = transmit({{kFrames, 14}, {kVmBytes, 46}, {kFrames, 46 | kWhole}, {kFrames + 2, 60 | kWhole}});
  REQUIRE(frames.size() == 1);
  CHECK(frames[0][0] == 2);
}

TEST_CASE("a frame longer than the host's buffers is dropped, the next one is sent") {
  const auto frames = transmit({{kFrames, 3000 | kWhole}, {kFrames + 3, 60 | kWhole}});
  REQUIRE(frames.size() == 1);
  CHECK(frames[0].size() == 60);
  CHECK(frames[0][0] == 3);
}
