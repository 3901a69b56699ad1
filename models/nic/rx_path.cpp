// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/rx_path.h"

#include <algorithm>
#include <bit>

#include "models/nic/timers.h"
#include "models/nic/token.h"

namespace iovirt::nic {

using namespace igb;

namespace {

constexpr std::uint32_t kNoBatch = ~0u;

std::span<const std::uint8_t> bytes_of(const Descriptor* first, std::size_t count) {
  return {reinterpret_cast<const std::uint8_t*>(first), count * kDescriptorBytes};
}

}  // namespace

RxPath::RxPath(Parts& parts) : p_(parts), latency_(ns_to_ps(parts.config.rx_latency_ns)) {
  queues_.reserve(kQueues);
  for (unsigned i = 0; i < kQueues; ++i) queues_.emplace_back(parts.config.descriptor_cache, parts.config.descriptor_batch);
}

// ---- the wire and the buffer ----------------------------------------------------------------------------------------

std::uint32_t RxPath::take_slot(Frame&& frame) {
  if (idle_slots_.empty()) {
    idle_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = idle_slots_.back();
  idle_slots_.pop_back();
  Slot& slot = slots_[index];
  slot.frame = std::move(frame);
  slot.pools = slot.writes = 0;
  slot.carrier = kPools;
  slot.steered = slot.issued = slot.local = slot.failed = slot.discarded = false;
  return index;
}

void RxPath::release(std::uint32_t index) {
  Slot& slot = slots_[index];
  fifo_bytes_ -= slot.frame.bytes.size();
  p_.frames.give(std::move(slot.frame.bytes));
  idle_slots_.push_back(index);
}

void RxPath::wire_in(Frame&& frame) {
  const std::uint64_t bytes = bytes_to_last_bit(frame.bytes.size());
  const Ps start = wire_.claim(p_.host.now(), p_.byte_time(bytes + kGapBytes));
  on_wire_.push(take_slot(std::move(frame)));
  p_.host.start_timer(start + p_.byte_time(bytes), timers::kWireIn, 0);
}

void RxPath::wire_timer() {
  const std::uint32_t index = on_wire_.front();
  on_wire_.pop();
  p_.charge(slots_[index].frame.packet, Stage::wire, p_.host.now());
  arrived(index);
}

void RxPath::local_in(Frame&& frame, std::uint32_t pools, bool from_wire) {
  const std::uint32_t index = take_slot(std::move(frame));
  if (!from_wire) {
    Slot& slot = slots_[index];
    slot.local = slot.steered = true;
    slot.pools = pools;
    if (const auto header = parse_header(slot.frame.bytes)) slot.header = *header;
  }
  arrived(index);
}

void RxPath::arrived(std::uint32_t index) {
  Slot& slot = slots_[index];
  const std::size_t bytes = slot.frame.bytes.size();
  auto& port = p_.statistics.port;
  const bool off = !link_ || (p_.filters.rctl & kRctlRxEn) == 0;
  if (!off && !slot.local) {
    ++port.total_rx_packets;
    port.total_rx_bytes += bytes + kFcsBytes;
  }
  if (off || fifo_bytes_ + bytes > p_.config.rx_fifo_bytes) {
    if (!off) ++port.missed;
    if (!off) p_.interrupts.other_cause(kIcrRxMiss);
    p_.drop(slot.frame, slot.frame.packet, off ? Drop::link_down : Drop::overrun);
    idle_slots_.push_back(index);
    return;
  }
  fifo_bytes_ += bytes;
  p_.statistics.rx_fifo_peak = std::max(p_.statistics.rx_fifo_peak, fifo_bytes_);
  if (latency_ == 0) {
    fifo_.push(index);
    pump();
  } else {
    pipeline_.push(index);
    p_.host.start_timer(p_.host.now() + latency_, timers::kRxReady, entered_++);
  }
}

void RxPath::ready_timer(std::uint64_t which) {
  if (entered_ - which > pipeline_.size()) return;  // it was there before a reset
  fifo_.push(pipeline_.front());
  pipeline_.pop();
  pump();
}

// ---- from the buffer to memory ----------------------------------------------------------------------------------------

void RxPath::pump() {
  again_ = true;
  if (pumping_) return;
  pumping_ = true;
  while (again_) {
    again_ = false;
    while (!fifo_.empty() && deliver(fifo_.front())) fifo_.pop();
  }
  pumping_ = false;
}

bool RxPath::steer(Slot& slot) {
  slot.steered = true;
  const auto header = parse_header(slot.frame.bytes);
  if (!header || slot.frame.bytes.size() > kMaxFrameBytes) {
    ++(header ? p_.statistics.port.oversize : p_.statistics.port.undersize);
    p_.statistics.drop(header ? Drop::oversize : Drop::filtered);
    if (slot.frame.packet != 0) p_.host.frame_dropped(slot.frame.packet, header ? Drop::oversize : Drop::filtered);
    return false;
  }
  slot.header = *header;
  slot.pools = p_.l2.from_wire(*header);
  if (slot.pools == 0) {
    p_.statistics.drop(Drop::filtered);
    if (slot.frame.packet != 0) p_.host.frame_dropped(slot.frame.packet, Drop::filtered);
    return false;
  }
  return true;
}

void RxPath::choose_carrier(Slot& slot) const {
  slot.carrier = static_cast<unsigned>(std::countr_zero(slot.pools));
  if (!p_.ledger || slot.frame.packet == 0) return;
  const unsigned vm = (*p_.ledger)[slot.frame.packet].vm;
  if (vm < kPools && (slot.pools >> vm & 1) != 0) slot.carrier = vm;
}

bool RxPath::deliver(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (!slot.discarded) {
    if (!slot.steered && !steer(slot)) slot.pools = 0;
    if (slot.carrier == kPools && slot.pools != 0) choose_carrier(slot);
    while (slot.pools != 0) {
      if (slot.writes == 0 && in_flight_ >= p_.config.rx_frames_in_flight) return false;
      const auto pool = static_cast<unsigned>(std::countr_zero(slot.pools));
      if (give(index, pool) == Outcome::wait) return false;
      slot.pools &= slot.pools - 1;
    }
  }
  slot.issued = true;
  if (slot.writes == 0) release(index);
  return true;
}

void RxPath::drop_copy(Slot& slot, unsigned pool, Drop reason) {
  p_.statistics.drop(reason);
  if (slot.frame.packet != 0 && pool == slot.carrier) p_.host.frame_dropped(slot.frame.packet, reason);
}

std::uint32_t RxPath::buffer_bytes(const Queue& q) const {
  const auto kilobytes = static_cast<std::uint32_t>(SrrctlBufferKb::get(q.srrctl));
  return kilobytes == 0 ? 2048 : kilobytes * 1024;
}

RxPath::Outcome RxPath::give(std::uint32_t index, unsigned pool) {
  Slot& slot = slots_[index];
  Queue& q = queues_[pool];
  const bool vf_off = pool < p_.vfs && (p_.filters.vfre >> pool & 1) == 0;
  if (pool >= p_.config.queues || !q.ring.enabled() || vf_off) return drop_copy(slot, pool, Drop::filtered), Outcome::done;
  if (p_.l2.too_long(pool, slot.frame.bytes.size(), slot.header.vlan.has_value())) {
    ++p_.statistics.port.oversize;
    return drop_copy(slot, pool, Drop::oversize), Outcome::done;
  }
  const bool strip = slot.header.vlan && p_.l2.strips_vlan(pool);
  const auto bytes = static_cast<std::uint32_t>(slot.frame.bytes.size() - (strip ? kTagBytes : 0));
  const std::uint32_t buffer = buffer_bytes(q);
  const std::uint32_t need = (bytes + buffer - 1) / buffer;
  const bool impossible = need > q.ring.cache_entries() || need >= q.ring.count();
  if (q.ring.held() < need) {
    if (!impossible) fetch(pool, true);
    if (impossible || q.ring.held() + q.ring.in_memory() < need) {
      if (!impossible && (q.srrctl & kSrrctlDropEn) == 0 && !p_.l2.may_drop(pool)) return Outcome::wait;
      ++q.dropped;
      ++p_.statistics.port.no_buffer;
      return drop_copy(slot, pool, Drop::no_descriptor), Outcome::done;
    }
    return Outcome::wait;
  }
  for (std::uint32_t i = 0; i < need; ++i) {
    if (!q.ring.peek(i).bad) continue;
    // A descriptor that could not be read takes its frame with it; software sees it skipped, without DD.
    flush(pool);
    q.ring.use(i + 1);
    q.ring.retire(i + 1);
    return drop_copy(slot, pool, Drop::dma_error), Outcome::done;
  }

  std::span<const std::uint8_t> data = slot.frame.bytes;
  if (strip) {
    scratch_.assign(data.begin(), data.begin() + 12);
    scratch_.insert(scratch_.end(), data.begin() + 12 + kTagBytes, data.end());
    data = scratch_;
  }
  const PacketId packet = pool == slot.carrier ? slot.frame.packet : 0;
  const unsigned function = p_.function_of(pool);
  if (slot.writes == 0) ++in_flight_;
  slot.writes += need;
  p_.charge(packet, Stage::nic, p_.host.now());
  const bool legacy = SrrctlDescriptor::get(q.srrctl) == kSrrctlLegacy;
  for (std::uint32_t i = 0; i < need; ++i) {
    const std::uint32_t piece = std::min(buffer, bytes - i * buffer);
    const std::uint64_t address = q.ring.peek(i).descriptor.low;
    const bool last = i + 1 == need;
    const std::uint64_t status = rx_adv::kDd | (last ? rx_adv::kEop : 0) | (strip ? rx_adv::kVp : 0);
    const std::uint64_t vlan = strip ? *slot.header.vlan : 0;
    if (legacy)
      q.unwritten.push_back({address, rx_legacy::Length::of(piece) | rx_legacy::Status::of(status) | rx_legacy::Vlan::of(vlan)});
    else
      q.unwritten.push_back({0, status | (slot.local ? rx_adv::kLoopback : 0) | rx_adv::Length::of(piece) | rx_adv::Vlan::of(vlan)});
    p_.host.dma_write(function, address, data.subspan(std::size_t{i} * buffer, piece), token::make(token::rx_data, 0, pool, index),
                      {packet, i == 0, last});
  }
  q.ring.use(need);
  count(slot, pool, bytes);
  complete(pool, packet);
  fetch(pool, false);
  return Outcome::done;
}

void RxPath::count(const Slot& slot, unsigned pool, std::size_t bytes) {
  ++p_.statistics.received;
  auto& f = p_.statistics.pool[pool];
  const auto octets = static_cast<std::uint32_t>(bytes + kFcsBytes);
  ++f.rx_packets;
  f.rx_bytes += octets;
  if (slot.header.multicast() && !slot.header.broadcast()) ++f.rx_multicast;
  if (slot.local) {
    ++f.rx_local_packets;
    f.rx_local_bytes += octets;
    return;
  }
  if (pool != slot.carrier) return;  // the port counts a frame once
  auto& port = p_.statistics.port;
  ++port.rx_packets;
  port.rx_bytes += slot.frame.bytes.size() + kFcsBytes;
  if (slot.header.broadcast()) ++port.rx_broadcast;
  else if (slot.header.multicast()) ++port.rx_multicast;
}

void RxPath::data_written(std::uint64_t token, bool ok) {
  const auto index = static_cast<std::uint32_t>(token::Slot::get(token));
  Slot& slot = slots_[index];
  if (!ok) {
    ++p_.statistics.dma_errors;
    // The descriptor says DD all the same, as posted writes have it; the packet itself is lost.
    if (!slot.failed && token::Queue::get(token) == slot.carrier) drop_copy(slot, slot.carrier, Drop::dma_error);
    slot.failed = true;
  }
  if (--slot.writes != 0) return;
  --in_flight_;
  if (slot.issued) release(index);
  pump();
}

// ---- descriptors ------------------------------------------------------------------------------------------------------

void RxPath::fetch(unsigned queue, bool starved) {
  DescriptorRing& ring = queues_[queue].ring;
  const auto wanted = ring.want_fetch(starved);
  if (!wanted) return;
  ++p_.statistics.descriptor_reads;
  p_.host.dma_read(p_.function_of(queue), wanted->address, wanted->bytes,
                   token::make(token::rx_fetch, ring.generation(), queue, 0), {});
}

void RxPath::fetch_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok) {
  const auto queue = static_cast<unsigned>(token::Queue::get(token));
  DescriptorRing& ring = queues_[queue].ring;
  if (!ok) ++p_.statistics.dma_errors;
  if (token::Generation::get(token) != ring.generation()) return;
  ring.fetched(bytes, ok);
  pump();
}

void RxPath::complete(unsigned queue, PacketId packet) {
  Queue& q = queues_[queue];
  q.packets.push_back(packet);
  const std::uint32_t threshold = q.ring.write_back_threshold();
  if (threshold > 1 && q.unwritten.size() < threshold) {
    // 7.1: held back until enough have gathered, or the vector's interval ends.
    const unsigned bit = p_.interrupts.vector_of(queue, false);
    if (bit != Interrupts::kNoVector && p_.interrupts.waiting(bit)) return p_.interrupts.want_flush(bit);
  }
  flush(queue);
}

void RxPath::flush(unsigned queue) {
  Queue& q = queues_[queue];
  if (q.unwritten.empty()) return;
  const Ps now = p_.host.now();
  const PacketId carrier = q.packets.empty() ? 0 : q.packets.back();
  std::uint32_t batch = kNoBatch;
  if (p_.ledger) {
    const NoticeId notice = p_.interrupts.notice_of(p_.interrupts.vector_of(queue, false));
    for (PacketId packet : q.packets) {
      if (packet == 0) continue;
      p_.ledger->charge(packet, Stage::nic, now);
      (*p_.ledger)[packet].notice = notice;
    }
    if (q.packets.size() > 1) {
      if (idle_batches_.empty()) {
        idle_batches_.push_back(static_cast<std::uint32_t>(batches_.size()));
        batches_.emplace_back();
      }
      batch = idle_batches_.back();
      idle_batches_.pop_back();
      batches_[batch].packets.swap(q.packets);
      batches_[batch].before = (*p_.ledger)[carrier].stages;
      batches_[batch].issued = now;
    }
  }
  const std::uint32_t size = q.ring.count();
  const auto total = static_cast<std::uint32_t>(q.unwritten.size());
  const std::uint32_t head = q.ring.head() % size;
  const std::uint32_t straight = std::min(total, size - head);
  const unsigned function = p_.function_of(queue);
  q.ring.retire(total);
  for (std::uint32_t done = 0; done < total;) {
    const std::uint32_t n = done == 0 ? straight : total - done;
    const bool last = done + n == total;
    ++p_.statistics.write_backs;
    p_.host.dma_write(function, q.ring.address_of(done == 0 ? head : 0), bytes_of(q.unwritten.data() + done, n),
                      token::make(token::rx_write_back, 0, queue, last ? batch : kNoBatch), {last ? carrier : 0, false, last});
    done += n;
  }
  q.unwritten.clear();
  q.packets.clear();
  p_.interrupts.queue_cause(queue, false);
}

void RxPath::write_back_done(std::uint64_t token, bool ok) {
  if (!ok) ++p_.statistics.dma_errors;
  const auto index = static_cast<std::uint32_t>(token::Slot::get(token));
  if (index == kNoBatch) return;
  Batch& batch = batches_[index];
  const PacketId carrier = batch.packets.back();
  const Ps now = p_.host.now();
  for (PacketId packet : batch.packets) {
    if (packet == 0 || packet == carrier) continue;
    auto& entry = (*p_.ledger)[packet];
    // Same TLP, same journey; a packet whose data was still on its way has been followed by them and waits here.
    const auto& followed = (*p_.ledger)[carrier];
    if (carrier != 0 && entry.last == batch.issued && followed.last > batch.issued && followed.last <= now) {
      for (std::size_t stage = 0; stage < kStages; ++stage)
        entry.stages.ps[stage] += followed.stages.ps[stage] - batch.before.ps[stage];
      entry.last = followed.last;
    } else {
      p_.ledger->charge(packet, Stage::pcie, now);
    }
  }
  batch.packets.clear();
  idle_batches_.push_back(index);
}

void RxPath::disabled(unsigned queue) {
  queues_[queue].unwritten.clear();
  queues_[queue].packets.clear();
}

void RxPath::reset() {
  for (unsigned i = 0; i < kQueues; ++i) {
    queues_[i].ring.reset();
    queues_[i].srrctl = 0;
    queues_[i].dropped = 0;
    disabled(i);
  }
  const auto discard = [this](Ring<std::uint32_t>& ring) {
    for (; !ring.empty(); ring.pop()) {
      Slot& slot = slots_[ring.front()];
      slot.discarded = slot.issued = true;
      p_.statistics.drop(Drop::reset);
      if (slot.frame.packet != 0) p_.host.frame_dropped(slot.frame.packet, Drop::reset);
      if (slot.writes == 0) release(ring.front());
    }
  };
  discard(fifo_);
  discard(pipeline_);
}

}  // namespace iovirt::nic
