// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/protection/host_rig_module.h"

#include <stdexcept>

namespace iovirt::platform {
namespace {

constexpr std::uint64_t kKernelImage = 16ull << 20;  ///< RAM below is the host kernel's own

software::DmaOptions dma_options(const software::Config& config) { return {config.iommu_mode, config.iova_cache}; }

}  // namespace

/// Configuration space through the kernel's loads and stores.
class HostRig::EcamAccess final : public pcie::ConfigAccess {
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

HostRig::HostRig(const Config& given)
    : machine(given, {}, {.free_ports = 1}),
      config(machine.config()),
      scheduler("scheduler", config.software.costs, machine.cores),
      kernel(config.software.costs, scheduler, kKernelImage, machine.core_memory.ram_bytes(), config.pcie.ecam_base),
      iommu(kernel, config.iommu.register_base, dma_options(config.software)),
      ecam_(std::make_unique<EcamAccess>(kernel)),
      enumerator_(std::make_unique<pcie::Enumerator>(*ecam_, pcie::windows_of(config.pcie))) {
  scheduler.set_boot([this](cpu::VmxCpu& cpu) { kernel.boot(cpu); });
  if (config.software.iommu_mode != software::IommuMode::off) kernel.set_remapping(&iommu);
  if (config.software.iommu_mode == software::IommuMode::huge_pages) kernel.use_slabs();
  scheduler.spawn("init", 0, Activity::host_kernel, [this] { boot(); });
}

HostRig::~HostRig() = default;

void HostRig::plug(pcie::Endpoint& device) {
  device.tlp_out.bind(machine.root_complex.up[0]);
  machine.root_complex.down[0].bind(device.tlp_in);
}

void HostRig::boot() {
  if (config.software.iommu_mode != software::IommuMode::off) iommu.start();
  for (pcie::FoundFunction& function : enumerator_->scan())
    if (!function.bridge && (function.class_code >> 16) != 0x06) devices.push_back(function);
  body_();
}

void HostRig::run(std::function<void()> body, Ps limit) {
  body_ = std::move(body);
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.set_sensitivity(&stopping_);
  method.dont_initialize();
  sc_core::sc_spawn(
      [this] {
        scheduler.end();
        sc_core::sc_stop();
      },
      sc_core::sc_gen_unique_name("end"), &method);
  sc_core::sc_start(sc_core::sc_time::from_value(limit));
  if (!stopped_) throw std::runtime_error("the simulated host did not finish: time ran out");
}

void HostRig::stop() {
  stopped_ = true;
  machine.queue.notify(stopping_);
}

}  // namespace iovirt::platform
