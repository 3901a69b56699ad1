// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the modes with virtual machines share: the guests, and what is reported of them.
#pragma once

#include "models/platform/rig_module.h"

namespace iovirt::platform {

class GuestRig : public Rig {
 public:
  std::vector<software::Kernel*> kernels() override {
    std::vector<software::Kernel*> all;
    for (auto& guest : guests_) all.push_back(&guest->kernel());
    return all;
  }
  std::vector<software::Vm*> vms() override {
    std::vector<software::Vm*> all;
    for (auto& guest : guests_) all.push_back(&guest->vm);
    return all;
  }

 protected:
  /// `rogue`: of VM 0.
  GuestRig(Server& server, const Guest::MakeDriver& make_driver, software::Rogue rogue = software::Rogue::none)
      : server_(server) {
    for (unsigned i = 0; i < server.vms; ++i)
      guests_.push_back(std::make_unique<Guest>(server, i, make_driver, i == 0 ? rogue : software::Rogue::none));
  }

  Server& server_;
  std::vector<std::unique_ptr<Guest>> guests_;
};

}  // namespace iovirt::platform
