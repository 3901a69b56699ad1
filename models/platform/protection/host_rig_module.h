// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine with its host's software up and nothing else: no VM, no traffic. Measurements of the host's own driver code
// start from here.
#pragma once

#include <functional>

#include "models/pcie/endpoint_module.h"
#include "models/platform/host_module.h"

namespace iovirt::platform {

class HostRig : public Host {
 public:
  /// REQUIRES: a sim::Simulation around it; a free port where plug() is used.
  explicit HostRig(Machine& machine_) : Host(machine_) {}

  /// Binds an endpoint to the machine's first port. REQUIRES: before run().
  void plug(pcie::Endpoint& device);
  /// Boots, calls `body` on core 0 in a thread of the kernel, and simulates until stop() or `limit`. Once.
  void run(std::function<void()> body, Ps limit);
  /// From software or the fabric: the simulation ends here.
  void stop();

 private:
  sc_core::sc_event stopping_;
  bool stopped_ = false;
};

}  // namespace iovirt::platform
