// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/invalidation.h"

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

/// PFSID: reserved unless VFs invalidate on their PF's account (ECAP.DIT).
std::uint64_t pfsid_mask(const Config& config) { return config.device_tlb_throttle ? PFSIDLow::mask | PFSIDHigh::mask : 0; }

std::uint16_t limited_by(const Config& config, std::uint64_t low, std::uint16_t source) {
  if (!config.device_tlb_throttle) return source;
  return static_cast<std::uint16_t>(PFSIDHigh::get(low) << 4 | PFSIDLow::get(low));
}

Descriptor device(const Config& config, std::uint64_t low, std::uint64_t high) {
  if (!config.device_tlbs) return QueueError::invalid_type;
  if (!only(low, kType | MIP::mask | SID::mask | pfsid_mask(config)) || !only(high, Size::mask | Address::mask))
    return QueueError::reserved_field;
  DeviceTlbInvalidation result;
  result.source = static_cast<std::uint16_t>(SID::get(low));
  result.physical_function = limited_by(config, low, result.source);
  result.at_once = static_cast<std::uint8_t>(MIP::get(low) == 0 ? 32 : MIP::get(low));
  result.address = Address::in_place(high);
  result.size = Size::get(high);
  return result;
}

Descriptor pasid_device(const Config& config, std::uint64_t low, std::uint64_t high) {
  if (!config.device_tlbs) return QueueError::invalid_type;
  if (!only(low, kType | PasidMIP::mask | PasidSID::mask | PASID::mask | pfsid_mask(config)) ||
      !only(high, PasidGlobal::mask | PasidSize::mask | Address::mask))
    return QueueError::reserved_field;
  DeviceTlbInvalidation result;
  result.source = static_cast<std::uint16_t>(PasidSID::get(low));
  result.physical_function = limited_by(config, low, result.source);
  result.at_once = static_cast<std::uint8_t>(PasidMIP::get(low) == 0 ? 32 : PasidMIP::get(low));
  result.has_pasid = true;
  result.pasid = static_cast<std::uint32_t>(PASID::get(low));
  result.global = PasidGlobal::get(high);
  result.address = Address::in_place(high);
  result.size = PasidSize::get(high);
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

Descriptor invalidation_wait(const Config& config, std::uint64_t low, std::uint64_t high) {
  // PD is reserved without ECAP.PDS.
  const std::uint64_t drain = config.page_requests ? PD::mask : 0;
  if (!only(low, kType | IF::mask | SW::mask | FN::mask | drain | StatusData::mask) || !only(high, StatusAddress::mask))
    return QueueError::reserved_field;
  InvalidationWait result;
  result.interrupt = IF::get(low);
  result.status_write = SW::get(low);
  result.fence = FN::get(low);
  result.drain_page_requests = PD::get(low);
  result.status_data = static_cast<std::uint32_t>(StatusData::get(low));
  result.status_address = StatusAddress::in_place(high);
  return result;
}

Descriptor pasid_io_tlb(std::uint64_t low, std::uint64_t high) {
  if (!only(low, kType | G::mask | DID::mask | PASID::mask) || !only(high, AM::mask | IH::mask | Address::mask) ||
      G::get(low) < 2)
    return QueueError::reserved_field;
  PasidIotlbInvalidation result;
  result.granularity = static_cast<PasidIotlbGranularity>(G::get(low));
  result.domain = static_cast<std::uint16_t>(DID::get(low));
  result.pasid = static_cast<std::uint32_t>(PASID::get(low));
  if (result.granularity == PasidIotlbGranularity::page) {
    result.address = Address::in_place(high);
    result.address_mask = static_cast<std::uint8_t>(AM::get(high));
    result.leaf_only = IH::get(high);
  }
  return result;
}

Descriptor pasid_table(std::uint64_t low, std::uint64_t high) {
  if (!only(low, kType | G::mask | DID::mask | PASID::mask) || high != 0 || G::get(low) == 2)
    return QueueError::reserved_field;
  return PasidCacheInvalidation{static_cast<PasidCacheGranularity>(G::get(low)), static_cast<std::uint16_t>(DID::get(low)),
                                static_cast<std::uint32_t>(PASID::get(low))};
}

Descriptor page_response(const Config& config, std::uint64_t low, std::uint64_t high) {
  if (!config.page_requests) return QueueError::invalid_type;
  if (!only(low, kType | PP::mask | ResponseCode::mask | ResponseDestination::mask | PASID::mask) ||
      !only(high, LPIG::mask | PRGI::mask))
    return QueueError::reserved_field;
  return PageGroupResponse{static_cast<std::uint16_t>(ResponseDestination::get(low)), PP::get(low) != 0,
                           static_cast<std::uint32_t>(PASID::get(low)), static_cast<std::uint16_t>(PRGI::get(high)),
                           static_cast<std::uint8_t>(ResponseCode::get(low))};
}

}  // namespace

Descriptor decode_descriptor(const Config& config, QueueFormat format, const descriptor::Words& words) {
  const auto type = TypeHigh::get(words[0]) << 4 | TypeLow::get(words[0]);
  // Which ones are valid in which translation mode (6.5.2.11, table 26; 11.4.9.9): narrow ones in legacy mode only, the
  // PASID-based ones, which are wide, in the others.
  if (format.mode == TableMode::reserved) return QueueError::invalid_table_mode;
  if (format.mode != TableMode::legacy && !format.wide) return QueueError::invalid_width;
  if (type >= pasid_iotlb && format.mode == TableMode::legacy) return QueueError::invalid_type;
  const bool upper_half_clear = !format.wide || (words[2] == 0 && words[3] == 0);
  if (type >= context_cache && type <= page_group_response && !upper_half_clear) return QueueError::reserved_field;
  switch (type) {
    case context_cache: return context(words[0], words[1]);
    case iotlb: return io_tlb(config, words[0], words[1]);
    case device_tlb: return device(config, words[0], words[1]);
    case interrupt_entry_cache: return interrupt_entry(config, words[0], words[1]);
    case wait: return invalidation_wait(config, words[0], words[1]);
    case pasid_iotlb: return pasid_io_tlb(words[0], words[1]);
    case pasid_cache: return pasid_table(words[0], words[1]);
    case pasid_device_tlb: return pasid_device(config, words[0], words[1]);
    case page_group_response: return page_response(config, words[0], words[1]);
    default: return QueueError::invalid_type;
  }
}

}  // namespace iovirt::iommu
