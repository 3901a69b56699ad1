// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/server_module.h"

#include <stdexcept>

namespace iovirt::platform {
namespace {

constexpr std::uint64_t kKernelImage = 16ull << 20;  ///< RAM below is the host kernel's own

pcie::Enumerator::Windows bridge_windows(const pcie::Config& config) {
  return {.mmio_base = config.mmio_base,
          .mmio_bytes = config.mmio_bytes,
          .mmio64_base = config.mmio64_base,
          .mmio64_bytes = config.mmio64_bytes,
          .mrrs_bytes = config.mrrs_bytes,
          .last_bus = 255};
}

}  // namespace

/// Configuration space through the kernel's loads and stores: real TLPs.
class Server::EcamAccess final : public pcie::ConfigAccess {
 public:
  explicit EcamAccess(software::HostKernel& kernel) : kernel_(kernel) {}
  std::uint32_t read(pcie::Bdf function, std::uint16_t offset, unsigned bytes) override {
    return kernel_.pci_read(function, offset, bytes);
  }
  void write(pcie::Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) override {
    kernel_.pci_write(function, offset, bytes, value);
  }

 private:
  software::HostKernel& kernel_;
};

Server::Server(Machine& machine_, World& world_, unsigned vms_)
    : machine(machine_),
      world(world_),
      config(machine_.config()),
      vms(vms_),
      scheduler("scheduler", config.software.costs, machine_.cores),
      kernel(config.software.costs, scheduler, kKernelImage, machine_.core_memory.ram_bytes(), config.pcie.ecam_base),
      iommu(kernel, config.iommu.register_base, {config.software.iommu_mode, config.software.iova_cache}),
      ecam_(std::make_unique<EcamAccess>(kernel)),
      enumerator_(std::make_unique<pcie::Enumerator>(*ecam_, bridge_windows(config.pcie))) {
  scheduler.set_boot([this](cpu::VmxCpu& cpu) { kernel.boot(cpu); });
  if (config.software.iommu_mode != software::IommuMode::off) kernel.set_remapping(&iommu);
  if (config.software.iommu_mode == software::IommuMode::huge_pages) kernel.use_slabs();
  scheduler.spawn("init", 0, Activity::host_kernel, [this] { boot(); });
}

Server::~Server() = default;

void Server::boot() {
  if (config.software.iommu_mode != software::IommuMode::off) iommu.start();
  for (pcie::FoundFunction& function : enumerator_->scan())
    if (!function.bridge && (function.class_code >> 8) == 0x0200) nics.push_back(function);
  bring_up_();
}

std::vector<pcie::FoundFunction> Server::virtual_functions(const pcie::FoundFunction& pf, unsigned count) {
  return enumerator_->enable_vfs(pf, count);
}

unsigned Server::vm_core(unsigned vm) const {
  const unsigned cores = scheduler.cores();
  return cores == 1 ? 0 : 1 + vm % (cores - 1);
}

unsigned Server::worker_core(unsigned vm) const {
  const unsigned cores = scheduler.cores();
  return cores == 1 ? 0 : 1 + (vms + vm) % (cores - 1);
}

}  // namespace iovirt::platform
