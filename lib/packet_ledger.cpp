// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/packet_ledger.h"

#include <algorithm>

#include "lib/trace.h"

namespace iovirt {

PacketLedger::PacketLedger() : packets_(1), notices_(1) {}

PacketId PacketLedger::open(Ps now, Direction direction, std::uint16_t vm, std::uint32_t frame) {
  Packet packet;
  packet.opened = packet.last = now;
  packet.direction = direction;
  packet.vm = vm;
  packet.frame = frame;
  packets_.push_back(packet);
  const auto id = static_cast<PacketId>(packets_.size() - 1);
  if (trace_) trace_->packet_opened(id, packet);
  return id;
}

void PacketLedger::charge_core(PacketId id, const ActivityLog& core, Ps now) {
  Packet& p = packets_[id];
  if (id == 0 || now <= p.last) return;
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
  Packet& p = packets_[id];
  p.closed = now == p.last;
  if (trace_ && p.closed) trace_->packet_closed(id, p, false);
}

void PacketLedger::drop(PacketId id) {
  if (id == 0) return;
  packets_[id].closed = true;
  if (trace_) trace_->packet_closed(id, packets_[id], true);
}

void PacketLedger::trace_stage(PacketId id, Stage stage, Ps now) {
  trace_->packet_stage(id, packets_[id], stage, packets_[id].last, now);
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
