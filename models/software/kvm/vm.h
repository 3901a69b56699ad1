// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtual machine with one vCPU, as KVM makes it: EPT, VMCS, in-kernel local and I/O APIC, ioeventfd, irqfd.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "models/cpu/config.h"
#include "models/cpu/io_apic.h"
#include "models/cpu/local_apic.h"
#include "models/cpu/memory_system.h"
#include "models/cpu/apicv.h"
#include "models/cpu/posted_interrupt.h"
#include "models/cpu/vmx_cpu.h"
#include "models/software/host/host_kernel.h"
#include "models/software/kvm/user_device.h"

namespace iovirt::software {

struct VmOptions {
  std::uint64_t memory_bytes = 64ull << 20;
  std::uint64_t ept_page_bytes = 2ull << 20;  ///< largest page EPT maps RAM with: 4096, 2 MB or 1 GB
  unsigned core = 0;                          ///< where its vCPU thread runs
};

class Vm final : private cpu::VmExitHandler, private cpu::IoApicSink {
 public:
  Vm(unsigned index, const VmOptions& options, const cpu::Config& cpu_config, HostKernel& kernel,
     cpu::MemorySystem& memory);
  ~Vm() override;

  /// On the vCPU's thread: builds the structures in memory, enters the guest and runs `guest` in it.
  void run(const std::function<void(cpu::Cpu&)>& guest);
  /// Allocates what others need the address of (guest memory, posted-interrupt descriptor). On any thread, once.
  void create();

  // -- address space ----------------------------------------------------------------------------------------------
  std::uint64_t memory_base() const { return memory_base_; }  ///< host-physical address of guest-physical 0
  std::uint64_t memory_bytes() const { return options_.memory_bytes; }
  /// For instrumentation, which costs nothing; software goes through a core.
  std::uint8_t* host_ram() const { return memory_.ram(); }
  /// Accesses to [gpa, gpa + bytes) go to user space.
  void add_region(std::uint64_t gpa, std::uint64_t bytes, UserDevice& device, unsigned region);
  /// A write to `gpa` only signals; the exit is handled in the kernel. `signal` runs on the vCPU's thread.
  void add_ioeventfd(std::uint64_t gpa, std::function<void()> signal);
  void remove_ioeventfds() { ioeventfds_.clear(); }
  /// A device's registers mapped into the guest: no exit.
  void map_device(std::uint64_t gpa, std::uint64_t host_physical, std::uint64_t bytes);

  // -- interrupts ---------------------------------------------------------------------------------------------------
  /// An MSI of a virtual device (irqfd, KVM_SIGNAL_MSI): from any host context on any core. Returns when the interrupt is at
  /// the vCPU's core: as one sent to it, or as the wake-up of its thread.
  Ps signal_msi(const MsiMessage& message);
  /// A pin of the in-kernel I/O APIC. Returns the same.
  Ps set_irq_line(unsigned pin, bool level);
  /// Host-physical address of the posted-interrupt descriptor; 0 without APICv.
  std::uint64_t posted_descriptor() const { return posted_address_; }
  /// Host-physical address of the VMCS. Valid after create().
  std::uint64_t vmcs() const { return vmcs_; }
  /// The posted-interrupt wake-up vector came: runs the vCPU if something is posted.
  void posted_wakeup();

  unsigned index() const { return index_; }
  unsigned core() const { return options_.core; }
  HostThread* thread() const { return thread_; }
  void set_thread(HostThread& thread) { thread_ = &thread; }
  std::uint64_t interrupts_injected() const { return injected_; }

  static constexpr std::uint64_t kIoApicBase = cpu::IoApic::kDefaultAddress;

 private:
  struct Region {
    std::uint64_t gpa, bytes;
    UserDevice* device;
    unsigned number;
  };
  struct IoEventFd {
    std::uint64_t gpa;
    std::function<void()> signal;
  };
  struct DirectMap {
    std::uint64_t gpa, host_physical, bytes;
  };
  enum class Mode { outside, guest, blocked };

  // exits
  void vm_exit(cpu::VmxCpu& cpu) override;
  void handle(cpu::VmxCpu& cpu, cpu::ExitReason reason);
  void handle_memory(cpu::VmxCpu& cpu, std::uint64_t gpa, bool violation);
  void emulate_memory(cpu::VmxCpu& cpu, std::uint64_t gpa);
  void handle_msr(cpu::VmxCpu& cpu, bool write);
  void handle_cpuid(cpu::VmxCpu& cpu);
  void halt(cpu::VmxCpu& cpu);
  void prepare_entry(cpu::VmxCpu& cpu);
  void apply(const cpu::ApicEffect& effect);

  // memory and VMCS
  void build_vmcs(cpu::VmxCpu& cpu);
  void map_page(cpu::VmxCpu& cpu, std::uint64_t gpa, std::uint64_t entry, unsigned level);
  bool fault_in(cpu::VmxCpu& cpu, std::uint64_t gpa);

  // interrupts
  void io_apic_send(unsigned pin, const cpu::InterruptMessage& message, std::uint64_t address,
                    std::uint32_t data) override;
  Ps deliver(std::uint8_t vector, bool level);
  /// Returns when the vCPU's core learns of it.
  Ps kick();
  bool interrupt_pending();
  void sync_posted_interrupts(cpu::VmxCpu& cpu);

  template <std::size_t Bytes>
  std::span<std::uint8_t, Bytes> bytes_at(std::uint64_t address) {
    return std::span<std::uint8_t, Bytes>(memory_.ram() + address, Bytes);
  }

  const unsigned index_;
  VmOptions options_;
  const cpu::Config& config_;
  HostKernel& kernel_;
  cpu::MemorySystem& memory_;
  HostThread* thread_ = nullptr;

  std::uint64_t memory_base_ = 0;
  std::uint64_t ept_root_ = 0;
  std::uint64_t msr_bitmap_ = 0;
  std::uint64_t apic_page_ = 0;
  std::uint64_t posted_address_ = 0;
  std::uint64_t vmcs_ = 0;
  std::unique_ptr<cpu::GuestState> state_;
  std::unique_ptr<cpu::LocalApic> apic_;
  cpu::IoApic io_apic_;
  std::vector<Region> regions_;
  std::vector<IoEventFd> ioeventfds_;
  std::vector<DirectMap> direct_;
  std::array<std::uint64_t, 4> eoi_exits_{};
  bool eoi_exits_changed_ = false;
  Mode mode_ = Mode::outside;
  std::uint32_t primary_controls_ = 0;
  std::uint32_t pin_controls_ = 0;
  std::uint64_t injected_ = 0;
  Ps pin_arrival_ = 0;  ///< of the interrupt that the I/O APIC sent last
};

}  // namespace iovirt::software
