// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// native: the host's driver owns the physical function; applications are host processes; no VM.
#include "models/platform/rig_module.h"
#include "models/software/guest/igb.h"
#include "models/software/host/native_process.h"

namespace iovirt::platform {
namespace {

class Native final : public Rig, private software::RxHandler {
 public:
  explicit Native(Server& server) : server_(server) {
    for (unsigned i = 0; i < server.vms; ++i)
      processes_.push_back(std::make_unique<software::NativeProcess>(server.kernel, "app/" + std::to_string(i),
                                                                    server.vm_core(i), [this, i] { run(i); }));
    server.set_bring_up([this] { bring_up(); });
  }
  std::vector<software::Kernel*> kernels() override { return {&server_.kernel}; }

 private:
  // One application: the plain driver. More: a queue pair each, sorted by address, so that each has its own core.
  void bring_up() {
    software::IgbDriver::Options options{.eitr = eitr_of(server_.config), .vf_macs = {}};
    first_ = server_.vms > 1 ? 1 : 0;
    if (first_ != 0) options.vmdq_pools = server_.vms + 1;
    server_.kernel.set_rx_handler(*this);
    server_.kernel.set_irq_affinity([this](software::Bdf, unsigned entry) {
      return entry >= first_ && entry - first_ < server_.vms ? server_.vm_core(entry - first_) : 0;
    });
    driver_ = std::make_unique<software::IgbDriver>(server_.kernel, server_.nics[0].bdf, options);
    driver_->open();
    if (!driver_->up()) server_.world.fail("the host's driver found no device it can drive");
    for (unsigned i = 0; first_ != 0 && i < server_.vms; ++i) driver_->set_pool_mac(i + 1, software::vm_mac(i));
    for (unsigned i = 0; i < server_.vms; ++i)
      applications_.push_back(
          std::make_unique<software::Application>(i, *processes_[i], server_.world, *driver_, i + first_));
    for (auto& process : processes_) process->begin();
  }

  void run(unsigned index) {
    server_.world.ready();
    while (!server_.world.started()) processes_[index]->sleep_until(server_.kernel.cpu().now() + kPsPerMs);
    applications_[index]->run();
  }

  void receive(software::NetDriver&, unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes) override {
    if (queue >= first_ && queue - first_ < applications_.size())
      applications_[queue - first_]->deliver(buffer, address, bytes);
    else
      server_.kernel.free_buffer(buffer);
  }
  void wake_queue(software::NetDriver&, unsigned queue) override {
    if (queue >= first_ && queue - first_ < applications_.size()) applications_[queue - first_]->room();
  }
  void poll_done(software::NetDriver&, unsigned) override {}

  Server& server_;
  unsigned first_ = 0;  ///< queue of application 0
  std::unique_ptr<software::IgbDriver> driver_;
  std::vector<std::unique_ptr<software::NativeProcess>> processes_;
  std::vector<std::unique_ptr<software::Application>> applications_;
};

}  // namespace

std::unique_ptr<Rig> make_native(Server& server) { return std::make_unique<Native>(server); }

}  // namespace iovirt::platform
