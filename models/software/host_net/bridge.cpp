// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host_net/bridge.h"

namespace iovirt::software {

Bridge::Bridge(HostKernel& kernel, TrafficBook& book, NetDriver& uplink)
    : kernel_(kernel), book_(book), uplink_(kernel, book, uplink, 0) {}

HostPort& Bridge::add_tap(const MacAddress& mac) {
  taps_.push_back(std::make_unique<Tap>(*this, mac));
  return *taps_.back();
}

void Bridge::receive(NetDriver&, unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes) {
  forward(nullptr, {buffer, address, bytes});
}

void Bridge::wake_queue(NetDriver&, unsigned) { uplink_.push(); }

void Bridge::poll_done(NetDriver&, unsigned) {
  for (auto& tap : taps_) tap->flush_notify();
}

void Bridge::forward(Tap* from, const HostFrame& frame) {
  cpu::Cpu& cpu = kernel_.cpu();
  const Costs& costs = kernel_.costs();
  cpu.compute(costs.bridge_cycles + (from ? costs.tap_cycles : 0));
  const std::uint64_t low = cpu.load(frame.address & ~7ull, 8);
  const std::uint64_t high = cpu.load((frame.address & ~7ull) + 8, 8);
  const unsigned shift = (frame.address & 7) * 8;
  const std::uint64_t head = shift == 0 ? low : low >> shift | high << (64 - shift);
  MacAddress destination;
  for (unsigned i = 0; i < 6; ++i) destination[i] = static_cast<std::uint8_t>(head >> (8 * i));
  cpu.charge(cpu.packet_at(frame.address));

  if (destination[0] & 1) {
    for (auto& tap : taps_) {
      if (tap.get() == from) continue;
      const std::uint64_t buffer = kernel_.allocate_buffer();
      const std::uint64_t address = buffer + (frame.address - frame.buffer);
      cpu.copy(address, frame.address, frame.bytes);
      cpu.compute(costs.tap_cycles);
      tap->enqueue({buffer, address, frame.bytes});
      if (from) tap->flush_notify();
    }
    if (from)
      uplink_.send(frame);
    else
      kernel_.free_buffer(frame.buffer);
    return;
  }
  for (auto& tap : taps_) {
    if (tap->mac() != destination || tap.get() == from) continue;
    cpu.compute(costs.tap_cycles);
    tap->enqueue(frame);
    if (from) tap->flush_notify();
    return;
  }
  if (from) {
    uplink_.send(frame);
    return;
  }
  book_.dropped(cpu.packet_at(frame.address));  // for nobody here
  kernel_.free_buffer(frame.buffer);
}

}  // namespace iovirt::software
