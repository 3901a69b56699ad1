// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/e1000_device.h"

#include <algorithm>
#include <cstring>

#include "models/software/qemu/e1000_spec.h"

namespace iovirt::software {

using namespace e1000_spec;

E1000::E1000(EmulatedNicHost& host, const MacAddress& mac) : host_(host), mac_(mac) {
  add_registers();
  for (unsigned i = 0; i < 3; ++i)
    nvm_.words[i] = static_cast<std::uint16_t>(mac_[2 * i] | mac_[2 * i + 1] << 8);
  nvm_.words[0x0a] = 0x4408;  // initialization control 1 (SDM 5.6.9)
  nvm_.words[0x0b] = kDevice;
  nvm_.words[0x0c] = kVendor;
  nvm_.words[0x0d] = kDevice;
  nvm_.words[0x0e] = kVendor;
  std::uint16_t sum = 0;
  for (unsigned i = 0; i < kNvmWords - 1; ++i) sum = static_cast<std::uint16_t>(sum + nvm_.words[i]);
  nvm_.words[kNvmWords - 1] = static_cast<std::uint16_t>(kNvmSum - sum);
  reset();
}

const EmulatedIdentity& E1000::identity() const {
  static constexpr EmulatedIdentity identity{.vendor = kVendor,
                                             .device = kDevice,
                                             .revision = 3,
                                             .subsystem_vendor = 0x1af4,
                                             .subsystem = 0x1100,
                                             .bars = {{{kMmioBytes, false}, {kIoBytes, true}}}};
  return identity;
}

void E1000::reset() {
  bus_master_ = false;
  phy_.fill(0);
  phy_[kPhyControl] = 0x1140;
  phy_[kPhyStatus] = 0x7949 | kBmsrLink | kBmsrAutonegDone;
  phy_[kPhyId1] = 0x0141;
  phy_[kPhyId2] = 0x0c20;
  phy_[kPhyAdvertise] = 0x0de1;
  phy_[kPhyPartner] = 0x41e0;
  phy_[kPhy1000Control] = 0x0e00;
  phy_[kPhy1000Status] = 0x3c00;
  phy_[kPhyExtStatus] = 0x3000;
  phy_[kPhySpecificControl] = 0x0360;
  phy_[kPhySpecificStatus] = 0xac00;  // 1000 Mb/s, full duplex, resolved, link up
  io_address_ = 0;
  soft_reset();
}

// CTRL.RST: everything but PCI configuration and the PHY (13.4.1).
void E1000::soft_reset() {
  bank_.reset();
  nvm_.deselect();
  load_from_nvm();
  if (gathered_ != 0 || too_long_) host_.discard();
  gathered_ = 0;
  too_long_ = false;
  delay_requested_ = false;
  moderated_ = false;
  update_irq();
}

void E1000::set_bus_master(bool on) {
  const bool before = can_receive();
  bus_master_ = on;
  if (!before && can_receive()) host_.receive_ready();
}

std::uint64_t E1000::mmio_read(unsigned bar, std::uint64_t offset, unsigned size) {
  if (bar != 0 || offset >= kMmioBytes) return 0;
  return bank_.read(static_cast<std::uint32_t>(offset), size);
}

void E1000::mmio_write(unsigned bar, std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (bar != 0 || offset >= kMmioBytes) return;
  bank_.write(static_cast<std::uint32_t>(offset), size, value);
}

// IOADDR selects, IODATA accesses (13.2.2).
std::uint32_t E1000::io_read(unsigned bar, std::uint32_t offset, unsigned size) {
  if (bar != 1 || size != 4) return 0;
  if (offset == 0) return io_address_;
  return offset == 4 ? static_cast<std::uint32_t>(mmio_read(0, io_address_, 4)) : 0;
}

void E1000::io_write(unsigned bar, std::uint32_t offset, unsigned size, std::uint32_t value) {
  if (bar != 1 || size != 4) return;
  if (offset == 0) io_address_ = value;
  else if (offset == 4) mmio_write(0, io_address_, 4, value);
}

// -- interrupts ------------------------------------------------------------------------------------------------------

void E1000::raise(std::uint32_t causes) {
  *icr_ |= causes;
  update_irq();
}

/// The shortest interval the guest asked for between interrupts, in ITR units; 0: none.
std::uint32_t E1000::moderation() const {
  std::uint64_t interval = *itr_;
  const auto shorter = [&interval](std::uint64_t other) {
    if (other != 0 && (interval == 0 || other < interval)) interval = other;
  };
  constexpr std::uint64_t per_timer_unit = kAbsoluteTimerUnitPs / kItrUnitPs;
  if (delay_requested_ && (*icr_ & (kIcrTxdw | kIcrTxqe))) shorter(*tadv_ * per_timer_unit);
  if (*rdtr_ != 0 && (*icr_ & kIcrRxt0)) shorter(*radv_ * per_timer_unit);
  return interval == 0 ? 0 : static_cast<std::uint32_t>(std::max<std::uint64_t>(interval, kMinInterval));
}

void E1000::update_irq() {
  const bool pending = (*icr_ & *ims_) != 0;
  if (pending == irq_) return;
  if (pending) {
    if (moderated_) return;
    if (const std::uint32_t interval = moderation(); interval != 0)
      moderated_ = host_.start_timer(interval * kItrUnitPs);
    delay_requested_ = false;
  }
  irq_ = pending;
  host_.set_irq(pending);
}

void E1000::timer_expired() {
  moderated_ = false;
  update_irq();
}

// -- transmit --------------------------------------------------------------------------------------------------------

E1000::Descriptor E1000::fetch(std::uint64_t address) {
  std::array<std::uint8_t, kDescriptorBytes> raw;
  if (!host_.read_guest(address, raw)) return {};
  Descriptor descriptor;
  std::memcpy(&descriptor.address, raw.data(), 8);
  std::memcpy(&descriptor.word, raw.data() + 8, 8);
  return descriptor;
}

void E1000::transmit() {
  if (!(*tctl_ & kTctlEn) || !bus_master_ || transmitting_) return;
  const std::uint64_t entries = *tdlen_ / kDescriptorBytes;
  if (*tdh_ >= entries) return;  // a ring without entries, or a head outside of it
  transmitting_ = true;
  const std::uint64_t base = *tdbah_ << 32 | *tdbal_;
  const std::uint64_t start = *tdh_;
  std::uint32_t causes = kIcrTxqe;
  while (*tdh_ != *tdt_) {
    const std::uint64_t address = base + *tdh_ * kDescriptorBytes;
    const Descriptor descriptor = fetch(address);
    transmit_one(descriptor);
    if (descriptor.word & kTxRs) {
      const auto status = static_cast<std::uint32_t>(((descriptor.word & ~kTxStatusErrors) | kTxDd) >> 32);
      std::array<std::uint8_t, 4> raw;
      std::memcpy(raw.data(), &status, 4);
      static_cast<void>(host_.write_guest(address + 12, raw));
      causes |= kIcrTxdw;
      if (descriptor.word & kTxIde) delay_requested_ = true;
    }
    if (++*tdh_ >= entries) *tdh_ = 0;
    if (*tdh_ == start) break;  // a tail outside the ring: once around is enough
  }
  transmitting_ = false;
  raise(causes);
}

void E1000::transmit_one(const Descriptor& descriptor) {
  const bool extended = descriptor.word & kTxDext;
  if (extended && TxType::get(descriptor.word) != 1) return;  // a context: nothing to send
  const auto bytes = static_cast<std::uint32_t>(extended ? TxDataLength::get(descriptor.word)
                                                         : TxLength::get(descriptor.word));
  // Segmentation (TSE) is absent: such a frame is dropped and counted, never sent wrongly.
  constexpr std::uint64_t kTse = 1ull << 26;
  const bool segment = extended && (descriptor.word & kTse);
  if (segment || gathered_ + bytes > kMaxLongFrameBytes - kFcsBytes) too_long_ = true;
  if (!too_long_ && bytes != 0) {
    host_.gather(descriptor.address, bytes);
    gathered_ += bytes;
  }
  if (!(descriptor.word & kTxEop)) return;
  if (too_long_ || gathered_ == 0) {
    if (gathered_ != 0) host_.discard();
    if (segment) count(TSCTFC);
  } else {
    const std::uint32_t total = gathered_ + kFcsBytes;
    count(TPT);
    count(GPTC);
    count64(TOTL, total);
    count64(GOTCL, total);
    host_.send();
  }
  gathered_ = 0;
  too_long_ = false;
}

// -- receive ---------------------------------------------------------------------------------------------------------

std::uint32_t E1000::buffer_bytes() const {
  const auto code = static_cast<unsigned>(RctlBsize::get(*rctl_));
  const std::uint32_t bytes = 2048u >> code;
  return (*rctl_ & kRctlBsex) && code != 0 ? bytes * 16 : bytes;
}

bool E1000::receiver_ready() const { return (*status_ & kStatusLu) && (*rctl_ & kRctlEn); }

bool E1000::has_buffers(std::uint32_t bytes) const {
  const std::uint64_t entries = *rdlen_ / kDescriptorBytes;
  if (*rdh_ >= entries || *rdh_ == *rdt_) return false;
  if (bytes <= buffer_bytes()) return true;
  const std::uint64_t free = *rdh_ < *rdt_ ? *rdt_ - *rdh_ : entries + *rdt_ - *rdh_;
  return bytes <= free * buffer_bytes();
}

bool E1000::can_receive() const { return bus_master_ && receiver_ready() && has_buffers(1); }

bool E1000::accepts(const MacAddress& destination) const {
  const bool group = destination[0] & 1;
  const bool broadcast = std::all_of(destination.begin(), destination.end(), [](auto b) { return b == 0xff; });
  if (!group && (*rctl_ & kRctlUpe)) return true;
  if (group && (*rctl_ & kRctlMpe)) return true;
  if (broadcast && (*rctl_ & kRctlBam)) return true;
  std::uint32_t low;
  std::uint16_t high;
  std::memcpy(&low, destination.data(), 4);
  std::memcpy(&high, destination.data() + 4, 2);
  for (std::size_t i = 0; i < ra_.size(); i += 2)
    if ((*ra_[i + 1] & kRahAv) && *ra_[i] == low && (*ra_[i + 1] & 0xffff) == high) return true;
  if (!group) return false;
  static constexpr unsigned shift[] = {4, 3, 2, 0};  // RCTL.MO, SDM 13.4.22
  const unsigned hash = (high >> shift[RctlMo::get(*rctl_)]) & 0xfff;
  return (*mta_[hash >> 5] >> (hash & 31)) & 1;
}

void E1000::overrun() {
  count(RNBC);
  count(MPC);
  raise(kIcrRxo);
}

Reception E1000::receive(const MacAddress& destination, std::uint32_t bytes) {
  if (!receiver_ready() || !bus_master_) return Reception::filtered;
  if (!accepts(destination)) return Reception::filtered;
  const std::uint32_t limit = (*rctl_ & kRctlLpe) ? kMaxLongFrameBytes : kMaxFrameBytes;
  // Without SECRC the length counts an FCS; its bytes, which no driver reads, are not written.
  const std::uint32_t total = bytes + ((*rctl_ & kRctlSecrc) ? 0 : kFcsBytes);
  if (bytes + kFcsBytes > limit) {
    count(ROC);
    return Reception::dropped;
  }
  if (!has_buffers(total)) {
    overrun();
    return Reception::dropped;
  }
  const std::uint64_t entries = *rdlen_ / kDescriptorBytes;
  const std::uint64_t base = *rdbah_ << 32 | *rdbal_;
  const std::uint64_t start = *rdh_;
  std::uint32_t done = 0;
  while (done < total) {
    const std::uint64_t address = base + *rdh_ * kDescriptorBytes;
    const Descriptor descriptor = fetch(address);
    std::uint64_t word = 0;
    if (descriptor.address != 0) {  // a null pointer: the descriptor is skipped, but written back
      const std::uint32_t piece = std::min(total - done, buffer_bytes());
      if (done < bytes) host_.scatter(descriptor.address, done, std::min(piece, bytes - done));
      done += piece;
      word = RxLength::of(piece);
    }
    const bool last = done >= total;
    word = RxStatus::set(word, kRxDd | (last ? kRxEop | kRxIxsm : 0u));
    std::array<std::uint8_t, 8> raw;
    std::memcpy(raw.data(), &word, 8);
    static_cast<void>(host_.write_guest(address + 8, raw));
    if (++*rdh_ >= entries) *rdh_ = 0;
    if (!last && (*rdh_ == *rdt_ || *rdh_ == start)) {  // null pointers used the buffers up
      overrun();
      return Reception::dropped;
    }
  }
  count(TPR);
  count(GPRC);
  count64(TORL, total);
  count64(GORCL, total);
  if (destination[0] & 1)
    count(std::all_of(destination.begin(), destination.end(), [](auto b) { return b == 0xff; }) ? BPRC : MPRC);
  std::uint32_t causes = kIcrRxt0;
  const std::uint64_t free = (*rdt_ < *rdh_ ? *rdt_ + entries : *rdt_) - *rdh_;
  if (free <= entries >> (1 + RctlRdmts::get(*rctl_))) causes |= kIcrRxdmt0;
  raise(causes);
  return Reception::delivered;
}

}  // namespace iovirt::software
