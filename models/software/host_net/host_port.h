// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Where a VM's backend meets the host's network: a bounded queue towards the VM, a way out from it.
#pragma once

#include <deque>
#include <functional>

#include "models/software/host_net/tx_queue.h"

namespace iovirt::software {

class HostPort : public BackendPort {
 public:
  static constexpr std::size_t kFrames = 1000;  ///< a tap's queue

  HostPort(HostKernel& kernel, TrafficBook& book) : kernel_(kernel), book_(book) {}

  /// Called in softirq context when frames have come: wake the backend.
  void set_notify(std::function<void()> notify) { notify_ = std::move(notify); }
  /// A frame for the VM; dropped when the queue is full.
  void enqueue(const HostFrame& frame);
  /// Tells the backend about what was enqueued since the last time.
  void flush_notify();

  bool empty() const override { return queue_.empty(); }
  const HostFrame& peek() const override { return queue_.front(); }
  HostFrame take() override;
  std::uint64_t allocate() override { return kernel_.allocate_buffer(); }
  void release(std::uint64_t buffer) override { kernel_.free_buffer(buffer); }

 protected:
  HostKernel& kernel_;
  TrafficBook& book_;

 private:
  std::deque<HostFrame> queue_;
  std::function<void()> notify_;
  bool news_ = false;
};

/// VMDq: the NIC has sorted; a queue pair belongs to the VM, and no software looks at addresses.
class QueuePort final : public HostPort {
 public:
  QueuePort(HostKernel& kernel, TrafficBook& book, NetDriver& driver, unsigned queue)
      : HostPort(kernel, book), tx_(kernel, book, driver, queue) {}
  void put(const HostFrame& frame) override { tx_.send(frame); }
  void push() { tx_.push(); }

 private:
  TxQueue tx_;
};

/// The receive side of VMDq: queue n is port n's.
class QueuePorts final : public RxHandler {
 public:
  explicit QueuePorts(HostKernel& kernel) : kernel_(kernel) {}
  void add(QueuePort& port) { ports_.push_back(&port); }
  void receive(NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
               std::uint32_t bytes) override;
  void wake_queue(NetDriver& driver, unsigned queue) override;
  void poll_done(NetDriver& driver, unsigned queue) override;

 private:
  HostKernel& kernel_;
  std::vector<QueuePort*> ports_;
};

}  // namespace iovirt::software
