// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/igbvf.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "models/nic/igb_spec.h"

namespace iovirt::software {

using namespace nic::igb;
namespace mb = nic::igb::mailbox;

namespace {

constexpr std::uint32_t kTx = VF_TX_RING, kRx = VF_RX_RING;
constexpr std::uint32_t kClearedByRead = kV2pPfSts | kV2pPfAck | kV2pRstd;
constexpr std::uint32_t kRxThresholds =
    static_cast<std::uint32_t>(DctlPthresh::of(16) | DctlHthresh::of(8) | DctlWthresh::of(1));
constexpr std::uint32_t kTxThresholds =
    static_cast<std::uint32_t>(DctlPthresh::of(8) | DctlHthresh::of(1) | DctlWthresh::of(1));
constexpr std::uint32_t kSrrctl = static_cast<std::uint32_t>(SrrctlBufferKb::of(Kernel::kBufferBytes / 1024) |
                                                             SrrctlDescriptor::of(kSrrctlAdvanced));
constexpr std::uint32_t kMaxFrame = 1522;
// The physical function answers from its interrupt handler, possibly on a busy core: a generous limit, and work
// between the looks so that a poll does not fill the link.
constexpr unsigned kMailboxTries = 20000;
constexpr unsigned kLockTries = 1000;
constexpr std::uint64_t kCyclesBetweenTries = 2000;

}  // namespace

IgbvfDriver::IgbvfDriver(Kernel& kernel, Bdf function, const Options& options)
    : kernel_(kernel), pci_(kernel, function), options_(options), regs_{kernel} {
  for (unsigned entries : {options.rx_entries, options.tx_entries})
    if (entries < 64 || entries > 4096 || entries % 8 != 0)
      throw std::invalid_argument("igbvf: ring entries must be 64 to 4096, a multiple of 8");
}

// -- the mailbox (igbvf's mbx.c) -----------------------------------------------------------------------------------------

std::uint32_t IgbvfDriver::read_mailbox() {
  const std::uint32_t value = regs_.read(V2PMAILBOX) | flags_;
  flags_ = value & kClearedByRead;
  return value;
}

bool IgbvfDriver::wait_flag(std::uint32_t bits, unsigned tries) {
  while (tries-- > 0) {
    if (read_mailbox() & bits) {
      flags_ &= ~bits;
      return true;
    }
    kernel_.cpu().compute(kCyclesBetweenTries);
  }
  return false;
}

bool IgbvfDriver::lock() {
  for (unsigned tries = 0; tries < kLockTries; ++tries) {
    regs_.write(V2PMAILBOX, kV2pVfu);
    if (read_mailbox() & kV2pVfu) return true;
    kernel_.cpu().compute(kCyclesBetweenTries);
  }
  return false;
}

bool IgbvfDriver::write_message(const Message& message, unsigned dwords) {
  if (!lock()) return false;
  flags_ &= ~(kV2pPfSts | kV2pPfAck);  // of a message that is about to be overwritten
  for (unsigned i = 0; i < dwords; ++i) regs_.write(VF_VMBMEM + 4 * i, message[i]);
  regs_.write(V2PMAILBOX, kV2pReq);  // and the buffer is free
  return wait_flag(kV2pPfAck, kMailboxTries);
}

bool IgbvfDriver::read_message(Message& message, unsigned dwords) {
  if (!wait_flag(kV2pPfSts, kMailboxTries) || !lock()) return false;
  for (unsigned i = 0; i < dwords; ++i) message[i] = regs_.read(VF_VMBMEM + 4 * i);
  regs_.write(V2PMAILBOX, kV2pAck);
  return true;
}

bool IgbvfDriver::ask(Message& message, unsigned dwords, unsigned reply_dwords) {
  constexpr unsigned kTries = 10;
  const Message request = message;
  const auto asked = mb::Message::get(request[0]);
  // The physical function's own news (a link change) may take the place of the answer: then the question is repeated.
  for (unsigned attempt = 0; attempt < kTries; ++attempt) {
    message = request;
    if (!write_message(message, dwords) || !read_message(message, reply_dwords)) return false;
    if (mb::Message::get(message[0]) == asked) return (message[0] & mb::kAck) && !(message[0] & mb::kNack);
  }
  return false;
}

bool IgbvfDriver::set_mac(const MacAddress& mac) {
  Message message{};
  message[0] = mb::kVfSetMac;
  std::memcpy(&message[1], mac.data(), 4);
  std::memcpy(&message[2], mac.data() + 4, 2);
  if (!ask(message, 3)) return false;
  mac_ = mac;
  return true;
}

bool IgbvfDriver::set_multicast(const std::vector<MacAddress>& groups) {
  Message message{};
  const auto count = static_cast<unsigned>(std::min<std::size_t>(groups.size(), mb::kMaxMulticastHashes));
  message[0] = mb::kVfSetMulticast | static_cast<std::uint32_t>(mb::Info::of(count));
  for (unsigned i = 0; i < count; ++i) {
    // The hash of filter type 0: the address's last twelve bits but four (82576 datasheet 7.1.1.3).
    const std::uint32_t hash = (groups[i][4] >> 4 | std::uint32_t{groups[i][5]} << 4) & 0xfff;
    message[1 + i / 2] |= hash << (16 * (i % 2));
  }
  return ask(message, 1 + (count + 1) / 2);
}

bool IgbvfDriver::set_vlan(std::uint16_t id, bool add) {
  Message message{};
  message[0] = mb::kVfSetVlan | static_cast<std::uint32_t>(mb::Info::of(add ? 1 : 0));
  message[1] = id;
  return ask(message, 2);
}

bool IgbvfDriver::set_max_frame(std::uint32_t bytes) {
  Message message{};
  message[0] = mb::kVfSetMaxFrame;
  message[1] = bytes;
  return ask(message, 2);
}

bool IgbvfDriver::set_multicast_promiscuous(bool on) {
  Message message{};
  message[0] = mb::kVfSetPromiscuous | (on ? mb::kPromiscuousMulticast : 0u);
  return ask(message, 1);
}

// e1000_reset_hw_vf: reset, wait until the physical function is ready, ask for an address.
bool IgbvfDriver::handshake() {
  regs_.write(VTCTRL, regs_.read(VTCTRL) | kVtctrlRst);
  regs_.read(VTSTATUS);
  flags_ = 0;
  if (!wait_flag(kV2pRstd, kMailboxTries)) return false;
  Message message{};
  message[0] = mb::kVfReset;
  const bool acknowledged = ask(message, 1, 3);
  if (mb::Message::get(message[0]) != mb::kVfReset) return false;
  if (acknowledged) {
    std::memcpy(mac_.data(), &message[1], 4);
    std::memcpy(mac_.data() + 4, &message[2], 2);
  } else if (!(message[0] & mb::kNack) || options_.mac == MacAddress{} || !set_mac(options_.mac)) {
    return false;  // no answer, or no address to be had
  }
  return set_max_frame(kMaxFrame);
}

// -- configuration -------------------------------------------------------------------------------------------------------

void IgbvfDriver::open() {
  if (pci_.vendor() != kVendor || pci_.device() != kVfDevice) return;
  pci_.enable();
  regs_.base = pci_.bar(0);
  if (regs_.base == 0 || pci_.msix_entries() < kVectors || !handshake()) return;
  rx_.emplace(kernel_, pci_.function(), options_.rx_entries);
  tx_.emplace(kernel_, pci_.function(), options_.tx_entries);
  const auto request = [this](unsigned vector, const char* name, void (IgbvfDriver::*handler)()) {
    pci_.write_msix_entry(vector, kernel_.request_msi(pci_.function(), vector, name, [this, handler] { (this->*handler)(); }));
  };
  request(kTxVector, "igbvf-tx-0", &IgbvfDriver::transmit_interrupt);
  request(kRxVector, "igbvf-rx-0", &IgbvfDriver::receive_interrupt);
  request(kOtherVector, "igbvf", &IgbvfDriver::other_interrupt);
  pci_.enable_msix();
  up_ = true;
  configure();
}

void IgbvfDriver::configure() {
  reset_needed_ = false;
  regs_.write(kTx + TXDCTL, 0);
  regs_.write(kTx + TDLEN, tx_->bytes());
  regs_.write(kTx + TDBAL, static_cast<std::uint32_t>(tx_->bus_address()));
  regs_.write(kTx + TDBAH, static_cast<std::uint32_t>(tx_->bus_address() >> 32));
  regs_.write(kTx + TDH, 0);
  regs_.write(kTx + TDT, 0);
  regs_.write(kTx + TXDCTL, kTxThresholds | kDctlEnable);
  tx_->start(regs_.base + kTx + TDT);

  regs_.write(kRx + SRRCTL, kSrrctl);  // whether the queue drops is the physical function's to say
  regs_.write(kRx + RXDCTL, 0);
  regs_.write(kRx + RDBAL, static_cast<std::uint32_t>(rx_->bus_address()));
  regs_.write(kRx + RDBAH, static_cast<std::uint32_t>(rx_->bus_address() >> 32));
  regs_.write(kRx + RDLEN, rx_->bytes());
  regs_.write(kRx + RDH, 0);
  regs_.write(kRx + RDT, 0);
  regs_.write(kRx + RXDCTL, kRxThresholds | kDctlEnable);
  rx_->start(regs_.base + kRx + RDT);

  regs_.write(VF_VTIVAR, (kRxVector | kIvarValid) << (8 * ivar_byte(0, false)) |
                             (kTxVector | kIvarValid) << (8 * ivar_byte(0, true)));
  regs_.write(VF_VTIVAR_MISC, kOtherVector | kIvarValid);
  regs_.write(VTEITR0 + 4 * kTxVector, options_.eitr);
  regs_.write(VTEITR0 + 4 * kRxVector, options_.eitr);
  constexpr std::uint32_t all = (1u << kVectors) - 1;
  regs_.write(VTEIAC, all);
  regs_.write(VTEIAM, all);
  regs_.write(VTEIMS, all);
  link_ = (regs_.read(VTSTATUS) & kStatusLu) != 0;
}

void IgbvfDriver::restart() {
  if (!up_) return;
  regs_.write(VTEIMC, (1u << kVectors) - 1);
  regs_.write(kRx + RXDCTL, 0);
  regs_.write(kTx + TXDCTL, 0);
  const bool stopped = tx_->stopped();
  up_ = handshake();
  rx_->stop();
  tx_->stop(*this);
  if (!up_) return;
  configure();
  if (stopped) kernel_.wake_queue(*this, 0);
}

// -- while it runs -------------------------------------------------------------------------------------------------------

bool IgbvfDriver::transmit(unsigned, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (!up_) {
    ++dropped_;
    kernel_.transmitted(*this, buffer);
    return true;
  }
  return tx_->transmit(buffer, address, bytes, more);
}

// igbvf_intr_msix_tx: completions are cleaned here. The device has masked the vector by itself (VTEIAM).
void IgbvfDriver::transmit_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  if (!up_) return;
  tx_->clean(*this, 0);
  regs_.write(VTEIMS, 1u << kTxVector);
}

void IgbvfDriver::receive_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  kernel_.napi_schedule(*this, 0);
}

unsigned IgbvfDriver::poll(unsigned, unsigned budget) {
  if (!up_) return 0;
  const unsigned taken = rx_->take(*this, 0, budget);
  if (taken < budget) regs_.write(VTEIMS, 1u << kRxVector);
  return taken;
}

// The physical function has written, or was reset: a message without "clear to send" means that it forgot this VF.
void IgbvfDriver::other_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  const std::uint32_t mailbox = read_mailbox();
  if (mailbox & (kV2pRsti | kV2pRstd)) reset_needed_ = true;
  if (mailbox & kV2pPfSts) {
    const std::uint32_t text = regs_.read(VF_VMBMEM);
    // An answer to a request that is under way belongs to whoever waits for it.
    if (mb::Message::get(text) == mb::kPfControl) {
      flags_ &= ~kV2pPfSts;
      if (!(text & mb::kClearToSend)) reset_needed_ = true;
    }
  }
  link_ = (regs_.read(VTSTATUS) & kStatusLu) != 0;
  regs_.write(VTEIMS, 1u << kOtherVector);
}

}  // namespace iovirt::software
