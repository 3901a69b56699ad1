// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Order of suppression, batching and re-checks as in Linux's drivers/vhost/net.c (handle_tx_copy, handle_rx).
#include "models/software/vhost/vhost_net.h"

#include <algorithm>

#include "models/software/kernel/kernel.h"

namespace iovirt::software {

using virtio::kNetHeaderBytes;
using virtio::kNetReceiveQueue;
using virtio::kNetTransmitQueue;
using virtio::Pop;
using virtio::RingError;

namespace {
constexpr std::uint32_t kEthernetHeaderBytes = 14;
}

VhostNet::VhostNet(cpu::Cpu& cpu, const GuestMemoryMap& memory, BackendPort& backend,
                   const VhostPersonality& personality, VhostEvents& events)
    : cpu_(&cpu), memory_(memory), backend_(backend), personality_(personality), events_(events), port_(cpu, memory),
      rx_(port_), tx_(port_) {
  personality_.batch = std::clamp(personality_.batch, 1u, kMaxBatch);
}

void VhostNet::start(unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features) {
  (queue == kNetReceiveQueue ? rx_ : tx_)
      .configure(layout, features & virtio::kRingEventIdx, features & virtio::kRingIndirectDesc);
  reported_[queue & 1] = false;
  if (queue == kNetReceiveQueue) announced_count_ = 0;
  kicked_[queue & 1] = true;
}

void VhostNet::stop() {
  ++epoch_;
  rx_.disable();
  tx_.disable();
  kicked_ = {};
  rx_waits_for_buffers_ = false;
  announced_count_ = 0;
}

void VhostNet::run_on(cpu::Cpu& cpu) {
  cpu_ = &cpu;
  port_.run_on(cpu);
}

bool VhostNet::has_work() const {
  const bool rx_live = rx_.enabled() && rx_.error() == RingError::none;
  const bool tx_live = tx_.enabled() && tx_.error() == RingError::none;
  if (tx_live && kicked_[kNetTransmitQueue]) return true;
  return rx_live && !backend_.empty() && (!rx_waits_for_buffers_ || kicked_[kNetReceiveQueue]);
}

bool VhostNet::run_once(unsigned budget) {
  if (kicked_[kNetTransmitQueue]) {
    kicked_[kNetTransmitQueue] = false;  // first: a kick that comes while it is served counts again
    if (serve_tx(std::min(budget, personality_.packet_weight))) kicked_[kNetTransmitQueue] = true;
  }
  if (kicked_[kNetReceiveQueue]) {
    kicked_[kNetReceiveQueue] = false;
    rx_waits_for_buffers_ = false;
  }
  if (!rx_waits_for_buffers_ && !backend_.empty()) serve_rx(std::min(budget, personality_.packet_weight));
  return has_work();
}

// -- transmit: from the guest -------------------------------------------------------------------------------------------

bool VhostNet::serve_tx(unsigned budget) {
  const std::uint32_t epoch = epoch_;
  std::uint64_t bytes = 0;
  bool more = false;
  cpu_->fence();
  tx_.disable_notify();
  for (unsigned frames = 0;;) {
    if (frames >= budget || bytes >= personality_.byte_weight) {
      more = true;
      break;
    }
    const Pop popped = tx_.pop(chain_);
    if (popped == Pop::broken) break;
    if (popped == Pop::empty) {
      cpu_->fence();
      if (!tx_.enable_notify()) break;  // else one slipped in meanwhile
      tx_.disable_notify();
      continue;
    }
    if (!send(chain_) || epoch != epoch_) break;
    ++frames;
    bytes += chain_.readable_bytes;
    tx_.push(chain_.head, 0);
    if (tx_.unpublished() >= personality_.batch) complete(kNetTransmitQueue, tx_);
  }
  complete(kNetTransmitQueue, tx_);
  backend_.flush();
  return check(kNetTransmitQueue, tx_) && more;
}

bool VhostNet::send(const virtio::Chain& chain) {
  if (!chain.writable.empty() || chain.readable_bytes < kNetHeaderBytes) {
    tx_.fail(RingError::bad_buffer);
    return false;
  }
  cpu_->compute(personality_.frame_cycles);
  const std::uint64_t frame_bytes = chain.readable_bytes - kNetHeaderBytes;
  const bool fits = frame_bytes >= kEthernetHeaderBytes && frame_bytes <= Kernel::kBufferBytes;
  const std::uint64_t buffer = fits ? backend_.allocate() : 0;
  // The header: without offloads nothing in it matters, but it is read. Then the frame, however it is cut up.
  std::uint32_t header_left = kNetHeaderBytes;
  std::uint64_t to = buffer;
  for (const virtio::Segment& segment : chain.readable) {
    const std::uint32_t header = std::min(header_left, segment.bytes);
    const auto hpa = memory_.to_host(segment.address, segment.bytes);
    std::array<std::uint8_t, kNetHeaderBytes> skipped;
    if (!hpa || !port_.read(segment.address, {skipped.data(), header})) {
      tx_.fail(RingError::bad_buffer);
      if (fits) backend_.release(buffer);
      return false;
    }
    header_left -= header;
    const std::uint32_t rest = segment.bytes - header;
    if (!fits || rest == 0) continue;
    copy(to, *hpa + header, rest);
    to += rest;
  }
  if (!fits) {
    ++counters_.tx_dropped;
    return true;
  }
  ++counters_.tx_frames;
  cpu_->charge(cpu_->packet_at(buffer));
  backend_.put({buffer, buffer, static_cast<std::uint32_t>(frame_bytes)});
  return true;
}

void VhostNet::each_waiting(GuestMemoryPeek& memory, const std::function<void(std::uint64_t frame)>& visit) const {
  virtio::DeviceQueue ahead = tx_.seen_through(memory);
  virtio::Chain chain;
  while (ahead.pop(chain) == Pop::chain) {
    std::uint32_t header_left = kNetHeaderBytes;
    for (const virtio::Segment& segment : chain.readable) {
      if (header_left < segment.bytes) {
        if (const auto frame = memory_.to_host(segment.address + header_left, 1)) visit(*frame);
        break;
      }
      header_left -= segment.bytes;
    }
  }
}

// -- receive: to the guest ------------------------------------------------------------------------------------------------

void VhostNet::serve_rx(unsigned budget) {
  const std::uint32_t epoch = epoch_;
  std::uint64_t bytes = 0;
  cpu_->fence();
  rx_.disable_notify();
  for (unsigned frames = 0; !backend_.empty() && frames < budget && bytes < personality_.byte_weight;) {
    const Pop popped = rx_.pop(chain_);
    if (popped == Pop::broken) break;
    if (popped == Pop::empty) {
      if (!rx_.enabled()) break;
      cpu_->fence();
      if (rx_.enable_notify()) {  // one slipped in meanwhile
        rx_.disable_notify();
        continue;
      }
      rx_waits_for_buffers_ = true;
      break;
    }
    const HostFrame frame = backend_.take();
    cpu_->compute(personality_.frame_cycles);
    const Delivery delivery = deliver(chain_, frame);
    backend_.release(frame.buffer);
    if (delivery == Delivery::broken || epoch != epoch_) break;
    ++frames;
    if (delivery == Delivery::too_small) {
      rx_.unpop();
      ++counters_.rx_dropped;
      continue;
    }
    bytes += frame.bytes + kNetHeaderBytes;
    ++counters_.rx_frames;
    rx_.push(chain_.head, frame.bytes + kNetHeaderBytes);
    if (rx_.unpublished() >= personality_.batch) complete(kNetReceiveQueue, rx_);
  }
  complete(kNetReceiveQueue, rx_);
  check(kNetReceiveQueue, rx_);
}

VhostNet::Delivery VhostNet::deliver(const virtio::Chain& chain, const HostFrame& frame) {
  if (!chain.readable.empty() || chain.writable.empty()) {
    rx_.fail(RingError::bad_buffer);
    return Delivery::broken;
  }
  if (chain.writable_bytes < std::uint64_t{frame.bytes} + kNetHeaderBytes) return Delivery::too_small;
  std::uint64_t from = frame.address;
  if (personality_.bounce_rx) {
    if (bounce_ == 0) bounce_ = backend_.allocate();
    copy(bounce_, from, frame.bytes);
    from = bounce_;
  }
  // No offloads; num_buffers is 1 (5.1.6.4.1).
  std::array<std::uint8_t, kNetHeaderBytes> header{};
  header[virtio::kNetHeaderNumBuffers] = 1;
  std::uint32_t header_done = 0, left = frame.bytes;
  std::uint64_t first = 0;
  for (const virtio::Segment& segment : chain.writable) {
    const std::uint32_t head = std::min(kNetHeaderBytes - header_done, segment.bytes);
    const std::uint32_t body = std::min(left, segment.bytes - head);
    const auto hpa = memory_.to_host(segment.address, segment.bytes);
    if (!hpa || !port_.write(segment.address, {header.data() + header_done, head})) {
      rx_.fail(RingError::bad_buffer);
      return Delivery::broken;
    }
    header_done += head;
    if (body == 0) continue;
    if (left == frame.bytes) first = *hpa + head;
    copy(*hpa + head, from, body);
    from += body;
    left -= body;
  }
  announced_[announced_count_++ % kMaxBatch] = first == 0 ? 0 : cpu_->packet_at(first);
  return Delivery::done;
}

// -- both -------------------------------------------------------------------------------------------------------------------

void VhostNet::copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
  counters_.copied_bytes += bytes;
  cpu_->copy(to, from, bytes);
}

/// Publishes what was pushed and interrupts the guest when it wants that.
void VhostNet::complete(unsigned index, virtio::DeviceQueue& queue) {
  if (queue.unpublished() == 0) return;
  if (index == kNetReceiveQueue) {
    // The guest may see the frames as soon as they are published: from then on they are its to charge.
    for (unsigned i = 0; i < std::min(announced_count_, kMaxBatch); ++i) {
      cpu_->charge(announced_[i]);
      events_.delivering(announced_[i]);
    }
    announced_count_ = 0;
  }
  cpu_->fence();
  queue.publish();
  if (!queue.should_signal()) return;
  cpu_->compute(personality_.signal_cycles);
  ++counters_.signals;
  events_.signal(index);
}

bool VhostNet::check(unsigned index, virtio::DeviceQueue& queue) {
  if (queue.error() == RingError::none) return queue.enabled();
  if (!reported_[index]) {
    reported_[index] = true;
    events_.broken(index, queue.error());
  }
  return false;
}

}  // namespace iovirt::software
