// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Where a paravirtual backend gets a VM's frames and puts those from it: a tap on the software bridge, or a NIC's queue
// pair that belongs to the VM alone. Host-physical addresses.
#pragma once

#include <cstdint>

namespace iovirt::software {

/// A frame in a host buffer; `address` is its first byte, which is also where its packet is placed.
struct HostFrame {
  std::uint64_t buffer = 0;
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;
};

class BackendPort {
 public:
  virtual ~BackendPort() = default;

  // -- frames for the VM ---------------------------------------------------------------------------------------------
  virtual bool empty() const = 0;
  /// The next frame, which stays. REQUIRES: not empty.
  virtual const HostFrame& peek() const = 0;
  /// The next frame; the caller owns its buffer and releases it. REQUIRES: not empty.
  virtual HostFrame take() = 0;

  // -- frames from the VM ----------------------------------------------------------------------------------------------
  /// The port owns the buffer from now on; when it has no room it drops the frame.
  virtual void put(const HostFrame& frame) = 0;
  /// No further put follows at once: doorbells that were held back may be rung.
  virtual void flush() {}

  // -- buffers of Kernel::kBufferBytes ---------------------------------------------------------------------------------
  virtual std::uint64_t allocate() = 0;
  virtual void release(std::uint64_t buffer) = 0;
};

}  // namespace iovirt::software
