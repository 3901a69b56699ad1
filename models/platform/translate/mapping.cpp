// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Before time starts: every page a requester touches gets a place in its own domain.

#include <algorithm>

#include <fmt/format.h>

#include "models/platform/translate/translate.h"

namespace iovirt::platform {

TenantLayout layout_of(const TranslateConfig& config) {
  return {config.translate.page_bytes.bytes(), config.translate.levels, config.machine.iommu.host_address_bits};
}

void map_trace(AccessTrace& trace, const TranslateConfig& config, TenantTables& tables) {
  constexpr std::uint64_t kInterrupts = 0xfee0'0000, kInterruptsEnd = 0xfef0'0000;
  const std::uint64_t page_bytes = config.translate.page_bytes.bytes();
  const unsigned bits = std::min(config.machine.iommu.guest_address_bits, 12 + 9 * config.translate.levels);
  AccessRecord record;
  trace.rewind();
  while (trace.next(record)) {
    const std::uint64_t last = record.address + record.bytes - 1;
    if (last >> bits != 0)
      trace.fail("address", fmt::format("{:#x}", record.address), fmt::format("an access below 2^{} (iommu.guest_address_bits, translate.levels)", bits));
    if (record.address < kInterruptsEnd && last >= kInterrupts)
      trace.fail("address", fmt::format("{:#x}", record.address), "an access outside the interrupt addresses 0xfee00000 to 0xfeefffff");
    if (record.pasid != kNoTracePasid) trace.fail("pasid", fmt::format("{}", record.pasid), "none: tables in scalable mode are not built");
    try {
      tables.map(record.requester, record.address);
      for (std::uint64_t page = record.address / page_bytes + 1; page <= last / page_bytes; ++page)
        tables.map(record.requester, page * page_bytes);
    } catch (const std::length_error& error) {
      trace.fail("requester", requester_name(record.requester), fmt::format("a smaller trace: {}", error.what()));
    }
  }
  trace.rewind();
}

}  // namespace iovirt::platform
