// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/machine_module.h"

#include <string>

#include "models/iommu/statistics_list.h"

namespace iovirt::platform {
namespace {

Config for_ports(Config config, std::size_t ports) {
  // The link comes up at what both ends can do.
  config.pcie = config.pcie.trained(config.nic.pcie_generation, config.nic.pcie_width);
  config.pcie.ports = static_cast<std::uint32_t>(ports);
  config.pcie.chipset_base = config.iommu.register_base;
  return config;
}

nic::Config with_mac(nic::Config config, const MacAddress& mac) {
  config.mac = 0;
  for (std::uint8_t byte : mac) config.mac = config.mac << 8 | byte;
  return config;
}

}  // namespace

Machine::Machine(const Config& config, const std::vector<MacAddress>& macs, const MachineOptions& options)
    : config_(for_ports(config, macs.size() + options.free_ports)),
      queue("queue", options.run_ahead),
      memory("memory", config_.memory, queue),
      core_memory(memory),
      root_complex("root_complex", config_.pcie, queue, pool),
      iommu("iommu", config_.iommu, queue, pool),
      cores("cores", config_.cpu, queue, pool, core_memory, ledger) {
  root_complex.dma_out.bind(iommu.dma_in);
  root_complex.chipset_out.bind(iommu.regs);
  iommu.device_out.bind(root_complex.messages_in);
  if (options.join_memory)
    options.join_memory(iommu.mem_out, memory);
  else
    iommu.mem_out.bind(memory.dma_in);
  iommu.interrupt_out.bind(cores.interrupt_in);
  for (unsigned i = 0; i < cores.size(); ++i) cores.core(i).mmio_out.bind(root_complex.mmio_in);
  for (std::size_t i = 0; i < macs.size(); ++i) {
    nics.push_back(std::make_unique<nic::Nic>(("nic" + std::to_string(i)).c_str(), with_mac(config_.nic, macs[i]), queue,
                                              pool, &ledger));
    nics[i]->tlp_out.bind(root_complex.up[i]);
    root_complex.down[i].bind(nics[i]->tlp_in);
  }
}

Statistics Machine::statistics() const {
  Statistics all;
  const auto& m = memory.counters();
  Statistics of_memory("memory");
  of_memory.add("device_reads", "requests from devices and walkers", "requests", m.device_reads);
  of_memory.add("device_writes", "the same, writing", "requests", m.device_writes);
  of_memory.add("device_line_hits", "their cache lines found in the last-level cache", "lines", m.device_line_hits);
  of_memory.add("device_line_misses", "their cache lines not found there", "lines", m.device_line_misses);
  of_memory.add("core_line_hits", "cores' lines found in the last-level cache", "lines", m.core_line_hits);
  of_memory.add("core_line_misses", "cores' lines from DRAM", "lines", m.core_line_misses);
  of_memory.add("write_backs", "modified lines that left the cache", "lines", m.write_backs);
  of_memory.add("errors", "requests outside RAM", "requests", m.errors);
  all.add(of_memory);

  Statistics of_pcie("pcie");
  of_pcie.add("up_bytes", "towards the root complex, framing included", "bytes", [this] { return root_complex.counters().up_bytes; });
  of_pcie.add("down_bytes", "from the root complex, framing included", "bytes", [this] { return root_complex.counters().down_bytes; });
  of_pcie.add("tlps", "on all links, both ways", "TLPs", [this] { return root_complex.counters().tlps; });
  of_pcie.add("stalled_ps", "TLPs that waited for credits", "ps", [this] { return root_complex.counters().stalled; });
  all.add(of_pcie);

  Statistics of_iommu("iommu");
  iommu::describe(iommu.statistics(), of_iommu);
  all.add(of_iommu);

  for (std::size_t n = 0; n < nics.size(); ++n) {
    const nic::Statistics& s = nics[n]->statistics();
    Statistics of_nic("nic" + std::to_string(n));
    of_nic.add("received", "frames written to memory, each copy", "frames", s.received);
    of_nic.add("sent", "frames given to the wire", "frames", s.sent);
    of_nic.add("switched", "copies from pool to pool", "frames", s.switched);
    of_nic.add("descriptor_reads", "descriptor fetches", "transfers", s.descriptor_reads);
    of_nic.add("write_backs", "descriptor write-backs", "transfers", s.write_backs);
    of_nic.add("dma_errors", "transfers that failed", "transfers", s.dma_errors);
    of_nic.add("rx_fifo_peak", "most the receive buffer held", "bytes", s.rx_fifo_peak);
    of_nic.add("interrupts", "MSI-X messages", "interrupts", nics[n]->counters().interrupts);
    for (unsigned reason = 0; reason < nic::kDropReasons; ++reason)
      of_nic.add(std::string("drops_") + nic::name(static_cast<nic::Drop>(reason)), "frames that came to nothing", "frames", s.drops[reason]);
    all.add(of_nic);
  }

  for (unsigned n = 0; n < cores.size(); ++n) {
    const cpu::Core& core = cores.core(n);
    Statistics of_core("core" + std::to_string(n));
    of_core.add("copied_bytes", "by software, from one buffer to another", "bytes", [&core] { return core.copied_bytes(); });
    of_core.add("injected_events", "interrupts delivered into guests", "interrupts", [&core] { return core.injected_events(); });
    of_core.add("posted_interrupts", "notifications processed without an exit", "interrupts", [&core] { return core.posted_interrupts(); });
    all.add(of_core);
  }
  all.add("queue.events", "events of the fabric's queue", "events", [this] { return queue.processed(); });
  return all;
}

}  // namespace iovirt::platform
