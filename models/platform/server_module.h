// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine with its host software up: what every mode starts from.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/pcie/enumeration.h"
#include "models/platform/machine_module.h"
#include "models/platform/world_module.h"
#include "models/software/host/host_kernel.h"
#include "models/software/host/intel_iommu.h"
#include "models/software/kernel/scheduler_module.h"

namespace iovirt::platform {

class Server {
 public:
  Server(Machine& machine, World& world, unsigned vms);
  ~Server();

  Machine& machine;
  World& world;
  const Config& config;
  unsigned vms;
  software::SchedulerModule scheduler;
  software::HostKernel kernel;
  software::IntelIommu iommu;

  /// Found by enumeration, in port order. Valid once the mode's bring-up runs.
  std::vector<pcie::FoundFunction> nics;

  /// What a mode does on the first core when the host is up: open drivers, give devices away. Before simulation.
  void set_bring_up(std::function<void()> bring_up) { bring_up_ = std::move(bring_up); }
  /// VF `count` of a NIC, enabled by its driver already: where they are.
  std::vector<pcie::FoundFunction> virtual_functions(const pcie::FoundFunction& pf, unsigned count);

  /// Core of VM `vm`'s vCPU (natively: of application `vm`), and of its backend's worker. Core 0 is the host's.
  unsigned vm_core(unsigned vm) const;
  unsigned worker_core(unsigned vm) const;

 private:
  class EcamAccess;
  void boot();

  std::function<void()> bring_up_;
  std::unique_ptr<EcamAccess> ecam_;
  std::unique_ptr<pcie::Enumerator> enumerator_;
};

}  // namespace iovirt::platform
