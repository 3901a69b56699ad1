// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// From memory to the wire, or another pool: descriptors, fetching of data, write-back, anti-spoof, local switching,
// rate limit, serialisation. Datasheet 7.2 and 7.10.3. Frames are fetched in order, round robin over the queues.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include <boost/container/stable_vector.hpp>

#include "lib/ring.h"
#include "lib/timed_resource.h"
#include "models/nic/descriptor_ring.h"
#include "models/nic/parts.h"
#include "models/nic/rx_path.h"

namespace iovirt::nic {

class TxPath {
 public:
  TxPath(Parts& parts, RxPath& rx);

  struct Reported {
    std::uint32_t index;
    igb::Descriptor descriptor;
  };
  struct Queue {
    Queue(std::uint32_t cache, std::uint32_t batch) : ring(cache, batch) {}
    DescriptorRing ring;
    std::uint32_t head_write_back_low = 0, head_write_back_high = 0;
    std::uint32_t rate = 0;                     ///< RTTBCNRC
    Ps allowed_at = 0;                          ///< by the rate
    bool rate_timer = false;
    std::array<std::uint16_t, 8> context_vlan{};
    std::vector<Reported> unwritten;            ///< done, RS set, not yet written back
    std::uint32_t building = ~0u;               ///< slot whose descriptors are being gathered
    bool staged = false;                        ///< ... and complete
  };
  Queue& queue(unsigned index) { return queues_[index]; }

  // -- registers and completions ------------------------------------------------------------------------------------------
  /// The tail, an enable bit or TCTL has changed.
  void kick(unsigned queue);
  void pump();
  void flush(unsigned queue);
  void disabled(unsigned queue);
  void fetch_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok);
  void data_read(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok, PacketId packet);
  void write_back_done(bool ok);
  void rate_timer(unsigned queue);
  void ready_timer(std::uint64_t which);
  void wire_timer();

  /// What is sent comes back instead (a PHY in loopback).
  void set_loopback(bool on) { loopback_ = on; }
  void set_enabled(bool on) { enabled_ = on; }
  std::uint32_t take_wrong_sender() { return std::exchange(wvbr_, 0); }  ///< WVBR
  void reset();
  std::uint64_t fifo_bytes() const { return fifo_bytes_; }

 private:
  struct Piece {
    std::uint64_t address;
    std::uint32_t bytes, offset;
  };
  struct Slot {
    Frame frame;
    std::uint32_t bytes = 0, reading = 0, descriptors = 0;
    unsigned queue = 0;
    std::uint16_t generation = 0;
    bool insert_vlan = false, failed = false, malformed = false, discarded = false;
    std::uint16_t vlan = 0;
    std::vector<Piece> pieces;
    std::vector<Reported> reported;
  };
  static constexpr std::uint32_t kNone = ~0u;
  static constexpr std::size_t kMaxPieces = 64;

  std::uint32_t take_slot(unsigned queue);
  void recycle(std::uint32_t slot);
  void gather(unsigned queue);
  void add(Queue& q, Slot& slot, const igb::Descriptor& descriptor);
  bool may_read(unsigned queue);
  void read(unsigned queue);
  void finish_reads();
  void report(Slot& slot);
  void switch_out(std::uint32_t slot);
  void tag(Slot& slot);
  void drop(std::uint32_t slot, Drop reason);
  void send_next();
  void fetch(unsigned queue, bool starved);

  Parts& p_;
  RxPath& rx_;
  std::vector<Queue> queues_;
  boost::container::stable_vector<Slot> slots_;
  std::vector<std::uint32_t> idle_slots_;
  Ring<std::uint32_t> reading_, pipeline_, to_wire_;
  std::vector<igb::Descriptor> run_;
  unsigned next_queue_ = 0;
  std::uint32_t active_ = 0;       // queues that hold descriptors or a staged frame
  std::uint64_t entered_ = 0;      // frames ever put into the pipeline
  TimedResource wire_;
  Ps latency_, sending_since_ = 0;
  std::uint64_t fifo_bytes_ = 0;
  std::uint32_t wvbr_ = 0;
  bool sending_ = false, loopback_ = false, enabled_ = false;
  bool pumping_ = false, again_ = false, finishing_ = false;
};

}  // namespace iovirt::nic
