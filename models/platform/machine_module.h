// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The hardware of a run: every model and the sockets between them; no software.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lib/packet_ledger.h"
#include "lib/statistics.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "models/cpu/core_module.h"
#include "models/cpu/memory_system.h"
#include "models/iommu/iommu_module.h"
#include "models/memory/memory_module.h"
#include "models/nic/nic_module.h"
#include "models/pcie/root_complex_module.h"
#include "models/platform/config.h"

namespace iovirt::platform {

struct MachineOptions {
  /// Root ports without a NIC, for devices of the caller's.
  unsigned free_ports = 0;
  /// False: the queue's plain form, one kernel event for each of its own. The machine is the same, only slower.
  bool run_ahead = true;
  /// Binds mem_out to dma_in, by way of what the caller puts between. Empty: directly.
  std::function<void(iommu::Iommu::InitiatorSocket& mem_out, memory::Memory& memory)> join_memory;
};

class Machine {
 public:
  /// A port for each of `macs`, with a NIC whose NVM holds it.
  Machine(const Config& config, const std::vector<MacAddress>& macs, const MachineOptions& options = {});

  const Config& config() const { return config_; }
  /// Every model's counters, since the machine was made: set-up included.
  Statistics statistics() const;

 private:
  /// RAM through the last-level cache, for the cores.
  class CoreMemory final : public cpu::MemorySystem {
   public:
    explicit CoreMemory(memory::Memory& memory) : memory_(memory) {}
    std::uint8_t* ram() override { return memory_.data(); }
    std::uint64_t ram_bytes() const override { return memory_.ram().region(0).end; }
    Ps access(unsigned, std::uint64_t address, std::size_t bytes, bool write) override {
      return memory_.cpu_access(address, bytes, write);
    }

   private:
    memory::Memory& memory_;
  };

  Config config_;

 public:
  // In order of construction; the payload pool goes last since models give payloads back when they go.
  sim::TransactionPool pool;
  PacketLedger ledger;
  sim::EventQueue queue;
  memory::Memory memory;
  CoreMemory core_memory;
  pcie::RootComplex root_complex;
  iommu::Iommu iommu;
  cpu::CoreGroup cores;
  std::vector<std::unique_ptr<nic::Nic>> nics;
};

}  // namespace iovirt::platform
