// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_scalable_tables.h"

namespace iovirt::test {
namespace {

constexpr std::uint64_t kPointer = 0xffff'ffff'ffff'f000;
constexpr std::uint64_t kEntryAddress = 0x000f'ffff'ffff'f000;

}  // namespace

void ScalableTables::set_context(std::uint16_t source, const ScalableContextFields& fields) {
  if (!(tables_.word(root_entry(source)) & 1)) tables_.set_word(root_entry(source), tables_.new_page() | 1);
  const std::uint64_t at = context_entry(source);
  std::uint64_t directory = tables_.word(at) & kPointer;
  if (directory == 0) {
    directory = tables_.new_page();
    for (unsigned page = 1; page < 32; ++page) tables_.new_page();  // 2^14 entries
  }
  tables_.set_word(at + 8, fields.rid_pasid | (fields.privileged ? 1u << 20 : 0u));
  tables_.set_word(at, directory | fields.directory_size << 9 | (fields.page_requests ? 0x10u : 0u) | (fields.pasids ? 8u : 0u) |
                           (fields.device_tlb ? 4u : 0u) | (fields.fault_processing_disabled ? 2u : 0u) | 1u);
}

void ScalableTables::set_pasid(std::uint16_t source, std::uint32_t pasid, const PasidFields& fields) {
  const std::uint64_t slot = directory_entry(source, pasid);
  if (!(tables_.word(slot) & 1)) tables_.set_word(slot, tables_.new_page() | 1);
  const std::uint64_t at = pasid_entry(source, pasid);
  tables_.set_word(at + 8, fields.domain | (fields.walk_snoop ? 1u << 23 : 0u) | (fields.page_snoop ? 1u << 24 : 0u));
  tables_.set_word(at + 16, fields.first_table | fields.first_flags | (fields.first_levels - 4) << 2);
  tables_.set_word(at, fields.second_table | (fields.second_dirty ? 1u << 9 : 0u) | fields.type << 6 |
                           (fields.second_levels - 2) << 2 | (fields.fault_processing_disabled ? 2u : 0u) | 1u);
}

std::uint64_t ScalableTables::context_entry(std::uint16_t source) {
  return (tables_.word(root_entry(source)) & kPointer) + 32ull * (source & 0x7f);
}
std::uint64_t ScalableTables::directory_entry(std::uint16_t source, std::uint32_t pasid) {
  return (tables_.word(context_entry(source)) & kPointer) + 8ull * (pasid >> 6);
}
std::uint64_t ScalableTables::pasid_entry(std::uint16_t source, std::uint32_t pasid) {
  return (tables_.word(directory_entry(source, pasid)) & kPointer) + 64ull * (pasid & 0x3f);
}

FirstStage::FirstStage(IommuTables& tables, unsigned levels, std::uint64_t second_table, unsigned second_levels)
    : tables_(tables), levels_(levels), second_levels_(second_levels), second_table_(second_table), top_(new_table()) {}

std::uint64_t FirstStage::new_table() {
  const std::uint64_t page = tables_.new_page();
  if (second_levels_ == 0) return page;
  tables_.map(second_table_, second_levels_, page + kGuestOffset, page);
  return page + kGuestOffset;
}

std::uint64_t FirstStage::entry(std::uint64_t iova, unsigned level) const {
  std::uint64_t table = top_;
  for (unsigned at = levels_;; --at) {
    const std::uint64_t slot = host(table) + 8 * ((iova >> (12 + 9 * (at - 1))) & 0x1ff);
    if (at == level) return slot;
    table = tables_.word(slot) & kEntryAddress;
  }
}

void FirstStage::map(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes, std::uint64_t flags) {
  const unsigned leaf = page_bytes == 4096 ? 1 : page_bytes == 1ull << 21 ? 2 : 3;
  for (unsigned level = levels_; level > leaf; --level) {
    const std::uint64_t slot = entry(iova, level);
    if (!(tables_.word(slot) & 1)) tables_.set_word(slot, new_table() | kFsAll);
  }
  tables_.set_word(entry(iova, leaf), address | flags | (leaf > 1 ? 0x80u : 0u));
}

ScalableRig::ScalableRig(const iommu::Config& config) : IommuRig(scalable(config), false) {
  using namespace iommu::reg;
  write(kRTADDR, scalable_tables.root() | 0x400, 8);
  write(kGCMD, gcmd::kSRTP);
  write(kIQA, tables.queue() | 0x800, 8);
  write(kGCMD, gcmd::kQIE);
  write(kGCMD, gcmd::kQIE | gcmd::kTE);
}

void ScalableRig::submit(const DescriptorWords& words) {
  const std::uint64_t tail = read(iommu::reg::kIQT, 8);
  tables.set_word(tables.queue() + tail, words.low);
  tables.set_word(tables.queue() + tail + 8, words.high);
  write(iommu::reg::kIQT, (tail + 32) & 0xfff, 8);
}

iommu::FaultReason ScalableRig::dma(std::uint16_t source, std::uint64_t iova, bool is_write, std::uint32_t pasid) {
  iommu::Request request;
  request.source = source;
  request.address = iova;
  request.write = is_write;
  request.pasid = pasid;
  return dma(request);
}

iommu::FaultReason ScalableRig::dma(const iommu::Request& request) {
  const auto answer = iommu.translate(request);
  if (const auto* fault = std::get_if<iommu::Fault>(&answer)) return fault->reason;
  latest = std::get<iommu::Translation>(answer);
  address = latest.address;
  return iommu::FaultReason::none;
}

void ScalableRig::add_device(std::uint16_t source, std::uint32_t pasid, const PasidFields& fields, const ScalableContextFields& context) {
  scalable_tables.set_context(source, context);
  scalable_tables.set_pasid(source, pasid, fields);
}

}  // namespace iovirt::test
