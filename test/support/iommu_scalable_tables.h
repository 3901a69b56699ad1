// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Builds scalable-mode tables: root, context, PASID directory and PASID tables, first-stage tables alone and nested.
#pragma once

#include <cstdint>

#include "test/support/iommu_rig.h"
#include "test/support/iommu_tables.h"

namespace iovirt::test {

struct ScalableContextFields {
  bool fault_processing_disabled = false;
  bool device_tlb = false;
  bool pasids = true;
  bool page_requests = false;
  bool privileged = false;
  unsigned directory_size = 7;  ///< PDTS
  std::uint32_t rid_pasid = 0;
};

struct PasidFields {
  unsigned type = 2;  ///< PGTT: 1 first-stage, 2 second-stage, 3 nested, 4 pass-through
  std::uint16_t domain = 1;
  std::uint64_t second_table = 0;
  unsigned second_levels = 4;
  std::uint64_t first_table = 0;
  unsigned first_levels = 4;
  bool second_dirty = false;
  bool walk_snoop = true;
  bool page_snoop = false;
  std::uint64_t first_flags = 0;  ///< SRE 1, ERE 2, WPE 10, NXE 20, SMEP 40, EAFE 80
  bool fault_processing_disabled = false;
};

/// Rights of first-stage entries.
inline constexpr std::uint64_t kFsRead = 1, kFsWrite = 2, kFsUser = 4, kFsGlobal = 0x100, kFsNoExecute = 1ull << 63;
inline constexpr std::uint64_t kFsAll = kFsRead | kFsWrite | kFsUser;

class ScalableTables {
 public:
  /// Takes its pages from `tables`.
  explicit ScalableTables(IommuTables& tables) : tables_(tables), root_(tables.new_page()) {}

  std::uint64_t root() const { return root_; }
  void set_context(std::uint16_t source, const ScalableContextFields& fields = {});
  /// The context must be there.
  void set_pasid(std::uint16_t source, std::uint32_t pasid, const PasidFields& fields);

  /// Where entries are; what leads there must have been set.
  std::uint64_t root_entry(std::uint16_t source) const { return root_ + 16ull * (source >> 8) + (source & 0x80 ? 8 : 0); }
  std::uint64_t context_entry(std::uint16_t source);
  std::uint64_t directory_entry(std::uint16_t source, std::uint32_t pasid);
  std::uint64_t pasid_entry(std::uint16_t source, std::uint32_t pasid);

 private:
  IommuTables& tables_;
  std::uint64_t root_;
};

/// First-stage tables, in host memory, or in a guest's memory that second-stage tables map (nested).
class FirstStage {
 public:
  explicit FirstStage(IommuTables& tables, unsigned levels = 4) : FirstStage(tables, levels, 0, 0) {}
  /// Nested: pages of tables lie at their host address plus kGuestOffset, and are mapped there by `second_table`.
  FirstStage(IommuTables& tables, unsigned levels, std::uint64_t second_table, unsigned second_levels);

  static constexpr std::uint64_t kGuestOffset = 0x20'0000'0000;
  /// As FSPTPTR says it: guest-physical when nested.
  std::uint64_t top() const { return top_; }
  /// Tables on the way allow everything. `flags` are the leaf's; A and D come from the hardware.
  void map(std::uint64_t iova, std::uint64_t address, std::uint64_t page_bytes = 4096, std::uint64_t flags = kFsAll);
  /// Host address of the entry for `iova` at `level`, whose parents must exist.
  std::uint64_t entry(std::uint64_t iova, unsigned level = 1) const;

 private:
  std::uint64_t new_table();
  std::uint64_t host(std::uint64_t address) const { return second_levels_ ? address - kGuestOffset : address; }
  IommuTables& tables_;
  unsigned levels_, second_levels_;
  std::uint64_t second_table_;
  std::uint64_t top_;
};

/// An IommuRig in scalable mode: descriptors of 32 bytes, requests with PASID.
struct ScalableRig : IommuRig {
  static iommu::Config scalable(iommu::Config config) {
    config.scalable_mode = true;
    return config;
  }
  explicit ScalableRig(const iommu::Config& config = {});

  /// The reason, none when translated; `latest` is then the translation.
  iommu::FaultReason dma(std::uint16_t source, std::uint64_t iova, bool is_write = false, std::uint32_t pasid = iommu::kNoPasid);
  iommu::FaultReason dma(const iommu::Request& request);
  void submit(const DescriptorWords& words);
  /// A device whose PASID `pasid` is as `fields` says.
  void add_device(std::uint16_t source, std::uint32_t pasid, const PasidFields& fields, const ScalableContextFields& context = {});

  ScalableTables scalable_tables{tables};
  iommu::Translation latest;
};

constexpr DescriptorWords invalidate_pasids() { return {0x37, 0}; }
constexpr DescriptorWords invalidate_domain_pasids(std::uint16_t domain) { return {0x07 | std::uint64_t{domain} << 16, 0}; }
constexpr DescriptorWords invalidate_pasid(std::uint16_t domain, std::uint32_t pasid) {
  return {0x17 | std::uint64_t{domain} << 16 | std::uint64_t{pasid} << 32, 0};
}
constexpr DescriptorWords invalidate_pasid_iotlb(std::uint16_t domain, std::uint32_t pasid) {
  return {0x26 | std::uint64_t{domain} << 16 | std::uint64_t{pasid} << 32, 0};
}
constexpr DescriptorWords invalidate_pasid_pages(std::uint16_t domain, std::uint32_t pasid, std::uint64_t address,
                                                 unsigned mask = 0, bool leaf_only = false) {
  return {0x36 | std::uint64_t{domain} << 16 | std::uint64_t{pasid} << 32, address | (leaf_only ? 0x40u : 0u) | mask};
}

}  // namespace iovirt::test
