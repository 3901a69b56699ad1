// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/machine_module.h"

#include <string>

namespace iovirt::platform {
namespace {

Config for_ports(Config config, std::size_t nics) {
  // The link comes up at what both ends can do.
  config.pcie = config.pcie.trained(config.nic.pcie_generation, config.nic.pcie_width);
  config.pcie.ports = static_cast<std::uint32_t>(nics);
  config.pcie.chipset_base = config.iommu.register_base;
  return config;
}

nic::Config with_mac(nic::Config config, const MacAddress& mac) {
  config.mac = 0;
  for (std::uint8_t byte : mac) config.mac = config.mac << 8 | byte;
  return config;
}

}  // namespace

Machine::Machine(const Config& config, const std::vector<MacAddress>& macs)
    : config_(for_ports(config, macs.size())),
      queue("queue"),
      memory("memory", config_.memory, queue),
      core_memory(memory),
      root_complex("root_complex", config_.pcie, queue, pool),
      iommu("iommu", config_.iommu, queue, pool),
      cores("cores", config_.cpu, queue, pool, core_memory, ledger) {
  root_complex.dma_out.bind(iommu.dma_in);
  root_complex.chipset_out.bind(iommu.regs);
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

}  // namespace iovirt::platform
