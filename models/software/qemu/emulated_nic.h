// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A NIC as a program: what a device model offers to the loop that runs it, and what it asks of that loop.
// The model decides what happens register by register; the loop touches guest memory, moves the bytes and pays.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "lib/frame.h"
#include "lib/time.h"
#include "models/software/emulated_model.h"

namespace iovirt::software {

/// What a device model asks of the loop (QEMU's memory and net layers). Called from within the model's own calls.
class EmulatedNicHost {
 public:
  virtual ~EmulatedNicHost() = default;

  /// A descriptor in guest memory. False: no RAM there; a read then counts as zeros, a write as lost.
  [[nodiscard]] virtual bool read_guest(std::uint64_t gpa, std::span<std::uint8_t> bytes) = 0;
  [[nodiscard]] virtual bool write_guest(std::uint64_t gpa, std::span<const std::uint8_t> bytes) = 0;

  // -- transmit: a frame is gathered piece by piece --------------------------------------------------------------
  /// Appends guest bytes to the frame being built.
  virtual void gather(std::uint64_t gpa, std::uint32_t bytes) = 0;
  /// End of packet: the frame goes to the backend; the next gather begins a new one.
  virtual void send() = 0;
  /// The frame being built is forgotten (the guest reset the device, or its frame is too long).
  virtual void discard() = 0;

  // -- receive: valid only inside EmulatedNic::receive -----------------------------------------------------------
  /// Copies bytes of the received frame, from `frame_offset` on, to guest memory.
  virtual void scatter(std::uint64_t gpa, std::uint32_t frame_offset, std::uint32_t bytes) = 0;

  /// The interrupt line (INTA). Called on changes only.
  virtual void set_irq(bool level) = 0;
  /// The guest gave buffers or enabled the receiver: frames that can_receive() held back may be tried again.
  virtual void receive_ready() {}
  /// Asks for EmulatedNic::timer_expired after `delay`. False: this loop has no timers; the model then
  /// leaves interrupts unmoderated.
  virtual bool start_timer(Ps delay) {
    static_cast<void>(delay);
    return false;
  }
};

/// One base address register; `bytes` is 0 when absent, else a power of two.
struct EmulatedBar {
  std::uint32_t bytes = 0;
  bool io = false;
};

/// The fixed part of the configuration header. INTA; no capabilities; class 02.00.00.
struct EmulatedIdentity {
  std::uint16_t vendor = 0, device = 0;
  std::uint8_t revision = 0;
  std::uint16_t subsystem_vendor = 0, subsystem = 0;
  std::array<EmulatedBar, 6> bars{};
  static constexpr std::uint32_t class_code = 0x020000;
  static constexpr std::uint8_t interrupt_pin = 1;
};

enum class Reception : std::uint8_t {
  delivered,
  filtered,  ///< not for this station, or the receiver is off
  dropped    ///< for this station, but there was no room
};

class EmulatedNic {
 public:
  virtual ~EmulatedNic() = default;

  virtual const EmulatedIdentity& identity() const = 0;
  /// A register of BAR `bar`, memory or I/O. Offsets beyond the BAR read as zero and ignore writes.
  virtual std::uint64_t mmio_read(unsigned bar, std::uint64_t offset, unsigned size) = 0;
  virtual void mmio_write(unsigned bar, std::uint64_t offset, unsigned size, std::uint64_t value) = 0;
  virtual std::uint32_t io_read(unsigned bar, std::uint32_t offset, unsigned size) = 0;
  virtual void io_write(unsigned bar, std::uint32_t offset, unsigned size, std::uint32_t value) = 0;

  /// False: the backend keeps its frames; EmulatedNicHost::receive_ready says when to try again.
  virtual bool can_receive() const = 0;
  /// A frame of `bytes` (without FCS) whose first six bytes are `destination`.
  virtual Reception receive(const MacAddress& destination, std::uint32_t bytes) = 0;

  /// A PCI reset: registers at their defaults, bus mastering off, the interrupt line low.
  virtual void reset() = 0;
  /// The command register's bit 2. Off, the device neither reads nor writes guest memory (PCI 3.0, 6.2.2).
  virtual void set_bus_master(bool on) = 0;
  virtual void timer_expired() {}
};

/// `host` must outlive the device.
std::unique_ptr<EmulatedNic> make_emulated_nic(EmulatedModel model, EmulatedNicHost& host, const MacAddress& mac);

/// The CRC-32 of Ethernet over a destination address, most significant bit first: multicast filters index with it.
std::uint32_t multicast_crc(const MacAddress& address);

}  // namespace iovirt::software
