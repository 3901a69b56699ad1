// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The machine of this example: memory, a root complex, an 82576, and a core on which software runs.
#pragma once

#include <functional>

#include "models/memory/memory_module.h"
#include "models/nic/nic_module.h"
#include "models/pcie/enumeration.h"
#include "models/pcie/host_port_module.h"
#include "models/pcie/root_complex_module.h"

struct NicMachine : sc_core::sc_module {
  SC_HAS_PROCESS(NicMachine);
  explicit NicMachine(sc_core::sc_module_name name)
      : sc_module(name), root("root", link(), queue, pool), memory("memory", ram(), queue),
        nic("nic", card(), queue, pool, nullptr), host("host", queue, root.config().ecam_base) {
    host.out.bind(root.mmio_in);
    root.down[0].bind(nic.tlp_in);
    nic.tlp_out.bind(root.up[0]);
    root.dma_out.bind(memory.dma_in);
    SC_THREAD(run);
  }
  static iovirt::pcie::Config link() {
    iovirt::pcie::Config c;
    c.generation = 1;
    c.width = 4;
    c.propagation_ns = 60;
    c.root_complex_ns = 50;
    c.mmio_accept_ns = 40;
    return c;
  }
  static iovirt::memory::Config ram() {
    iovirt::memory::Config c;
    c.llc_latency_ns = 20;
    c.device_latency_ns = 90;
    c.dram_latency_ns = 60;
    c.channel_gbytes_per_s = 12.8;
    return c;
  }
  static iovirt::nic::Config card() {
    iovirt::nic::Config c;
    c.rx_latency_ns = 500;
    c.itr_unit_ns = 1000;
    return c;
  }
  std::function<void()> software;
  void run() { software(); }

  iovirt::sim::TransactionPool pool;
  iovirt::sim::EventQueue queue{"queue"};
  iovirt::pcie::RootComplex root;
  iovirt::memory::Memory memory;
  iovirt::nic::Nic nic;
  iovirt::pcie::HostPort host;
};
