// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine's host software: scheduler, kernel and IOMMU driver, and the thread that boots them.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "models/pcie/enumeration.h"
#include "models/platform/machine_module.h"
#include "models/software/host/host_kernel.h"
#include "models/software/host/intel_iommu.h"
#include "models/software/kernel/scheduler_module.h"

namespace iovirt::platform {

class Host {
 public:
  explicit Host(Machine& machine);
  ~Host();

  Machine& machine;
  const Config& config;
  software::SchedulerModule scheduler;
  software::HostKernel kernel;
  software::IntelIommu iommu;
  /// Functions that are no bridges, in order of discovery. Valid once the bring-up runs.
  std::vector<pcie::FoundFunction> devices;

  /// What is done on the first core when the host is up. REQUIRES: before simulation.
  void set_bring_up(std::function<void()> bring_up) { bring_up_ = std::move(bring_up); }

 protected:
  pcie::Enumerator& enumerator() { return *enumerator_; }

 private:
  class EcamAccess;
  void boot();

  std::function<void()> bring_up_;
  std::unique_ptr<EcamAccess> ecam_;
  std::unique_ptr<pcie::Enumerator> enumerator_;
};

}  // namespace iovirt::platform
