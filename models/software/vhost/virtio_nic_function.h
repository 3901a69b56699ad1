// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtio-net device on the virtual PCI bus with its backend: a vhost worker in the kernel, or QEMU's own loop.
#pragma once

#include "models/software/host_net/host_port.h"
#include "models/software/qemu/guest_pci.h"
#include "models/software/vhost/vhost_net.h"
#include "models/virtio/config.h"
#include "models/virtio/net_device.h"

namespace iovirt::software {

class VirtioNicFunction final : public GuestPciFunction, private virtio::TransportEvents, private VhostEvents {
 public:
  /// `worker_core`: where work() will run.
  VirtioNicFunction(const virtio::Config& config, const MacAddress& mac, HostKernel& kernel, Vm& vm, HostPort& port,
                    unsigned worker_core, PacketLedger& ledger);

  /// The worker, on its own thread; never returns.
  void work();
  void set_thread(HostThread& thread) { thread_ = &thread; }
  const VhostNet& vhost() const { return vhost_; }

  std::uint32_t config_read(std::uint16_t offset, unsigned bytes) override { return transport_.config_read(offset, bytes); }
  void config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) override {
    transport_.config_write(offset, bytes, value);
  }
  std::uint64_t bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) override {
    return transport_.bar_read(bar, static_cast<std::uint32_t>(offset), bytes);
  }
  void bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override {
    transport_.bar_write(bar, static_cast<std::uint32_t>(offset), bytes, value);
  }

 private:
  void queue_enabled(unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features) override;
  void notify(unsigned queue) override;
  void reset() override;
  void message(const virtio::Message& message) override;
  void intx(bool) override {}  // the guest's driver has MSI-X
  void signal(unsigned queue) override;
  void delivering(PacketId packet) override;
  void broken(unsigned queue, virtio::RingError error) override;

  HostKernel& kernel_;
  Vm& vm_;
  HostPort& port_;
  virtio::Backend backend_;
  GuestMemoryMap memory_;
  GuestMemoryPeek peek_;
  virtio::PciTransport transport_;
  VhostNet vhost_;
  HostThread* thread_ = nullptr;
  PacketLedger& ledger_;
  NoticeId notice_;      ///< of the receive queue's interrupt
  Ps delivered_at_ = 0;  ///< the newest frame that it announces
};

}  // namespace iovirt::software
