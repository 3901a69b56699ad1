// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// From the wire, or another pool, to memory: the receive buffer, steering, descriptors, write-back. Datasheet 7.1.
// The buffer is one FIFO for all queues: a frame whose queue has no descriptor and may not drop holds up the rest.
#pragma once

#include <vector>

#include <boost/container/stable_vector.hpp>

#include "lib/ring.h"
#include "lib/timed_resource.h"
#include "models/nic/descriptor_ring.h"
#include "models/nic/parts.h"

namespace iovirt::nic {

class RxPath {
 public:
  explicit RxPath(Parts& parts);

  struct Queue {
    Queue(std::uint32_t cache, std::uint32_t batch) : ring(cache, batch) {}
    DescriptorRing ring;
    std::uint32_t srrctl = 0;
    std::uint32_t dropped = 0;                    ///< RQDPC
    std::vector<igb::Descriptor> unwritten;       ///< used, from ring.head() on
    std::vector<PacketId> packets;                ///< that they end
  };
  Queue& queue(unsigned index) { return queues_[index]; }

  // -- frames ------------------------------------------------------------------------------------------------------------
  Ps wire_free_at() const { return wire_.free_at(); }
  /// The first bit arrives now, or as soon as the wire is free.
  void wire_in(Frame&& frame);
  /// A transmitted frame comes back to `pools` (from_wire: to whom the filters say), as if its last bit had arrived now.
  void local_in(Frame&& frame, std::uint32_t pools, bool from_wire);

  // -- registers and completions --------------------------------------------------------------------------------------
  /// Something a queue, or everybody, waited for has changed: the tail, an enable bit, a filter.
  void pump();
  void prefetch(unsigned queue) { fetch(queue, false); }
  void flush(unsigned queue);
  void disabled(unsigned queue);
  void fetch_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok);
  void data_written(std::uint64_t token, bool ok);
  void write_back_done(std::uint64_t token, bool ok);
  void wire_timer();
  void ready_timer(std::uint64_t which);

  void set_link(bool up) { link_ = up; }
  void reset();
  std::uint64_t fifo_bytes() const { return fifo_bytes_; }

 private:
  struct Slot {
    Frame frame;
    FrameHeader header;
    std::uint32_t pools = 0;
    /// The pool whose copy is the packet: that of the packet's own machine, else the first; kPools before steering.
    unsigned carrier = igb::kPools;
    std::uint32_t writes = 0;
    bool steered = false, issued = false, local = false, failed = false, discarded = false;
  };
  struct Batch {  ///< a write-back that ends several packets
    std::vector<PacketId> packets;
    StageTimes before;
    Ps issued = 0;
  };
  enum class Outcome { done, wait };

  std::uint32_t take_slot(Frame&& frame);
  void release(std::uint32_t slot);
  void arrived(std::uint32_t slot);
  bool deliver(std::uint32_t slot);
  bool steer(Slot& slot);
  void choose_carrier(Slot& slot) const;
  Outcome give(std::uint32_t slot, unsigned pool);
  void drop_copy(Slot& slot, unsigned pool, Drop reason);
  void count(const Slot& slot, unsigned pool, std::size_t bytes);
  void complete(unsigned queue, PacketId packet);
  void fetch(unsigned queue, bool starved);
  std::uint32_t buffer_bytes(const Queue& q) const;

  Parts& p_;
  std::vector<Queue> queues_;
  boost::container::stable_vector<Slot> slots_;
  std::vector<std::uint32_t> idle_slots_;
  boost::container::stable_vector<Batch> batches_;
  std::vector<std::uint32_t> idle_batches_;
  Ring<std::uint32_t> on_wire_, pipeline_, fifo_;
  std::vector<std::uint8_t> scratch_;
  Ps latency_;
  TimedResource wire_;
  std::uint64_t fifo_bytes_ = 0, entered_ = 0;
  std::uint32_t in_flight_ = 0;
  bool link_ = true, pumping_ = false, again_ = false;
};

}  // namespace iovirt::nic
