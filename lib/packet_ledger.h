// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Every nanosecond of a packet's latency, charged to exactly one stage.
//
// A packet has one clock hand: `last`, the time up to which its life is accounted for. Whoever holds the packet
// charges the interval from `last` to now to a stage and moves the hand; sums are exact by construction.
// The identity of a packet travels beside the bytes, never in them: by the address of the buffer that holds it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "lib/activity.h"
#include "lib/activity_log.h"
#include "lib/time.h"

namespace iovirt {

class Trace;

/// 0: no packet (a frame nobody follows, such as one the stack itself makes).
using PacketId = std::uint32_t;

/// 0: none. One per interrupt source (a device's vector): the journey of its most recent interrupt.
using NoticeId = std::uint32_t;

enum class Direction : std::uint8_t { rx, tx };

struct StageTimes {
  std::array<Ps, kStages> ps{};
  Ps& operator[](Stage s) { return ps[static_cast<std::size_t>(s)]; }
  Ps operator[](Stage s) const { return ps[static_cast<std::size_t>(s)]; }
  Ps sum() const {
    Ps total = 0;
    for (Ps p : ps) total += p;
    return total;
  }
};

class PacketLedger {
 public:
  struct Packet {
    Ps opened = 0;
    Ps last = 0;           ///< accounted for up to here
    StageTimes stages;
    NoticeId notice = 0;   ///< the interrupt that will announce it
    PacketId answers = 0;  ///< the request this packet is the reply to
    std::uint32_t frame = 0;  ///< index into the traffic's frames: what its bytes must be
    std::uint16_t vm = 0;
    Direction direction = Direction::rx;
    bool closed = false;
  };

  PacketLedger();

  /// A packet's life begins: its first bit is on the wire (rx), or the application hands it over (tx).
  PacketId open(Ps now, Direction direction, std::uint16_t vm, std::uint32_t frame);
  /// A packet that is forgotten, and id 0, is one closed packet that stands for all of them.
  Packet& operator[](PacketId id) {
    Chunk* chunk = chunks_[id / kChunk].get();
    return chunk ? chunk->packets[id % kChunk] : nobody_;
  }
  const Packet& operator[](PacketId id) const { return const_cast<PacketLedger&>(*this)[id]; }
  /// Packets ever opened.
  std::size_t count() const { return next_ - 1; }

  /// [last, now) goes to `stage`; nothing when `now` is not after `last` or `id` is 0.
  void charge(PacketId id, Stage stage, Ps now) {
    Packet& p = (*this)[id];
    if (now <= p.last) return;
    p.stages[stage] += now - p.last;
    if (trace_) trace_stage(id, stage, now);
    p.last = now;
  }
  /// The packet waited for, or was worked on by, a core: [last, now) is split as the core spent it.
  /// When the packet was announced by an interrupt that had not fired yet, the wait before is charged along
  /// that interrupt's journey first.
  void charge_core(PacketId id, const ActivityLog& core, Ps now);
  void close(PacketId id, Ps now);
  /// The packet came to nothing: its life ends where it was last accounted for.
  void drop(PacketId id);
  /// Nobody will ask about the closed packet any more; somebody may still hold its id. Once for each packet: its
  /// storage is used again, so that a run's length does not matter.
  void forget(PacketId id);
  /// Packets whose storage is held.
  std::size_t held() const { return chunks_in_use_ * kChunk; }

  /// What is opened and charged from now on is shown to `trace`, which must outlive this; null: to nobody.
  void set_trace(Trace* trace) { trace_ = trace; }

  // -- an interrupt's journey -------------------------------------------------------------------------------
  NoticeId open_notice();
  /// The device sends the interrupt now; what came before was moderation.
  void notice_fired(NoticeId id, Ps now);
  /// The message was in `stage` until now.
  void notice_mark(NoticeId id, Stage stage, Ps now);

  // -- which packet lies at an address (host-physical, of the frame's first byte) ---------------------------
  void place(std::uint64_t address, PacketId id) {
    Place& place = places(address >> kPlaceChunkShift)[address >> kPlaceShift & (kPlacesPerChunk - 1)];
    if (place.address != address && place.address != kNowhere) beside_[place.address] = place.id;
    place = {address, id};
  }
  PacketId at(std::uint64_t address) const {
    const std::uint64_t chunk = address >> kPlaceChunkShift;
    if (chunk >= places_.size() || !places_[chunk]) return 0;
    const Place& place = places_[chunk][address >> kPlaceShift & (kPlacesPerChunk - 1)];
    if (place.address == address) return place.id;
    const auto beside = beside_.find(address);
    return beside == beside_.end() ? 0 : beside->second;
  }

 private:
  struct Mark {
    Ps until;
    Stage stage;
  };
  struct Notice {
    Ps fired = 0;
    std::vector<Mark> marks;
  };

  // Ids are given in sequence; packets lie in chunks, and a chunk is used again when all of it is forgotten.
  static constexpr PacketId kChunk = 32;
  struct Chunk {
    std::array<Packet, kChunk> packets;
    PacketId to_forget = kChunk;
  };

  void trace_stage(PacketId id, Stage stage, Ps now);

  // Frames lie in buffers of their own, 2 KB apart, and mostly beside each other: one place for each piece of memory, close
  // to its neighbours. Only where frames begin closer together than that, the older ones are kept in a map.
  static constexpr std::uint64_t kNowhere = ~0ull;
  struct Place {
    std::uint64_t address = kNowhere;
    PacketId id = 0;
  };
  static constexpr unsigned kPlaceShift = 11, kPlaceChunkShift = 20;
  static constexpr std::size_t kPlacesPerChunk = 1u << (kPlaceChunkShift - kPlaceShift);
  Place* places(std::uint64_t chunk) {
    if (chunk >= places_.size() || !places_[chunk]) add_places(chunk);
    return places_[chunk].get();
  }
  [[gnu::noinline]] void add_places(std::uint64_t chunk);

  Trace* trace_ = nullptr;
  PacketId next_ = 1;
  std::vector<std::unique_ptr<Chunk>> chunks_;  ///< null: forgotten
  std::vector<std::unique_ptr<Chunk>> idle_;
  std::size_t chunks_in_use_ = 1;
  Packet nobody_;
  std::vector<Notice> notices_;
  std::vector<std::unique_ptr<Place[]>> places_;               ///< by address; null: none there
  boost::unordered_flat_map<std::uint64_t, PacketId> beside_;  ///< looked up by key only, never iterated
};

}  // namespace iovirt
