// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/statistics.h"

#include <algorithm>
#include <utility>

namespace iovirt::nic {

const char* name(Drop reason) {
  static constexpr const char* names[kDropReasons] = {"link_down", "overrun", "no_descriptor", "filtered", "oversize",
                                                      "spoofed", "malformed", "dma_error", "reset"};
  return names[static_cast<unsigned>(reason)];
}

namespace {

/// 32 bits, stuck at the top rather than wrapped (8.18), and cleared.
std::uint32_t take(std::uint64_t& counter) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::exchange(counter, 0), 0xffff'ffff));
}

/// Octet counters: the low half is looked at first, reading the high half clears both.
std::uint32_t low(std::uint64_t counter) { return static_cast<std::uint32_t>(counter); }
std::uint32_t high(std::uint64_t& counter) { return static_cast<std::uint32_t>(std::exchange(counter, 0) >> 32); }

}  // namespace

bool Statistics::read(std::uint32_t offset, std::uint32_t& value) {
  using namespace igb;
  if (offset < CRCERRS || offset > 0x41ff) return false;
  switch (offset) {
    case MPC: value = take(port.missed); break;
    case GPRC: value = take(port.rx_packets); break;
    case BPRC: value = take(port.rx_broadcast); break;
    case MPRC: value = take(port.rx_multicast); break;
    case GPTC: value = take(port.tx_packets); break;
    case GORCL: value = low(port.rx_bytes); break;
    case GORCH: value = high(port.rx_bytes); break;
    case GOTCL: value = low(port.tx_bytes); break;
    case GOTCH: value = high(port.tx_bytes); break;
    case RNBC: value = take(port.no_buffer); break;
    case RUC: value = take(port.undersize); break;
    case ROC: value = take(port.oversize); break;
    case TORL: value = low(port.total_rx_bytes); break;
    case TORH: value = high(port.total_rx_bytes); break;
    case TOTL: value = low(port.total_tx_bytes); break;
    case TOTH: value = high(port.total_tx_bytes); break;
    case TPR: value = take(port.total_rx_packets); break;
    case TPT: value = take(port.total_tx_packets); break;
    case MPTC: value = take(port.tx_multicast); break;
    case BPTC: value = take(port.tx_broadcast); break;
    case IAC: value = take(port.interrupts); break;
    default: value = 0;
  }
  return true;
}

bool Statistics::read_vf(unsigned vf, std::uint32_t offset, std::uint32_t& value) const {
  using namespace igb;
  const Function& f = pool[vf];
  switch (offset) {
    case VFGPRC: value = f.rx_packets; return true;
    case VFGPTC: value = f.tx_packets; return true;
    case VFGORC: value = f.rx_bytes; return true;
    case VFGOTC: value = f.tx_bytes; return true;
    case VFMPRC: value = f.rx_multicast; return true;
    case VFGPRLBC: value = f.rx_local_packets; return true;
    case VFGPTLBC: value = f.tx_local_packets; return true;
    case VFGORLBC: value = f.rx_local_bytes; return true;
    case VFGOTLBC: value = f.tx_local_bytes; return true;
    default: return false;
  }
}

}  // namespace iovirt::nic
