// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The backend of one virtio-net device, as Linux's vhost-net worker: moves frames between the device's two queues and a
// BackendPort, copying each once. Whoever runs it (a kernel thread, or the device loop in user space) gives it a core,
// and differs only in VhostPersonality.
//
//   VhostNet vhost(cpu, guest_memory, backend, personality, events);
//   vhost.start(queue, layout, features);      // TransportEvents::queue_enabled
//   vhost.notify(queue);                       // the driver's kick (ioeventfd): then wake the worker
//   backend got a frame:                       // wake the worker when vhost.has_work()
//   worker: while (true) { while (vhost.run_once()) other threads' turn; sleep until woken; }
//   vhost.stop();                              // TransportEvents::reset
#pragma once

#include <array>
#include <functional>

#include "models/software/host_net/backend_port.h"
#include "models/software/vhost/guest_memory.h"
#include "models/virtio/device_queue.h"

namespace iovirt::software {

/// What differs between those who run the loop. Cycles from the profile; limits are Linux's and QEMU's.
struct VhostPersonality {
  std::uint64_t frame_cycles = 0;    ///< one frame, copies and ring accesses apart (system calls of a user-space loop too)
  std::uint64_t signal_cycles = 0;   ///< raising one interrupt, before VhostEvents::signal
  unsigned batch = 64;               ///< frames completed together: VHOST_NET_BATCH; 1 for QEMU
  unsigned packet_weight = 256;      ///< frames of a turn: VHOST_NET_PKT_WEIGHT; also QEMU's tx_burst
  std::uint32_t byte_weight = 0x80000;  ///< bytes of a turn: VHOST_NET_WEIGHT
  bool bounce_rx = false;            ///< a received frame is copied to the loop's own buffer first (read() from a tap)
};

class VhostEvents {
 public:
  virtual ~VhostEvents() = default;
  /// An interrupt for the queue (irqfd).
  virtual void signal(unsigned queue) = 0;
  /// This frame has been charged to the host and is about to be announced by the receive queue's next interrupt, if one is
  /// needed. Costs nothing.
  virtual void delivering(PacketId) {}
  /// The driver broke the queue: it is served no more until the device is reset.
  virtual void broken(unsigned queue, virtio::RingError error) = 0;
};

class VhostNet {
 public:
  /// All references outlive this.
  VhostNet(cpu::Cpu& cpu, const GuestMemoryMap& memory, BackendPort& backend, const VhostPersonality& personality,
           VhostEvents& events);

  /// `queue`: 0 receives, 1 transmits, from the guest's view. Both are looked at once.
  void start(unsigned queue, const virtio::QueueLayout& layout, std::uint64_t features);
  /// Both queues end; a frame in the works is lost.
  void stop();
  void notify(unsigned queue) { kicked_[queue & 1] = true; }
  /// The host-physical addresses of the frames that wait in the transmit queue, their first bytes. Costs nothing.
  void each_waiting(GuestMemoryPeek& memory, const std::function<void(std::uint64_t frame)>& visit) const;
  /// The worker was moved to another core.
  void run_on(cpu::Cpu& cpu);

  /// Would run_once() do something? A backend with frames is no work while the guest gives no buffers.
  bool has_work() const;
  /// One turn of transmit, then one of receive, of at most `budget` frames each. True when there is more to do.
  bool run_once(unsigned budget = ~0u);

  struct Counters {
    std::uint64_t rx_frames = 0, tx_frames = 0;  ///< delivered to the guest; taken from it
    std::uint64_t rx_dropped = 0;                ///< longer than the guest's buffer
    std::uint64_t tx_dropped = 0;                ///< no frame (shorter than its header), or longer than a host buffer
    std::uint64_t signals = 0;
    std::uint64_t copied_bytes = 0;
  };
  const Counters& counters() const { return counters_; }
  const virtio::DeviceQueue& queue(unsigned i) const { return i == 0 ? rx_ : tx_; }

 private:
  static constexpr unsigned kMaxBatch = 64;

  bool serve_tx(unsigned budget);
  void serve_rx(unsigned budget);
  bool send(const virtio::Chain& chain);
  enum class Delivery : std::uint8_t { done, too_small, broken };
  Delivery deliver(const virtio::Chain& chain, const HostFrame& frame);
  void copy(std::uint64_t to, std::uint64_t from, std::size_t bytes);
  void complete(unsigned index, virtio::DeviceQueue& queue);
  bool check(unsigned index, virtio::DeviceQueue& queue);

  cpu::Cpu* cpu_;
  const GuestMemoryMap& memory_;
  BackendPort& backend_;
  VhostPersonality personality_;
  VhostEvents& events_;
  GuestMemoryPort port_;
  virtio::DeviceQueue rx_, tx_;
  virtio::Chain chain_;
  std::array<bool, 2> kicked_{};
  std::array<bool, 2> reported_{};         ///< broken() was told
  bool rx_waits_for_buffers_ = false;      ///< until the guest kicks
  std::uint32_t epoch_ = 0;                ///< of the device: a reset in the middle of a turn ends the turn
  std::uint64_t bounce_ = 0;
  std::array<PacketId, kMaxBatch> announced_{};  ///< received frames pushed, not yet published
  unsigned announced_count_ = 0;
  Counters counters_;
};

}  // namespace iovirt::software
