// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/packet_ledger.h"

#include <algorithm>

#include "lib/trace.h"

namespace iovirt {

PacketLedger::PacketLedger() : notices_(1) {
  nobody_.last = ~Ps{0};  // never charged
  nobody_.closed = true;
  chunks_.push_back(std::make_unique<Chunk>());
  chunks_[0]->packets[0] = nobody_;
  --chunks_[0]->to_forget;
}

PacketId PacketLedger::open(Ps now, Direction direction, std::uint16_t vm, std::uint32_t frame) {
  const PacketId id = next_++;
  if (id / kChunk >= chunks_.size()) {
    if (idle_.empty()) idle_.push_back(std::make_unique<Chunk>());
    chunks_.push_back(std::move(idle_.back()));
    idle_.pop_back();
    ++chunks_in_use_;
    chunks_.back()->to_forget = kChunk;
  }
  Packet& packet = (*this)[id];
  packet = Packet{};
  packet.opened = packet.last = now;
  packet.direction = direction;
  packet.vm = vm;
  packet.frame = frame;
  if (trace_) trace_->packet_opened(id, packet);
  return id;
}

void PacketLedger::forget(PacketId id) {
  std::unique_ptr<Chunk>& chunk = chunks_[id / kChunk];
  if (id == 0 || !chunk || --chunk->to_forget != 0) return;
  idle_.push_back(std::move(chunk));
  --chunks_in_use_;
}

void PacketLedger::charge_core(PacketId id, const ActivityLog& core, Ps now) {
  Packet& p = (*this)[id];
  if (now <= p.last) return;
  if (p.notice != 0) {
    const Notice& notice = notices_[p.notice];
    if (notice.fired > p.last && notice.fired <= now) charge(id, Stage::moderation, notice.fired);
    for (const Mark& mark : notice.marks) charge(id, mark.stage, std::min(mark.until, now));
    p.notice = 0;
  }
  if (now <= p.last) return;
  core.split(p.last, now, p.stages.ps);
  if (trace_) trace_->packet_on_core(id, p, core, p.last, now);
  p.last = now;
}

void PacketLedger::close(PacketId id, Ps now) {
  if (id == 0) return;
  Packet& p = (*this)[id];
  p.closed = now == p.last;
  if (trace_ && p.closed) trace_->packet_closed(id, p, false);
}

void PacketLedger::drop(PacketId id) {
  if (id == 0) return;
  (*this)[id].closed = true;
  if (trace_) trace_->packet_closed(id, (*this)[id], true);
}

void PacketLedger::trace_stage(PacketId id, Stage stage, Ps now) {
  trace_->packet_stage(id, (*this)[id], stage, (*this)[id].last, now);
}

void PacketLedger::add_places(std::uint64_t chunk) {
  if (chunk >= places_.size()) places_.resize(chunk + 1);
  places_[chunk] = std::make_unique<Place[]>(kPlacesPerChunk);
}

NoticeId PacketLedger::open_notice() {
  notices_.emplace_back();
  return static_cast<NoticeId>(notices_.size() - 1);
}

void PacketLedger::notice_fired(NoticeId id, Ps now) {
  if (id == 0) return;
  notices_[id].fired = now;
  notices_[id].marks.clear();
}

void PacketLedger::notice_mark(NoticeId id, Stage stage, Ps now) {
  if (id != 0) notices_[id].marks.push_back({now, stage});
}

}  // namespace iovirt
