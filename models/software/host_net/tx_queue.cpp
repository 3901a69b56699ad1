// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host_net/tx_queue.h"

namespace iovirt::software {

void TxQueue::send(const HostFrame& frame) {
  if (backlog_.size() >= kFrames) {
    book_.dropped(kernel_.cpu().packet_at(frame.address));
    kernel_.free_buffer(frame.buffer);
    return;
  }
  backlog_.push_back(frame);
  push();
}

// Linux __qdisc_run: one sender empties the queue, the others leave their frames to it. Softirqs of this core wait, so
// that a poll does not find the lock taken by the thread it interrupted.
void TxQueue::push() {
  if (locked_) return;
  kernel_.bh_disable();
  locked_ = true;
  while (!backlog_.empty()) {
    const HostFrame frame = backlog_.front();
    kernel_.cpu().charge(kernel_.cpu().packet_at(frame.address));
    if (!driver_.transmit(queue_, frame.buffer, frame.address, frame.bytes, backlog_.size() > 1)) break;
    backlog_.pop_front();
  }
  locked_ = false;
  kernel_.bh_enable();
}

}  // namespace iovirt::software
