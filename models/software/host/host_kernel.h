// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's kernel: interrupts with affinity, softirqs and ksoftirqd on each core, DMA through the IOMMU driver.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/software/kernel/base_kernel.h"
#include "models/software/kernel/scheduler.h"
#include "models/software/kernel/softirq.h"

namespace iovirt::software {

/// What the DMA API and the interrupt code ask of an IOMMU driver.
class DmaRemapping {
 public:
  virtual ~DmaRemapping() = default;
  virtual std::uint64_t map(Bdf function, std::uint64_t address, std::size_t bytes) = 0;
  /// Buffers of `bytes` each, mapped one by one.
  virtual void unmap(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes) = 0;
  /// The message that makes `function` raise `vector` on the core with `apic_id`.
  virtual MsiMessage compose(Bdf function, std::uint8_t vector, std::uint32_t apic_id) = 0;
};

class HostKernel final : public BaseKernel {
 public:
  HostKernel(const Costs& costs, Scheduler& scheduler, std::uint64_t memory_begin, std::uint64_t memory_end,
             std::uint64_t ecam);

  /// Runs on each core first: descriptor table, APIC.
  void boot(cpu::VmxCpu& cpu);
  /// REQUIRES: before interrupts are requested or buffers mapped.
  void set_remapping(DmaRemapping* remapping) { remapping_ = remapping; }
  /// Which core gets the interrupt of a function's MSI-X entry (smp_affinity); core 0 unless set.
  void set_irq_affinity(std::function<unsigned(Bdf, unsigned entry)> affinity) { affinity_ = std::move(affinity); }
  Scheduler& scheduler() { return scheduler_; }

  cpu::Cpu& cpu() override { return scheduler_.current_cpu(); }
  cpu::VmxCpu& vmx_cpu() { return scheduler_.current_cpu(); }
  std::uint64_t dma_map(Bdf function, std::uint64_t address, std::size_t bytes) override;
  void dma_unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) override;
  /// Several buffers of `bytes` at once, for drivers whose descriptors hold many.
  void dma_unmap_all(Bdf function, std::span<const std::uint64_t> bus_addresses, std::size_t bytes);
  MsiMessage request_msi(Bdf function, unsigned entry, const std::string& name, std::function<void()> handler) override;
  void request_intx(Bdf function, const std::string& name, std::function<void()> handler) override;
  void napi_schedule(NetDriver& driver, unsigned queue) override;

  /// A device vector without a message: for what composes its own (VFIO, the IOMMU's fault event).
  std::uint8_t allocate_vector(std::function<void()> handler);
  /// A handler for a fixed system vector (posted-interrupt wake-up).
  void set_system_vector(std::uint8_t vector, std::function<void()> handler);
  /// What KVM does after an exit by EXTERNAL_INTERRUPT: runs the vector's handler as if just taken.
  void handle_vector(std::uint8_t vector) { idt_.gates[vector](vector); }

  void bh_disable();
  void bh_enable();
  /// For threads between pieces of work: deferred softirqs' and other threads' turn.
  void cond_resched() { scheduler_.preemption_point(); }

  std::uint64_t interrupts() const { return interrupts_; }

 private:
  struct PerCore {
    SoftirqQueue<Napi> softirqs;
    HostThread* ksoftirqd = nullptr;
    unsigned depth = 0;  ///< nested interrupts
  };

  void enter_interrupt(const std::function<void()>& handler, bool device);
  void run_softirqs(PerCore& core);
  PerCore& here() { return *per_core_[scheduler_.current_cpu().index()]; }

  Scheduler& scheduler_;
  DmaRemapping* remapping_ = nullptr;
  cpu::Idt idt_;
  std::function<unsigned(Bdf, unsigned)> affinity_;
  unsigned next_vector_;
  std::vector<std::unique_ptr<PerCore>> per_core_;
  std::uint64_t interrupts_ = 0;
};

}  // namespace iovirt::software
