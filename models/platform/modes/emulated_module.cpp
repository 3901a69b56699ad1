// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// emulated: physical function > host driver > bridge > tap > QEMU's main loop, which emulates a NIC register by register.
#include "models/platform/modes/guests_module.h"
#include "models/software/guest/e1000.h"
#include "models/software/guest/igb.h"
#include "models/software/guest/rtl8139cp.h"
#include "models/software/host_net/bridge.h"
#include "models/software/qemu/emulated_nic_function.h"

namespace iovirt::platform {
namespace {

std::unique_ptr<software::NetDriver> make_driver(software::EmulatedModel model, software::Kernel& kernel, software::Bdf nic) {
  if (model == software::EmulatedModel::e1000) return std::make_unique<software::E1000Driver>(kernel, nic);
  return std::make_unique<software::Rtl8139cpDriver>(kernel, nic);
}

class Emulated final : public GuestRig {
 public:
  explicit Emulated(Server& server)
      : GuestRig(server, [model = server.config.software.emulated_nic](software::Kernel& kernel, software::Bdf nic) {
          return make_driver(model, kernel, nic);
        }) {
    for (unsigned i = 0; i < server.vms; ++i)
      loops_.push_back(&server.scheduler.spawn("qemu/" + std::to_string(i), server.worker_core(i), Activity::host_user, [this, i] {
        while (nics_.size() <= i) server_.scheduler.block();
        nics_[i]->main_loop();
      }));
    server.set_bring_up([this] { bring_up(); });
  }

 private:
  void bring_up() {
    uplink_ = std::make_unique<software::IgbDriver>(
        server_.kernel, server_.nics[0].bdf, software::IgbDriver::Options{.eitr = eitr_of(server_.config), .vf_macs = {}});
    bridge_ = std::make_unique<software::Bridge>(server_.kernel, server_.world, *uplink_);
    server_.kernel.set_rx_handler(*bridge_);
    uplink_->open();
    uplink_->set_promiscuous(true);
    const auto model = server_.config.software.emulated_nic;
    for (unsigned i = 0; i < server_.vms; ++i) {
      Guest& guest = *guests_[i];
      guest.create();
      software::HostPort& tap = bridge_->add_tap(software::vm_mac(i));
      nics_.push_back(std::make_unique<software::EmulatedNicFunction>(model, software::vm_mac(i), server_.kernel, guest.vm,
                                                                     tap, Guest::kIntxPin, server_.world, server_.machine.ledger));
      nics_[i]->set_thread(*loops_[i]);
      tap.set_notify([this, i] { server_.scheduler.wake(*loops_[i]); });
      server_.scheduler.wake(*loops_[i]);
      guest.power_on(guest.bus->add(*nics_[i]));
    }
  }

  std::unique_ptr<software::IgbDriver> uplink_;
  std::unique_ptr<software::Bridge> bridge_;
  std::vector<std::unique_ptr<software::EmulatedNicFunction>> nics_;
  std::vector<software::HostThread*> loops_;
};

}  // namespace

std::unique_ptr<Rig> make_emulated(Server& server) { return std::make_unique<Emulated>(server); }

}  // namespace iovirt::platform
