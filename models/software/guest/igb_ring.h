// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Descriptor rings of the 82576 as igb and igbvf use them: advanced descriptors, one buffer a frame, polled by DD in
// memory (82576 datasheet 7.1.5 and 7.2.2). The driver that owns a ring programs the device's registers.
#pragma once

#include <cstdint>
#include <vector>

#include "models/software/kernel/kernel.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

/// What a ring has moved; for moderation and statistics.
struct IgbRingCounters {
  std::uint64_t packets = 0, bytes = 0;
  std::uint64_t errors = 0;  ///< received frames marked bad, or in more than one buffer
};

class IgbRxRing {
 public:
  static constexpr unsigned kRefillBatch = 16;  ///< IGB_RX_BUFFER_WRITE: one tail write for so many buffers

  /// `kernel` must outlive the ring, which is allocated and mapped here.
  IgbRxRing(Kernel& kernel, Bdf function, unsigned entries);

  std::uint64_t bus_address() const { return ring_bus_; }
  std::uint32_t bytes() const;
  /// The device's head and tail are 0 and the queue is enabled: fills the ring. `tail`: the address of RDT.
  void start(std::uint64_t tail);
  /// The device no longer uses the ring: its buffers are freed.
  void stop();
  /// Hands at most `budget` frames to the stack and refills; returns how many.
  unsigned take(NetDriver& driver, unsigned queue, unsigned budget);
  const IgbRingCounters& counters() const { return counters_; }

 private:
  struct Slot {
    std::uint64_t buffer = 0, bus = 0;
  };
  void refill();

  Kernel& kernel_;
  Bdf function_;
  std::uint64_t ring_ = 0, ring_bus_ = 0, tail_ = 0;
  std::vector<Slot> slots_;
  unsigned next_ = 0, fill_ = 0;
  bool discard_ = false;  ///< in a frame that did not fit one buffer
  IgbRingCounters counters_;
};

class IgbTxRing {
 public:
  static constexpr unsigned kStopBelow = 21;  ///< DESC_NEEDED: what the largest frame may need
  static constexpr unsigned kWakeAt = 42;     ///< IGB_TX_QUEUE_WAKE

  IgbTxRing(Kernel& kernel, Bdf function, unsigned entries);

  std::uint64_t bus_address() const { return ring_bus_; }
  std::uint32_t bytes() const;
  /// The device's head and tail are 0 and the queue is enabled. `tail`: the address of TDT.
  void start(std::uint64_t tail);
  /// The device no longer uses the ring: unsent frames go back to the stack.
  void stop(NetDriver& driver);
  /// NetDriver::transmit.
  [[nodiscard]] bool transmit(std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more);
  /// Gives completed buffers back, wakes the queue when there is room again.
  void clean(NetDriver& driver, unsigned queue);
  bool stopped() const { return stopped_; }
  const IgbRingCounters& counters() const { return counters_; }

 private:
  struct Slot {
    std::uint64_t buffer = 0, bus = 0, address = 0;
    std::uint32_t bytes = 0;
  };
  unsigned unused() const {
    return (clean_ > next_ ? 0 : static_cast<unsigned>(slots_.size())) + clean_ - next_ - 1;
  }
  unsigned after(unsigned index) const { return index + 1 == slots_.size() ? 0 : index + 1; }
  void ring_doorbell();

  Kernel& kernel_;
  Bdf function_;
  std::uint64_t ring_ = 0, ring_bus_ = 0, tail_ = 0;
  std::vector<Slot> slots_;
  unsigned next_ = 0, clean_ = 0, rung_ = 0;
  bool stopped_ = false;
  IgbRingCounters counters_;
};

}  // namespace iovirt::software
