// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An emulated NIC in a QEMU process: the device model behind the virtual PCI bus, its memory accesses and copies, and the
// main loop that brings it frames from the tap.
#pragma once

#include <memory>

#include "models/pcie/function.h"
#include "models/software/host_net/host_port.h"
#include "models/software/qemu/big_lock.h"
#include "models/software/qemu/emulated_nic.h"
#include "models/software/qemu/guest_pci.h"
#include "models/software/vhost/guest_memory.h"

namespace iovirt::software {

class EmulatedNicFunction final : public GuestPciFunction, private EmulatedNicHost {
 public:
  /// `pin`: the I/O APIC pin that INTA is routed to.
  EmulatedNicFunction(EmulatedModel model, const MacAddress& mac, HostKernel& kernel, Vm& vm, HostPort& port, unsigned pin,
                      TrafficBook& book, PacketLedger& ledger);

  /// The main loop, on its own thread; never returns.
  void main_loop();
  void set_thread(HostThread& thread) { thread_ = &thread; }

  std::uint32_t config_read(std::uint16_t offset, unsigned bytes) override;
  void config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) override;
  std::uint64_t bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;

 private:
  bool read_guest(std::uint64_t gpa, std::span<std::uint8_t> bytes) override;
  bool write_guest(std::uint64_t gpa, std::span<const std::uint8_t> bytes) override;
  void gather(std::uint64_t gpa, std::uint32_t bytes) override;
  void send() override;
  void discard() override { gathered_ = 0; }
  void scatter(std::uint64_t gpa, std::uint32_t frame_offset, std::uint32_t bytes) override;
  void set_irq(bool level) override;
  void receive_ready() override;
  bool start_timer(Ps delay) override;

  bool receive_one();
  void announce(PacketId packet);

  HostKernel& kernel_;
  Vm& vm_;
  HostPort& port_;
  TrafficBook& book_;
  unsigned pin_;
  std::unique_ptr<EmulatedNic> nic_;
  pcie::Function config_;
  GuestMemoryMap memory_;
  BigLock lock_;
  HostThread* thread_ = nullptr;
  std::uint64_t tx_buffer_ = 0;  ///< QEMU's own: what a frame is gathered in, and read from the tap into
  std::uint64_t rx_buffer_ = 0;
  std::uint32_t gathered_ = 0;
  bool overrun_ = false;
  bool timer_due_ = false;
  bool in_timer_ = false;
  PacketLedger& ledger_;
  NoticeId notice_;          ///< of INTA
  PacketId receiving_ = 0;   ///< in the device, and not announced yet
};

}  // namespace iovirt::software
