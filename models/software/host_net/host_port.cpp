// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host_net/host_port.h"

namespace iovirt::software {

void HostPort::enqueue(const HostFrame& frame) {
  if (queue_.size() >= kFrames) {
    book_.dropped(kernel_.cpu().packet_at(frame.address));
    kernel_.free_buffer(frame.buffer);
    return;
  }
  queue_.push_back(frame);
  news_ = true;
}

void HostPort::flush_notify() {
  if (!news_) return;
  news_ = false;
  if (notify_) notify_();
}

HostFrame HostPort::take() {
  const HostFrame frame = queue_.front();
  queue_.pop_front();
  return frame;
}

void QueuePorts::receive(NetDriver&, unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes) {
  kernel_.cpu().charge(kernel_.cpu().packet_at(address));
  if (queue >= ports_.size()) {  // the default pool: nobody's
    kernel_.free_buffer(buffer);
    return;
  }
  ports_[queue]->enqueue({buffer, address, bytes});
}

void QueuePorts::wake_queue(NetDriver&, unsigned queue) {
  if (queue < ports_.size()) ports_[queue]->push();
}

void QueuePorts::poll_done(NetDriver&, unsigned queue) {
  if (queue < ports_.size()) ports_[queue]->flush_notify();
}

}  // namespace iovirt::software
