// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a virtual machine monitor sees of a core: VMX on top of Cpu.
//
// A guest is software called from run_guest() on the VMM's own thread. An operation of the guest that the VMCS or EPT
// does not allow leaves guest mode: VmExitHandler::vm_exit runs (host mode, interrupts off) and its return is the
// VMRESUME. While the handler runs the thread may sleep or lose the core to another.
#pragma once

#include <functional>

#include "lib/activity.h"
#include "models/cpu/cpu.h"
#include "models/cpu/vmcs.h"

namespace iovirt::cpu {

class VmxCpu;

class VmExitHandler {
 public:
  virtual ~VmExitHandler() = default;
  /// The exit's fields are in the current VMCS.
  virtual void vm_exit(VmxCpu& cpu) = 0;
};

/// One virtual processor's state beside the VMCS region: what the guest's registers hold.
struct GuestState {
  GuestState(std::uint64_t address, std::span<std::uint8_t, vmcs_layout::kRegionBytes> region)
      : vmcs_address(address), vmcs(region) {}

  std::uint64_t vmcs_address;  ///< host-physical
  Vmcs vmcs;
  Idt* idt = nullptr;
  bool interrupts_enabled = false;  ///< RFLAGS.IF
  VmExitHandler* host = nullptr;    ///< REQUIRES: set before run_guest

  /// Where the guest's RAM lies, [ram_base, ram_base + ram_bytes) from guest-physical 0: lets instrumentation find a
  /// packet in a page that EPT does not map yet. The processor does not look at it.
  std::uint64_t ram_base = 0;
  std::uint64_t ram_bytes = 0;

  /// The operand of the instruction that exited, as the VMM's decoder would find it: memory, port or MSR.
  /// A VMM that has carried the instruction out sets `done`, and `value` for a read; otherwise it is retried.
  struct Operand {
    bool write = false;
    unsigned bytes = 0;
    std::uint64_t value = 0;
    std::uint64_t argument = 0;  ///< MSR index, VMCALL argument, CPUID leaf | subleaf << 32
    CpuidResult cpuid;
    bool done = false;
  } operand;
};

class VmxCpu : public Cpu {
 public:
  /// The core's number and APIC ID.
  virtual unsigned index() const = 0;

  // -- VMX ---------------------------------------------------------------------------------------------------
  /// Makes the VMCS current (and the previous one's state leaves the core).
  virtual void vmptrld(GuestState& guest) = 0;
  virtual std::uint64_t vmread(std::uint32_t field) = 0;
  virtual void vmwrite(std::uint32_t field, std::uint64_t value) = 0;
  /// VMLAUNCH: runs `guest` in guest mode until it returns.
  virtual void run_guest(GuestState& guest, const std::function<void()>& body) = 0;
  virtual bool in_guest() const = 0;
  virtual void invept() = 0;

  // -- whose time it is: what the ledger charges --------------------------------------------------------------
  virtual Activity activity() const = 0;
  virtual void set_activity(Activity activity) = 0;

  /// Waits until the kernel's time is now(): before anything another core or a device must see in order.
  virtual void synchronise() = 0;
  /// Programs the core's own APIC timer (IA32_TSC_DEADLINE) for a point in time.
  virtual void set_tsc_deadline(Ps deadline) = 0;
};

/// The core's time goes to `activity` for the life of this object.
class ActivityScope {
 public:
  ActivityScope(VmxCpu& cpu, Activity activity) : cpu_(cpu), before_(cpu.activity()) { cpu.set_activity(activity); }
  ~ActivityScope() { cpu_.set_activity(before_); }
  ActivityScope(const ActivityScope&) = delete;
  ActivityScope& operator=(const ActivityScope&) = delete;

 private:
  VmxCpu& cpu_;
  Activity before_;
};

}  // namespace iovirt::cpu
