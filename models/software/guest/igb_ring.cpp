// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/igb_ring.h"

#include "models/nic/igb_descriptor_spec.h"

namespace iovirt::software {

namespace spec = nic::igb;

namespace {

constexpr std::uint64_t kRingAlignment = 4096;

}  // namespace

// -- receive -----------------------------------------------------------------------------------------------------------

IgbRxRing::IgbRxRing(Kernel& kernel, Bdf function, unsigned entries)
    : kernel_(kernel), function_(function), slots_(entries) {
  ring_ = kernel_.allocate(bytes(), kRingAlignment);
  ring_bus_ = kernel_.dma_map(function_, ring_, bytes());
}

std::uint32_t IgbRxRing::bytes() const { return static_cast<std::uint32_t>(slots_.size()) * spec::kDescriptorBytes; }

void IgbRxRing::start(std::uint64_t tail) {
  tail_ = tail;
  next_ = fill_ = 0;
  discard_ = false;
  for (std::size_t i = 0; i < slots_.size(); ++i) kernel_.cpu().store(ring_ + i * spec::kDescriptorBytes + 8, 8, 0);
  refill();
}

void IgbRxRing::stop() {
  for (Slot& slot : slots_) {
    if (slot.buffer == 0) continue;
    kernel_.dma_unmap(function_, slot.bus, Kernel::kBufferBytes);
    kernel_.free_buffer(slot.buffer);
    slot = {};
  }
  next_ = fill_ = 0;
}

void IgbRxRing::refill() {
  auto& cpu = kernel_.cpu();
  const auto entries = static_cast<unsigned>(slots_.size());
  const unsigned last = next_ == 0 ? entries - 1 : next_ - 1;  // one stays empty: full is not empty
  while (fill_ != last) {
    Slot& slot = slots_[fill_];
    if (slot.buffer == 0) {
      slot.buffer = kernel_.allocate_buffer();
      slot.bus = kernel_.dma_map(function_, slot.buffer, Kernel::kBufferBytes);
    }
    const std::uint64_t descriptor = ring_ + fill_ * spec::kDescriptorBytes;
    cpu.store(descriptor, 8, slot.bus);
    cpu.store(descriptor + 8, 8, 0);
    if (++fill_ == entries) fill_ = 0;
  }
  kernel_.writel(tail_, fill_);
}

unsigned IgbRxRing::take(NetDriver& driver, unsigned queue, unsigned budget) {
  auto& cpu = kernel_.cpu();
  unsigned taken = 0, cleaned = 0;
  while (taken < budget && next_ != fill_) {
    const std::uint64_t high = cpu.load(ring_ + next_ * spec::kDescriptorBytes + 8, 8);
    if (!(high & spec::rx_adv::kDd)) break;
    Slot& slot = slots_[next_];
    const Slot full = slot;
    const auto length = static_cast<std::uint32_t>(spec::rx_adv::Length::get(high));
    const bool last = high & spec::rx_adv::kEop;
    const bool good = last && !discard_ && !(high & spec::rx_adv::kRxe) && length != 0;
    discard_ = !last;
    if (good) slot.buffer = 0;  // a bad frame's buffer is used again
    if (++next_ == slots_.size()) next_ = 0;
    ++cleaned;
    if (good) {
      cpu.charge(cpu.packet_at(full.buffer));
      cpu.compute(kernel_.costs().driver_rx_cycles);
      kernel_.dma_unmap(function_, full.bus, Kernel::kBufferBytes);
      kernel_.receive(driver, queue, full.buffer, full.buffer, length);
      ++taken;
      ++counters_.packets;
      counters_.bytes += length;
    } else {
      ++counters_.errors;
    }
    if (cleaned == kRefillBatch) {
      refill();
      cleaned = 0;
    }
  }
  if (cleaned != 0) refill();
  return taken;
}

// -- transmit ----------------------------------------------------------------------------------------------------------

IgbTxRing::IgbTxRing(Kernel& kernel, Bdf function, unsigned entries)
    : kernel_(kernel), function_(function), slots_(entries) {
  ring_ = kernel_.allocate(bytes(), kRingAlignment);
  ring_bus_ = kernel_.dma_map(function_, ring_, bytes());
}

std::uint32_t IgbTxRing::bytes() const { return static_cast<std::uint32_t>(slots_.size()) * spec::kDescriptorBytes; }

void IgbTxRing::start(std::uint64_t tail) {
  tail_ = tail;
  next_ = clean_ = rung_ = 0;
  stopped_ = false;
}

void IgbTxRing::stop(NetDriver& driver) {
  for (; clean_ != next_; clean_ = after(clean_)) {
    Slot& slot = slots_[clean_];
    kernel_.dma_unmap(function_, slot.bus, slot.bytes);
    kernel_.transmitted(driver, slot.buffer);
    slot = {};
  }
  rung_ = next_;
}

bool IgbTxRing::transmit(std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (stopped_) return false;  // the doorbell was rung when the queue stopped
  auto& cpu = kernel_.cpu();
  cpu.compute(kernel_.costs().driver_tx_cycles);
  const std::uint64_t bus = kernel_.dma_map(function_, address, bytes);
  slots_[next_] = {buffer, bus, address, bytes};
  const std::uint64_t descriptor = ring_ + next_ * spec::kDescriptorBytes;
  cpu.store(descriptor, 8, bus);
  cpu.store(descriptor + 8, 8, spec::tx::whole_frame(bytes));
  next_ = after(next_);
  if (unused() < kStopBelow) stopped_ = true;
  if (!more || stopped_) ring_doorbell();
  return true;
}

void IgbTxRing::ring_doorbell() {
  auto& cpu = kernel_.cpu();
  for (; rung_ != next_; rung_ = after(rung_)) cpu.charge(cpu.packet_at(slots_[rung_].address));
  kernel_.writel(tail_, next_);
}

void IgbTxRing::clean(NetDriver& driver, unsigned queue) {
  auto& cpu = kernel_.cpu();
  unsigned cleaned = 0;
  while (clean_ != next_) {
    if (!(cpu.load(ring_ + clean_ * spec::kDescriptorBytes + 12, 4) & (spec::tx::kDd >> 32))) break;
    const Slot slot = slots_[clean_];
    clean_ = after(clean_);
    ++cleaned;
    counters_.bytes += slot.bytes;
    kernel_.dma_unmap(function_, slot.bus, slot.bytes);
    kernel_.transmitted(driver, slot.buffer);
  }
  if (cleaned == 0) return;
  counters_.packets += cleaned;
  cpu.compute(cleaned * kernel_.costs().driver_clean_cycles);
  if (stopped_ && unused() >= kWakeAt) {
    stopped_ = false;
    kernel_.wake_queue(driver, queue);
  }
}

}  // namespace iovirt::software
