// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's software switch: the NIC on one side, a tap for each VM on the other.
#pragma once

#include <memory>
#include <vector>

#include "models/software/host_net/host_port.h"

namespace iovirt::software {

class Bridge final : public RxHandler {
 public:
  Bridge(HostKernel& kernel, TrafficBook& book, NetDriver& uplink);

  /// A tap for the station `mac`; the entry is in the forwarding database from the start.
  HostPort& add_tap(const MacAddress& mac);

  void receive(NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
               std::uint32_t bytes) override;
  void wake_queue(NetDriver& driver, unsigned queue) override;
  void poll_done(NetDriver& driver, unsigned queue) override;

 private:
  class Tap final : public HostPort {
   public:
    Tap(Bridge& bridge, const MacAddress& mac) : HostPort(bridge.kernel_, bridge.book_), bridge_(bridge), mac_(mac) {}
    void put(const HostFrame& frame) override { bridge_.forward(this, frame); }
    const MacAddress& mac() const { return mac_; }

   private:
    Bridge& bridge_;
    MacAddress mac_;
  };
  /// By destination: a tap, the uplink, or a copy to each for a group address.
  void forward(Tap* from, const HostFrame& frame);

  HostKernel& kernel_;
  TrafficBook& book_;
  TxQueue uplink_;
  std::vector<std::unique_ptr<Tap>> taps_;
};

}  // namespace iovirt::software
