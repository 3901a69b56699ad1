// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A transmit queue of the host's NIC shared by senders on any core: the driver's lock and a queueing discipline.
#pragma once

#include <deque>

#include "models/software/host/host_kernel.h"
#include "models/software/host_net/backend_port.h"
#include "models/software/workloads/application.h"

namespace iovirt::software {

class TxQueue {
 public:
  static constexpr std::size_t kFrames = 1000;  ///< txqueuelen

  TxQueue(HostKernel& kernel, TrafficBook& book, NetDriver& driver, unsigned queue)
      : kernel_(kernel), book_(book), driver_(driver), queue_(queue) {}

  /// Owns the frame; drops it when the discipline's queue is full.
  void send(const HostFrame& frame);
  /// The driver has room again.
  void push();

 private:
  HostKernel& kernel_;
  TrafficBook& book_;
  NetDriver& driver_;
  unsigned queue_;
  std::deque<HostFrame> backlog_;
  bool locked_ = false;
};

}  // namespace iovirt::software
