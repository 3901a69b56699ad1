// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/config.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace iovirt::pcie {
namespace {

[[noreturn]] void complain(const char* field, const char* expected) {
  throw std::invalid_argument(std::string("pcie.") + field + ": expected " + expected);
}

bool power_of_two(std::uint64_t value) { return value != 0 && (value & (value - 1)) == 0; }

}  // namespace

Config Config::trained(std::uint32_t device_generation, std::uint32_t device_width) const {
  Config result = *this;
  result.generation = std::min(generation, device_generation);
  result.width = std::min(width, device_width);
  return result;
}

void Config::validate() const {
  if (ports < 1 || ports > 30) complain("ports", "1 to 30");
  if (generation < 1 || generation > 5) complain("generation", "1 to 5");
  if (width != 1 && width != 2 && width != 4 && width != 8 && width != 12 && width != 16)
    complain("width", "1, 2, 4, 8, 12 or 16 lanes");
  if (!power_of_two(mps_bytes) || mps_bytes < 128 || mps_bytes > 4096) complain("mps_bytes", "a power of two from 128 to 4096");
  if (!power_of_two(mrrs_bytes) || mrrs_bytes < 128 || mrrs_bytes > 4096) complain("mrrs_bytes", "a power of two from 128 to 4096");
  if (rcb_bytes != 64 && rcb_bytes != 128) complain("rcb_bytes", "64 or 128");
  if (posted_credits < 1 || posted_credits > 4096) complain("posted_credits", "1 to 4096");
  if (nonposted_credits < 1 || nonposted_credits > 4096) complain("nonposted_credits", "1 to 4096");
  if (ecam_base % kEcamBytes != 0) complain("ecam_base", "a multiple of 256 MiB");
  if (mmio_base % (1u << 20) != 0 || mmio_bytes % (1u << 20) != 0) complain("mmio_base", "base and size in whole MiB");
  if (mmio_base + mmio_bytes > 1ull << 32) complain("mmio_bytes", "a window that ends below 4 GiB");
  if (mmio64_base % (1u << 20) != 0 || mmio64_bytes % (1u << 20) != 0) complain("mmio64_base", "base and size in whole MiB");
  if (chipset_bytes == 0) complain("chipset_bytes", "at least 1");
  const auto overlap = [](std::uint64_t a, std::uint64_t a_bytes, std::uint64_t b, std::uint64_t b_bytes) {
    return a < b + b_bytes && b < a + a_bytes;
  };
  if (overlap(ecam_base, kEcamBytes, mmio_base, mmio_bytes)) complain("mmio_base", "a window apart from ECAM's");
  if (overlap(chipset_base, chipset_bytes, mmio_base, mmio_bytes) || overlap(chipset_base, chipset_bytes, ecam_base, kEcamBytes))
    complain("chipset_base", "a window apart from ECAM's and the devices'");
  if (!(propagation_ns >= 0)) complain("propagation_ns", "no negative time");
  if (!(root_complex_ns >= 0)) complain("root_complex_ns", "no negative time");
  if (!(mmio_accept_ns >= 0)) complain("mmio_accept_ns", "no negative time");
  if (!(config_ns >= 0)) complain("config_ns", "no negative time");
}

}  // namespace iovirt::pcie
