// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A VM that attacks, seen from memory: every write of its device that gets there, and all of RAM at the end, byte by byte
// against the same machine whose driver is honest. So that this proves something, the same attack through translation
// tables that map too much must be seen.
#include <algorithm>
#include <cstring>
#include <functional>

#include "lib/sim/simulation.h"
#include "models/iommu/registers_spec.h"
#include "models/iommu/structures_spec.h"
#include "models/platform/rig_module.h"
#include "test/support/dma_tap_module.h"
#include "test/support/platform_run.h"

using namespace iovirt;
using namespace iovirt::test;

namespace {

constexpr std::uint64_t kVmBytes = 16ull << 20;
constexpr std::uint16_t kFirstVf = 0x0180;  // 01:10.0
constexpr std::uint16_t kFirstNic = 0x0100;

Settings machine(const char* rogue) {
  return {"vms=3", "software.vm_memory_mb=16", "memory.size_bytes=201326592", "traffic.source=udp_stream",
          "traffic.packets=1500", "traffic.rate_pps=150000", "traffic.direction=both", std::string("software.rogue=") + rogue};
}

struct Range {
  std::uint64_t begin = 0, bytes = 0;
  bool holds(const Range& other) const { return other.begin >= begin && other.begin + other.bytes <= begin + bytes; }
};

/// What a run has left behind, and what VM 0's device wrote on the way.
struct Left final : DmaTap::Listener {
  std::uint16_t device = 0;
  std::vector<Range> vms;
  Range vmcs;                       ///< VM 0's
  std::vector<std::uint8_t> ram;
  std::vector<Range> writes;        ///< that reached memory
  std::size_t of_others = 0;        ///< writes of other devices
  std::vector<software::IntelIommu::FaultReport> faults;
  platform::RunResult result;

  void answered(const tlm::tlm_generic_payload& payload, std::uint16_t requester) override {
    if (!payload.is_write()) return;
    if (requester == device)
      writes.push_back({payload.get_address(), payload.get_data_length()});
    else
      ++of_others;
  }
  std::size_t writes_outside() const {
    return static_cast<std::size_t>(
        std::count_if(writes.begin(), writes.end(), [this](const Range& write) { return !vms[0].holds(write); }));
  }
  /// Pages that are not what they are in `other`, apart from VM 0's memory and its VMCS: where its core was at the last exit.
  std::vector<std::uint64_t> pages_unlike(const Left& other) const {
    constexpr std::size_t kPage = 4096;
    std::vector<std::uint64_t> pages;
    for (std::uint64_t page = 0; page < ram.size(); page += kPage)
      if (!vms[0].holds({page, kPage}) && !vmcs.holds({page, kPage}) && std::memcmp(&ram[page], &other.ram[page], kPage) != 0) pages.push_back(page);
    return pages;
  }
};

using Tamper = std::function<void(platform::Machine&, const Left&)>;

/// `tamper` is called when everything is set up, before the first frame.
Left run_on(Mode mode, const Settings& settings, const Tamper& tamper = {}) {
  platform::ConfigRequest request;
  for (const std::string& setting : settings) request.assignments.emplace_back(setting, "the test");
  const platform::LoadedConfig loaded(request);
  loaded.check_mode(mode);
  const software::Traffic traffic = loaded.traffic();
  struct : platform::Progress {
    void update(std::uint64_t, std::uint64_t, Ps) override {}
  } nobody;

  Left left;
  left.device = mode == Mode::sriov ? kFirstVf : kFirstNic;
  sim::Simulation simulation;
  DmaTap tap("tap", left);
  const unsigned vms = loaded.config().vms;
  platform::Machine machine(loaded.config(), platform::nic_macs(mode, vms),
                            {.join_memory = [&tap](iommu::Iommu::InitiatorSocket& mem_out, memory::Memory& memory) {
                              mem_out.bind(tap.in);
                              tap.out.bind(memory.dma_in);
                            }});
  platform::World world("world", machine, traffic, vms, nobody);
  platform::Server server(machine, world, vms);
  const auto rig = mode == Mode::sriov ? platform::make_sriov(server) : platform::make_assigned(server);
  world.set_on_start([&] {
    for (software::Vm* vm : rig->vms()) left.vms.push_back({vm->memory_base(), vm->memory_bytes()});
    left.vmcs = {rig->vms()[0]->vmcs(), 4096};
    if (tamper) tamper(machine, left);
  });
  world.set_on_end([&] { server.scheduler.end(); });
  sc_core::sc_start();
  REQUIRE(world.end() != 0);
  left.ram.assign(machine.memory.data(), machine.memory.data() + machine.memory.ram().bytes());
  left.faults = server.iommu.faults();
  world.report(left.result);
  return left;
}

/// What a hypervisor must not do: the domain of VM 0's device gets a second 16 MB, which are VM 1's, its halves swapped:
/// where VM 0 has buffers, VM 1 has nothing that it would write again itself.
void map_vm_1_behind_vm_0(platform::Machine& machine, const Left& left) {
  namespace context = iommu::context_entry;
  namespace paging = iommu::paging_entry;
  const auto word = [&machine](std::uint64_t address) {
    std::uint64_t value = 0;
    std::memcpy(&value, machine.memory.data() + address, sizeof value);
    return value;
  };
  const std::uint64_t buses = machine.iommu.registers().at(iommu::reg::kRTADDR);
  const std::uint64_t functions = iommu::root_entry::CTP::in_place(word(buses + iommu::root_entry::kBytes * (left.device >> 8)));
  const std::uint64_t entry = functions + context::kBytes * (left.device & 0xffu);
  std::uint64_t table = context::SLPTPTR::in_place(word(entry));
  for (std::uint64_t level = context::AW::get(word(entry + 8)) + 2; level > 2; --level) table = paging::Address::in_place(word(table));
  constexpr std::uint64_t k2M = 2ull << 20;
  for (std::uint64_t at = 0; at < kVmBytes; at += k2M) {
    const std::uint64_t page = (left.vms[1].begin + (at + kVmBytes / 2) % kVmBytes) | paging::R::mask | paging::W::mask | paging::PS::mask;
    std::memcpy(machine.memory.data() + table + (kVmBytes + at) / k2M * paging::kBytes, &page, sizeof page);
  }
}

}  // namespace

TEST_CASE("whatever a VM makes its device do, not one byte outside the VM is other than with an honest driver") {
  struct Attack {
    Mode mode;
    const char* kind;
    std::size_t attempts;
  };
  for (const Attack& attack : {Attack{Mode::sriov, "dma", 15}, Attack{Mode::assigned, "dma", 15}, Attack{Mode::sriov, "msi", 4}}) {
    INFO(command_of(attack.mode, machine(attack.kind)));
    const Left honest = run_on(attack.mode, machine("none"));
    const Left attacked = run_on(attack.mode, machine(attack.kind));
    REQUIRE(attacked.vms.size() == 3);
    CHECK(honest.faults.empty());
    CHECK(attacked.faults.size() == attack.attempts);

    // Every write of the device that memory saw lies in its VM, and the others' devices were at work all the while.
    CHECK(attacked.writes.size() > 400);
    CHECK(attacked.writes_outside() == 0);
    CHECK(attacked.of_others > 800);
    // The host, its tables, and the other VMs: all of RAM but the attacker's own.
    CHECK(attacked.pages_unlike(honest) == std::vector<std::uint64_t>{});
    CHECK(attacked.result.packets.corrupted == 0);
  }
}

TEST_CASE("the same attack through tables that map too much is seen in memory") {
  const Left honest = run_on(Mode::sriov, machine("none"));
  const Left attacked = run_on(Mode::sriov, machine("dma"), map_vm_1_behind_vm_0);
  CHECK(attacked.faults.empty());
  REQUIRE(attacked.writes_outside() > 0);
  for (const Range& write : attacked.writes)
    if (!attacked.vms[0].holds(write)) CHECK(attacked.vms[1].holds(write));
  const auto changed = attacked.pages_unlike(honest);
  CHECK(std::any_of(changed.begin(), changed.end(),
                    [&](std::uint64_t page) { return attacked.vms[1].holds({page, 4096}); }));
}
