// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/config.h"

#include <bit>
#include <stdexcept>
#include <string>

#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {
namespace {

[[noreturn]] void refuse(const std::string& key, const std::string& expected) {
  throw std::invalid_argument(key + ": " + expected);
}

void check_cache(const std::string& key, const CacheConfig& cache) {
  if (!(cache.lookup_ns >= 0 && cache.lookup_ns <= 1e6)) refuse(key + ".lookup_ns", "expected 0 to 1000000");
  if (cache.entries == 0 && cache.lookup_ns != 0) refuse(key + ".lookup_ns", "expected 0 where there are no entries");
  if (cache.entries == 0) return;
  if (cache.ways == 0 || cache.ways > cache.entries || cache.entries % cache.ways != 0)
    refuse(key + ".ways", "expected a divisor of entries (" + std::to_string(cache.entries) + ")");
  if (!std::has_single_bit(cache.entries / cache.ways))
    refuse(key + ".ways", "expected entries / ways to be a power of two");
  if (cache.replacement == Replacement::plru && !std::has_single_bit(cache.ways))
    refuse(key + ".ways", "expected a power of two with replacement plru");
}

void check_partitions(const Config& config) {
  const std::uint32_t parts = config.iotlb_partitions, sets = config.iotlb.entries / config.iotlb.ways;
  const auto refuse_parts = [](const std::string& expected) { refuse("iotlb_partitions", "expected " + expected); };
  if (parts == 0) refuse_parts("at least 1");
  switch (config.iotlb_partitioning) {
    case Partitioning::none:
      if (parts != 1) refuse_parts("1 unless iotlb_partitioning says what is divided");
      return;
    case Partitioning::sets:
      if (!std::has_single_bit(parts) || parts > sets) refuse_parts("a power of two up to the IOTLB's " + std::to_string(sets) + " sets");
      return;
    case Partitioning::ways:
      if (config.iotlb.ways % parts != 0) refuse_parts("a divisor of iotlb.ways (" + std::to_string(config.iotlb.ways) + ")");
      if (config.iotlb.replacement == Replacement::plru && !std::has_single_bit(config.iotlb.ways / parts))
        refuse_parts("a power of two of ways in each part with replacement plru");
  }
}

}  // namespace

void Config::validate() const {
  if (iotlb.entries == 0) refuse("iotlb.entries", "expected at least 1");
  if (context_cache.entries == 0) refuse("context_cache.entries", "expected at least 1");
  check_cache("iotlb", iotlb);
  check_partitions(*this);
  check_cache("context_cache", context_cache);
  check_cache("interrupt_entry_cache", interrupt_entry_cache);
  check_cache("pasid_cache", pasid_cache);
  if (scalable_mode && pasid_cache.entries == 0) refuse("pasid_cache.entries", "expected at least 1");
  check_cache("paging_cache_l5", paging_cache_l5);
  check_cache("paging_cache_l4", paging_cache_l4);
  check_cache("paging_cache_l3", paging_cache_l3);
  check_cache("paging_cache_l2", paging_cache_l2);
  if (walkers == 0 || walkers > 256) refuse("walkers", "expected 1 to 256");
  if (walk_queue > 65536) refuse("walk_queue", "expected 0 to 65536");
  if (prefetch_pages == 0 || prefetch_pages > 64) refuse("prefetch_pages", "expected 1 to 64");
  if (!three_level && !four_level && !five_level)
    refuse("four_level", "expected three_level, four_level or five_level to be true");
  const std::uint32_t widest = five_level ? 57 : four_level ? 48 : 39;
  if (guest_address_bits < 30 || guest_address_bits > widest)
    refuse("guest_address_bits", "expected 30 to " + std::to_string(widest) + ", the width of the largest tables");
  if (pasid_bits > 20) refuse("pasid_bits", "expected 0 to 20");
  if (scalable_mode) {
    if (!first_stage && !second_stage) refuse("second_stage", "expected first_stage or second_stage to be true");
    if (nested_translation && !(first_stage && second_stage))
      refuse("nested_translation", "expected first_stage and second_stage to be true");
    if (first_stage_five_level && !first_stage) refuse("first_stage_five_level", "expected first_stage to be true");
  }
  if (host_address_bits < 32 || host_address_bits > 52) refuse("host_address_bits", "expected 32 to 52");
  if (pages_1g && !pages_2m) refuse("pages_1g", "expected pages_2m to be true too");
  if (max_address_mask > 36) refuse("max_address_mask", "expected 0 to 36");
  if (fault_records == 0 || fault_records > 128) refuse("fault_records", "expected 1 to 128");
  if (extended_interrupt_mode && !interrupt_remapping)
    refuse("extended_interrupt_mode", "expected interrupt_remapping to be true");
  if (posted_interrupts && !interrupt_remapping)
    refuse("posted_interrupts", "expected interrupt_remapping to be true");
  if (device_tlb_throttle && !device_tlbs) refuse("device_tlb_throttle", "expected device_tlbs to be true");
  if (page_requests && !device_tlbs) refuse("page_requests", "expected device_tlbs to be true");
  if (page_requests && !scalable_mode) refuse("page_requests", "expected scalable_mode to be true");
  if (flush_on_interrupt_pointer && !interrupt_remapping)
    refuse("flush_on_interrupt_pointer", "expected interrupt_remapping to be true");
  if (!(device_tlb_timeout_ns >= 0 && device_tlb_timeout_ns <= 1e11))
    refuse("device_tlb_timeout_ns", "expected 0 to 100000000000");
  if (register_base % reg::kWindowBytes != 0) refuse("register_base", "expected a multiple of 4096");
  for (const auto& [key, ns] : {std::pair{"lookup_ns", lookup_ns}, {"walk_step_ns", walk_step_ns},
                                {"remap_ns", remap_ns}, {"invalidation_ns", invalidation_ns},
                                {"register_ns", register_ns}})
    if (!(ns >= 0 && ns <= 1e6)) refuse(key, "expected 0 to 1000000");
}

std::uint64_t Config::capability() const {
  using namespace reg::cap;
  return ND::of(6) | SAGAW::of((three_level ? 2u : 0u) | (four_level ? 4u : 0u) | (five_level ? 8u : 0u)) | MGAW::of(guest_address_bits - 1) |
         ZLR::of(zero_length_reads) | FRO::of(reg::kFaultRecords / 16) |
         SLLPS::of((pages_2m ? 1u : 0u) | (pages_1g ? 2u : 0u)) | PSI::of(1) | NFR::of(fault_records - 1) |
         MAMV::of(max_address_mask) | DWD::of(1) | DRD::of(1) | PI::of(posted_interrupts) |
         RWBF::of(write_buffer_flush) | PLMR::of(protected_low_range) | PHMR::of(protected_high_range) |
         CM::of(caching_mode) | ESIRTPS::of(flush_on_interrupt_pointer) | ESRTPS::of(flush_on_root_pointer) |
         FL1GP::of(scalable_mode && first_stage && first_stage_1g) | FL5LP::of(scalable_mode && first_stage_five_level);
}

std::uint64_t Config::extended_capability() const {
  using namespace reg::ecap;
  std::uint64_t scalable = 0;
  if (scalable_mode)
    scalable = SMTS::of(1) | RPS::of(1) | FSTS::of(first_stage) | SSTS::of(second_stage) | NEST::of(nested_translation) |
               SSADS::of(second_stage_dirty) | SMPWCS::of(page_walk_snoop) | SRS::of(supervisor_requests) |
               RPRIVS::of(supervisor_requests) | ERS::of(execute_requests) | EAFS::of(extended_accessed) | ADMS::of(abort_dma) | PASID::of(pasid_bits != 0) |
               PSS::of(pasid_bits != 0 ? pasid_bits - 1 : 0);
  return scalable | C::of(coherent_walks) | QI::of(1) | IR::of(interrupt_remapping) | EIM::of(extended_interrupt_mode) |
         PT::of(pass_through) | SC::of(snoop_control) | IRO::of(reg::kIVA / 16) | MHMV::of(interrupt_remapping ? 0xf : 0) | DT::of(device_tlbs) |
         DIT::of(device_tlb_throttle) | PRS::of(page_requests) | PDS::of(page_requests) |
         NWFS::of(device_tlbs) | SMS::of(page_requests);
}

}  // namespace iovirt::iommu
