// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// How cache entries are tagged: 64 bits that are never 0, and for translations the key of an address space besides.
#pragma once

#include <cstdint>

#include "models/iommu/request.h"

namespace iovirt::iommu {

inline constexpr unsigned kPageShift[3] = {12, 21, 30};

/// [63:48] domain, [47:3] address >> 12 + 9 * size, [2:0] size. `size` also tells the level of a paging-structure entry:
/// 1 to 4 for levels 2 to 5. REQUIRES: the address fits into 57 bits (tagged_address).
constexpr unsigned shift_of_size(unsigned size) { return 12 + 9 * size; }
constexpr std::uint64_t page_tag(std::uint16_t domain, std::uint64_t address, unsigned size) {
  return std::uint64_t{domain} << 48 | (address >> shift_of_size(size)) << 3 | (size == 4 ? 2 : size << 1 | 1);
}
constexpr unsigned size_of_tag(std::uint64_t tag) { return (tag & 1) ? (tag >> 1) & 3 : 4; }
constexpr std::uint16_t domain_of_tag(std::uint64_t tag) { return static_cast<std::uint16_t>(tag >> 48); }
constexpr std::uint64_t page_of_tag(std::uint64_t tag) { return (tag & 0xffff'ffff'ffff) >> 3; }
constexpr std::uint64_t address_of_tag(std::uint64_t tag) { return page_of_tag(tag) << shift_of_size(size_of_tag(tag)); }
constexpr std::uint64_t bytes_of_tag(std::uint64_t tag) { return 1ull << shift_of_size(size_of_tag(tag)); }
/// The part of a canonical address that tells it from others.
constexpr std::uint64_t tagged_address(std::uint64_t address) { return address & ((1ull << 57) - 1); }

/// Of a source id or an interrupt index.
constexpr std::uint64_t context_tag(std::uint32_t id) { return std::uint64_t{id} << 1 | 1; }
constexpr std::uint16_t source_of_tag(std::uint64_t tag) { return static_cast<std::uint16_t>(tag >> 1); }
/// Functions of one device, single functions of many, and devices on buses of their own all spread over the sets.
constexpr std::uint64_t context_set(std::uint64_t tag) {
  const std::uint16_t source = source_of_tag(tag);
  return source ^ source >> 3 ^ source >> 8;
}

/// Of a PASID-table entry: a function's PASID.
constexpr std::uint64_t pasid_tag(std::uint16_t source, std::uint32_t pasid) {
  return std::uint64_t{source} << 21 | std::uint64_t{pasid} << 1 | 1;
}
constexpr std::uint32_t pasid_of_tag(std::uint64_t tag) { return (tag >> 1) & 0xf'ffff; }

/// What tells apart the address spaces of one domain: second-stage tables with and without dirty tracking, and for each
/// PASID first-stage tables alone and nested.
namespace space_key {
inline constexpr std::uint32_t kSecond = 0, kTracked = 1u << 31, kFirst = 1u << 30, kNested = 1u << 29;
constexpr bool has_pasid(std::uint32_t key) { return (key & (kFirst | kNested)) != 0; }
constexpr bool has_second_stage(std::uint32_t key) { return (key & kFirst) == 0; }
constexpr std::uint32_t pasid(std::uint32_t key) { return key & 0xf'ffff; }
}  // namespace space_key

/// Spreads tags over sets. Neighbouring pages go to different sets; the domain and the upper address bits, in which tenants
/// with one layout differ, move the whole sequence.
constexpr std::uint64_t hashed(std::uint64_t tag) { return tag ^ tag >> 3 ^ ((tag >> 20) * 0x9e37'79b9'7f4a'7c15) >> 40; }
constexpr std::uint64_t hashed(std::uint64_t tag, std::uint32_t key) { return hashed(tag ^ std::uint64_t{key} << 20); }

inline Fault make_fault(const Request& request, FaultReason reason, bool fault_processing_disabled) {
  Fault fault;
  fault.reason = reason;
  fault.suppressed = fault_processing_disabled && is_qualified(reason);
  fault.source = request.source;
  fault.info = request.address & ~0xfffull;
  fault.read = !request.write;
  fault.page_request = request.page_request;
  fault.address_type = request.address_type;
  fault.privileged = request.privileged;
  fault.execute = request.execute;
  fault.pasid = request.pasid;
  return fault;
}

}  // namespace iovirt::iommu
