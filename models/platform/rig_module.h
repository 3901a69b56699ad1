// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One way of wiring and programming the machine: an I/O mode. One file a mode, named for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/platform/guest_module.h"
#include "models/platform/mode.h"
#include "models/platform/server_module.h"

namespace iovirt::platform {

class Rig {
 public:
  virtual ~Rig() = default;
  /// The kernels whose accesses are reported: the guests', or natively the host's.
  virtual std::vector<software::Kernel*> kernels() = 0;
  virtual std::vector<software::Vm*> vms() { return {}; }
};

/// Spawns the mode's threads and sets the server's bring-up. REQUIRES: before the simulation starts.
std::unique_ptr<Rig> make_native(Server& server);
std::unique_ptr<Rig> make_emulated(Server& server);
std::unique_ptr<Rig> make_virtio(Server& server);
std::unique_ptr<Rig> make_vmdq(Server& server);
std::unique_ptr<Rig> make_assigned(Server& server);
std::unique_ptr<Rig> make_sriov(Server& server);

/// EITR's value for `software.moderation_us` (bits 14:2, about 1 us each).
inline std::uint32_t eitr_of(const Config& config) { return static_cast<std::uint32_t>(config.software.moderation_us << 2); }

/// The address each NIC's NVM holds in `mode`: the VM's own where it gets the physical function.
std::vector<MacAddress> nic_macs(Mode mode, unsigned vms);

}  // namespace iovirt::platform
