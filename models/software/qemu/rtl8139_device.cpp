// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/rtl8139_device.h"

#include <algorithm>
#include <cstring>

#include "models/software/qemu/rtl8139_spec.h"

namespace iovirt::software {

using namespace rtl8139_spec;

namespace {

constexpr std::uint64_t kAll = 0xffffffff;
constexpr std::uint16_t kBmcrReset = 0x8000, kBmcrAutoneg = 0x1000, kBmcrRestart = 0x0200;

}  // namespace

Rtl8139::Rtl8139(EmulatedNicHost& host, const MacAddress& mac) : host_(host) {
  add_registers();
  eeprom_.words[0] = kEepromId;
  eeprom_.words[1] = kVendor;
  eeprom_.words[2] = kDevice;
  for (unsigned i = 0; i < 3; ++i)
    eeprom_.words[kEepromAddressWord + i] = static_cast<std::uint16_t>(mac[2 * i] | mac[2 * i + 1] << 8);
  reset();
}

const EmulatedIdentity& Rtl8139::identity() const {
  static constexpr EmulatedIdentity identity{.vendor = kVendor,
                                             .device = kDevice,
                                             .revision = kRevision,
                                             .subsystem_vendor = 0x1af4,
                                             .subsystem = 0x1100,
                                             .bars = {{{kBarBytes, true}, {kBarBytes, false}}}};
  return identity;
}

void Rtl8139::add_registers() {
  const auto plain = [this](std::uint32_t offset, unsigned bytes, const char* name, std::uint64_t reset = 0,
                            std::uint64_t writable = kAll) -> Value* {
    return &bank_.add({.name = name, .offset = offset, .bytes = bytes, .reset = reset, .writable = writable}).value;
  };
  // Written only while 9346CR says so (DS 6.12).
  const auto locked = [this](std::uint32_t offset, unsigned bytes, const char* name, std::uint64_t reset,
                             std::uint64_t writable) {
    auto& reg = bank_.add({.name = name, .offset = offset, .bytes = bytes, .reset = reset, .writable = writable});
    reg.on_write = [this, &reg](Value, Value before) {
      if (!unlocked()) reg.value = before;
    };
  };

  idr_[0] = plain(IDR0, 4, "IDR0");
  idr_[1] = plain(IDR0 + 4, 4, "IDR4", 0, 0xffff);
  mar_[0] = plain(MAR0, 4, "MAR0");
  mar_[1] = plain(MAR0 + 4, 4, "MAR4");
  dtccr_[0] = &bank_.add({.name = "DTCCR", .offset = DTCCR, .writable = kAll & ~0x3full},
                         [this](Value written, Value) {
                           if (written & kDumpTally) dump_tally();
                         }).value;
  dtccr_[1] = plain(DTCCR + 4, 4, "DTCCR_HIGH");
  tnpds_[0] = plain(TNPDS, 4, "TNPDS", 0, kAll & ~0xffull);
  tnpds_[1] = plain(TNPDS + 4, 4, "TNPDS_HIGH");
  thpds_[0] = plain(THPDS, 4, "THPDS", 0, kAll & ~0xffull);
  thpds_[1] = plain(THPDS + 4, 4, "THPDS_HIGH");
  cr_ = &bank_.add({.name = "CR", .offset = CR, .bytes = 1, .reset = kCrBufe, .writable = kCrTe | kCrRe},
                   [this](Value written, Value before) {
                     if (written & kCrRst) {
                       soft_reset();
                       return;
                     }
                     // Enabling a direction starts at its ring's first descriptor.
                     if (written & kCrTe) tx_index_ = high_index_ = 0;
                     if (written & kCrRe) rx_index_ = 0;
                     if ((written & kCrRe) && !(before & kCrRe)) host_.receive_ready();
                   }).value;
  imr_ = &bank_.add({.name = "IMR", .offset = IMR, .bytes = 2, .writable = kIntAll},
                    [this](Value, Value) { update_irq(); }).value;
  isr_ = &bank_.add({.name = "ISR", .offset = ISR, .bytes = 2, .write1_clear = kIntAll},
                    [this](Value, Value) { update_irq(); }).value;
  plain(TCR, 4, "TCR", kHardwareVersion, 0x031f'07f0);
  rcr_ = plain(RCR, 4, "RCR", 0, 0x0f0fffff);
  plain(TCTR, 4, "TCTR");
  mpc_ = &bank_.add({.name = "MPC", .offset = MPC}, [this](Value, Value) { *mpc_ = 0; }).value;
  cr9346_ = &bank_.add({.name = "9346CR", .offset = CR9346, .bytes = 1, .writable = 0xce},
                       [this](Value written, Value) { eeprom_control(written); },
                       [this](Value stored) {
                         return EepromMode::get(stored) == kModeProgram && eeprom_.data_out() ? stored | kEedo : stored;
                       }).value;
  locked(CONFIG0, 1, "CONFIG0", 0x00, 0x00);
  locked(CONFIG1, 1, "CONFIG1", 0x0c, 0xd1 | 0x20);
  plain(TIMERINT, 4, "TIMERINT");
  plain(MSR, 1, "MSR", 0x00, 0xc0);  // bit 2 is LINKB: 0, the link is up
  locked(CONFIG3, 1, "CONFIG3", 0x01, 0x61);
  locked(CONFIG4, 1, "CONFIG4", 0x00, 0xff);
  plain(MULINT, 2, "MULINT", 0, 0x0fff);
  plain(RERID, 1, "RERID", 0x10, 0);
  bmcr_ = &bank_.add({.name = "BMCR", .offset = BMCR, .bytes = 2, .reset = 0x1000, .writable = 0x3100},
                     [this](Value written, Value before) { mii_control(written, before); }).value;
  bmsr_ = plain(BMSR, 2, "BMSR", 0x782d, 0);  // link, negotiation done, 10/100
  plain(ANAR, 2, "ANAR", 0x05e1, 0xffff);
  plain(ANLPAR, 2, "ANLPAR", 0x05e1, 0);
  plain(ANER, 2, "ANER", 0x0001, 0);
  plain(CONFIG5, 1, "CONFIG5", 0x00, 0xff);
  bank_.add({.name = "TPPOLL", .offset = TPPOLL, .bytes = 1}, [this](Value written, Value) { poll(written); });
  cpcr_ = plain(CPCR, 2, "CPCR", 0, 0x027b);
  rdsar_[0] = plain(RDSAR, 4, "RDSAR", 0, kAll & ~0xffull);
  rdsar_[1] = plain(RDSAR + 4, 4, "RDSAR_HIGH");
  plain(ETTHR, 1, "ETTHR", 0, 0x3f);
}

// -- reset and EEPROM ------------------------------------------------------------------------------------------------

void Rtl8139::reset() {
  bus_master_ = false;
  bank_.reset();
  tally_ = {};
  load_from_eeprom();
  soft_reset();
}

// CR.RST: the state machines and the interrupt registers; addresses, multicast filter and configuration stay (DS 6.5).
void Rtl8139::soft_reset() {
  *cr_ = kCrBufe;
  *imr_ = 0;
  *isr_ = 0;
  *rcr_ = 0;
  *mpc_ = 0;
  *cpcr_ = 0;
  for (auto* ring : {tnpds_, thpds_, rdsar_}) ring[0][0] = ring[1][0] = 0;
  tx_index_ = high_index_ = rx_index_ = 0;
  eeprom_.deselect();
  if (gathered_ != 0) host_.discard();
  gathered_ = 0;
  bad_frame_ = false;
  update_irq();
}

void Rtl8139::load_from_eeprom() {
  const auto* words = &eeprom_.words[kEepromAddressWord];
  *idr_[0] = words[0] | std::uint32_t{words[1]} << 16;
  *idr_[1] = words[2];
}

bool Rtl8139::unlocked() const { return EepromMode::get(*cr9346_) == kModeConfigWrite; }

void Rtl8139::eeprom_control(Value written) {
  switch (EepromMode::get(written)) {
    case kModeAutoLoad:  // takes no time here; the mode returns to normal by itself
      load_from_eeprom();
      *cr9346_ = 0;
      eeprom_.deselect();
      return;
    case kModeProgram: eeprom_.drive(written & kEecs, written & kEesk, written & kEedi); return;
    default: eeprom_.deselect();
  }
}

void Rtl8139::mii_control(Value written, Value before) {
  if (!unlocked()) {
    *bmcr_ = before;
    return;
  }
  if (written & kBmcrReset) *bmcr_ = kBmcrAutoneg;
  *bmcr_ &= ~std::uint64_t{kBmcrReset | kBmcrRestart};
  if (written & (kBmcrReset | kBmcrRestart)) raise(kIntLinkChange);
}

// -- registers and interrupts ----------------------------------------------------------------------------------------

std::uint64_t Rtl8139::mmio_read(unsigned bar, std::uint64_t offset, unsigned size) {
  return bar <= 1 && offset < kBarBytes ? bank_.read(static_cast<std::uint32_t>(offset), size) : 0;
}

void Rtl8139::mmio_write(unsigned bar, std::uint64_t offset, unsigned size, std::uint64_t value) {
  if (bar <= 1 && offset < kBarBytes) bank_.write(static_cast<std::uint32_t>(offset), size, value);
}

std::uint32_t Rtl8139::io_read(unsigned bar, std::uint32_t offset, unsigned size) {
  return static_cast<std::uint32_t>(mmio_read(bar, offset, size));
}

void Rtl8139::io_write(unsigned bar, std::uint32_t offset, unsigned size, std::uint32_t value) {
  mmio_write(bar, offset, size, value);
}

void Rtl8139::raise(std::uint16_t causes) {
  *isr_ |= causes;
  update_irq();
}

void Rtl8139::update_irq() {
  const bool pending = (*isr_ & *imr_) != 0;
  if (pending == irq_) return;
  irq_ = pending;
  host_.set_irq(pending);
}

Rtl8139::Descriptor Rtl8139::fetch(std::uint64_t address) {
  std::array<std::uint8_t, kDescriptorBytes> raw;
  if (!host_.read_guest(address, raw)) return {};
  Descriptor descriptor;
  std::memcpy(&descriptor.command, raw.data(), 4);
  std::memcpy(&descriptor.vlan, raw.data() + 4, 4);
  std::memcpy(&descriptor.address, raw.data() + 8, 8);
  return descriptor;
}

void Rtl8139::put(std::uint64_t address, std::uint32_t word) {
  std::array<std::uint8_t, 4> raw;
  std::memcpy(raw.data(), &word, 4);
  static_cast<void>(host_.write_guest(address, raw));
}

void Rtl8139::dump_tally() {
  if (!bus_master_) return;
  std::array<std::uint8_t, sizeof(Tally)> raw;
  std::memcpy(raw.data(), &tally_, raw.size());
  static_cast<void>(host_.write_guest(*dtccr_[1] << 32 | (*dtccr_[0] & ~0x3full), raw));
}

// -- transmit --------------------------------------------------------------------------------------------------------

void Rtl8139::poll(Value written) {
  if (!(*cr_ & kCrTe) || !(*cpcr_ & kCpTxEnable) || !bus_master_) return;
  bool sent = false;
  if (written & kPollHigh) sent |= transmit_ring(*thpds_[1] << 32 | *thpds_[0], high_index_);
  if (written & kPollNormal) sent |= transmit_ring(*tnpds_[1] << 32 | *tnpds_[0], tx_index_);
  if (sent) raise(kIntTok);
}

bool Rtl8139::transmit_ring(std::uint64_t ring, unsigned& index) {
  // At most once around: a ring whose owner bits cannot be cleared must not hold the device for ever.
  for (unsigned done = 0; done < kRingEntries; ++done) {
    const std::uint64_t address = ring + index * kDescriptorBytes;
    const Descriptor descriptor = fetch(address);
    if (!(descriptor.command & kOwn)) return done != 0;
    transmit_one(descriptor);
    put(address, descriptor.command & ~(kOwn | kTxStatus));
    index = (descriptor.command & kEor) ? 0 : (index + 1) % kRingEntries;
  }
  return true;
}

void Rtl8139::transmit_one(const Descriptor& descriptor) {
  if (descriptor.command & kFs) {
    if (gathered_ != 0) host_.discard();  // the last frame had no end
    gathered_ = 0;
    bad_frame_ = false;
  }
  const auto bytes = static_cast<std::uint32_t>(TxLength::get(descriptor.command));
  // Large send is absent: such a frame is dropped and counted, never sent wrongly.
  if ((descriptor.command & kTxLargeSend) || gathered_ + bytes > kMaxFrameBytes) bad_frame_ = true;
  if (!bad_frame_ && bytes != 0) {
    host_.gather(descriptor.address, bytes);
    gathered_ += bytes;
  }
  if (!(descriptor.command & kLs)) return;
  if (bad_frame_ || gathered_ == 0) {
    if (gathered_ != 0) host_.discard();
    ++tally_.tx_error;
  } else {
    ++tally_.tx_ok;
    host_.send();
  }
  gathered_ = 0;
  bad_frame_ = false;
}

// -- receive ---------------------------------------------------------------------------------------------------------

std::uint32_t Rtl8139::filter(const MacAddress& destination) {
  std::uint32_t low;
  std::uint16_t high;
  std::memcpy(&low, destination.data(), 4);
  std::memcpy(&high, destination.data() + 4, 2);
  const bool everything = *rcr_ & kRcrAap;
  if (low == 0xffffffff && high == 0xffff) {
    if (!everything && !(*rcr_ & kRcrAb)) return 0;
    ++tally_.rx_ok_broadcast;
    return kRxBar;
  }
  if (destination[0] & 1) {
    const unsigned bit = multicast_crc(destination) >> 26;
    const bool wanted = (*rcr_ & kRcrAm) && ((*mar_[bit >> 5] >> (bit & 31)) & 1);
    if (!everything && !wanted) return 0;
    ++tally_.rx_ok_multicast;
    return kRxMar;
  }
  const bool mine = low == *idr_[0] && high == *idr_[1];
  if (!everything && !(mine && (*rcr_ & kRcrApm))) return 0;
  ++tally_.rx_ok_physical;
  return kRxPam;
}

Reception Rtl8139::miss() {
  *mpc_ = (*mpc_ + 1) & 0xffffff;
  ++tally_.missed;
  ++tally_.rx_error;
  raise(kIntRdu);
  return Reception::dropped;
}

Reception Rtl8139::receive(const MacAddress& destination, std::uint32_t bytes) {
  if (!(*cr_ & kCrRe) || !(*cpcr_ & kCpRxEnable) || !bus_master_) return Reception::filtered;
  const std::uint64_t ring = *rdsar_[1] << 32 | *rdsar_[0];
  if (ring == 0) return Reception::filtered;  // C+ receive is on, but the driver has set no ring yet
  const std::uint32_t kind = filter(destination);
  if (kind == 0) return Reception::filtered;
  const std::uint64_t address = ring + rx_index_ * kDescriptorBytes;
  const Descriptor descriptor = fetch(address);
  // The length counts an FCS; its bytes, which no driver reads, are not written.
  const std::uint32_t total = bytes + kFcsBytes;
  if (!(descriptor.command & kOwn) || total > RxLength::get(descriptor.command)) return miss();
  host_.scatter(descriptor.address, 0, bytes);
  if (descriptor.vlan != 0) put(address + 4, 0);
  put(address, (descriptor.command & kEor) | kFs | kLs | kind | static_cast<std::uint32_t>(RxLength::of(total)));
  rx_index_ = (descriptor.command & kEor) ? 0 : (rx_index_ + 1) % kRingEntries;
  ++tally_.rx_ok;
  raise(kIntRok);
  return Reception::delivered;
}

}  // namespace iovirt::software
