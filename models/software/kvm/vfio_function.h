// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A PCIe function given to a VM: VFIO's part of KVM and QEMU. DMA through the VM's IOMMU domain, registers mapped into
// the guest, MSI-X table trapped and turned into interrupt-remapping entries.
#pragma once

#include <vector>

#include "models/pcie/enumeration.h"
#include "models/pcie/function.h"
#include "models/software/host/intel_iommu.h"
#include "models/software/kvm/vm.h"
#include "models/software/qemu/guest_pci.h"

namespace iovirt::software {

struct VfioOptions {
  std::uint64_t page_bytes = 2ull << 20;  ///< largest IOMMU page
  bool posted_interrupts = false;         ///< IRTEs post to the vCPU's descriptor
};

class VfioFunction final : public GuestPciFunction {
 public:
  /// What a VF's configuration space does not tell about itself comes from its PF.
  VfioFunction(const pcie::FoundFunction& device, const VfioOptions& options, HostKernel& kernel, IntelIommu& iommu, Vm& vm);

  /// On a host thread: maps the VM's memory into its domain, attaches the function, enables it.
  void attach();

  std::uint32_t config_read(std::uint16_t offset, unsigned bytes) override;
  void config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) override;
  std::uint64_t bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  bool bar_placed(unsigned bar, std::uint64_t gpa, std::uint64_t bytes) override;

 private:
  struct Route {
    bool installed = false;
    std::uint32_t guest_data = 0;
  };
  void update_routes();
  void route(unsigned entry, const pcie::Msix::Message& guest);

  pcie::FoundFunction device_;
  VfioOptions options_;
  HostKernel& kernel_;
  IntelIommu& iommu_;
  Vm& vm_;
  pcie::Function virtual_;        ///< what the guest sees
  std::uint16_t msix_at_ = 0;     ///< in the physical configuration space
  unsigned table_bar_ = 0;
  std::uint64_t table_ = 0;       ///< host-physical address of the real table
  std::vector<Route> routes_;
  bool physical_enabled_ = false;
};

}  // namespace iovirt::software
