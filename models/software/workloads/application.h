// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The application of one VM (or, natively, one process): receives, answers, or sends at given times.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lib/frame.h"
#include "lib/ring.h"
#include "models/software/kernel/kernel.h"

namespace iovirt::software {

/// What the run knows of its traffic and checks: the frames' bytes, who got what. The platform implements it.
class TrafficBook {
 public:
  virtual ~TrafficBook() = default;
  /// The application has the frame's bytes; compares them with what was sent.
  virtual void received(PacketId packet, std::span<const std::uint8_t> bytes, Ps now) = 0;
  /// The reply to a request, or 0 packets: bytes to send and the packet they are. Called after received().
  virtual bool reply_to(PacketId request, Ps now, PacketId& reply, std::span<const std::uint8_t>& bytes) = 0;
  /// The `index`th frame that application `vm` sends on its own; false when there is none.
  virtual bool scheduled_send(unsigned vm, std::size_t index, Ps& due) = 0;
  virtual PacketId begin_send(unsigned vm, std::size_t index, Ps now, std::span<const std::uint8_t>& bytes) = 0;
  virtual void dropped(PacketId packet) = 0;
};

/// The operating system as the application and its sockets see it.
class AppHost {
 public:
  virtual ~AppHost() = default;
  virtual Kernel& kernel() = 0;
  /// Sleeps until wake_app() or `deadline`; at once if there was a wake-up since the last sleep.
  virtual void sleep_until(Ps deadline) = 0;
  virtual void wake_app() = 0;
  /// Around a section that softirqs share (local_bh_disable): NAPI polls of this core wait until the end.
  virtual void bh_disable() = 0;
  virtual void bh_enable() = 0;
  /// A point where deferred kernel work (ksoftirqd) and other threads get their share.
  virtual void cond_resched() = 0;
};
inline constexpr Ps kNever = ~0ull;

/// One application with its socket. run() is the process; deliver() is called by the stack in softirq context.
class Application {
 public:
  Application(unsigned vm, AppHost& host, TrafficBook& book, NetDriver& driver, unsigned tx_queue);

  /// Never returns; the simulation ends around it.
  void run();
  /// A frame for this application, `buffer` owned.
  void deliver(std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes);
  /// The driver's ring has room again.
  void room();

  static constexpr std::size_t kSocketFrames = 2048;  ///< receive queue, as by a raised rmem
  std::uint64_t socket_drops() const { return socket_drops_; }

 private:
  struct Pending {
    std::uint64_t buffer;
    std::uint64_t address;
    std::uint32_t bytes;
  };
  void receive_one();
  void send(PacketId packet, std::span<const std::uint8_t> bytes);
  void push_backlog();

  unsigned vm_;
  AppHost& host_;
  TrafficBook& book_;
  NetDriver& driver_;
  unsigned tx_queue_;
  Ring<Pending> socket_;
  Ring<Pending> backlog_;  ///< the queueing discipline: frames the ring had no room for
  std::uint64_t user_rx_ = 0;    ///< the application's own buffers
  std::uint64_t user_tx_ = 0;
  std::vector<std::uint8_t> read_;
  std::size_t next_send_ = 0;
  std::uint64_t socket_drops_ = 0;
};

}  // namespace iovirt::software
