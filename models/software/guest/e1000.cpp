// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/e1000.h"

#include "models/software/qemu/e1000_spec.h"

namespace iovirt::software {

using namespace e1000_spec;

namespace {

constexpr std::uint32_t kInterrupts = kIcrRxt0 | kIcrTxdw | kIcrRxdmt0 | kIcrRxseq | kIcrLsc;
constexpr unsigned kRefillBatch = 16;  // E1000_RX_BUFFER_WRITE
constexpr unsigned kStopBelow = 19;    // MAX_SKB_FRAGS + 2: what the largest frame may need
constexpr unsigned kWakeAt = 32;       // TX_WAKE_THRESHOLD
constexpr unsigned kPollLimit = 1000;

}  // namespace

E1000Driver::E1000Driver(Kernel& kernel, Bdf function, const Options& options)
    : kernel_(kernel), pci_(kernel, function), options_(options) {}

// -- probe and configuration -----------------------------------------------------------------------------------------

std::uint16_t E1000Driver::read_nvm(unsigned word) {
  write(EERD, static_cast<std::uint32_t>(EerdAddress::of(word)) | kEerdStart);
  for (unsigned i = 0; i < kPollLimit; ++i)
    if (const std::uint32_t value = read(EERD); value & kEerdDone) return static_cast<std::uint16_t>(EerdData::get(value));
  return 0;
}

bool E1000Driver::probe() {
  if (pci_.vendor() != kVendor || pci_.device() != kDevice) return false;
  pci_.enable();
  regs_ = pci_.bar(0);
  if (regs_ == 0) return false;
  write(IMC, 0xffffffff);
  write(RCTL, 0);
  write(TCTL, kTctlPsp);
  read(STATUS);
  write(CTRL, read(CTRL) | kCtrlRst);
  for (unsigned i = 0; i < kPollLimit && (read(CTRL) & kCtrlRst); ++i) kernel_.cpu().pause();
  write(IMC, 0xffffffff);
  read(ICR);
  std::uint16_t sum = 0;
  for (unsigned word = 0; word < kNvmWords; ++word) {
    const std::uint16_t value = read_nvm(word);
    sum = static_cast<std::uint16_t>(sum + value);
    if (word < 3) {
      mac_[2 * word] = static_cast<std::uint8_t>(value);
      mac_[2 * word + 1] = static_cast<std::uint8_t>(value >> 8);
    }
  }
  return sum == kNvmSum;
}

void E1000Driver::open() {
  if (!probe()) return;
  rx_.resize(options_.rx_entries);
  tx_.resize(options_.tx_entries);
  const std::size_t rx_bytes = std::size_t{options_.rx_entries} * kDescriptorBytes;
  const std::size_t tx_bytes = std::size_t{options_.tx_entries} * kDescriptorBytes;
  rx_ring_ = kernel_.allocate(rx_bytes, 4096);
  tx_ring_ = kernel_.allocate(tx_bytes, 4096);
  rx_ring_bus_ = kernel_.dma_map(pci_.function(), rx_ring_, rx_bytes);
  tx_ring_bus_ = kernel_.dma_map(pci_.function(), tx_ring_, tx_bytes);
  up_ = true;
  configure();
  kernel_.request_intx(pci_.function(), "e1000", [this] { interrupt(); });
  enable_interrupts();
  write(ICS, kIcrLsc);  // the link is looked at from the interrupt, as Linux's open does
}

void E1000Driver::configure() {
  // Address filter 0 is ours, the others and the multicast table are empty.
  write(RAL0, mac_[0] | mac_[1] << 8 | mac_[2] << 16 | std::uint32_t{mac_[3]} << 24);
  write(RAH0, mac_[4] | mac_[5] << 8 | kRahAv);
  for (unsigned i = 1; i < 16; ++i) {
    write(RAL0 + 8 * i, 0);
    write(RAH0 + 8 * i, 0);
  }
  for (unsigned i = 0; i < 128; ++i) write(MTA + 4 * i, 0);
  write(CTRL, read(CTRL) | kCtrlSlu);

  write(TDLEN, options_.tx_entries * kDescriptorBytes);
  write(TDBAH, static_cast<std::uint32_t>(tx_ring_bus_ >> 32));
  write(TDBAL, static_cast<std::uint32_t>(tx_ring_bus_));
  write(TDT, 0);
  write(TDH, 0);
  write(TIPG, 0x00602006);
  write(TIDV, options_.tidv);
  write(TADV, options_.tadv);
  write(TCTL, kTctlEn | kTctlPsp | 15u << 4 | 64u << 12);

  constexpr std::uint32_t rctl = kRctlBam;  // 2048-byte buffers, interrupt below half of the ring
  write(RCTL, rctl);
  write(RDTR, 0);
  write(RADV, options_.radv);
  write(ITR, options_.itr);
  write(RDLEN, options_.rx_entries * kDescriptorBytes);
  write(RDBAH, static_cast<std::uint32_t>(rx_ring_bus_ >> 32));
  write(RDBAL, static_cast<std::uint32_t>(rx_ring_bus_));
  write(RDT, 0);
  write(RDH, 0);
  rx_next_ = rx_fill_ = tx_next_ = tx_clean_ = tx_rung_ = 0;
  rx_discard_ = tx_stopped_ = false;
  write(RCTL, rctl | kRctlEn);
  refill();
}

void E1000Driver::restart() {
  if (!up_) return;
  write(IMC, 0xffffffff);
  write(RCTL, 0);
  write(TCTL, kTctlPsp);
  read(STATUS);
  write(CTRL, read(CTRL) | kCtrlRst);
  for (Slot& slot : rx_) {
    if (slot.buffer == 0) continue;
    kernel_.dma_unmap(pci_.function(), slot.bus, Kernel::kBufferBytes);
    kernel_.free_buffer(slot.buffer);
    slot = {};
  }
  for (Slot& slot : tx_) {
    if (slot.buffer == 0) continue;
    kernel_.dma_unmap(pci_.function(), slot.bus, slot.bytes);
    kernel_.transmitted(*this, slot.buffer);
    slot = {};
  }
  const bool stopped = tx_stopped_;
  // A descriptor that still says DD from before must not be taken for a new one.
  for (unsigned i = 0; i < options_.tx_entries; ++i) kernel_.cpu().store(tx_ring_ + i * kDescriptorBytes + 8, 8, 0);
  for (unsigned i = 0; i < options_.rx_entries; ++i) kernel_.cpu().store(rx_ring_ + i * kDescriptorBytes + 8, 8, 0);
  configure();
  enable_interrupts();
  if (stopped) kernel_.wake_queue(*this, 0);
}

// -- interrupts: the accesses and their order are those of e1000_intr and e1000_clean -----------------------------------

void E1000Driver::enable_interrupts() {
  write(IMS, kInterrupts);
  read(STATUS);  // flushes the write
}

void E1000Driver::interrupt() {
  const std::uint32_t causes = read(ICR);
  if (causes == 0) return;  // the line is shared
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  if (causes & (kIcrLsc | kIcrRxseq)) link_ = read(STATUS) & kStatusLu;
  write(IMC, 0xffffffff);
  read(STATUS);
  kernel_.napi_schedule(*this, 0);
}

unsigned E1000Driver::poll(unsigned, unsigned budget) {
  if (!up_) return 0;
  clean_transmitted();
  const unsigned taken = take_received(budget);
  if (taken < budget) enable_interrupts();
  return taken;
}

// -- transmit ----------------------------------------------------------------------------------------------------------

unsigned E1000Driver::tx_unused() const {
  return (tx_clean_ > tx_next_ ? 0 : options_.tx_entries) + tx_clean_ - tx_next_ - 1;
}

bool E1000Driver::transmit(unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (!up_) {
    ++counters_.tx_dropped;
    kernel_.transmitted(*this, buffer);
    return true;
  }
  if (tx_stopped_) return false;  // the doorbell was rung when the queue stopped
  auto& cpu = kernel_.cpu();
  cpu.compute(kernel_.costs().driver_tx_cycles);
  const std::uint64_t bus = kernel_.dma_map(pci_.function(), address, bytes);
  tx_[tx_next_] = {buffer, bus, address, bytes};
  const std::uint64_t descriptor = tx_ring_ + tx_next_ * kDescriptorBytes;
  cpu.store(descriptor, 8, bus);
  cpu.store(descriptor + 8, 8, TxLength::of(bytes) | kTxEop | kTxIfcs | kTxRs | kTxIde);
  if (++tx_next_ == options_.tx_entries) tx_next_ = 0;
  if (tx_unused() < kStopBelow) tx_stopped_ = true;
  if (!more || tx_stopped_) ring_doorbell();
  return true;
}

void E1000Driver::ring_doorbell() {
  auto& cpu = kernel_.cpu();
  for (; tx_rung_ != tx_next_; tx_rung_ = tx_rung_ + 1 == options_.tx_entries ? 0 : tx_rung_ + 1)
    cpu.charge(cpu.packet_at(tx_[tx_rung_].address));
  write(TDT, tx_next_);
}

void E1000Driver::clean_transmitted() {
  auto& cpu = kernel_.cpu();
  unsigned cleaned = 0;
  while (tx_clean_ != tx_next_) {
    if (!(cpu.load(tx_ring_ + tx_clean_ * kDescriptorBytes + 12, 4) & (kTxDd >> 32))) break;
    const Slot slot = tx_[tx_clean_];
    tx_[tx_clean_].buffer = 0;
    if (++tx_clean_ == options_.tx_entries) tx_clean_ = 0;
    ++cleaned;
    kernel_.dma_unmap(pci_.function(), slot.bus, slot.bytes);
    kernel_.transmitted(*this, slot.buffer);
  }
  if (cleaned != 0) cpu.compute(cleaned * kernel_.costs().driver_clean_cycles);
  if (tx_stopped_ && tx_unused() >= kWakeAt) {
    tx_stopped_ = false;
    kernel_.wake_queue(*this, 0);
  }
}

// -- receive -----------------------------------------------------------------------------------------------------------

void E1000Driver::refill() {
  auto& cpu = kernel_.cpu();
  const unsigned last = rx_next_ == 0 ? options_.rx_entries - 1 : rx_next_ - 1;  // one stays empty: full is not empty
  const unsigned before = rx_fill_;
  while (rx_fill_ != last) {
    Slot& slot = rx_[rx_fill_];
    if (slot.buffer == 0) {
      slot.buffer = kernel_.allocate_buffer();
      slot.bus = kernel_.dma_map(pci_.function(), slot.buffer, Kernel::kBufferBytes);
    }
    const std::uint64_t descriptor = rx_ring_ + rx_fill_ * kDescriptorBytes;
    cpu.store(descriptor, 8, slot.bus);
    cpu.store(descriptor + 8, 8, 0);
    if (++rx_fill_ == options_.rx_entries) rx_fill_ = 0;
  }
  if (rx_fill_ != before) write(RDT, rx_fill_);
}

unsigned E1000Driver::take_received(unsigned budget) {
  auto& cpu = kernel_.cpu();
  unsigned taken = 0, cleaned = 0;
  while (taken < budget && rx_next_ != rx_fill_) {
    const std::uint64_t word = cpu.load(rx_ring_ + rx_next_ * kDescriptorBytes + 8, 8);
    const std::uint64_t status = RxStatus::get(word);
    if (!(status & kRxDd)) break;
    Slot& slot = rx_[rx_next_];
    const Slot full = slot;
    const auto length = static_cast<std::uint32_t>(RxLength::get(word));
    const bool fragment = rx_discard_ || !(status & kRxEop);
    const bool good = !fragment && RxErrors::get(word) == 0 && length > kFcsBytes;
    if (fragment) rx_discard_ = !(status & kRxEop);
    if (good) slot.buffer = 0;  // a bad frame's buffer is used again
    if (++rx_next_ == options_.rx_entries) rx_next_ = 0;
    ++cleaned;
    if (good) {
      cpu.charge(cpu.packet_at(full.buffer));
      cpu.compute(kernel_.costs().driver_rx_cycles);
      kernel_.dma_unmap(pci_.function(), full.bus, Kernel::kBufferBytes);
      kernel_.receive(*this, 0, full.buffer, full.buffer, length - kFcsBytes);
      ++taken;
    } else {
      ++counters_.rx_errors;
    }
    if (cleaned == kRefillBatch) {
      refill();
      cleaned = 0;
    }
  }
  if (cleaned != 0) refill();
  return taken;
}

}  // namespace iovirt::software
