// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Probe, reset and configuration of the 82576's physical function.

#include <cstring>

#include "models/nic/igb_spec.h"
#include "models/software/guest/igb.h"
#include "models/software/guest/igb_sriov.h"

namespace iovirt::software {

using namespace nic::igb;

namespace {

constexpr unsigned kAddressEntries = 24;
constexpr std::uint32_t kMaxFrame = 1522;  // with FCS and a VLAN tag
constexpr std::uint32_t kRxThresholds =
    static_cast<std::uint32_t>(DctlPthresh::of(8) | DctlHthresh::of(8) | DctlWthresh::of(1));
constexpr std::uint32_t kTxThresholds =
    static_cast<std::uint32_t>(DctlPthresh::of(8) | DctlHthresh::of(1) | DctlWthresh::of(1));

}  // namespace

// -- probe ---------------------------------------------------------------------------------------------------------------

bool IgbDriver::read_nvm(unsigned word, std::uint16_t& value) {
  regs_.write(EERD, static_cast<std::uint32_t>(EerdAddress::of(word)) | kEerdStart);
  for (unsigned tries = 0; tries < 1000; ++tries) {
    const std::uint32_t eerd = regs_.read(EERD);
    if (eerd & kEerdDone) {
      value = static_cast<std::uint16_t>(EerdData::get(eerd));
      return true;
    }
  }
  return false;
}

// 4.6.3: no interrupts, no new DMA, then the reset, which clears itself.
bool IgbDriver::reset_hardware() {
  regs_.set(CTRL, kCtrlGioMasterDisable);
  regs_.wait(STATUS, kStatusGioMasterEnable, 0, 100);  // what is under way ends; the reset comes in any case
  regs_.write(IMC, 0xffffffff);
  regs_.write(RCTL, 0);
  regs_.write(TCTL, kTctlPsp);
  regs_.read(STATUS);
  regs_.set(CTRL, kCtrlRst);
  if (!regs_.wait(CTRL, kCtrlRst, 0)) return false;
  if (!regs_.wait(EECD, kEecdAutoRd, kEecdAutoRd)) return false;
  regs_.write(IMC, 0xffffffff);
  regs_.read(ICR);
  return true;
}

bool IgbDriver::probe() {
  if (pci_.vendor() != kVendor || pci_.device() != kPfDevice) return false;
  pci_.enable();
  regs_.base = pci_.bar(0);
  if (regs_.base == 0 || !reset_hardware()) return false;
  // The NVM is shared with firmware: software semaphore, then the driver's own (8.5).
  if (!regs_.wait(SWSM, kSwsmSmbi, 0)) return false;
  regs_.set(SWSM, kSwsmSwesmbi);
  if (!(regs_.read(SWSM) & kSwsmSwesmbi)) return false;
  std::uint16_t sum = 0;
  bool readable = (regs_.read(EECD) & kEecdPres) != 0;
  for (unsigned word = 0; readable && word < kNvmWords; ++word) {
    std::uint16_t value = 0;
    readable = read_nvm(word, value);
    sum = static_cast<std::uint16_t>(sum + value);
  }
  regs_.write(SWSM, regs_.read(SWSM) & ~(kSwsmSmbi | kSwsmSwesmbi));
  if (!readable || sum != kNvmSum) return false;
  const std::uint32_t low = regs_.read(RAL(0)), high = regs_.read(RAH(0));
  for (unsigned i = 0; i < 4; ++i) mac_[i] = static_cast<std::uint8_t>(low >> (8 * i));
  for (unsigned i = 0; i < 2; ++i) mac_[4 + i] = static_cast<std::uint8_t>(high >> (8 * i));
  return true;
}

void IgbDriver::open() {
  if (!probe()) return;
  if (sriov_ && !sriov_->enable(kernel_, pci_)) return;

  const unsigned count = options_.vmdq_pools != 0 ? options_.vmdq_pools : options_.queue_pairs;
  if (pci_.msix_entries() < count + 1) return;
  pairs_.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    // Pool n owns queues n and n + 8; the PF's second queue in its own pool is therefore 8 further.
    const unsigned hardware = options_.vfs != 0 ? own_pool() + 8 * i : i;
    pairs_.push_back({IgbRxRing(kernel_, pci_.function(), options_.rx_entries),
                      IgbTxRing(kernel_, pci_.function(), options_.tx_entries), hardware, i + 1, options_.eitr});
  }

  pci_.write_msix_entry(0, kernel_.request_msi(pci_.function(), 0, "igb", [this] { other_interrupt(); }));
  for (unsigned i = 0; i < count; ++i) {
    const MsiMessage message = kernel_.request_msi(pci_.function(), i + 1, "igb-TxRx-" + std::to_string(i),
                                                   [this, i] { queue_interrupt(i); });
    pci_.write_msix_entry(i + 1, message);
  }
  pci_.enable_msix();
  up_ = true;
  configure();
}

void IgbDriver::configure() {
  regs_.set(CTRL, kCtrlSlu);
  configure_filters();
  if (virtualized()) configure_pools();
  configure_interrupts();
  start_rings();
  regs_.set(CTRL_EXT, kCtrlExtDrvLoad);
  if (sriov_) sriov_->reset_done();
  enable_interrupts();
  link_ = (regs_.read(STATUS) & kStatusLu) != 0;  // otherwise the LSC interrupt will tell
}

// -- filters -------------------------------------------------------------------------------------------------------------

void IgbDriver::write_address(unsigned entry, const MacAddress& mac, unsigned pool) {
  std::uint32_t low;
  std::uint16_t high;
  std::memcpy(&low, mac.data(), 4);
  std::memcpy(&high, mac.data() + 4, 2);
  regs_.write(RAL(entry), low);
  regs_.write(RAH(entry), high | kRahValid | static_cast<std::uint32_t>(RahPools::of(virtualized() ? 1u << pool : 0)));
}

void IgbDriver::configure_filters() {
  write_address(0, mac_, own_pool());
  for (unsigned entry = 1; entry < kAddressEntries; ++entry) {
    regs_.write(RAL(entry), 0);
    regs_.write(RAH(entry), 0);
  }
  for (unsigned i = 0; i < 128; ++i) {
    regs_.write(MTA0 + 4 * i, 0);
    regs_.write(UTA0 + 4 * i, 0);
    regs_.write(VFTA0 + 4 * i, 0);
  }
  unsigned entry = 1;
  for (const auto& [pool, mac] : pool_macs_) write_address(entry++, mac, pool);

  regs_.write(RLPML, kMaxFrame);
  std::uint32_t mrqc = kMrqcNone;
  if (virtualized()) {
    mrqc = pairs_.size() > 1 && options_.vfs != 0 ? kMrqcVmdqRss : kMrqcVmdq;
  } else if (pairs_.size() > 1) {
    mrqc = kMrqcRss | 0x3fu << 16;  // every hash type the device has (8.10.16)
  }
  if (mrqc == kMrqcVmdqRss || (mrqc & 7) == kMrqcRss) {
    // A fixed key and an even spread: the same run distributes the same way everywhere.
    for (unsigned i = 0; i < 10; ++i) regs_.write(RSSRK0 + 4 * i, 0x9e3779b9u * (i + 1));
    for (unsigned i = 0; i < 32; ++i) {
      std::uint32_t four = 0;
      for (unsigned j = 0; j < 4; ++j) four |= static_cast<std::uint32_t>((4 * i + j) % pairs_.size()) << (8 * j);
      regs_.write(RETA0 + 4 * i, four);
    }
  }
  regs_.write(MRQC, mrqc);
}

void IgbDriver::configure_pools() {
  const unsigned pools = options_.vmdq_pools != 0 ? options_.vmdq_pools : options_.vfs + 1;
  regs_.write(VT_CTL, static_cast<std::uint32_t>(VtCtlDefaultPool::of(own_pool())) | kVtCtlReplication);
  for (unsigned pool = 0; pool < pools; ++pool) {
    std::uint32_t vmolr = static_cast<std::uint32_t>(VmolrRlpml::of(kMaxFrame)) | kVmolrAupe | kVmolrBam | kVmolrStrCrc;
    if (pool == own_pool()) vmolr |= kVmolrRope | kVmolrRompe;
    if (pool == own_pool() && pairs_.size() > 1 && options_.vfs != 0) vmolr |= kVmolrRsse;
    regs_.write(VMOLR(pool), vmolr);
  }
  // A queue without buffers must not hold the others up: it drops.
  regs_.write(QDE, (1u << kQueues) - 1);
  if (sriov_) {
    sriov_->configure();
  } else {
    // Frames between pools turn round in the device (7.10.3.6).
    regs_.write(DTXSWC, kDtxswcLoopbackEnable);
    regs_.write(VFRE, (1u << pools) - 1);
    regs_.write(VFTE, (1u << pools) - 1);
  }
}

void IgbDriver::set_pool_mac(unsigned pool, const MacAddress& mac) {
  pool_macs_.emplace_back(pool, mac);
  if (up_) write_address(static_cast<unsigned>(pool_macs_.size()), mac, pool);
}

void IgbDriver::set_promiscuous(bool on) {
  promiscuous_ = on;
  if (up_) apply_promiscuous();
}

// With pools, a unicast frame that no address entry knows goes to the pool with ROPE if its hash is in UTA: all are.
void IgbDriver::apply_promiscuous() {
  const std::uint32_t rctl = regs_.read(RCTL) & ~(kRctlUpe | kRctlMpe);
  regs_.write(RCTL, rctl | (promiscuous_ ? kRctlUpe | kRctlMpe : 0u));
  if (!virtualized()) return;
  for (unsigned i = 0; i < 128; ++i) regs_.write(UTA0 + 4 * i, promiscuous_ ? ~0u : 0u);
  const std::uint32_t vmolr = regs_.read(VMOLR(own_pool())) & ~kVmolrMpe;
  regs_.write(VMOLR(own_pool()), vmolr | (promiscuous_ ? kVmolrMpe : 0u));
}

// -- interrupts ----------------------------------------------------------------------------------------------------------

std::uint32_t IgbDriver::vector_mask() const { return (1u << (pairs_.size() + 1)) - 1; }

void IgbDriver::configure_interrupts() {
  regs_.write(GPIE, kGpieMultipleMsix | kGpiePba | kGpieEiame | kGpieNsicr);
  regs_.write(IVAR_MISC, std::uint32_t{kIvarValid} << (8 * kIvarMiscOther));  // vector 0
  for (const Pair& pair : pairs_) {
    std::uint32_t ivar = regs_.read(IVAR(pair.hardware));
    for (bool tx : {false, true}) {
      const unsigned shift = 8 * ivar_byte(pair.hardware, tx);
      ivar = (ivar & ~(0xffu << shift)) | (pair.vector | kIvarValid) << shift;
    }
    regs_.write(IVAR(pair.hardware), ivar);
    regs_.write(EITR(pair.vector), pair.eitr);
  }
}

void IgbDriver::enable_interrupts() {
  regs_.read(ICR);  // what happened during the configuration
  regs_.write(EIAC, vector_mask());
  regs_.write(EIAM, vector_mask());
  regs_.write(EIMS, vector_mask());
  std::uint32_t causes = kIcrLsc | kIcrDoutSync | kIcrDrsta;
  if (sriov_) {
    regs_.write(MBVFIMR, 0xff);
    causes |= kIcrVmmb;
  }
  regs_.write(IMS, causes);
}

void IgbDriver::set_moderation(std::uint32_t eitr) {
  options_.eitr = eitr;
  for (Pair& pair : pairs_) {
    pair.eitr = eitr;
    if (up_) regs_.write(EITR(pair.vector), eitr);
  }
}

// -- rings ---------------------------------------------------------------------------------------------------------------

void IgbDriver::start_rings() {
  for (Pair& pair : pairs_) {
    const std::uint32_t tx = tx_ring(pair.hardware), rx = rx_ring(pair.hardware);
    regs_.write(tx + TXDCTL, 0);
    regs_.write(tx + TDLEN, pair.tx.bytes());
    regs_.write(tx + TDBAL, static_cast<std::uint32_t>(pair.tx.bus_address()));
    regs_.write(tx + TDBAH, static_cast<std::uint32_t>(pair.tx.bus_address() >> 32));
    regs_.write(tx + TDH, 0);
    regs_.write(tx + TDT, 0);
    regs_.write(tx + TXDCTL, kTxThresholds | kDctlEnable);
    pair.tx.start(regs_.base + tx + TDT);

    regs_.write(rx + RXDCTL, 0);
    regs_.write(rx + RDBAL, static_cast<std::uint32_t>(pair.rx.bus_address()));
    regs_.write(rx + RDBAH, static_cast<std::uint32_t>(pair.rx.bus_address() >> 32));
    regs_.write(rx + RDLEN, pair.rx.bytes());
    regs_.write(rx + RDH, 0);
    regs_.write(rx + RDT, 0);
    std::uint32_t srrctl = static_cast<std::uint32_t>(SrrctlBufferKb::of(Kernel::kBufferBytes / 1024) |
                                                      SrrctlDescriptor::of(kSrrctlAdvanced));
    if (virtualized() || pairs_.size() > 1) srrctl |= kSrrctlDropEn;
    regs_.write(rx + SRRCTL, srrctl);
    regs_.write(rx + RXDCTL, kRxThresholds | kDctlEnable);
  }
  regs_.write(TCTL, kTctlEn | kTctlPsp | 15u << 4 | 64u << 12);
  regs_.write(RCTL, kRctlRxEn | kRctlBam | kRctlSecrc);
  if (promiscuous_) apply_promiscuous();
  // 4.6.9: the tail moves only when the receiver and the queue are on.
  for (Pair& pair : pairs_) pair.rx.start(regs_.base + rx_ring(pair.hardware) + RDT);
}

void IgbDriver::stop_rings() {
  for (Pair& pair : pairs_) {
    pair.rx.stop();
    pair.tx.stop(*this);
  }
}

void IgbDriver::restart() {
  if (!up_) return;
  std::vector<unsigned> stopped;
  for (unsigned i = 0; i < pairs_.size(); ++i)
    if (pairs_[i].tx.stopped()) stopped.push_back(i);
  if (!reset_hardware()) {
    up_ = false;
    return;
  }
  stop_rings();
  configure();
  if (sriov_) sriov_->ping();
  for (unsigned queue : stopped) kernel_.wake_queue(*this, queue);
}

}  // namespace iovirt::software
