// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One virtual machine of a run: its VM, its virtual PCI bus, the kernel, driver and application inside it.
#pragma once

#include <functional>
#include <memory>

#include "models/platform/server_module.h"
#include "models/software/guest/guest_kernel.h"
#include "models/software/kvm/vm.h"
#include "models/software/qemu/guest_pci.h"
#include "models/software/workloads/application.h"

namespace iovirt::platform {

class Guest {
 public:
  using MakeDriver = std::function<std::unique_ptr<software::NetDriver>(software::Kernel&, software::Bdf)>;

  static constexpr unsigned kIntxPin = 11;  ///< of the NIC's INTA at the I/O APIC

  /// Spawns the vCPU's thread; it waits for power_on(). REQUIRES: before the simulation starts.
  /// `rogue`: what its kernel does wrong.
  Guest(Server& server, unsigned index, MakeDriver make_driver, software::Rogue rogue);

  /// Once the NIC is on the bus: `nic` is its address there. From the host's bring-up.
  void power_on(software::Bdf nic);

  software::Vm vm;
  std::unique_ptr<software::GuestPciBus> bus;  ///< made by create()
  /// Memory and bus, from the host's bring-up, before the NIC is added.
  void create();
  software::GuestKernel& kernel() { return *kernel_; }
  software::NetDriver* driver() { return driver_.get(); }

 private:
  class Stack;
  void run(cpu::Cpu& cpu);

  Server& server_;
  unsigned index_;
  MakeDriver make_driver_;
  std::unique_ptr<software::GuestKernel> kernel_;
  std::unique_ptr<software::NetDriver> driver_;
  std::unique_ptr<software::Application> application_;
  std::unique_ptr<software::RxHandler> stack_;
  software::HostThread* thread_ = nullptr;
  software::Bdf nic_ = 0;
  bool powered_ = false;
};

}  // namespace iovirt::platform
