// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/workloads/traffic.h"

namespace iovirt::software {

MacAddress vm_mac(unsigned vm) { return {0x02, 0, 0, 0, 0x01, static_cast<std::uint8_t>(vm)}; }

MacAddress peer_mac(unsigned peer) {
  return {0x02, 0, 0, static_cast<std::uint8_t>(peer >> 8), 0x02, static_cast<std::uint8_t>(peer)};
}

Traffic prepare_traffic(const TrafficConfig& config, unsigned vms, std::uint64_t link_mbps) {
  return config.source == TrafficSource::pcap ? replay_captures(config, vms, link_mbps)
                                              : generate_traffic(config, vms, link_mbps);
}

}  // namespace iovirt::software
