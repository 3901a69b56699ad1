// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Host software finds the device through configuration space, programs it, and waits for its answer.
#include <cstdio>

#include "examples/06_your_own_device/checksum_device.h"
#include "models/memory/memory_module.h"
#include "models/pcie/host_port_module.h"
#include "models/pcie/root_complex_module.h"

using namespace iovirt;

namespace {

struct Machine : sc_core::sc_module {
  SC_HAS_PROCESS(Machine);
  Machine(sc_core::sc_module_name name, const pcie::Config& link, const memory::Config& ram)
      : sc_module(name), root("root", link, queue, pool), memory("memory", ram, queue), device("device", queue, pool),
        host("host", queue, link.ecam_base) {
    host.out.bind(root.mmio_in);
    root.down[0].bind(device.tlp_in);
    device.tlp_out.bind(root.up[0]);
    root.dma_out.bind(memory.dma_in);
    SC_THREAD(software);
  }

  void software() {
    pcie::Enumerator enumerator(host, pcie::windows_of(root.config()));
    for (const auto& f : enumerator.scan()) {
      std::printf("%02x:%02x.%x  %04x:%04x%s\n", f.bdf >> 8, f.bdf >> 3 & 31, f.bdf & 7, f.vendor, f.device, f.bridge ? "  port" : "");
      if (f.vendor == ChecksumDevice::kVendor && f.device == ChecksumDevice::kDevice) drive(f.bdf, f.bar(0));
    }
  }

  void drive(pcie::Bdf bdf, std::uint64_t bar) {
    host.write(bdf, pcie::spec::kCommand, 2, pcie::spec::kCommandMemoryEnable | pcie::spec::kCommandBusMaster);
    for (unsigned i = 0; i < 1000; ++i) memory.data()[0x10000 + i] = static_cast<std::uint8_t>(i);
    host.store(bar + 0x00, 8, 0x10000);
    host.store(bar + 0x08, 8, 1000);
    host.store(bar + 0x10, 8, 0x20000);
    const Ps start = host.now();
    host.store(bar + 0x18, 8, 1);
    while (!memory.ram().load<std::uint64_t>(0x20000).value_or(0)) host.sleep(10 * kPsPerNs);
    std::printf("sum %llu after %.0f ns\n", static_cast<unsigned long long>(*memory.ram().load<std::uint64_t>(0x20000)),
                ps_to_ns(host.now() - start));
  }

  sim::TransactionPool pool;
  sim::EventQueue queue{"queue"};
  pcie::RootComplex root;
  memory::Memory memory;
  ChecksumDevice device;
  pcie::HostPort host;
};

}  // namespace

int sc_main(int, char*[]) {
  pcie::Config link;
  link.width = 4;
  link.propagation_ns = 60;
  link.root_complex_ns = 50;
  link.mmio_accept_ns = 40;
  memory::Config ram;
  ram.llc_latency_ns = 20;
  ram.device_latency_ns = 90;
  ram.dram_latency_ns = 60;
  ram.channel_gbytes_per_s = 12.8;
  Machine machine("machine", link, ram);
  sc_core::sc_start();
  return 0;
}
