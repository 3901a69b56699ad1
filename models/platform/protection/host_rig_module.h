// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine with its host's software up and nothing else: no VM, no traffic. One root port is free for a device of the
// caller's. Measurements of the host's own driver code start from here.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/pcie/enumeration.h"
#include "models/platform/machine_module.h"
#include "models/software/host/dma_mapping.h"
#include "models/software/host/host_kernel.h"
#include "models/software/host/intel_iommu.h"
#include "models/software/kernel/scheduler_module.h"

namespace iovirt::platform {

class HostRig {
 public:
  /// REQUIRES: a sim::Simulation around it, and a checked configuration.
  explicit HostRig(const Config& config);
  ~HostRig();

  Machine machine;
  const Config& config;
  software::SchedulerModule scheduler;
  software::HostKernel kernel;
  software::IntelIommu iommu;
  /// Functions that are no bridges, in order of discovery. Valid once `body` runs.
  std::vector<pcie::FoundFunction> devices;

  /// Binds an endpoint to the free port. REQUIRES: before run().
  void plug(pcie::Endpoint& device);
  /// Boots, calls `body` on core 0 in a thread of the kernel, and simulates until stop() or `limit`. Once.
  void run(std::function<void()> body, Ps limit);
  /// From software or the fabric: the simulation ends here.
  void stop();

 private:
  class EcamAccess;
  void boot();

  std::function<void()> body_;
  sc_core::sc_event stopping_;
  bool stopped_ = false;
  std::unique_ptr<EcamAccess> ecam_;
  std::unique_ptr<pcie::Enumerator> enumerator_;
};

}  // namespace iovirt::platform
