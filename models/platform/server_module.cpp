// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/server_module.h"

#include <utility>

namespace iovirt::platform {
namespace {

constexpr std::uint32_t kEthernetController = 0x0200;  ///< base and sub-class

}  // namespace

Server::Server(Machine& machine_, World& world_, unsigned vms_) : Host(machine_), world(world_), vms(vms_) {}

void Server::set_bring_up(std::function<void()> bring_up) {
  Host::set_bring_up([this, bring_up = std::move(bring_up)] {
    for (const pcie::FoundFunction& function : devices)
      if (function.class_code >> 8 == kEthernetController) nics.push_back(function);
    bring_up();
  });
}

std::vector<pcie::FoundFunction> Server::virtual_functions(const pcie::FoundFunction& pf, unsigned count) {
  return enumerator().enable_vfs(pf, count);
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
