// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_oracle.h"

namespace iovirt::test {
namespace {

bool bit(std::uint64_t word, unsigned n) { return (word >> n) & 1; }
bool any(std::uint64_t word, unsigned high, unsigned low) {
  for (unsigned n = low; n <= high; ++n)
    if (bit(word, n)) return true;
  return false;
}

struct Naive {
  MemoryPort& memory;
  const iommu::Config& config;
  const OracleRequest& request;

  OracleAnswer table(std::uint64_t base, unsigned level, bool may_read, bool may_write) {
    const unsigned low_bit = 12 + 9 * (level - 1);
    const auto entry = memory.load<std::uint64_t>(base + ((request.address >> low_bit) % 512) * 8);
    if (!entry) return OracleFault{7};
    if (!bit(*entry, 0) && !bit(*entry, 1)) return OracleFault{request.write ? 5u : 6u};
    if (config.host_address_bits < 52 && any(*entry, 51, config.host_address_bits)) return OracleFault{0xc};
    if (bit(*entry, 62)) return OracleFault{0xc};
    bool leaf = level == 1;
    if (level > 1 && bit(*entry, 7)) {
      const bool known = (level == 2 && config.pages_2m) || (level == 3 && config.pages_1g);
      if (!known || any(*entry, low_bit - 1, 12)) return OracleFault{0xc};
      leaf = true;
    }
    may_read = may_read && bit(*entry, 0);
    may_write = may_write && bit(*entry, 1);
    const std::uint64_t base_address = *entry & 0x000f'ffff'ffff'f000;
    if (!leaf) return table(base_address, level - 1, may_read, may_write);
    if (request.write && !may_write) return OracleFault{5};
    if (!request.write && !may_read) return OracleFault{6};
    const std::uint64_t result = base_address + request.address % (1ull << low_bit);
    if (result >= 0xfee0'0000 && result <= 0xfeef'ffff) return OracleFault{0xe};
    return result;
  }
};

}  // namespace

OracleAnswer translate_naively(MemoryPort& memory, const iommu::Config& config, std::uint64_t root, const OracleRequest& request) {
  const unsigned bus = request.source / 256, devfn = request.source % 256;
  const auto root_low = memory.load<std::uint64_t>(root + bus * 16);
  const auto root_high = memory.load<std::uint64_t>(root + bus * 16 + 8);
  if (!root_low || !root_high) return OracleFault{8};
  if (!bit(*root_low, 0)) return OracleFault{1};
  if (any(*root_low, 11, 1) || any(*root_low, 63, config.host_address_bits) || *root_high != 0) return OracleFault{0xa};

  const std::uint64_t at = (*root_low / 4096) * 4096 + devfn * 16;
  const auto low = memory.load<std::uint64_t>(at);
  const auto high = memory.load<std::uint64_t>(at + 8);
  if (!low || !high) return OracleFault{9};
  if (!bit(*low, 0)) return OracleFault{2};
  const unsigned type = (*low >> 2) % 4, width = *high % 8;
  if (any(*low, 11, 4) || bit(*high, 7) || any(*high, 63, 24)) return OracleFault{0xb};
  if (type != 2 && any(*low, 63, config.host_address_bits)) return OracleFault{0xb};
  if (!(width == 1 && config.three_level) && !(width == 2 && config.four_level)) return OracleFault{3};
  if (type == 1 || type == 3) return OracleFault{3};
  if (type == 2) {
    if (!config.pass_through) return OracleFault{3};
    if (config.four_level && width != 2) return OracleFault{3};
    return request.address;
  }
  const unsigned levels = width + 2;
  for (unsigned n = 0; n < 64; ++n)
    if (bit(request.address, n) && (n >= config.guest_address_bits || n >= 12 + 9 * levels)) return OracleFault{4};
  return Naive{memory, config, request}.table((*low / 4096) * 4096, levels, true, true);
}

}  // namespace iovirt::test
