// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A core with VMX in time, and the group of cores that interrupts and IPIs are delivered to.
//
// A core is loosely timed: its operations add to a local time that runs ahead of the path's by at most a quantum;
// synchronise() waits it out. An interrupt that arrives during that wait is taken at its own time: the work that was
// accounted for beyond it is put behind the handler. Software runs on strands or SC_THREADs, one at a time on a core.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/passthrough_target_socket.h>

#include "lib/activity_log.h"
#include "lib/memory_port.h"
#include "lib/packet_ledger.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "lib/trace.h"
#include "models/cpu/apicv.h"
#include "models/cpu/config.h"
#include "models/cpu/ept_tlb.h"
#include "models/cpu/local_apic.h"
#include "models/cpu/memory_system.h"
#include "models/cpu/vm_controls.h"
#include "models/cpu/vm_exit.h"
#include "models/cpu/vmx_capabilities.h"
#include "models/cpu/vmx_cpu.h"

namespace iovirt::cpu {

class CoreGroup;

class Core final : public sc_core::sc_module, public VmxCpu, private sim::Actor {
 public:
  /// Loads and stores that are not RAM, as TLPs (protocol: lib/sim/transaction.h).
  tlm_utils::simple_initiator_socket<Core> mmio_out;

  Core(sc_core::sc_module_name name, unsigned index, const Config& config, CoreGroup& group);

  // -- Cpu ---------------------------------------------------------------------------------------------------
  std::uint64_t load(std::uint64_t address, unsigned bytes) override;
  void store(std::uint64_t address, unsigned bytes, std::uint64_t value) override;
  void read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;
  void copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) override;
  std::uint32_t in(std::uint16_t port, unsigned bytes) override;
  void out(std::uint16_t port, unsigned bytes, std::uint32_t value) override;
  std::uint64_t rdmsr(std::uint32_t index) override;
  void wrmsr(std::uint32_t index, std::uint64_t value) override;
  CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf) override;
  void hlt() override;
  void pause() override;
  void fence() override { synchronise(); }
  std::uint64_t vmcall(std::uint64_t number, std::uint64_t argument) override;
  void compute(std::uint64_t cycles) override { spend(cycles_to_ps(cycles, config_.frequency_mhz)); }
  void cli() override { enabled() = false; }
  void sti() override;
  bool interrupts_enabled() const override { return in_guest_ ? guest_->interrupts_enabled : host_enabled_; }
  void lidt(Idt* table) override { (in_guest_ ? guest_->idt : host_idt_) = table; }
  Ps now() const override { return log_.end(); }  // every picosecond is accounted for as it is spent
  PacketId packet_at(std::uint64_t address) override;
  void place_packet(std::uint64_t address, PacketId packet) override;
  void charge(PacketId packet) override;

  // -- VmxCpu --------------------------------------------------------------------------------------------------
  unsigned index() const override { return index_; }
  void vmptrld(GuestState& guest) override;
  std::uint64_t vmread(std::uint32_t field) override;
  void vmwrite(std::uint32_t field, std::uint64_t value) override;
  void run_guest(GuestState& guest, const std::function<void()>& body) override;
  bool in_guest() const override { return in_guest_; }
  void invept() override { tlb_.invept_all(); }
  Activity activity() const override { return activity_; }
  void set_activity(Activity activity) override { activity_ = activity; }
  void synchronise() override;

  // -- for the host's scheduler ----------------------------------------------------------------------------------
  /// The ICR written for a fixed interrupt to another core (x2APIC: one MSR write).
  void send_ipi(unsigned core, std::uint8_t vector);
  /// IA32_TSC_DEADLINE, from a point in time.
  void set_tsc_deadline(Ps deadline) override;
  /// A thread that lost the core gets back the interrupt flag it had.
  void restore_interrupts(bool enabled) { host_enabled_ = enabled; }

  // -- what came out -----------------------------------------------------------------------------------------------
  const ActivityLog& log() const { return log_; }
  const std::array<std::uint64_t, kExitReasons>& exits() const { return exits_; }
  std::uint64_t copied_bytes() const { return copied_bytes_; }
  std::uint64_t posted_interrupts() const { return posted_; }
  std::uint64_t injected_events() const { return injected_; }
  LocalApic& apic() { return apic_; }
  /// What is behind the kernel's time goes to the group's trace, if any; synchronise() does it too.
  void trace_until(Ps now);

 private:
  friend class CoreGroup;
  static constexpr std::uint64_t kEmulated = ~0ull;
  enum Event : std::uint32_t { kTimer, kPreemption };

  bool& enabled() { return in_guest_ ? guest_->interrupts_enabled : host_enabled_; }
  void spend(Ps time) {
    log_.append(activity_, time);
    pending_ += time;
    if (pending_ >= quantum_) synchronise();
  }
  void cycles(std::uint64_t count) { compute(count); }

  /// Host-physical address of a guest's access; kEmulated when the VMM carried it out (then `operand` holds it).
  std::uint64_t translate(std::uint64_t guest_physical, EptAccess access, unsigned bytes, std::uint64_t value);
  std::uint64_t walk(std::uint64_t guest_physical, EptAccess access, unsigned bytes, std::uint64_t value);
  /// Host-physical, without the machine noticing.
  std::uint64_t peek(std::uint64_t address) const;
  std::uint64_t mmio(bool write, std::uint64_t address, unsigned bytes, std::uint64_t value);
  template <class Move>
  void block(std::uint64_t address, std::size_t bytes, bool write, Move&& move);
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

  bool interrupt_waiting() const;
  void take_interrupt();
  void settle();
  void take_posted();
  void deliver_host(std::uint8_t vector);
  void deliver_guest(std::uint8_t vector, std::uint64_t extra_cycles = 0);
  bool virtual_deliverable() const;

  GuestState::Operand vm_exit(const VmExit& exit);
  GuestState::Operand leave_and_enter(const VmExit& exit);
  void enter(GuestState& guest, bool resume);
  GuestState::Operand exit_instruction(ExitReason reason, std::uint64_t qualification, GuestState::Operand operand);

  void trace_mark(TraceMark::Kind kind, unsigned number, unsigned vpid);
  void accept(const InterruptMessage& message);
  void apply(const ApicEffect& effect);
  void arm_timer();
  void fire(std::uint32_t what, std::uint64_t arg) override;

  std::array<std::uint8_t, kApicPageBytes> apic_page_{};
  std::array<std::uint8_t, kApicPageBytes> no_page_{};

  // What every synchronisation looks at lies together: with many cores it does not stay in the host's first-level cache.
  const unsigned index_;
  const Config& config_;
  CoreGroup& group_;
  sim::EventQueue& queue_;
  MemorySystem& memory_;
  Ps quantum_;
  Ps cached_access_;
  Ps pending_ = 0;  ///< local time ahead of the path's
  Activity activity_ = Activity::host_kernel;
  bool in_guest_ = false;
  bool host_enabled_ = false;
  GuestState* guest_ = nullptr;
  VmControls controls_;
  VirtualApic virtual_apic_;
  Ps preemption_deadline_ = kNever;
  Ps preemption_posted_ = kNever;
  Ps timer_posted_ = kNever;  ///< when the timer is looked at next
  LocalApic apic_;
  ActivityLog log_;
  sim::Alarm interrupt_;
  EptTlb tlb_;

  Idt* host_idt_ = nullptr;
  VmxCapabilities capabilities_;
  GuestState::Operand operand_;
  tlm::tlm_generic_payload* mmio_read_ = nullptr;
  bool mmio_done_ = false;
  sim::Alarm mmio_event_;

  std::array<std::uint64_t, kExitReasons> exits_{};
  std::uint64_t copied_bytes_ = 0;
  std::uint64_t posted_ = 0;
  std::uint64_t injected_ = 0;
};

/// The cores of a machine and the fabric that carries interrupts to their local APICs.
class CoreGroup : public sc_core::sc_module, private sim::Actor {
 public:
  /// Interrupts as TlpKind::interrupt writes, from the IOMMU.
  tlm_utils::passthrough_target_socket<CoreGroup> interrupt_in;

  CoreGroup(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool,
            MemorySystem& memory, PacketLedger& ledger);

  unsigned size() const { return static_cast<unsigned>(cores_.size()); }
  Core& core(unsigned index) { return *cores_[index]; }
  const Core& core(unsigned index) const { return *cores_[index]; }
  sim::EventQueue& queue() { return queue_; }
  /// The core whose software is running now.
  Core* current() { return current_; }
  void set_current(Core& core) { current_ = &core; }
  /// RAM as the processors' own walks read it: untimed, the core adds the time.
  MemoryPort& walk_port() { return *walk_port_; }
  /// From now on the cores show what they do to `trace`, which must outlive this; null: to nobody.
  void set_trace(Trace* trace) { trace_ = trace; }
  std::uint64_t interrupts() const { return interrupts_; }  ///< messages delivered by interrupt_in

 private:
  friend class Core;
  class WalkPort;

  tlm::tlm_sync_enum interrupt(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void route(const InterruptMessage& message);
  void send(Core& from, const Ipi& ipi);
  void fire(std::uint32_t what, std::uint64_t arg) override;

  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
  MemorySystem& memory_;
  PacketLedger& ledger_;
  Trace* trace_ = nullptr;
  Ps ipi_latency_;
  std::unique_ptr<MemoryPort> walk_port_;
  std::vector<std::unique_ptr<Core>> cores_;
  Core* current_ = nullptr;
  std::uint64_t interrupts_ = 0;
};

}  // namespace iovirt::cpu
