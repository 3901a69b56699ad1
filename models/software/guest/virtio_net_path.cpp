// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Virtio-net: the data path. Order of ring accesses, kicks and callbacks as in Linux's virtio_net.c with napi_tx.
#include <algorithm>

#include "models/software/guest/virtio_net.h"

namespace iovirt::software {

using namespace virtio;

// -- interrupts -------------------------------------------------------------------------------------------------------

void VirtioNet::rx_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  if (!rx_.more_used()) return;
  rx_.interrupted();
  if (rx_scheduled_) return;
  rx_scheduled_ = true;
  rx_.disable_callback();
  kernel_.napi_schedule(*this, kRxPoll);
}

void VirtioNet::tx_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  if (!tx_.more_used()) return;
  tx_.interrupted();
  tx_.disable_callback();
  if (tx_scheduled_) return;
  tx_scheduled_ = true;
  kernel_.napi_schedule(*this, kTxPoll);
}

void VirtioNet::config_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  if (features_ & kNetStatus) link_up_ = kernel_.readw(device_.address + net_config::status) & kNetLinkUp;
}

// -- receive ----------------------------------------------------------------------------------------------------------

void VirtioNet::refill() {
  bool added = false;
  while (rx_.free_descriptors() > 0) {
    const std::uint64_t buffer = kernel_.allocate_buffer();
    const std::uint64_t bus = kernel_.dma_map(function_, buffer + kHeadroom, rx_bytes_);
    const std::uint16_t head = rx_.add({{bus, rx_bytes_}}, true);
    rx_slots_[head] = {buffer, bus, rx_bytes_};
    added = true;
  }
  if (added && rx_.kick_prepare()) {
    ++counters_.rx_kicks;
    kernel_.writew(rx_notify_, kNetReceiveQueue);
  }
}

unsigned VirtioNet::receive(unsigned budget) {
  auto& cpu = kernel_.cpu();
  unsigned received = 0;
  while (received < budget) {
    const auto used = rx_.get();
    if (!used) break;
    const Slot slot = rx_slots_[used->head];
    kernel_.dma_unmap(function_, slot.bus, slot.bytes);
    ++received;
    constexpr std::uint32_t kSmallest = kNetHeaderBytes + 14;
    if (used->bytes < kSmallest || used->bytes > slot.bytes) {
      ++counters_.rx_errors;
      kernel_.free_buffer(slot.buffer);
      continue;
    }
    // Flags and GSO type: checksum and segmentation offloads, which were not negotiated.
    cpu.load(slot.buffer + kHeadroom, 2);
    cpu.compute(kernel_.costs().driver_rx_cycles);
    const std::uint64_t frame = slot.buffer + kHeadroom + kNetHeaderBytes;
    cpu.charge(cpu.packet_at(frame));
    kernel_.receive(*this, 0, slot.buffer, frame, used->bytes - kNetHeaderBytes);
  }
  if (rx_.free_descriptors() > std::min<unsigned>(budget, rx_.size()) / 2) refill();
  return received;
}

unsigned VirtioNet::poll_rx(unsigned budget) {
  clean_tx_from_rx();
  const unsigned received = receive(budget);
  if (received < budget) {
    const std::uint16_t since = rx_.enable_callback_prepare();
    rx_scheduled_ = false;
    if (rx_.poll(since) && !rx_scheduled_) {
      rx_scheduled_ = true;
      rx_.disable_callback();
      kernel_.napi_schedule(*this, kRxPoll);
    }
  }
  return received;
}

unsigned VirtioNet::poll(unsigned queue, unsigned budget) {
  if (failed_) return 0;
  return queue == kRxPoll ? poll_rx(budget) : poll_tx();
}

// -- transmit ---------------------------------------------------------------------------------------------------------

void VirtioNet::clean_tx() {
  while (const auto used = tx_.get()) {
    const Slot slot = tx_slots_[used->head];
    kernel_.cpu().compute(kernel_.costs().driver_clean_cycles);
    kernel_.dma_unmap(function_, slot.bus, slot.bytes);
    kernel_.transmitted(*this, slot.buffer);
  }
}

void VirtioNet::wake_if_room() {
  if (!tx_stopped_ || tx_.free_descriptors() < VirtioRing::kMaxBuffers) return;
  tx_stopped_ = false;
  kernel_.wake_queue(*this, 0);
}

void VirtioNet::clean_tx_from_rx() {
  if (tx_locked_) return;
  tx_locked_ = true;
  do {
    tx_.disable_callback();
    clean_tx();
  } while (!tx_.enable_callback_delayed());
  unlock_tx();
  wake_if_room();
}

void VirtioNet::unlock_tx() {
  tx_locked_ = false;
  if (!tx_poll_missed_) return;
  tx_poll_missed_ = false;
  kernel_.napi_schedule(*this, kTxPoll);
}

unsigned VirtioNet::poll_tx() {
  if (tx_locked_) {  // interrupted whoever holds it, who will schedule another poll
    tx_poll_missed_ = true;
    return 0;
  }
  tx_locked_ = true;
  tx_.disable_callback();
  clean_tx();
  const std::uint16_t since = tx_.enable_callback_prepare();
  tx_scheduled_ = false;
  unlock_tx();
  if (tx_.poll(since) && !tx_scheduled_) {
    tx_scheduled_ = true;
    tx_.disable_callback();
    kernel_.napi_schedule(*this, kTxPoll);
  }
  wake_if_room();
  return 0;
}

void VirtioNet::kick_tx() {
  if (!tx_.kick_prepare()) return;
  ++counters_.tx_kicks;
  kernel_.writew(tx_notify_, kNetTransmitQueue);
}

bool VirtioNet::transmit(unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (failed_ || tx_stopped_) return false;
  if (tx_locked_) {  // called from inside a cleaner: the poll that follows wakes the stack
    tx_stopped_ = tx_poll_missed_ = true;
    return false;
  }
  auto& cpu = kernel_.cpu();
  tx_locked_ = true;
  do {
    tx_.disable_callback();
    clean_tx();
  } while (!more && !tx_.enable_callback_delayed());

  const bool headroom = address >= buffer + kNetHeaderBytes && address < buffer + Kernel::kBufferBytes;
  const unsigned needed = tx_.needed(headroom ? 1 : 2);
  bool full = false;
  while (tx_.free_descriptors() < needed) {
    // Full: callbacks on, unless completions came in meanwhile.
    kick_tx();
    if (tx_.enable_callback_delayed()) {
      full = tx_stopped_ = true;
      break;
    }
    tx_.disable_callback();
    clean_tx();
  }
  if (!full) {
    cpu.compute(kernel_.costs().driver_tx_cycles);
    Slot slot{buffer, 0, 0};
    std::uint16_t head;
    if (headroom) {
      constexpr std::uint8_t header[kNetHeaderBytes] = {};  // no offload
      cpu.write(address - kNetHeaderBytes, header);
      slot.bytes = kNetHeaderBytes + bytes;
      slot.bus = kernel_.dma_map(function_, address - kNetHeaderBytes, slot.bytes);
      head = tx_.add({{slot.bus, slot.bytes}}, false);
    } else {
      const std::uint64_t offset = 16ull * tx_.next_head();
      cpu.store(headers_ + offset, 8, 0);
      cpu.store(headers_ + offset + 8, 4, 0);
      slot.bytes = bytes;
      slot.bus = kernel_.dma_map(function_, address, bytes);
      head = tx_.add({{headers_bus_ + offset, kNetHeaderBytes}, {slot.bus, bytes}}, false);
    }
    tx_slots_[head] = slot;
    cpu.charge(cpu.packet_at(address));
    if (!more) kick_tx();
  }
  unlock_tx();
  return !full;
}

}  // namespace iovirt::software
