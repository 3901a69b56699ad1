// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// virtio: physical function > host driver > bridge > tap > backend (vhost or QEMU) > virtqueue.
// vmdq: the NIC sorts by address into a queue pair for each VM, which its backend serves directly; no bridge.
#include "models/platform/modes/guests_module.h"
#include "models/software/guest/igb.h"
#include "models/software/guest/virtio_net.h"
#include "models/software/host_net/bridge.h"
#include "models/software/vhost/virtio_nic_function.h"

namespace iovirt::platform {
namespace {

/// Guests with virtio-net and a worker each; how frames get to the workers is the derived class's.
class VirtioRig : public GuestRig {
 protected:
  explicit VirtioRig(Server& server)
      : GuestRig(server, [](software::Kernel& kernel, software::Bdf nic) {
          return std::make_unique<software::VirtioNet>(kernel, nic);
        }) {
    const bool user = server.config.virtio.backend == virtio::Backend::qemu;
    for (unsigned i = 0; i < server.vms; ++i)
      workers_.push_back(&server.scheduler.spawn((user ? "qemu/" : "vhost/") + std::to_string(i), server.worker_core(i),
                                                 user ? Activity::host_user : Activity::host_kernel, [this, i] {
                                                   while (nics_.size() <= i) server_.scheduler.block();
                                                   nics_[i]->work();
                                                 }));
  }

  void add_guest(unsigned i, software::HostPort& port) {
    Guest& guest = *guests_[i];
    guest.create();
    nics_.push_back(std::make_unique<software::VirtioNicFunction>(server_.config.virtio, software::vm_mac(i), server_.kernel,
                                                                 guest.vm, port, server_.worker_core(i),
                                                                 server_.machine.ledger));
    nics_[i]->set_thread(*workers_[i]);
    port.set_notify([this, i] {
      if (nics_[i]->vhost().has_work()) server_.scheduler.wake(*workers_[i]);
    });
    server_.scheduler.wake(*workers_[i]);
    guest.power_on(guest.bus->add(*nics_[i]));
  }

  std::unique_ptr<software::IgbDriver> uplink_;

 private:
  std::vector<std::unique_ptr<software::VirtioNicFunction>> nics_;
  std::vector<software::HostThread*> workers_;
};

class Virtio final : public VirtioRig {
 public:
  explicit Virtio(Server& server) : VirtioRig(server) {
    server.set_bring_up([this] {
      uplink_ = std::make_unique<software::IgbDriver>(
          server_.kernel, server_.nics[0].bdf, software::IgbDriver::Options{.eitr = eitr_of(server_.config), .vf_macs = {}});
      bridge_ = std::make_unique<software::Bridge>(server_.kernel, server_.world, *uplink_);
      server_.kernel.set_rx_handler(*bridge_);
      uplink_->open();
      uplink_->set_promiscuous(true);
      for (unsigned i = 0; i < server_.vms; ++i) add_guest(i, bridge_->add_tap(software::vm_mac(i)));
    });
  }

 private:
  std::unique_ptr<software::Bridge> bridge_;
};

class Vmdq final : public VirtioRig {
 public:
  explicit Vmdq(Server& server) : VirtioRig(server), queues_(server.kernel) {
    server.set_bring_up([this] {
      // Pool 0 is the driver's own; VM i has pool, queue and vector i + 1, whose interrupts go to its worker's core.
      server_.kernel.set_irq_affinity([this](software::Bdf, unsigned entry) {
        return entry >= 1 && entry <= server_.vms ? server_.worker_core(entry - 1) : 0;
      });
      server_.kernel.set_rx_handler(queues_);
      uplink_ = std::make_unique<software::IgbDriver>(
          server_.kernel, server_.nics[0].bdf,
          software::IgbDriver::Options{.vmdq_pools = server_.vms + 1, .eitr = eitr_of(server_.config), .vf_macs = {}});
      for (unsigned i = 0; i <= server_.vms; ++i) {
        ports_.push_back(std::make_unique<software::QueuePort>(server_.kernel, server_.world, *uplink_, i));
        queues_.add(*ports_.back());
      }
      uplink_->open();
      for (unsigned i = 0; i < server_.vms; ++i) {
        uplink_->set_pool_mac(i + 1, software::vm_mac(i));
        add_guest(i, *ports_[i + 1]);
      }
    });
  }

 private:
  software::QueuePorts queues_;
  std::vector<std::unique_ptr<software::QueuePort>> ports_;
};

}  // namespace

std::unique_ptr<Rig> make_virtio(Server& server) { return std::make_unique<Virtio>(server); }
std::unique_ptr<Rig> make_vmdq(Server& server) { return std::make_unique<Vmdq>(server); }

}  // namespace iovirt::platform
