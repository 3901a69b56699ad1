// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/invalidation.h"

#include "models/iommu/structures_spec.h"

namespace iovirt::iommu {
namespace {

using namespace descriptor;

constexpr std::uint64_t kType = TypeLow::mask | TypeHigh::mask;

bool only(std::uint64_t word, std::uint64_t defined) { return (word & ~defined) == 0; }

Descriptor context(std::uint64_t low, std::uint64_t high) {
  if (!only(low, kType | G::mask | DID::mask | SID::mask | FM::mask) || high != 0 || G::get(low) == 0)
    return QueueError::reserved_field;
  return ContextInvalidation{static_cast<Granularity>(G::get(low)), static_cast<std::uint16_t>(DID::get(low)),
                             static_cast<std::uint16_t>(SID::get(low)), static_cast<std::uint8_t>(FM::get(low))};
}

Descriptor io_tlb(const Config& config, std::uint64_t low, std::uint64_t high) {
  if (!only(low, kType | G::mask | DW::mask | DR::mask | DID::mask) || G::get(low) == 0)
    return QueueError::reserved_field;
  IotlbInvalidation result;
  result.granularity = static_cast<Granularity>(G::get(low));
  result.domain = static_cast<std::uint16_t>(DID::get(low));
  result.drain_reads = DR::get(low);
  result.drain_writes = DW::get(low);
  if (!only(high, AM::mask | IH::mask | Address::mask)) return QueueError::reserved_field;
  if (result.granularity == Granularity::selective) {
    if (AM::get(high) > config.max_address_mask) return QueueError::reserved_field;
    result.address = Address::in_place(high);
    result.address_mask = static_cast<std::uint8_t>(AM::get(high));
    result.leaf_only = IH::get(high);
  }
  return result;
}

Descriptor interrupt_entry(const Config& config, std::uint64_t low, std::uint64_t high) {
  if (!config.interrupt_remapping) return QueueError::invalid_type;
  if (!only(low, kType | InterruptG::mask | IM::mask | IIDX::mask) || high != 0) return QueueError::reserved_field;
  // IM beyond what ECAP.MHMV allows covers no index range.
  if (InterruptG::get(low) && IM::get(low) > 15) return QueueError::reserved_field;
  return InterruptInvalidation{InterruptG::get(low) == 0, static_cast<std::uint16_t>(IIDX::get(low)),
                               static_cast<std::uint8_t>(IM::get(low))};
}

Descriptor invalidation_wait(std::uint64_t low, std::uint64_t high) {
  // PD (page-request drain) is reserved without page requests.
  if (!only(low, kType | IF::mask | SW::mask | FN::mask | StatusData::mask) || !only(high, StatusAddress::mask))
    return QueueError::reserved_field;
  return InvalidationWait{IF::get(low) != 0, SW::get(low) != 0, FN::get(low) != 0,
                          static_cast<std::uint32_t>(StatusData::get(low)), StatusAddress::in_place(high)};
}

}  // namespace

Descriptor decode_descriptor(const Config& config, std::uint64_t low, std::uint64_t high) {
  switch (TypeHigh::get(low) << 4 | TypeLow::get(low)) {
    case context_cache: return context(low, high);
    case iotlb: return io_tlb(config, low, high);
    case interrupt_entry_cache: return interrupt_entry(config, low, high);
    case wait: return invalidation_wait(low, high);
    default: return QueueError::invalid_type;  // device-TLB and scalable-mode ones among them
  }
}

}  // namespace iovirt::iommu
