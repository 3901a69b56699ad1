// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/guest_module.h"

#include "models/software/guest/rogue.h"

namespace iovirt::platform {
namespace {

constexpr std::uint64_t kGuestImage = 1ull << 20;  ///< guest RAM below is its kernel's own
constexpr Ps kPoll = kPsPerMs;                     ///< until the traffic starts

std::unique_ptr<software::GuestKernel> make_kernel(const Config& config, software::Rogue rogue) {
  const software::GuestKernel::Layout layout{.memory_begin = kGuestImage,
                                             .memory_end = config.software.vm_memory_mb << 20,
                                             .ecam = software::GuestPciBus::kEcamBase,
                                             .io_apic = software::Vm::kIoApicBase,
                                             .intx_pin = Guest::kIntxPin,
                                             .tsc_mhz = config.cpu.frequency_mhz};
  if (rogue == software::Rogue::dma) return std::make_unique<software::RogueDmaKernel>(config.software.costs, layout);
  return std::make_unique<software::GuestKernel>(config.software.costs, layout);
}

}  // namespace

/// The guest's network stack: one application's socket.
class Guest::Stack final : public software::RxHandler {
 public:
  explicit Stack(Guest& guest) : guest_(guest) {}
  void receive(software::NetDriver&, unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes) override {
    if (guest_.application_)
      guest_.application_->deliver(buffer, address, bytes);
    else
      guest_.kernel_->free_buffer(buffer);
  }
  void wake_queue(software::NetDriver&, unsigned) override {
    if (guest_.application_) guest_.application_->room();
  }
  void poll_done(software::NetDriver&, unsigned) override {}

 private:
  Guest& guest_;
};

Guest::Guest(Server& server, unsigned index, MakeDriver make_driver, software::Rogue rogue)
    : vm(index,
         {.memory_bytes = server.config.software.vm_memory_mb << 20,
          .ept_page_bytes = software::bytes_of(server.config.software.page_size),
          .core = server.vm_core(index)},
         server.config.cpu, server.kernel, server.machine.core_memory),
      server_(server),
      index_(index),
      make_driver_(std::move(make_driver)),
      kernel_(make_kernel(server.config, rogue)),
      stack_(std::make_unique<Stack>(*this)) {
  kernel_->set_rx_handler(*stack_);
  thread_ = &server.scheduler.spawn("vcpu/" + std::to_string(index), server.vm_core(index), Activity::host_kernel, [this] {
    while (!powered_) server_.scheduler.block();
    vm.run([this](cpu::Cpu& cpu) { run(cpu); });
  });
  vm.set_thread(*thread_);
}

void Guest::create() {
  vm.create();
  bus = std::make_unique<software::GuestPciBus>(vm);
}

void Guest::power_on(software::Bdf nic) {
  nic_ = nic;
  powered_ = true;
  server_.scheduler.wake(*thread_);
}

void Guest::run(cpu::Cpu& cpu) {
  kernel_->boot(cpu);
  driver_ = make_driver_(*kernel_, nic_);
  driver_->open();
  if (!driver_->up()) server_.world.fail("the driver of VM " + std::to_string(index_) + " found no device it can drive");
  application_ = std::make_unique<software::Application>(index_, *kernel_, server_.world, *driver_, 0);
  server_.world.ready();
  while (!server_.world.started()) kernel_->sleep_until(cpu.now() + kPoll);
  application_->run();
}

}  // namespace iovirt::platform
