// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device writes 300 bytes into host memory, and we look where the time went.
#include <cstdio>
#include <vector>

#include "models/memory/memory_module.h"
#include "models/pcie/endpoint_module.h"
#include "models/pcie/root_complex_module.h"

using namespace iovirt;

namespace {

/// The least a PCIe function can be: an identity, and nothing in its registers.
struct Device : pcie::Endpoint {
  Device(sc_core::sc_module_name name, sim::EventQueue& queue, sim::TransactionPool& pool)
      : Endpoint(name, {.read_tags = 8, .register_latency = 0}, queue, pool) {
    add_function({.vendor = 0x1af4, .device = 0x0001}).add_express({.mps_bytes = 128});
  }
  void start(PacketId packet) {
    const std::vector<std::uint8_t> bytes(300, 0x5a);
    dma_write(0, 0x1000, bytes, 1, {.packet = packet, .first = true, .last = true});
  }
  void dma_write_done(std::uint64_t, bool ok) override {
    std::printf("%8.1f ns  in memory, %s\n", ps_to_ns(now()), ok ? "all of it" : "refused");
  }
  std::uint64_t read_bar(unsigned, unsigned, std::uint64_t, unsigned) override { return 0; }
  void write_bar(unsigned, unsigned, std::uint64_t, unsigned, std::uint64_t) override {}
};

}  // namespace

int sc_main(int, char*[]) {
  pcie::Config link;  // generation 3, 8 lanes
  link.mps_bytes = 128;
  link.propagation_ns = 60;
  link.root_complex_ns = 50;
  memory::Config ram;
  ram.llc_latency_ns = 20;
  ram.device_latency_ns = 90;
  ram.dram_latency_ns = 60;
  ram.channel_gbytes_per_s = 12.8;

  sim::TransactionPool pool;
  sim::EventQueue queue("queue");
  pcie::RootComplex root("root", link, queue, pool);
  memory::Memory memory("memory", ram, queue);
  Device device("device", queue, pool);
  device.tlp_out.bind(root.up[0]);
  root.down[0].bind(device.tlp_in);
  root.dma_out.bind(memory.dma_in);  // an IOMMU would go in between

  PacketLedger ledger;
  device.set_ledger(&ledger);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);

  // What software would write into the Command register: the device may be a bus master.
  device.function(0).config.write(pcie::spec::kCommand, 2, pcie::spec::kCommandBusMaster);
  const PacketId packet = ledger.open(0, Direction::rx, 0, 0);
  std::printf("%8.1f ns  the device hands over 300 bytes\n", 0.0);
  device.start(packet);
  sc_core::sc_start();

  const auto& stages = ledger[packet].stages;
  std::printf("           of that on the link and in the root complex %.1f ns, in memory %.1f ns\n",
              ps_to_ns(stages[Stage::pcie]), ps_to_ns(stages[Stage::memory]));
  std::printf("           %llu TLPs, %llu bytes on the wire; byte 299 of them: %02x\n",
              static_cast<unsigned long long>(root.counters().tlps), static_cast<unsigned long long>(root.counters().up_bytes),
              memory.data()[0x1000 + 299]);
  return 0;
}
