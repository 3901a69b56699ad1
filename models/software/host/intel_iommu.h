// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's VT-d driver: tables in memory, registers through the core, invalidations through the queue.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "models/iommu/structures_spec.h"
#include "models/software/config.h"
#include "models/software/host/host_kernel.h"

namespace iovirt::software {

class DmaMapping;

/// How the host's own drivers' buffers are mapped (`software.iommu_mode` and what goes with it).
struct DmaOptions {
  IommuMode mode = IommuMode::passthrough;
  bool iova_cache = true;  ///< magazines of freed addresses
};

class IntelIommu final : public DmaRemapping {
 public:
  static constexpr std::uint64_t kPage = 4096;
  /// A second-stage address space.
  struct Domain {
    std::uint16_t id = 0;
    std::uint64_t root = 0;  ///< host-physical, top-level table
  };
  struct FaultReport {
    std::uint16_t source = 0;
    std::uint8_t reason = 0;
    std::uint64_t address = 0;
    bool read = false;
  };

  IntelIommu(HostKernel& kernel, std::uint64_t register_base, const DmaOptions& options);
  ~IntelIommu() override;

  /// Root table, interrupt-remapping table, invalidation queue, fault event; then translation and remapping on.
  void start();

  Domain& create_domain();
  /// Context entry for `function`; its earlier translations go.
  void attach(Bdf function, Domain& domain);
  void attach_pass_through(Bdf function);
  /// Maps [iova, iova + bytes) to [address, ...) in pages of at most `page_bytes` (4096, 2 MB or 1 GB) where
  /// alignment allows.
  void map_range(Domain& domain, std::uint64_t iova, std::uint64_t address, std::uint64_t bytes,
                 std::uint64_t page_bytes);

  // -- the DMA API of the host's own drivers ----------------------------------------------------------------------
  std::uint64_t map(Bdf function, std::uint64_t address, std::size_t bytes) override;
  void unmap(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes) override;
  const DmaMapping& dma() const { return *dma_; }

  // -- for the DMA API ----------------------------------------------------------------------------------------------
  /// Address of the entry for `iova` at `level` (1 is the leaf), tables on the way made.
  std::uint64_t walk_to(Domain& domain, std::uint64_t iova, unsigned level);
  struct Descriptor {
    std::uint64_t low, high;
  };
  struct Submission {
    Ps submitting = 0, waiting = 0;
  };
  void write_entry(std::uint64_t address, std::uint64_t value);
  /// The low half of an IOTLB invalidation of `domain` with this granularity, drains asked for where there are any.
  std::uint64_t iotlb_flush(unsigned granularity, std::uint16_t domain) const;
  /// Descriptors and a wait, as Linux's qi_submit_sync; returns when the IOMMU has carried them out.
  Submission submit(std::span<const Descriptor> descriptors);
  /// The domain of a function's own DMA, made and attached when there is none; null: passed through.
  Domain* domain_of(Bdf function);
  /// An entry that becomes present must be announced too (CAP.CM).
  bool caching_mode() const { return caching_mode_; }
  /// Largest range of one invalidation, log2 of pages (CAP.MAMV).
  unsigned max_address_mask() const { return max_address_mask_; }

  // -- interrupts ---------------------------------------------------------------------------------------------------
  MsiMessage compose(Bdf function, std::uint8_t vector, std::uint32_t apic_id) override;
  struct PostedTarget {
    std::uint64_t descriptor = 0;  ///< host-physical, 64-byte aligned
    std::uint8_t vector = 0;       ///< the guest's
  };
  MsiMessage compose_posted(Bdf function, const PostedTarget& target);

  const std::vector<FaultReport>& faults() const { return faults_; }

 private:
  struct DeviceDomain {
    Bdf function;
    Domain* domain;  ///< null: passed through
  };

  void command(std::uint32_t bit);
  void read_capabilities();
  std::uint64_t new_table();
  void flush_cache(std::uint64_t bytes);
  void write_context(Bdf function, std::uint64_t low, std::uint64_t high);
  void put(std::uint64_t low, std::uint64_t high);
  std::uint32_t enqueue(std::span<const Descriptor> descriptors);
  std::uint64_t status_of(std::uint32_t sequence) const;
  void invalidate(const std::vector<Descriptor>& descriptors);
  MsiMessage install(Bdf function, std::uint64_t low);
  void fault_interrupt();

  HostKernel& kernel_;
  std::uint64_t registers_;
  IommuMode mode_;
  bool coherent_ = true;
  bool caching_mode_ = false;
  unsigned max_address_mask_ = 0;
  std::uint64_t drains_ = 0;  ///< DR and DW of IOTLB invalidations
  std::uint64_t root_table_ = 0;
  std::uint64_t irte_table_ = 0;  ///< 0: no interrupt remapping
  bool extended_ = false;         ///< IRTA.EIME: 32-bit APIC ids
  std::uint64_t queue_ = 0;
  std::uint64_t status_ = 0;  ///< where wait descriptors write
  std::uint32_t queue_tail_ = 0;
  std::uint32_t wait_sequence_ = 0;
  unsigned queued_ = 0;  ///< descriptors of submit() under way
  bool queue_locked_ = false;
  std::uint16_t next_domain_ = 1;
  std::uint16_t next_irte_ = 0;
  std::deque<Domain> domains_;
  std::vector<DeviceDomain> devices_;
  std::vector<FaultReport> faults_;
  std::unique_ptr<DmaMapping> dma_;
};

}  // namespace iovirt::software
