// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The driver's side of one split virtqueue (VIRTIO 1.2, 2.7) as Linux's virtio_ring keeps it: in the kernel's memory,
// through its CPU, so that every access takes its time.
#pragma once

#include <initializer_list>
#include <optional>
#include <vector>

#include "models/software/kernel/kernel.h"
#include "models/virtio/virtio_spec.h"

namespace iovirt::software {

class VirtioRing {
 public:
  /// In the device's addresses.
  struct Buffer {
    std::uint64_t address;
    std::uint32_t bytes;
  };
  struct Used {
    std::uint16_t head;
    std::uint32_t bytes;  ///< the device wrote
  };
  static constexpr unsigned kMaxBuffers = 2;  ///< per chain

  /// Allocates and maps the rings. `indirect`: chains of more than one buffer take one descriptor.
  void create(Kernel& kernel, Bdf function, std::uint16_t size, bool event_idx, bool indirect);
  /// In the device's addresses.
  const virtio::QueueLayout& layout() const { return bus_; }
  std::uint16_t size() const { return ring_.size; }

  // -- available ----------------------------------------------------------------------------------------------------
  unsigned free_descriptors() const { return free_; }
  unsigned needed(std::size_t buffers) const { return indirect_ && buffers > 1 ? 1 : static_cast<unsigned>(buffers); }
  /// The head the next add() will use. REQUIRES: free_descriptors() > 0.
  std::uint16_t next_head() const { return free_head_; }
  /// Makes a chain available and gives its head, by which get() will name it.
  /// REQUIRES: free_descriptors() >= needed(buffers.size()), at most kMaxBuffers.
  std::uint16_t add(std::initializer_list<Buffer> buffers, bool device_writes);
  /// Does the device want to be notified of what was added since the last call? (2.7.13.4)
  bool kick_prepare();

  // -- used -----------------------------------------------------------------------------------------------------------
  bool more_used();
  /// The next used chain; its descriptors are free again. None, for ever, when the device returned what it does not have.
  std::optional<Used> get();
  bool broken() const { return broken_; }

  // -- callbacks (2.7.7): semantics of Linux's virtqueue_*_cb ---------------------------------------------------------
  /// From the interrupt handler, before anything else.
  void interrupted() { event_triggered_ = event_idx_; }
  void disable_callback();
  /// Callbacks on for the next used chain; a value for poll().
  std::uint16_t enable_callback_prepare();
  /// Something was used since enable_callback_prepare().
  bool poll(std::uint16_t since);
  /// Callbacks on once three quarters of what is outstanding are used. False: they are already.
  bool enable_callback_delayed();

 private:
  void write_desc(std::uint64_t at, const Buffer& buffer, std::uint16_t flags, std::uint16_t next);
  void allow_callbacks();
  cpu::Cpu& cpu() { return kernel_->cpu(); }

  Kernel* kernel_ = nullptr;
  virtio::QueueLayout ring_;  ///< in the kernel's addresses
  virtio::QueueLayout bus_;
  bool event_idx_ = false, indirect_ = false, broken_ = false;
  bool event_triggered_ = false;
  std::uint64_t tables_ = 0, tables_bus_ = 0;  ///< kMaxBuffers indirect descriptors for each head
  std::vector<std::uint16_t> next_;            ///< free list and chains
  std::vector<std::uint8_t> held_;             ///< descriptors the chain with this head holds; 0: not outstanding
  std::uint16_t free_head_ = 0;
  unsigned free_ = 0;
  std::uint16_t avail_ = 0;                    ///< what the driver wrote to avail->idx
  std::uint16_t added_ = 0;                    ///< since the last kick_prepare()
  std::uint16_t last_used_ = 0;
  std::uint16_t avail_flags_ = 0;              ///< what the driver wants; with event idx it is not written
};

}  // namespace iovirt::software
