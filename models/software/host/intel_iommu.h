// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's VT-d driver: tables in memory, registers through the core, invalidations through the queue.
#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <memory>
#include <vector>

#include "models/iommu/structures_spec.h"
#include "models/software/config.h"
#include "models/software/host/host_kernel.h"

namespace iovirt::software {

class IntelIommu final : public DmaRemapping {
 public:
  /// A second-stage address space.
  struct Domain {
    std::uint16_t id = 0;
    std::uint64_t root = 0;        ///< host-physical, top-level table
    std::uint64_t next_iova = 0;   ///< of the DMA API, growing down as Linux's does
    std::vector<std::uint64_t> free_iovas;
  };
  struct FaultReport {
    std::uint16_t source = 0;
    std::uint8_t reason = 0;
    std::uint64_t address = 0;
    bool read = false;
  };

  IntelIommu(HostKernel& kernel, std::uint64_t register_base, IommuMode mode);

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
  void unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) override;

  // -- interrupts ---------------------------------------------------------------------------------------------------
  MsiMessage compose(Bdf function, std::uint8_t vector, std::uint32_t apic_id) override;
  struct PostedTarget {
    std::uint64_t descriptor = 0;  ///< host-physical, 64-byte aligned
    std::uint8_t vector = 0;       ///< the guest's
  };
  MsiMessage compose_posted(Bdf function, const PostedTarget& target);

  const std::vector<FaultReport>& faults() const { return faults_; }
  std::uint64_t unmaps() const { return unmaps_; }

 private:
  struct DeviceDomain {
    Bdf function;
    Domain* domain;  ///< null: passed through
  };
  struct Deferred {
    Domain* domain;
    std::uint64_t iova;
    std::uint64_t bytes;
  };

  void command(std::uint32_t bit);
  std::uint64_t walk_to(Domain& domain, std::uint64_t iova, unsigned level);
  void write_context(Bdf function, std::uint64_t low, std::uint64_t high);
  Domain* domain_of(Bdf function);
  struct Descriptor {
    std::uint64_t low, high;
  };
  void invalidate(std::initializer_list<Descriptor> descriptors);
  void flush_deferred();
  MsiMessage install(Bdf function, std::uint64_t low);
  void fault_interrupt();

  HostKernel& kernel_;
  std::uint64_t registers_;
  IommuMode mode_;
  std::uint64_t root_table_ = 0;
  std::uint64_t irte_table_ = 0;  ///< 0: no interrupt remapping
  bool extended_ = false;         ///< IRTA.EIME: 32-bit APIC ids
  std::uint64_t queue_ = 0;
  std::uint64_t status_ = 0;  ///< where wait descriptors write
  std::uint32_t queue_tail_ = 0;
  std::uint32_t wait_sequence_ = 0;
  bool queue_locked_ = false;
  std::uint16_t next_domain_ = 1;
  std::uint16_t next_irte_ = 0;
  std::deque<Domain> domains_;
  std::vector<DeviceDomain> devices_;
  std::vector<Deferred> deferred_;
  Ps oldest_deferred_ = 0;
  std::vector<FaultReport> faults_;
  std::uint64_t unmaps_ = 0;
};

}  // namespace iovirt::software
