// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The device's side of one split virtqueue (VIRTIO 1.2, 2.7), over a MemoryPort: no time, no bus.
//
//   while (true) {
//     switch (queue.pop(chain)) {
//       case Pop::chain:  serve(chain); queue.push(chain.head, written); continue;
//       case Pop::broken: tell the driver DEVICE_NEEDS_RESET (queue.error() says why); return;
//       case Pop::empty:  if (queue.enable_notify()) { queue.disable_notify(); continue; }   // one slipped in
//     }
//     break;
//   }
//   queue.publish();
//   if (queue.should_signal()) interrupt the driver;
//
// Whatever the driver wrote, every call ends: a malformed ring makes the queue broken, and a broken or disabled queue
// reads as empty and ignores writes until it is configured again. The MemoryPort may let other threads run: a call during
// which the queue was disabled or configured anew has no effect on the new state.
#pragma once

#include <string_view>
#include <vector>

#include "lib/memory_port.h"
#include "models/virtio/virtio_spec.h"

namespace iovirt::virtio {

/// One buffer of a chain, in the driver's addresses.
struct Segment {
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;
};

/// What the driver made available at once: the buffers the device reads, then those it writes (2.7.4.2).
struct Chain {
  std::uint16_t head = 0;
  std::vector<Segment> readable;
  std::vector<Segment> writable;
  std::uint64_t readable_bytes = 0;
  std::uint64_t writable_bytes = 0;
  void clear();
};

enum class RingError : std::uint8_t {
  none,
  bad_layout,       ///< size no power of two, or an area misaligned or wrapping (2.7)
  unmapped,         ///< the ring or an indirect table is not in memory
  avail_index,      ///< the available index ran ahead by more than the queue's size
  head_index,       ///< an available entry names no descriptor
  next_index,       ///< a chain leads out of its table
  chain_too_long,   ///< longer than the queue (2.7.5.3.1), which a loop always becomes
  segment_order,    ///< device-readable after device-writable (2.7.4.2)
  bad_indirect,     ///< not negotiated, nested, with NEXT, or its length no multiple of 16 (2.7.5.3.1)
  bad_buffer,       ///< reported by the device model: a buffer it cannot use (unmapped, no room for its header)
};
std::string_view name(RingError error);

enum class Pop : std::uint8_t { chain, empty, broken };

class DeviceQueue {
 public:
  explicit DeviceQueue(MemoryPort& memory) : memory_(&memory) {}

  /// The driver enabled the queue with these features; both indices start at 0. A bad layout breaks the queue.
  void configure(const QueueLayout& layout, bool event_idx, bool indirect);
  /// The device was reset.
  void disable();
  bool enabled() const { return layout_.size != 0; }
  RingError error() const { return error_; }
  /// Breaks the queue; the first error stays.
  void fail(RingError error);

  // -- available buffers -------------------------------------------------------------------------------------------
  /// `chain` is cleared first; its vectors keep their memory.
  Pop pop(Chain& chain);
  /// Takes back the most recent pop, whose chain was not pushed.
  void unpop() { --next_avail_; }
  /// The same queue as it is now, read through `memory`: to look ahead with pop(). Give it nothing back.
  DeviceQueue seen_through(MemoryPort& memory) const {
    DeviceQueue copy = *this;
    copy.memory_ = &memory;
    return copy;
  }
  /// Nothing to pop. Looks at the driver's index only when all it has shown before was taken.
  bool empty() { return !has_available(); }
  /// The driver need not notify (2.7.10): with event idx, nothing is written and the event index stays behind.
  void disable_notify();
  /// The driver shall notify again. True: something became available meanwhile, for which it may not.
  [[nodiscard]] bool enable_notify();

  // -- used buffers ------------------------------------------------------------------------------------------------
  /// Adds a used element, which the driver sees after publish(). `written` counts bytes of the writable part.
  void push(std::uint16_t head, std::uint32_t written);
  /// Moves the used index over all pushed elements.
  void publish();
  unsigned unpublished() const { return static_cast<std::uint16_t>(next_used_ - published_); }
  /// Does the driver want an interrupt for what was published since the last call? (2.7.7.2)
  bool should_signal();

  const QueueLayout& layout() const { return layout_; }

 private:
  bool has_available();
  /// Stores unless that fails the queue; false also when the queue is not what it was before.
  template <class Word>
  bool store(std::uint64_t address, Word word);
  bool walk(std::uint16_t head, Chain& chain);
  template <class Word>
  bool load(std::uint64_t address, Word& word);

  MemoryPort* memory_;
  QueueLayout layout_;
  RingError error_ = RingError::none;
  std::uint32_t epoch_ = 0;       ///< counts disable()
  bool event_idx_ = false;
  bool indirect_ = false;
  bool no_notify_ = false;        ///< what the used ring's flags say
  bool signalled_valid_ = false;  ///< signalled_ means something
  std::uint16_t seen_avail_ = 0;  ///< the driver's index when last read
  std::uint16_t next_avail_ = 0;
  std::uint16_t next_used_ = 0;   ///< pushed
  std::uint16_t published_ = 0;
  std::uint16_t signalled_ = 0;   ///< the used index at the last should_signal()
};

}  // namespace iovirt::virtio
