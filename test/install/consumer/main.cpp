// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/iommu_module.h"

using namespace iovirt;

struct Platform : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Platform> device{"device"}, cpu{"cpu"};
  tlm_utils::simple_target_socket<Platform> memory{"memory"}, apic{"apic"};
  explicit Platform(sc_core::sc_module_name name) : sc_module(name) {}
};

int sc_main(int, char*[]) {
  sim::EventQueue queue("queue");
  sim::TransactionPool pool;
  iommu::Iommu unit("iommu", iommu::Config{}, queue, pool);
  Platform platform("platform");
  platform.device.bind(unit.dma_in);
  platform.cpu.bind(unit.regs);
  unit.mem_out.bind(platform.memory);
  unit.interrupt_out.bind(platform.apic);
  sc_core::sc_start(1, sc_core::SC_NS);
  return unit.registers().at(0) == 0x10 ? 0 : 1;
}
