// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the igb driver does while it runs.

#include "models/software/guest/igb.h"

#include <algorithm>
#include <stdexcept>

#include "models/nic/igb_spec.h"
#include "models/software/guest/igb_sriov.h"

namespace iovirt::software {

using namespace nic::igb;

IgbDriver::IgbDriver(Kernel& kernel, Bdf function, const Options& options)
    : kernel_(kernel), pci_(kernel, function), options_(options), regs_{kernel} {
  const auto complain = [](const char* what) { throw std::invalid_argument(std::string("igb: ") + what); };
  if (options.vmdq_pools != 0 && options.vfs != 0) complain("vmdq_pools and vfs exclude each other");
  if (options.vmdq_pools == 1 || options.vmdq_pools > kPools) complain("vmdq_pools must be 0 or 2 to 8");
  if (options.vfs >= kVfs) complain("vfs must be 0 to 7: the PF keeps one pool");
  if (options.queue_pairs < 1 || options.queue_pairs > (options.vfs != 0 ? 2u : 8u))
    complain("queue_pairs must be 1 to 8, with vfs 1 or 2");
  for (unsigned entries : {options.rx_entries, options.tx_entries})
    if (entries < 64 || entries > 4096 || entries % 8 != 0) complain("ring entries must be 64 to 4096, a multiple of 8");
  if (options.vfs != 0) sriov_ = std::make_unique<IgbSriov>(regs_, options.vfs, options.vf_macs, options.spoof_check);
}

IgbDriver::~IgbDriver() = default;

bool IgbDriver::transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (!up_ || queue >= pairs_.size()) {
    ++dropped_;
    kernel_.transmitted(*this, buffer);
    return true;
  }
  return pairs_[queue].tx.transmit(buffer, address, bytes, more);
}

// igb_poll
unsigned IgbDriver::poll(unsigned queue, unsigned budget) {
  if (!up_) return 0;
  Pair& pair = pairs_[queue];
  pair.tx.clean(*this, queue);
  const unsigned taken = pair.rx.take(*this, queue, budget);
  if (taken < budget) {
    if (options_.adaptive) adapt(pair);
    regs_.write(EIMS, 1u << pair.vector);
  }
  return taken;
}

// igb_msix_ring. The device has masked the vector by itself (EIAM).
void IgbDriver::queue_interrupt(unsigned queue) {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  kernel_.napi_schedule(*this, queue);
}

// igb_msix_other
void IgbDriver::other_interrupt() {
  kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
  const std::uint32_t causes = regs_.read(ICR);
  if (sriov_ && (causes & kIcrDoutSync)) sriov_->check_spoofing();
  if (sriov_ && (causes & kIcrVmmb)) sriov_->service();
  if (causes & kIcrLsc) {
    link_ = (regs_.read(STATUS) & kStatusLu) != 0;
    if (sriov_) sriov_->ping();
  }
  regs_.write(EIMS, 1);
}

// igb_update_ring_itr: the interval follows the average size on the wire since the last poll.
void IgbDriver::adapt(Pair& pair) {
  constexpr std::uint32_t k20000PerSecond = 196;
  const IgbRingCounters* rings[] = {&pair.rx.counters(), &pair.tx.counters()};
  std::uint64_t average = 0;
  for (unsigned i = 0; i < 2; ++i) {
    const std::uint64_t packets = rings[i]->packets - pair.seen_packets[i], bytes = rings[i]->bytes - pair.seen_bytes[i];
    pair.seen_packets[i] = rings[i]->packets;
    pair.seen_bytes[i] = rings[i]->bytes;
    if (packets != 0) average = std::max(average, bytes / packets);
  }
  if (average == 0) return;
  average = std::min<std::uint64_t>(average + 24, 3000);  // FCS, preamble and gap
  auto interval = static_cast<std::uint32_t>(average > 300 && average < 1200 ? average / 3 : average / 2);
  interval = std::max(interval, k20000PerSecond);
  if (interval == pair.eitr) return;
  pair.eitr = interval;
  regs_.write(EITR(pair.vector), (interval & 0x7ffc) | kEitrCountIgnore);
}

}  // namespace iovirt::software
