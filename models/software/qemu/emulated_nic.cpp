// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/qemu/emulated_nic.h"

#include "models/software/qemu/e1000_device.h"
#include "models/software/qemu/rtl8139_device.h"

namespace iovirt::software {

std::unique_ptr<EmulatedNic> make_emulated_nic(EmulatedModel model, EmulatedNicHost& host, const MacAddress& mac) {
  if (model == EmulatedModel::rtl8139) return std::make_unique<Rtl8139>(host, mac);
  return std::make_unique<E1000>(host, mac);
}

std::uint32_t multicast_crc(const MacAddress& address) {
  std::uint32_t crc = 0xffffffff;
  for (std::uint8_t byte : address) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      const bool feedback = ((crc >> 31) ^ (byte >> bit)) & 1;
      crc = (crc << 1) ^ (feedback ? 0x04c11db7u : 0u);
    }
  }
  return crc;
}

}  // namespace iovirt::software
