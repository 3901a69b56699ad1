// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/rtl8139cp.h"

#include "models/software/qemu/rtl8139_spec.h"

namespace iovirt::software {

using namespace rtl8139_spec;

namespace {

constexpr std::uint16_t kRxCauses = kIntRok | kIntRer | kIntRdu | kIntFovw;
constexpr std::uint16_t kTxCauses = kIntTok | kIntTer | kIntTdu | kIntSwInt;
constexpr std::uint16_t kNotRxMask = kIntSerr | kIntLinkChange | kIntTok | kIntTer | kIntTdu;
constexpr std::uint16_t kMask = kRxCauses | kNotRxMask;
constexpr unsigned kLargestFrame = 18;  // MAX_SKB_FRAGS + 1 descriptors
constexpr unsigned kResetPolls = 1000;
constexpr std::uint8_t kEepromOn = static_cast<std::uint8_t>(EepromMode::of(kModeProgram));
constexpr std::uint8_t kUnlock = static_cast<std::uint8_t>(EepromMode::of(kModeConfigWrite));
constexpr std::size_t kRingBytes = 2 * Rtl8139cpDriver::kEntries * kDescriptorBytes;
constexpr std::uint32_t end_of_ring(unsigned index) { return index == Rtl8139cpDriver::kEntries - 1 ? kEor : 0; }

}  // namespace

void Rtl8139cpDriver::write32_flushed(std::uint32_t reg, std::uint32_t value) {
  kernel_.writel(regs_ + reg, value);
  kernel_.readl(regs_ + reg);
}
void Rtl8139cpDriver::write16_flushed(std::uint32_t reg, std::uint16_t value) {
  kernel_.writew(regs_ + reg, value);
  kernel_.readw(regs_ + reg);
}
void Rtl8139cpDriver::write8_flushed(std::uint32_t reg, std::uint8_t value) {
  kernel_.writeb(regs_ + reg, value);
  kernel_.readb(regs_ + reg);
}

// -- probe and configuration -----------------------------------------------------------------------------------------

void Rtl8139cpDriver::eeprom_lines(std::uint8_t lines) { write8_flushed(CR9346, lines); }

std::uint16_t Rtl8139cpDriver::read_eeprom(unsigned word, unsigned address_bits) {
  kernel_.writeb(regs_ + CR9346, kEepromOn);
  eeprom_lines(kEepromOn | kEecs);
  const unsigned command = 6u << address_bits | word;  // start bit and READ
  for (int bit = static_cast<int>(address_bits) + 2; bit >= 0; --bit) {
    const std::uint8_t data = (command >> bit) & 1 ? kEedi : 0;
    eeprom_lines(kEepromOn | kEecs | data);
    eeprom_lines(kEepromOn | kEecs | data | kEesk);
  }
  eeprom_lines(kEepromOn | kEecs);
  std::uint16_t value = 0;
  for (unsigned i = 0; i < 16; ++i) {
    eeprom_lines(kEepromOn | kEecs | kEesk);
    value = static_cast<std::uint16_t>(value << 1 | (kernel_.readb(regs_ + CR9346) & kEedo));
    eeprom_lines(kEepromOn | kEecs);
  }
  eeprom_lines(0);
  return value;
}

bool Rtl8139cpDriver::probe() {
  if (pci_.vendor() != kVendor || pci_.device() != kDevice || pci_.revision() < kRevision) return false;
  pci_.enable();
  regs_ = pci_.bar(1);
  if (regs_ == 0) return false;
  reset_hardware();
  const unsigned address_bits = read_eeprom(0, 8) == kEepromId ? 8 : 6;
  for (unsigned i = 0; i < 3; ++i) {
    const std::uint16_t word = read_eeprom(kEepromAddressWord + i, address_bits);
    mac_[2 * i] = static_cast<std::uint8_t>(word);
    mac_[2 * i + 1] = static_cast<std::uint8_t>(word >> 8);
  }
  return !(mac_[0] & 1);
}

void Rtl8139cpDriver::reset_hardware() {
  kernel_.writeb(regs_ + CR, kCrRst);
  for (unsigned i = 0; i < kResetPolls && (kernel_.readb(regs_ + CR) & kCrRst); ++i) kernel_.cpu().pause();
}

void Rtl8139cpDriver::open() {
  if (!probe()) return;
  rx_ring_ = kernel_.allocate(kRingBytes, 256);
  ring_bus_ = kernel_.dma_map(pci_.function(), rx_ring_, kRingBytes);
  fill_rings();
  up_ = true;

  reset_hardware();
  write8_flushed(CR9346, kUnlock);
  write32_flushed(IDR0, mac_[0] | mac_[1] << 8 | mac_[2] << 16 | std::uint32_t{mac_[3]} << 24);
  write32_flushed(IDR0 + 4, mac_[4] | mac_[5] << 8);
  start_hardware();
  kernel_.writeb(regs_ + ETTHR, 6);
  set_receive_mode();
  write32_flushed(TCR, 3u << 24 | 6u << 8);  // standard gap, bursts of 1024 bytes
  kernel_.writeb(regs_ + CONFIG1, kernel_.readb(regs_ + CONFIG1) | 0x21);  // driver loaded, power management
  kernel_.writeb(regs_ + CONFIG3, 0x40);
  kernel_.writeb(regs_ + CONFIG5, kernel_.readb(regs_ + CONFIG5) & 1);
  kernel_.writew(regs_ + MULINT, 0);
  write8_flushed(CR9346, 0);

  kernel_.request_intx(pci_.function(), "8139cp", [this] { interrupt(); });
  enable_interrupts();
  link_ = kernel_.readw(regs_ + BMSR) & 0x4;
}

void Rtl8139cpDriver::start_hardware() {
  kernel_.writew(regs_ + CPCR, kCpMulRw | kCpRxEnable | kCpTxEnable);
  write32_flushed(THPDS, 0);
  write32_flushed(THPDS + 4, 0);
  write32_flushed(RDSAR, static_cast<std::uint32_t>(ring_bus_));
  write32_flushed(RDSAR + 4, static_cast<std::uint32_t>(ring_bus_ >> 32));
  const std::uint64_t tx = ring_bus_ + kRingBytes / 2;
  write32_flushed(TNPDS, static_cast<std::uint32_t>(tx));
  write32_flushed(TNPDS + 4, static_cast<std::uint32_t>(tx >> 32));
  kernel_.writeb(regs_ + CR, kCrRe | kCrTe);
}

void Rtl8139cpDriver::set_receive_mode() {
  write32_flushed(RCR, 5u << 13 | 4u << 8 | kRcrAb | kRcrApm);  // thresholds: 512 bytes in the FIFO, bursts of 256
  write32_flushed(MAR0, 0);
  write32_flushed(MAR0 + 4, 0);
}

void Rtl8139cpDriver::give_buffer(unsigned index) {
  auto& cpu = kernel_.cpu();
  Slot& slot = rx_[index];
  if (slot.buffer == 0) {
    slot.buffer = kernel_.allocate_buffer();
    slot.bus = kernel_.dma_map(pci_.function(), slot.buffer, kRxBytes);
  }
  cpu.store(rx_descriptor(index) + 8, 8, slot.bus);
  cpu.store(rx_descriptor(index), 8, kOwn | end_of_ring(index) | kRxBytes);
}

void Rtl8139cpDriver::fill_rings() {
  rx_tail_ = tx_head_ = tx_tail_ = 0;
  tx_stopped_ = false;
  for (unsigned i = 0; i < kEntries; ++i) {
    kernel_.cpu().store(tx_descriptor(i), 8, end_of_ring(i));
    give_buffer(i);
  }
}

void Rtl8139cpDriver::restart() {
  if (!up_) return;
  kernel_.writew(regs_ + ISR, kIntAll);
  write16_flushed(IMR, 0);
  kernel_.writeb(regs_ + CR, 0);
  write16_flushed(CPCR, 0);
  for (Slot& slot : tx_) {
    if (slot.buffer == 0) continue;
    kernel_.dma_unmap(pci_.function(), slot.bus, slot.bytes);
    kernel_.transmitted(*this, slot.buffer);
    slot = {};
  }
  const bool stopped = tx_stopped_;
  fill_rings();
  start_hardware();
  set_receive_mode();
  enable_interrupts();
  if (stopped) kernel_.wake_queue(*this, 0);
}

// -- interrupts --------------------------------------------------------------------------------------------------------

void Rtl8139cpDriver::enable_interrupts() { write16_flushed(IMR, kMask); }

void Rtl8139cpDriver::interrupt() {
  if (kernel_.readw(regs_ + IMR) == 0) return;
  const std::uint16_t status = kernel_.readw(regs_ + ISR);
  if (status == 0 || status == 0xffff) return;
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  kernel_.writew(regs_ + ISR, static_cast<std::uint16_t>(status & ~kRxCauses));
  if ((status & kRxCauses) && !polling_) {
    polling_ = true;
    write16_flushed(IMR, kNotRxMask);
    kernel_.napi_schedule(*this, 0);
  }
  if (status & kTxCauses) clean_transmitted();
  if (status & kIntLinkChange) link_ = kernel_.readw(regs_ + BMSR) & 0x4;
}

unsigned Rtl8139cpDriver::poll(unsigned, unsigned budget) {
  if (!up_) return 0;
  auto& cpu = kernel_.cpu();
  kernel_.writew(regs_ + ISR, kRxCauses);
  unsigned taken = 0;
  while (taken < budget) {
    const unsigned index = rx_tail_;
    const auto status = static_cast<std::uint32_t>(cpu.load(rx_descriptor(index), 4));
    if (status & kOwn) break;
    const Slot full = rx_[index];
    const auto length = static_cast<std::uint32_t>(RxLength::get(status));
    const bool whole = (status & kFs) && (status & kLs);
    const bool good = whole && !(status & (kRxErrorSummary | kRxFifoError)) && length > kFcsBytes;
    if (good) {
      cpu.charge(cpu.packet_at(full.buffer));
      cpu.compute(kernel_.costs().driver_rx_cycles);
      kernel_.dma_unmap(pci_.function(), full.bus, kRxBytes);
      rx_[index].buffer = 0;  // a bad frame's buffer is used again
    } else {
      ++counters_.rx_errors;
    }
    give_buffer(index);
    rx_tail_ = (index + 1) % kEntries;
    if (!good) continue;
    kernel_.receive(*this, 0, full.buffer, full.buffer, length - kFcsBytes);
    ++taken;
  }
  if (taken < budget) {
    polling_ = false;
    enable_interrupts();
  }
  return taken;
}

// -- transmit ----------------------------------------------------------------------------------------------------------

unsigned Rtl8139cpDriver::tx_available() const { return (tx_tail_ + 2 * kEntries - 1 - tx_head_) % kEntries; }

bool Rtl8139cpDriver::transmit(unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool) {
  if (!up_) {
    ++counters_.tx_dropped;
    kernel_.transmitted(*this, buffer);
    return true;
  }
  if (tx_stopped_) return false;
  auto& cpu = kernel_.cpu();
  cpu.compute(kernel_.costs().driver_tx_cycles);
  const std::uint64_t bus = kernel_.dma_map(pci_.function(), address, bytes);
  const unsigned index = tx_head_;
  tx_[index] = {buffer, bus, bytes};
  cpu.store(tx_descriptor(index) + 8, 8, bus);
  cpu.store(tx_descriptor(index), 8, kOwn | kFs | kLs | end_of_ring(index) | static_cast<std::uint32_t>(TxLength::of(bytes)));
  tx_head_ = (index + 1) % kEntries;
  if (tx_available() <= kLargestFrame) tx_stopped_ = true;
  cpu.charge(cpu.packet_at(address));
  kernel_.writeb(regs_ + TPPOLL, kPollNormal);
  return true;
}

void Rtl8139cpDriver::clean_transmitted() {
  auto& cpu = kernel_.cpu();
  unsigned cleaned = 0;
  while (tx_tail_ != tx_head_) {
    const auto status = static_cast<std::uint32_t>(cpu.load(tx_descriptor(tx_tail_), 4));
    if (status & kOwn) break;
    const Slot slot = tx_[tx_tail_];
    tx_[tx_tail_].buffer = 0;
    tx_tail_ = (tx_tail_ + 1) % kEntries;
    ++cleaned;
    if (status & kTxErrorSummary) ++counters_.tx_errors;
    kernel_.dma_unmap(pci_.function(), slot.bus, slot.bytes);
    kernel_.transmitted(*this, slot.buffer);
  }
  if (cleaned != 0) cpu.compute(cleaned * kernel_.costs().driver_clean_cycles);
  if (tx_stopped_ && tx_available() > kLargestFrame) {
    tx_stopped_ = false;
    kernel_.wake_queue(*this, 0);
  }
}

}  // namespace iovirt::software
