// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A network device as the kernel's stack sees it; one implementation a device, under models/software/guest
// (igb is also the host's).
#pragma once

#include <cstdint>

#include "lib/frame.h"

namespace iovirt::software {

/// Frames put on the ring so far and announced so far: lets a stack batch like xmit_more.
class NetDriver {
 public:
  virtual ~NetDriver() = default;

  /// Finds the device through its registers, resets it, builds rings, arms interrupts. May be called once.
  virtual void open() = 0;
  /// False: open() found no device it can drive; frames are dropped.
  virtual bool up() const { return true; }
  virtual MacAddress mac() const = 0;
  virtual unsigned queues() const { return 1; }

  /// Puts the frame on `queue`'s ring and, unless `more` follows at once, rings the doorbell.
  /// False: no room; the frame stays the caller's and Kernel::wake_queue will be called. A doorbell held back
  /// by `more` is rung before returning false.
  [[nodiscard]] virtual bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes,
                                      bool more) = 0;

  /// NAPI: cleans transmit completions, then takes at most `budget` received frames; returns how many.
  /// Less than the budget: the driver has re-armed its interrupt.
  virtual unsigned poll(unsigned queue, unsigned budget) = 0;
};

}  // namespace iovirt::software
