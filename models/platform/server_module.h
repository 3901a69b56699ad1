// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine with its host software up and a world around it: what every mode starts from.
#pragma once

#include <functional>
#include <vector>

#include "models/platform/host_module.h"
#include "models/platform/world_module.h"

namespace iovirt::platform {

class Server : public Host {
 public:
  Server(Machine& machine, World& world, unsigned vms);

  World& world;
  unsigned vms;

  /// The network controllers among the devices, in port order. Valid once the mode's bring-up runs.
  std::vector<pcie::FoundFunction> nics;

  /// What a mode does on the first core when the host is up: open drivers, give devices away. Before simulation.
  void set_bring_up(std::function<void()> bring_up);
  /// VF `count` of a NIC, enabled by its driver already: where they are.
  std::vector<pcie::FoundFunction> virtual_functions(const pcie::FoundFunction& pf, unsigned count);

  /// Core of VM `vm`'s vCPU (natively: of application `vm`), and of its backend's worker. Core 0 is the host's.
  unsigned vm_core(unsigned vm) const;
  unsigned worker_core(unsigned vm) const;
};

}  // namespace iovirt::platform
