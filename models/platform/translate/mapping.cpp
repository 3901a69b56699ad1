// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Before time starts: every page a requester touches gets a place in its own domain.

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "models/platform/translate/translate.h"

namespace iovirt::platform {

TenantLayout layout_of(const TranslateConfig& config, bool scalable) {
  return {config.translate.page_bytes.bytes(), config.translate.levels, config.machine.iommu.host_address_bits, scalable};
}

bool map_trace(AccessTrace& trace, const TranslateConfig& config, TenantTables& tables) {
  constexpr std::uint64_t kInterrupts = 0xfee0'0000, kInterruptsEnd = 0xfef0'0000;
  constexpr unsigned kFirstStageBits = 47;  // the lower canonical half
  const iommu::Config& iommu = config.machine.iommu;
  const std::uint64_t page_bytes = config.translate.page_bytes.bytes();
  const int page_shift = std::countr_zero(page_bytes);
  const unsigned bits = std::min(iommu.guest_address_bits, 12 + 9 * config.translate.levels);
  AccessRecord record;
  trace.rewind();
  while (trace.next(record)) {
    const std::uint64_t last = record.address + record.bytes - 1;
    if (record.pasid == kNoTracePasid && last >> bits == 0 && (record.address >= kInterruptsEnd || last < kInterrupts) &&
        tables.is_last_page(record.requester, record.address, last))
      continue;
    const bool first_stage = record.pasid != kNoTracePasid && record.pasid != 0;
    if (record.pasid != kNoTracePasid) {
      if (!tables.scalable()) return false;
      const auto refuse = [&](std::string_view expected) { trace.fail("pasid", fmt::format("{}", record.pasid), expected); };
      if (record.pasid >> iommu.pasid_bits != 0) refuse(fmt::format("less than 2^{} (iommu.pasid_bits)", iommu.pasid_bits));
      if (first_stage && !iommu.first_stage) refuse("none, or iommu.first_stage true");
      if (first_stage && page_bytes == 1u << 30 && !iommu.first_stage_1g) refuse("none, or iommu.first_stage_1g true for such pages");
    }
    if (first_stage && last >> kFirstStageBits != 0)
      trace.fail("address", fmt::format("{:#x}", record.address), fmt::format("an access below 2^{} with a PASID", kFirstStageBits));
    if (!first_stage && last >> bits != 0)
      trace.fail("address", fmt::format("{:#x}", record.address), fmt::format("an access below 2^{} (iommu.guest_address_bits, translate.levels)", bits));
    if (record.address < kInterruptsEnd && last >= kInterrupts)
      trace.fail("address", fmt::format("{:#x}", record.address), "an access outside the interrupt addresses 0xfee00000 to 0xfeefffff");
    const std::uint32_t pasid = first_stage ? record.pasid : 0;
    try {
      tables.map(record.requester, record.address, pasid);
      for (std::uint64_t page = (record.address >> page_shift) + 1; page <= last >> page_shift; ++page)
        tables.map(record.requester, page << page_shift, pasid);
    } catch (const std::length_error& error) {
      trace.fail("requester", requester_name(record.requester), fmt::format("a smaller trace: {}", error.what()));
    }
  }
  trace.rewind();
  return true;
}

}  // namespace iovirt::platform
