// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/nic_module.h"

#include "lib/little_endian.h"

namespace iovirt::platform::stream {

Nic::Nic(sc_core::sc_module_name name, const Config& config, unsigned rings, unsigned generation, unsigned width,
         sim::EventQueue& queue, sim::TransactionPool& pool)
    : Endpoint(name, {.read_tags = config.read_tags}, queue, pool),
      config_(config),
      senders_(config.flows, config.burst_packets),
      packet_time_(ns_to_ps((config.frame_bytes + config.wire_overhead_bytes) * 8 / config.wire_gbps)),
      wire_delay_(ns_to_ps(config.wire_ns)),
      own_delay_(ns_to_ps(config.nic_ns)),
      moderation_(ns_to_ps(config.moderation_us * 1000)),
      look_again_(ns_to_ps(config.look_again_ns)),
      rings_(rings),
      frame_(config.frame_bytes) {
  pcie::Function& function = add_function({.vendor = spec::kVendor, .device = spec::kDevice, .class_code = 0x020000});
  function.config.add_bar(0, spec::kBarBytes, pcie::BarKind::memory32);
  function.add_msix({.vectors = rings, .table_offset = spec::kMsixTable, .pba_offset = spec::kMsixPba});
  function.add_express({.mps_bytes = 512, .generation = generation, .width = width});
}

std::uint64_t Nic::read_bar(unsigned, unsigned, std::uint64_t offset, unsigned) {
  const std::uint64_t ring = offset / spec::kRingBlock, reg = offset % spec::kRingBlock / 8;
  return ring < rings_.size() && reg < 16 ? rings_[ring].registers[reg] : 0;
}

void Nic::write_bar(unsigned, unsigned, std::uint64_t offset, unsigned, std::uint64_t value) {
  const auto index = static_cast<unsigned>(offset / spec::kRingBlock);
  const std::uint64_t reg = offset % spec::kRingBlock;
  if (index >= rings_.size() || reg / 8 >= 16) return;
  Ring& ring = rings_[index];
  ring.registers[reg / 8] = value;
  if (reg == spec::kEnable) {
    ring.enabled = true;
    fetch(index);
  } else if (reg == spec::kSendDoorbell) {
    send(index);
  } else if (reg == spec::kArm) {
    ring.armed = true;
    // Completions the driver has not seen yet: it says up to where it has read.
    if (value < ring.received) want_interrupt(index);
  }
}

void Nic::fire(std::uint32_t what, std::uint64_t arg) {
  switch (what) {
    case wire:
      wire_busy_ = false;
      return pump_wire();
    case arrived:
      waiting_.push_back({static_cast<std::uint32_t>(arg >> 48), arg & 0xffff'ffff'ffff});
      return receive();
    case acknowledged:
      senders_.window(windows_.front().flow, windows_.front().edge);
      windows_.pop_front();
      return pump_wire();
    case interrupt: {
      const auto index = static_cast<unsigned>(arg);
      Ring& ring = rings_[index];
      ring.interrupt_due = ring.armed = false;
      std::uint8_t entry[spec::kEventBytes] = {};
      store_little_endian<std::uint64_t>(entry, ++ring.events);
      const std::uint64_t slot = (ring.events - 1) % ring.registers[spec::kEventEntries / 8];
      dma_write(0, ring.registers[spec::kEventBase / 8] + slot * spec::kEventBytes, entry, tag(event, index));
      ++counters_.interrupts;
      return send_msix(0, index);
    }
    case look_again:
      rings_[arg].looking = false;
      return fetch(static_cast<unsigned>(arg));
    default: return;
  }
}

// -- the network ---------------------------------------------------------------------------------------------------------

void Nic::pump_wire() {
  if (wire_busy_) return;
  const auto packet = senders_.next();
  if (!packet) return;
  wire_busy_ = true;
  const Ps end = now() + packet_time_;
  queue().post(end, *this, wire);
  queue().post(end + wire_delay_ + own_delay_, *this, arrived, std::uint64_t{packet->flow} << 48 | packet->number);
}

// -- receiving -----------------------------------------------------------------------------------------------------------

void Nic::receive() {
  while (!waiting_.empty() && writing_ < config_.write_depth) {
    const Packet packet = waiting_.front();
    const auto index = static_cast<unsigned>(packet.flow % rings_.size());
    Ring& ring = rings_[index];
    if (ring.pages.empty()) {
      if (!head_starved_) ++counters_.starved;
      head_starved_ = true;
      return fetch(index);
    }
    head_starved_ = false;
    waiting_.pop_front();
    const std::uint64_t page = ring.pages.front();
    ring.pages.pop_front();
    store_little_endian(frame_.data(), packet.flow);
    store_little_endian(frame_.data() + 8, packet.number);
    ++writing_;
    dma_write(0, page, frame_, tag(data, index));
    const std::uint64_t count = ring.received++;
    complete(index, ring.registers[spec::kReceiveCqBase / 8], ring.registers[spec::kReceiveCqEntries / 8], count, packet.flow,
             config_.frame_bytes, ring.page++);
    ++counters_.packets;
    if (ring.armed) want_interrupt(index);
    // The next descriptor is fetched while there are pages of this one.
    if (ring.pages.size() < spec::kPagesPerDescriptor && ring.pages.size() % 16 == 0) fetch(index);
  }
}

void Nic::complete(unsigned ring, std::uint64_t base, std::uint64_t entries, std::uint64_t count, std::uint32_t flow,
                   std::uint32_t bytes, std::uint64_t index) {
  std::uint8_t entry[spec::kCompletionBytes] = {};
  store_little_endian(entry, flow);
  store_little_endian(entry + 4, bytes);
  store_little_endian(entry + 8, index);
  store_little_endian<std::uint64_t>(entry + spec::kCompletionLap, count / entries + 1);
  dma_write(0, base + count % entries * spec::kCompletionBytes, entry, tag(completion, ring));
}

void Nic::want_interrupt(unsigned index) {
  Ring& ring = rings_[index];
  if (ring.interrupt_due) return;
  ring.interrupt_due = true;
  queue().post(now() + moderation_, *this, interrupt, index);
}

/// How many descriptors there are stands in the doorbell record, in memory.
void Nic::fetch(unsigned index) {
  Ring& ring = rings_[index];
  if (!ring.enabled || ring.fetching || ring.looking) return;
  ring.fetching = true;
  dma_read(0, ring.registers[spec::kDoorbellRecord / 8], 4, tag(record, index));
}

void Nic::dma_read_done(std::uint64_t what, std::span<const std::uint8_t> bytes, bool ok, PacketId) {
  const auto index = static_cast<unsigned>(what >> 8);
  Ring& ring = rings_[index];
  if (!ok) ++counters_.errors;
  switch (static_cast<Tag>(what & 0xff)) {
    case record: {
      ring.fetching = false;
      if (load_little_endian<std::uint32_t>(bytes.data()) == static_cast<std::uint32_t>(ring.fetched)) {
        if (!ring.pages.empty() || ring.looking) return;
        ring.looking = true;
        return queue().post(now() + look_again_, *this, look_again, index);
      }
      ring.fetching = true;
      const std::uint64_t slot = ring.fetched % ring.registers[spec::kReceiveEntries / 8];
      return dma_read(0, ring.registers[spec::kReceiveBase / 8] + slot * spec::kReceiveDescriptorBytes,
                      spec::kReceiveDescriptorBytes, tag(receive_descriptor, index));
    }
    case receive_descriptor:
      ring.fetching = false;
      ++ring.fetched;
      for (unsigned i = 0; i < spec::kPagesPerDescriptor; ++i) ring.pages.push_back(load_little_endian<std::uint64_t>(bytes.data() + 8 * i));
      receive();
      if (ring.pages.size() <= spec::kPagesPerDescriptor) fetch(index);
      return;
    case send_descriptor:
      return dma_read(0, load_little_endian<std::uint64_t>(bytes.data()), load_little_endian<std::uint32_t>(bytes.data() + 8), tag(ack, index));
    case ack: {
      windows_.push_back({load_little_endian<std::uint32_t>(bytes.data()), load_little_endian<std::uint64_t>(bytes.data() + 16)});
      queue().post(now() + own_delay_ + wire_delay_, *this, acknowledged);
      ++counters_.acks;
      const std::uint64_t count = ring.completed++;
      complete(index, ring.registers[spec::kSendCqBase / 8], ring.registers[spec::kSendCqEntries / 8], count, 0, 0, count);
      ring.sending = false;
      return send(index);
    }
    default: return;
  }
}

void Nic::dma_write_done(std::uint64_t what, bool ok) {
  if (!ok) ++counters_.errors;
  if ((what & 0xff) != data) return;
  --writing_;
  receive();
}

// -- sending -------------------------------------------------------------------------------------------------------------

void Nic::send(unsigned index) {
  Ring& ring = rings_[index];
  if (ring.sending || ring.sent == ring.registers[spec::kSendDoorbell / 8]) return;
  ring.sending = true;
  const std::uint64_t slot = ring.sent++ % ring.registers[spec::kSendEntries / 8];
  dma_read(0, ring.registers[spec::kSendBase / 8] + slot * spec::kSendDescriptorBytes, spec::kSendDescriptorBytes,
           tag(send_descriptor, index));
}

}  // namespace iovirt::platform::stream
