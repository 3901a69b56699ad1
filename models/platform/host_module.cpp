// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/host_module.h"

namespace iovirt::platform {
namespace {

constexpr std::uint64_t kKernelImage = 16ull << 20;  ///< RAM below is the host kernel's own
constexpr std::uint32_t kBridge = 0x06;              ///< base class

}  // namespace

/// Configuration space through the kernel's loads and stores: real TLPs.
class Host::EcamAccess final : public pcie::ConfigAccess {
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

Host::Host(Machine& machine_)
    : machine(machine_),
      config(machine_.config()),
      scheduler("scheduler", config.software.costs, machine_.cores),
      kernel(config.software.costs, scheduler, kKernelImage, machine_.core_memory.ram_bytes(), config.pcie.ecam_base),
      iommu(kernel, config.iommu.register_base, {config.software.iommu_mode, config.software.iova_cache}),
      ecam_(std::make_unique<EcamAccess>(kernel)),
      enumerator_(std::make_unique<pcie::Enumerator>(*ecam_, pcie::windows_of(config.pcie))) {
  scheduler.set_boot([this](cpu::VmxCpu& cpu) { kernel.boot(cpu); });
  if (config.software.iommu_mode != software::IommuMode::off) kernel.set_remapping(&iommu);
  if (config.software.iommu_mode == software::IommuMode::huge_pages) kernel.use_slabs();
  scheduler.spawn("init", 0, Activity::host_kernel, [this] { boot(); });
}

Host::~Host() = default;

void Host::boot() {
  if (config.software.iommu_mode != software::IommuMode::off) iommu.start();
  for (pcie::FoundFunction& function : enumerator_->scan())
    if (!function.bridge && function.class_code >> 16 != kBridge) devices.push_back(function);
  bring_up_();
}

}  // namespace iovirt::platform
