// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The least a core needs around it: RAM, the time of its accesses, and ends for its sockets.
#pragma once

#include <vector>

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "models/cpu/core_module.h"

/// Flat, and as fast everywhere.
struct Ram final : iovirt::cpu::MemorySystem {
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(8 << 20);
  std::uint8_t* ram() override { return bytes.data(); }
  std::uint64_t ram_bytes() const override { return bytes.size(); }
  iovirt::Ps access(unsigned, std::uint64_t, std::size_t, bool) override { return 5 * iovirt::kPsPerNs; }
};

/// No device answers here: a register that the core itself could reach would hang off `mmio`.
struct Board final : sc_core::sc_module {
  tlm_utils::simple_target_socket<Board> mmio{"mmio"};
  tlm_utils::simple_initiator_socket<Board> interrupts{"interrupts"};
  explicit Board(sc_core::sc_module_name name) : sc_module(name) {}
};

struct Machine {
  static iovirt::cpu::Config config() {
    iovirt::cpu::Config config;
    config.cores = 1;
    config.frequency_mhz = 2400;
    config.quantum_ns = 1000;
    config.apic_timer_tick_ns = 10;
    config.exit_cycles = 600;
    config.entry_cycles = 700;
    config.vmcs_access_cycles = 20;
    config.ept_walk_access_cycles = 15;
    return config;
  }

  iovirt::sim::EventQueue queue{"queue"};
  iovirt::sim::TransactionPool pool;
  iovirt::PacketLedger ledger;
  Ram ram;
  iovirt::cpu::Config cpu_config = config();
  iovirt::cpu::CoreGroup cores{"cores", cpu_config, queue, pool, ram, ledger};
  Board board{"board"};
  Machine() {
    cores.core(0).mmio_out.bind(board.mmio);
    board.interrupts.bind(cores.interrupt_in);
  }
};
