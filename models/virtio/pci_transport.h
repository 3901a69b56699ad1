// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtio device on PCI (VIRTIO 1.2, 4.1: modern, revision 1) up to its queues: configuration space, feature
// negotiation, device status, queue addresses, notifications and interrupts. Pure: whoever emulates it (a VMM) forwards
// config and BAR accesses and reacts to TransportEvents.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "models/virtio/pci_layout.h"
#include "models/virtio/virtio_spec.h"

namespace iovirt::virtio {

using Message = pcie::Msix::Message;

/// What the transport tells whoever serves the device. Called from inside the register access that causes it.
class TransportEvents {
 public:
  virtual ~TransportEvents() = default;
  /// The driver enabled `queue` and has set DRIVER_OK: buffers may be consumed from now on.
  virtual void queue_enabled(unsigned queue, const QueueLayout& layout, std::uint64_t features) = 0;
  /// An available buffer notification for an enabled queue.
  virtual void notify(unsigned queue) = 0;
  /// The driver wrote 0 to the device status: every queue is disabled now.
  virtual void reset() = 0;
  /// An interrupt that had been masked is sent now.
  virtual void message(const Message& message) = 0;
  /// The level of INTA#, only when MSI-X is disabled.
  virtual void intx(bool asserted) = 0;
};

/// What makes a transport a certain device.
struct DeviceIdentity {
  std::uint16_t device_id = 0;
  std::uint32_t class_code = 0;
  std::uint64_t features = 0;                ///< offered; must contain kVersion1
  std::uint16_t queue_size = 0;              ///< of every queue: the most the driver may choose
  unsigned queues = 0;
  std::vector<std::uint8_t> device_config;   ///< its device-specific configuration, read-only for the driver
};

class PciTransport {
 public:
  /// Throws std::invalid_argument when the queue size is not a power of two up to 32768.
  PciTransport(DeviceIdentity identity, TransportEvents& events);
  PciTransport(const PciTransport&) = delete;
  PciTransport& operator=(const PciTransport&) = delete;

  // -- the driver's side --------------------------------------------------------------------------------------------
  std::uint32_t config_read(std::uint16_t offset, unsigned bytes);
  void config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value);
  /// Accesses to a BAR the function has; elsewhere they read 0 and do nothing.
  std::uint64_t bar_read(unsigned bar, std::uint32_t offset, unsigned bytes);
  void bar_write(unsigned bar, std::uint32_t offset, unsigned bytes, std::uint64_t value);

  // -- the device's side --------------------------------------------------------------------------------------------
  /// A used buffer notification: the message to send, or none (masked, no vector, or INTx, which intx() reports).
  std::optional<Message> interrupt(unsigned queue);
  /// Changes device configuration bytes and notifies the driver (returned as by interrupt()).
  std::optional<Message> change_config(std::uint32_t offset, std::span<const std::uint8_t> bytes);
  /// The driver broke a ring: DEVICE_NEEDS_RESET (2.1.2), announced as a configuration change.
  std::optional<Message> needs_reset();

  // -- for routing ----------------------------------------------------------------------------------------------------
  const pcie::Function& function() const { return function_; }
  /// Where a BAR is decoded; none when there is no such BAR or memory space is disabled.
  std::optional<std::uint64_t> bar_address(unsigned bar) const { return function_.config.bar(bar); }
  std::uint64_t bar_bytes(unsigned bar) const { return function_.config.bar_size(bar); }
  /// Where the driver writes to notify `queue`: what an ioeventfd is bound to.
  std::optional<std::uint64_t> notify_address(unsigned queue) const;
  unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
  std::uint8_t status() const { return status_; }
  std::uint64_t features() const { return driver_features_; }
  bool queue_is_enabled(unsigned queue) const { return queue < queues_.size() && queues_[queue].enabled; }

 private:
  struct Queue {
    QueueLayout layout;
    std::uint16_t vector = kNoVector;
    bool enabled = false;
  };
  struct WindowAccess {
    unsigned bar;
    std::uint32_t offset;
  };
  std::optional<WindowAccess> window_access(unsigned bytes) const;
  std::uint64_t common_read(std::uint32_t offset, unsigned bytes) const;
  void common_write(std::uint32_t offset, unsigned bytes, std::uint64_t value);
  void write_status(std::uint8_t value);
  void write_address(std::uint64_t QueueLayout::*area, unsigned shift, unsigned bytes, std::uint64_t value);
  void reset();
  void set_isr(std::uint8_t bits);
  std::optional<Message> send(std::uint16_t vector);
  std::optional<Message> config_changed();
  void deliver_released();
  pcie::Msix& msix() const { return *function_.msix(); }
  std::uint16_t valid_vector(std::uint64_t value) const;
  Queue* selected() { return queue_select_ < queues_.size() ? &queues_[queue_select_] : nullptr; }

  DeviceIdentity identity_;
  TransportEvents* events_;
  pcie::Function function_;
  std::uint16_t window_;  ///< offset of the configuration access capability
  std::vector<Queue> queues_;
  std::uint64_t driver_features_ = 0;
  std::uint32_t device_feature_select_ = 0, driver_feature_select_ = 0;
  std::uint16_t queue_select_ = 0;
  std::uint16_t config_vector_ = kNoVector;
  std::uint8_t status_ = 0, isr_ = 0, generation_ = 0;
};

}  // namespace iovirt::virtio
