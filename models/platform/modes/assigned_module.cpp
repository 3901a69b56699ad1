// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// assigned: each VM has a NIC of its own; its driver owns the physical function through VT-d.
// sriov: the host's driver keeps the physical function and serves the mailboxes; each VM owns a virtual function.
#include "models/platform/modes/guests_module.h"
#include "models/software/guest/igb.h"
#include "models/software/guest/igb_sriov.h"
#include "models/software/guest/igbvf.h"
#include "models/software/guest/rogue.h"
#include "models/software/host_net/host_port.h"
#include "models/software/kernel/host_vectors.h"
#include "models/software/kvm/vfio_function.h"

namespace iovirt::platform {
namespace {

class AssignedRig : public GuestRig {
 protected:
  AssignedRig(Server& server, const Guest::MakeDriver& make_driver)
      : GuestRig(server, make_driver, server.config.software.rogue) {}

  void assign(unsigned vm, const pcie::FoundFunction& device) {
    if (vm == 0)
      server_.kernel.set_system_vector(software::kPostedWakeupVector, [this] {
        const unsigned core = server_.kernel.vmx_cpu().index();
        if (core >= vms_of_core_.size()) return;
        for (software::Vm* blocked : vms_of_core_[core]) blocked->posted_wakeup();
      });
    Guest& guest = *guests_[vm];
    guest.create();
    if (guest.vm.core() >= vms_of_core_.size()) vms_of_core_.resize(guest.vm.core() + 1);
    vms_of_core_[guest.vm.core()].push_back(&guest.vm);
    devices_.push_back(std::make_unique<software::VfioFunction>(
        device,
        software::VfioOptions{.page_bytes = software::bytes_of(server_.config.software.page_size),
                              .posted_interrupts = server_.config.iommu.posted_interrupts &&
                                                     server_.config.iommu.extended_interrupt_mode && server_.config.cpu.apicv},
        server_.kernel, server_.iommu, guest.vm));
    devices_.back()->attach();
    guest.power_on(guest.bus->add(*devices_.back()));
  }

 private:
  std::vector<std::unique_ptr<software::VfioFunction>> devices_;
  std::vector<std::vector<software::Vm*>> vms_of_core_;  ///< which may be blocked there
};

class Assigned final : public AssignedRig {
 public:
  explicit Assigned(Server& server)
      : AssignedRig(server, [eitr = eitr_of(server.config)](software::Kernel& kernel, software::Bdf nic) {
          return std::make_unique<software::IgbDriver>(kernel, nic, software::IgbDriver::Options{.eitr = eitr, .vf_macs = {}});
        }) {
    server.set_bring_up([this] {
      for (unsigned i = 0; i < server_.vms; ++i) assign(i, server_.nics[i]);
    });
  }
};

class Sriov final : public AssignedRig {
 public:
  explicit Sriov(Server& server)
      : AssignedRig(server, [this, eitr = eitr_of(server.config)](software::Kernel& kernel, software::Bdf nic)
                                -> std::unique_ptr<software::NetDriver> {
          auto driver = std::make_unique<software::IgbvfDriver>(kernel, nic, software::IgbvfDriver::Options{.eitr = eitr});
          if (server_.config.software.rogue != software::Rogue::msi || &kernel != &guests_[0]->kernel()) return driver;
          return std::make_unique<software::RogueMsiDriver>(kernel, nic, std::move(driver));
        }),
        unused_(server.kernel) {
    server.set_bring_up([this] {
      software::IgbDriver::Options options{.vfs = server_.vms, .eitr = eitr_of(server_.config), .vf_macs = {}};
      for (unsigned i = 0; i < server_.vms; ++i) options.vf_macs.push_back(software::vm_mac(i));
      server_.kernel.set_rx_handler(unused_);
      pf_ = std::make_unique<software::IgbDriver>(server_.kernel, server_.nics[0].bdf, options);
      pf_->open();
      const auto vfs = server_.virtual_functions(server_.nics[0], server_.vms);
      for (unsigned i = 0; i < server_.vms; ++i) assign(i, vfs[i]);
    });
  }

 private:
  software::QueuePorts unused_;  ///< what reaches the physical function itself is for nobody
  std::unique_ptr<software::IgbDriver> pf_;
};

}  // namespace

std::unique_ptr<Rig> make_assigned(Server& server) { return std::make_unique<Assigned>(server); }
std::unique_ptr<Rig> make_sriov(Server& server) { return std::make_unique<Sriov>(server); }

}  // namespace iovirt::platform
