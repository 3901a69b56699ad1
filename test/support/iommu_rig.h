// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An untimed IOMMU with memory and tables, and the register sequences of a driver.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "models/iommu/registers_spec.h"
#include "models/iommu/untimed.h"
#include "test/support/iommu_tables.h"

namespace iovirt::test {

/// The sequences are templates over write(offset, value, bytes), so that they serve timed IOMMUs as well.
template <class Write>
void set_iommu_root(Write&& write, const IommuTables& tables, std::uint32_t gsts = 0) {
  write(iommu::reg::kRTADDR, tables.root(), 8);
  write(iommu::reg::kGCMD, gsts | iommu::reg::gcmd::kSRTP, 4);
}
template <class Write>
void enable_iommu(Write&& write, const IommuTables& tables, bool extended = false, std::uint64_t queue_size = 0) {
  using namespace iommu::reg;
  write(kRTADDR, tables.root(), 8);
  write(kGCMD, gcmd::kSRTP, 4);
  write(kIRTA, tables.interrupts() | IommuTables::kInterruptBits | (extended ? 0x800u : 0u), 8);
  write(kGCMD, gcmd::kSIRTP, 4);
  write(kIQT, 0, 8);
  write(kIQA, tables.queue() | queue_size, 8);
  write(kGCMD, gcmd::kQIE, 4);
  write(kGCMD, gcmd::kQIE | gcmd::kIRE, 4);
  write(kGCMD, gcmd::kQIE | gcmd::kIRE | gcmd::kTE, 4);
}

struct IommuRig {
  explicit IommuRig(const iommu::Config& config = {}, bool enabled = true, bool extended = false) : iommu(config, memory) {
    if (enabled) enable_iommu([this](auto o, auto v, auto b) { write(o, v, b); }, tables, extended);
  }

  void write(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4) { iommu.write_register(offset, value, bytes); }
  std::uint64_t read(std::uint32_t offset, unsigned bytes = 4) { return iommu.read_register(offset, bytes); }
  /// Queues a descriptor and rings the tail.
  void submit(const DescriptorWords& words) {
    const std::uint64_t tail = read(iommu::reg::kIQT, 8);
    tables.set_word(tables.queue() + tail, words.low);
    tables.set_word(tables.queue() + tail + 8, words.high);
    write(iommu::reg::kIQT, (tail + 16) & 0xfff, 8);
  }
  /// A device of `domain` with tables of `levels`; returns the top table.
  std::uint64_t add_device(std::uint16_t source, std::uint16_t domain = 1, unsigned levels = 4) {
    const std::uint64_t top = tables.new_page();
    tables.set_context(source, {.domain = domain, .levels = levels, .table = top});
    return top;
  }

  /// The reason, none when translated; `address` of the latest translation is kept.
  iommu::FaultReason dma(std::uint16_t source, std::uint64_t iova, bool is_write = false) {
    iommu::Request request;
    request.source = source;
    request.address = iova;
    request.write = is_write;
    return dma(request);
  }
  iommu::FaultReason dma(const iommu::Request& request) {
    const auto answer = iommu.translate(request);
    if (const auto* fault = std::get_if<iommu::Fault>(&answer)) return fault->reason;
    address = std::get<iommu::Translation>(answer).address;
    return iommu::FaultReason::none;
  }
  /// The reason, none when accepted; `message` is then what went out, if anything did.
  iommu::FaultReason msi(std::uint16_t source, std::uint32_t msi_target, std::uint32_t data = 0) {
    const auto answer = iommu.interrupt({source, msi_target, data});
    if (const auto* fault = std::get_if<iommu::Fault>(&answer)) return fault->reason;
    message = std::get<0>(answer);
    return iommu::FaultReason::none;
  }

  std::uint64_t record_low(unsigned i = 0) { return read(iommu::reg::kFaultRecords + 16 * i, 8); }
  std::uint64_t record_high(unsigned i = 0) { return read(iommu::reg::kFaultRecords + 16 * i + 8, 8); }

  SparseMemory memory;
  IommuTables tables{memory};
  iommu::UntimedIommu iommu;
  std::uint64_t address = 0;
  std::optional<iommu::InterruptMessage> message;
};

}  // namespace iovirt::test
