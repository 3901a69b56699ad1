// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/tx_path.h"

#include <algorithm>
#include <bit>

#include "models/nic/timers.h"
#include "models/nic/token.h"

namespace iovirt::nic {

using namespace igb;

TxPath::TxPath(Parts& parts, RxPath& rx) : p_(parts), rx_(rx), latency_(ns_to_ps(parts.config.tx_latency_ns)) {
  queues_.reserve(kQueues);
  for (unsigned i = 0; i < kQueues; ++i) queues_.emplace_back(parts.config.descriptor_cache, parts.config.descriptor_batch);
}

std::uint32_t TxPath::take_slot(unsigned queue) {
  if (idle_slots_.empty()) {
    idle_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = idle_slots_.back();
  idle_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.frame.packet = 0;
  slot.bytes = slot.reading = slot.descriptors = 0;
  slot.queue = queue;
  slot.generation = queues_[queue].ring.generation();
  slot.insert_vlan = slot.failed = slot.malformed = slot.discarded = false;
  slot.pieces.clear();
  slot.reported.clear();
  return index;
}

void TxPath::recycle(std::uint32_t index) { idle_slots_.push_back(index); }

// ---- descriptors ------------------------------------------------------------------------------------------------------

void TxPath::fetch(unsigned queue, bool starved) {
  if (!enabled_) return;
  DescriptorRing& ring = queues_[queue].ring;
  const auto wanted = ring.want_fetch(starved);
  if (!wanted) return;
  ++p_.statistics.descriptor_reads;
  p_.host.dma_read(p_.function_of(queue), wanted->address, wanted->bytes,
                   token::make(token::tx_fetch, ring.generation(), queue, 0), {});
}

void TxPath::fetch_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok) {
  const auto queue = static_cast<unsigned>(token::Queue::get(token));
  DescriptorRing& ring = queues_[queue].ring;
  if (!ok) ++p_.statistics.dma_errors;
  if (token::Generation::get(token) != ring.generation()) return;
  ring.fetched(bytes, ok);
  active_ |= 1u << queue;
  pump();
}

void TxPath::add(Queue& q, Slot& slot, const Descriptor& descriptor) {
  const std::uint64_t high = descriptor.high;
  ++slot.descriptors;
  if ((high & tx::kRs) != 0) slot.reported.push_back({q.ring.next_index(), {descriptor.low, high | tx::kDd}});
  const bool advanced = (high & tx::kDext) != 0;
  if (advanced && tx::Type::get(high) == tx::kTypeContext) {
    q.context_vlan[tx::ContextIndex::get(high)] = static_cast<std::uint16_t>(tx::ContextVlan::get(descriptor.low));
    return;
  }
  if (advanced && tx::Type::get(high) != tx::kTypeData) slot.malformed = true;
  const auto bytes = static_cast<std::uint32_t>(tx::Length::get(high));
  if (slot.pieces.size() >= kMaxPieces || slot.bytes + bytes > kMaxFrameBytes) {
    slot.malformed = true;
  } else if (bytes != 0) {
    slot.pieces.push_back({descriptor.low, bytes, slot.bytes});
    slot.bytes += bytes;
  }
  if ((high & tx::kVle) != 0) {
    slot.insert_vlan = true;
    slot.vlan = static_cast<std::uint16_t>(advanced ? q.context_vlan[tx::Index::get(high)] : tx::LegacyVlan::get(high));
  }
  if ((high & tx::kEop) != 0) q.staged = true;
}

void TxPath::gather(unsigned queue) {
  Queue& q = queues_[queue];
  if (!q.ring.enabled()) return;
  while (!q.staged && q.ring.held() != 0) {
    if (q.building == kNone) q.building = take_slot(queue);
    Slot& slot = slots_[q.building];
    const DescriptorRing::Entry& entry = q.ring.peek(0);
    if (entry.bad) {  // takes its frame with it; software sees it skipped, without DD
      ++slot.descriptors;
      slot.failed = true;
      q.staged = true;
    } else {
      add(q, slot, entry.descriptor);
    }
    q.ring.use(1);
  }
  if (q.staged) {
    Slot& slot = slots_[q.building];
    if (slot.bytes < kHeaderBytes && !slot.failed) slot.malformed = true;
    if (slot.malformed || slot.failed) slot.pieces.clear(), slot.bytes = 0;
  }
  fetch(queue, q.ring.held() == 0);
}

// ---- reading -----------------------------------------------------------------------------------------------------------

void TxPath::kick(unsigned queue) {
  if (queues_[queue].ring.held() == 0) fetch(queue, true);
  pump();
}

bool TxPath::may_read(unsigned queue) {
  Queue& q = queues_[queue];
  if (!q.staged) return false;
  const unsigned pool = queue % kPools;
  if (pool < p_.vfs && (p_.filters.vfte >> pool & 1) == 0) return false;
  if (reading_.size() >= p_.config.tx_frames_in_flight) return false;
  // A frame larger than the whole buffer has it to itself.
  if (fifo_bytes_ != 0 && fifo_bytes_ + slots_[q.building].bytes > p_.config.tx_fifo_bytes) return false;
  if ((q.rate & kRttEnable) != 0 && p_.host.now() < q.allowed_at) {
    if (!q.rate_timer) {
      q.rate_timer = true;
      p_.host.start_timer(q.allowed_at, timers::kTxRate, queue);
    }
    return false;
  }
  return true;
}

void TxPath::rate_timer(unsigned queue) {
  queues_[queue].rate_timer = false;
  pump();
}

void TxPath::pump() {
  again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (again_) {
    again_ = false;
    if (!enabled_) break;
    // Round robin: the active queues from next_queue_ on, then those before it.
    for (std::uint32_t left = std::rotr(active_, static_cast<int>(next_queue_)); left != 0; left &= left - 1) {
      const unsigned queue = (static_cast<unsigned>(std::countr_zero(left)) + next_queue_) % 32;
      Queue& q = queues_[queue];
      if (!q.staged) gather(queue);
      if (!q.staged && q.ring.held() == 0) active_ &= ~(1u << queue);
      if (!may_read(queue)) continue;
      next_queue_ = (queue + 1) % 32;
      read(queue);
      again_ = true;
      break;
    }
  }
  pumping_ = false;
}

void TxPath::read(unsigned queue) {
  Queue& q = queues_[queue];
  const std::uint32_t index = q.building;
  q.building = kNone;
  q.staged = false;
  Slot& slot = slots_[index];
  fifo_bytes_ += slot.bytes;
  if ((q.rate & kRttEnable) != 0) {
    // One frame a (link rate / factor); the factor is a fixed-point number with 14 fraction bits.
    const std::uint64_t factor = q.rate & (RttInteger::mask | RttFraction::mask);
    const Ps time = p_.byte_time(bytes_to_last_bit(slot.bytes) + kGapBytes);
    q.allowed_at = std::max(q.allowed_at, p_.host.now()) + (time * std::max<std::uint64_t>(factor, 1 << 14) >> 14);
  }
  slot.frame.bytes = p_.frames.take();
  slot.frame.bytes.resize(slot.bytes);
  slot.reading = static_cast<std::uint32_t>(slot.pieces.size()) + 1;  // one more until all are on their way
  reading_.push(index);
  const unsigned function = p_.function_of(queue);
  for (std::size_t i = 0; i < slot.pieces.size(); ++i)
    p_.host.dma_read(function, slot.pieces[i].address, slot.pieces[i].bytes, token::make(token::tx_data, i, queue, index),
                     {0, i == 0, i + 1 == slot.pieces.size()});
  if (--slot.reading == 0) finish_reads();
}

void TxPath::data_read(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) {
  Slot& slot = slots_[token::Slot::get(token)];
  const Piece& piece = slot.pieces[token::Piece::get(token)];
  if (ok && bytes.size() >= piece.bytes) {
    std::copy_n(bytes.begin(), piece.bytes, slot.frame.bytes.begin() + piece.offset);
  } else {
    ++p_.statistics.dma_errors;
    slot.failed = true;
  }
  if (piece.offset == 0) slot.frame.packet = packet;
  if (--slot.reading == 0) finish_reads();
}

void TxPath::finish_reads() {
  if (finishing_) return;
  finishing_ = true;
  while (!reading_.empty() && slots_[reading_.front()].reading == 0) {
    const std::uint32_t index = reading_.front();
    reading_.pop();
    Slot& slot = slots_[index];
    if (!slot.discarded) report(slot);
    if (slot.discarded || slot.malformed || slot.failed) {
      drop(index, slot.discarded ? Drop::reset : slot.malformed ? Drop::malformed : Drop::dma_error);
    } else if (latency_ == 0) {
      switch_out(index);
    } else {
      pipeline_.push(index);
      p_.host.start_timer(p_.host.now() + latency_, timers::kTxReady, entered_++);
    }
  }
  finishing_ = false;
  pump();
}

// ---- write-back ---------------------------------------------------------------------------------------------------------

void TxPath::report(Slot& slot) {
  Queue& q = queues_[slot.queue];
  if (slot.generation != q.ring.generation()) return;
  if (q.unwritten.empty() && slot.reported.empty()) return q.ring.retire(slot.descriptors);
  q.unwritten.insert(q.unwritten.end(), slot.reported.begin(), slot.reported.end());
  q.ring.retire(slot.descriptors);
  const std::uint32_t threshold = q.ring.write_back_threshold();
  if (threshold > 1 && q.unwritten.size() < threshold) {
    const unsigned bit = p_.interrupts.vector_of(slot.queue, true);
    if (bit != Interrupts::kNoVector && p_.interrupts.waiting(bit)) return p_.interrupts.want_flush(bit);
  }
  flush(slot.queue);
}

void TxPath::flush(unsigned queue) {
  Queue& q = queues_[queue];
  if (q.unwritten.empty()) return;
  const unsigned function = p_.function_of(queue);
  const std::uint64_t done = token::make(token::tx_write_back, 0, queue, 0);
  if ((q.head_write_back_low & kTdwbEnable) != 0) {
    const std::uint32_t head = q.ring.head();
    std::uint8_t raw[4] = {static_cast<std::uint8_t>(head), static_cast<std::uint8_t>(head >> 8), 0, 0};
    ++p_.statistics.write_backs;
    p_.host.dma_write(function, std::uint64_t{q.head_write_back_high} << 32 | (q.head_write_back_low & ~3u), raw, done, {});
  } else {

    for (std::size_t i = 0; i < q.unwritten.size();) {
      const std::uint32_t first = q.unwritten[i].index;
      run_.clear();
      do run_.push_back(q.unwritten[i++].descriptor);
      while (i < q.unwritten.size() && q.unwritten[i].index == first + run_.size());
      ++p_.statistics.write_backs;
      p_.host.dma_write(function, q.ring.address_of(first),
                        {reinterpret_cast<const std::uint8_t*>(run_.data()), run_.size() * kDescriptorBytes}, done, {});
    }
  }
  q.unwritten.clear();
  p_.interrupts.queue_cause(queue, true);
}

void TxPath::write_back_done(bool ok) {
  if (!ok) ++p_.statistics.dma_errors;
}

// ---- out ------------------------------------------------------------------------------------------------------------------

void TxPath::drop(std::uint32_t index, Drop reason) {
  Slot& slot = slots_[index];
  fifo_bytes_ -= slot.bytes;
  p_.drop(slot.frame, slot.frame.packet, reason);
  recycle(index);
}

void TxPath::ready_timer(std::uint64_t which) {
  if (entered_ - which > pipeline_.size()) return;  // it was there before a reset
  const std::uint32_t index = pipeline_.front();
  pipeline_.pop();
  switch_out(index);
  pump();
}

void TxPath::tag(Slot& slot) {
  const std::uint32_t vmvir = p_.l2.pools_enabled() ? p_.filters.vmvir[slot.queue % kPools] : 0;
  if ((vmvir & kVmvirDefault) != 0) {
    slot.insert_vlan = true;
    slot.vlan = static_cast<std::uint16_t>(VmvirVlan::get(vmvir));
  } else if ((vmvir & kVmvirNever) != 0) {
    slot.insert_vlan = false;
  }
  if (!slot.insert_vlan) return;
  const std::uint8_t word[kTagBytes] = {kTagProtocol >> 8, kTagProtocol & 0xff, static_cast<std::uint8_t>(slot.vlan >> 8),
                                        static_cast<std::uint8_t>(slot.vlan)};
  slot.frame.bytes.insert(slot.frame.bytes.begin() + 12, word, word + kTagBytes);
}

void TxPath::switch_out(std::uint32_t index) {
  Slot& slot = slots_[index];
  const unsigned pool = slot.queue % kPools;
  tag(slot);
  const FrameHeader header = *parse_header(slot.frame.bytes);
  const L2Switch::Sent to = p_.l2.from_pool(pool, header);
  if (to.spoofed) {
    wvbr_ |= 1u << slot.queue;
    p_.interrupts.other_cause(kIcrDoutSync);
    return drop(index, Drop::spoofed);
  }
  auto& port = p_.statistics.port;
  auto& f = p_.statistics.pool[pool];
  const auto octets = static_cast<std::uint32_t>(slot.frame.bytes.size() + kFcsBytes);
  ++port.tx_packets;
  port.tx_bytes += octets;
  ++port.total_tx_packets;
  port.total_tx_bytes += octets;
  if (header.broadcast()) ++port.tx_broadcast;
  else if (header.multicast()) ++port.tx_multicast;
  ++f.tx_packets;
  f.tx_bytes += octets;
  if (to.pools != 0) {
    ++p_.statistics.switched;
    ++f.tx_local_packets;
    f.tx_local_bytes += octets;
  }
  if (to.wire) {
    if (to.pools != 0) {
      Frame copy{p_.frames.take(), 0};
      copy.bytes.assign(slot.frame.bytes.begin(), slot.frame.bytes.end());
      rx_.local_in(std::move(copy), to.pools, false);
    }
    to_wire_.push(index);
    return send_next();
  }
  // For a local pool only: the receive buffer takes it over. Nobody but the sender itself: it is lost.
  if (to.pools == 0) return drop(index, Drop::filtered);
  fifo_bytes_ -= slot.bytes;
  Frame frame = std::move(slot.frame);
  recycle(index);
  rx_.local_in(std::move(frame), to.pools, false);
}

void TxPath::send_next() {
  if (sending_ || to_wire_.empty()) return;
  sending_ = true;
  const std::uint64_t bytes = bytes_to_last_bit(slots_[to_wire_.front()].frame.bytes.size());
  sending_since_ = wire_.claim(p_.host.now(), p_.byte_time(bytes + kGapBytes));
  p_.host.start_timer(sending_since_ + p_.byte_time(bytes), timers::kWireOut, 0);
}

void TxPath::wire_timer() {
  const std::uint32_t index = to_wire_.front();
  to_wire_.pop();
  Slot& slot = slots_[index];
  sending_ = false;
  fifo_bytes_ -= slot.bytes;
  p_.charge(slot.frame.packet, Stage::nic, sending_since_);
  p_.charge(slot.frame.packet, Stage::wire, p_.host.now());
  ++p_.statistics.sent;
  Frame frame = std::move(slot.frame);
  recycle(index);
  send_next();
  if (loopback_)
    rx_.local_in(std::move(frame), 0, true);
  else
    p_.host.frame_out(std::move(frame));
  pump();
}

void TxPath::disabled(unsigned queue) {
  Queue& q = queues_[queue];
  q.unwritten.clear();
  if (q.building != kNone) {
    if (q.staged) p_.statistics.drop(Drop::reset);
    recycle(q.building);
  }
  q.building = kNone;
  q.staged = false;
}

void TxPath::reset() {
  for (unsigned i = 0; i < kQueues; ++i) {
    Queue& q = queues_[i];
    disabled(i);
    q.ring.reset();
    q.head_write_back_low = q.head_write_back_high = q.rate = 0;
    q.allowed_at = 0;
    q.context_vlan.fill(0);
  }
  // Reads on their way come back to slots that nobody waits for any more.
  Ring<std::uint32_t> kept;
  for (; !reading_.empty(); reading_.pop()) {
    slots_[reading_.front()].discarded = true;
    kept.push(reading_.front());
  }
  reading_ = std::move(kept);
  for (; !pipeline_.empty(); pipeline_.pop()) drop(pipeline_.front(), Drop::reset);
  // The frame on the wire is finished, those behind it are lost.
  if (!to_wire_.empty()) {
    const std::uint32_t first = to_wire_.front();
    to_wire_.pop();
    for (; !to_wire_.empty(); to_wire_.pop()) drop(to_wire_.front(), Drop::reset);
    to_wire_.push(first);
  }
  wvbr_ = 0;
}

}  // namespace iovirt::nic
