// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/kvm/vm.h"

#include "models/cpu/ept_spec.h"
#include "models/cpu/vmx_capabilities.h"
#include "models/cpu/vmx_spec.h"
#include "models/software/kernel/host_vectors.h"

namespace iovirt::software {
namespace {

constexpr std::uint64_t kPage = 4096, k2M = 2ull << 20, k1G = 1ull << 30;

}  // namespace

Vm::Vm(unsigned index, const VmOptions& options, const cpu::Config& cpu_config, HostKernel& kernel,
       cpu::MemorySystem& memory)
    : index_(index), options_(options), config_(cpu_config), kernel_(kernel), memory_(memory), io_apic_(*this) {}

Vm::~Vm() = default;

void Vm::create() {
  // A page of EPT or IOMMU is as large as the memory's alignment allows.
  memory_base_ = kernel_.allocate(options_.memory_bytes, options_.memory_bytes >= k1G && options_.ept_page_bytes >= k1G ? k1G : k2M);
  ept_root_ = kernel_.allocate(kPage, kPage);
  msr_bitmap_ = kernel_.allocate(kPage, kPage);
  apic_page_ = kernel_.allocate(kPage, kPage);
  if (config_.apicv) posted_address_ = kernel_.allocate(64, 64);
  vmcs_ = kernel_.allocate(kPage, kPage);
  state_ = std::make_unique<cpu::GuestState>(vmcs_, bytes_at<cpu::vmcs_layout::kRegionBytes>(vmcs_));
  state_->host = this;
  state_->ram_base = memory_base_;
  state_->ram_bytes = options_.memory_bytes;
  // KVM's emulated timer counts at 1 GHz (KVM_DEFAULT_APIC_BUS_CYCLE_NS).
  apic_ = std::make_unique<cpu::LocalApic>(
      cpu::LocalApicConfig{.id = 0, .tsc_mhz = config_.frequency_mhz, .timer_tick = kPsPerNs, .bootstrap = true},
      bytes_at<cpu::kApicPageBytes>(apic_page_));
  if (posted_address_ != 0) {
    cpu::PostedInterruptDescriptor descriptor(bytes_at<cpu::kPostedDescriptorBytes>(posted_address_));
    descriptor.set_nv(kPostedNotificationVector);
    descriptor.set_ndst(options_.core);
  }
}

void Vm::add_region(std::uint64_t gpa, std::uint64_t bytes, UserDevice& device, unsigned region) {
  regions_.push_back({gpa, bytes, &device, region});
}

void Vm::add_ioeventfd(std::uint64_t gpa, std::function<void()> signal) {
  ioeventfds_.push_back({gpa, std::move(signal)});
}

void Vm::map_device(std::uint64_t gpa, std::uint64_t host_physical, std::uint64_t bytes) {
  direct_.push_back({gpa, host_physical, bytes});
}

void Vm::run(const std::function<void(cpu::Cpu&)>& guest) {
  cpu::VmxCpu& cpu = kernel_.vmx_cpu();
  cpu.set_activity(Activity::host_kernel);
  cpu.vmptrld(*state_);
  build_vmcs(cpu);
  prepare_entry(cpu);
  cpu.run_guest(*state_, [&] { guest(cpu); });
}

// KVM's vmx_vcpu_setup, as far as the modelled controls go.
void Vm::build_vmcs(cpu::VmxCpu& cpu) {
  namespace f = cpu::vmcs_field;
  state_->vmcs.set_revision(cpu::VmxCapabilities::kRevision);
  state_->vmcs.clear();

  // Every MSR access exits, but for what APICv takes over (KVM vmx_update_msr_bitmap_x2apic).
  std::vector<std::uint8_t> bitmap(kPage, 0xff);
  if (config_.apicv) {
    const auto pass = [&](std::uint32_t index, bool write) {
      const std::uint32_t offset = (write ? 0x800u : 0u) + index / 8;
      bitmap[offset] &= static_cast<std::uint8_t>(~(1u << (index % 8)));
    };
    for (std::uint32_t msr = 0x800; msr <= 0x8ff; ++msr)
      if (msr != cpu::apic_msr::current_count) pass(msr, false);
    pass(cpu::apic_msr::tpr, true);
    pass(cpu::apic_msr::eoi, true);
    pass(cpu::apic_msr::self_ipi, true);
  }
  cpu.write(msr_bitmap_, bitmap);

  namespace p = cpu::primary;
  namespace s = cpu::secondary;
  pin_controls_ = cpu::pin::default1 | cpu::pin::external_interrupt_exiting | cpu::pin::nmi_exiting |
                  (config_.apicv ? cpu::pin::process_posted_interrupts : 0);
  primary_controls_ = cpu::primary::default1 | p::hlt_exiting | p::unconditional_io_exiting | p::use_msr_bitmaps |
                      p::activate_secondary_controls | (config_.apicv ? p::use_tpr_shadow : 0);
  const std::uint32_t secondary = s::enable_ept | s::enable_vpid | s::unrestricted_guest |
                                  (config_.apicv ? s::virtualize_x2apic_mode | s::apic_register_virtualization |
                                                       s::virtual_interrupt_delivery
                                                 : 0);
  cpu.vmwrite(f::pin_controls, pin_controls_);
  cpu.vmwrite(f::primary_controls, primary_controls_);
  cpu.vmwrite(f::secondary_controls, secondary);
  cpu.vmwrite(f::exit_controls, cpu::exit_control::default1 | cpu::exit_control::host_address_space_size |
                                    cpu::exit_control::acknowledge_interrupt);
  cpu.vmwrite(f::entry_controls, cpu::entry_control::default1 | cpu::entry_control::ia32e_mode_guest);
  cpu.vmwrite(f::ept_pointer, cpu::eptp::make(ept_root_));
  cpu.vmwrite(f::vpid, index_ + 1);
  cpu.vmwrite(f::msr_bitmap, msr_bitmap_);
  if (config_.apicv) {
    cpu.vmwrite(f::virtual_apic_page, apic_page_);
    cpu.vmwrite(f::posted_interrupt_vector, kPostedNotificationVector);
    cpu.vmwrite(f::posted_interrupt_descriptor, posted_address_);
  }
  cpu.vmwrite(f::vmcs_link_pointer, ~0ull);

  // A flat 64-bit kernel on both sides.
  for (auto field : {f::host_cr0, f::guest_cr0}) cpu.vmwrite(field, 0x8005'0033);
  for (auto field : {f::host_cr4, f::guest_cr4}) cpu.vmwrite(field, 0x0000'26f0);
  for (auto field : {f::host_cs_selector, f::guest_cs_selector}) cpu.vmwrite(field, 0x10);
  for (auto field : {f::host_tr_selector, f::guest_tr_selector}) cpu.vmwrite(field, 0x40);
  cpu.vmwrite(f::guest_ss_selector, 0x18);
  cpu.vmwrite(f::guest_cs_rights, 0xa09b);
  cpu.vmwrite(f::guest_ss_rights, 0xc093);
  for (auto field : {f::guest_ds_rights, f::guest_es_rights, f::guest_fs_rights, f::guest_gs_rights, f::guest_ldtr_rights})
    cpu.vmwrite(field, 0x1'0000);
  cpu.vmwrite(f::guest_tr_rights, 0x8b);
  cpu.vmwrite(f::guest_tr_limit, 0x67);
  cpu.vmwrite(f::guest_cs_limit, 0xffff'ffff);
  cpu.vmwrite(f::guest_ss_limit, 0xffff'ffff);
  cpu.vmwrite(f::guest_rflags, 2);
  cpu.vmwrite(f::guest_dr7, 0x400);
}

/// Installs `entry` for `gpa` at `level`: 1 a 4-KB leaf, 2 a 2-MB, 3 a 1-GB one; tables on the way made.
void Vm::map_page(cpu::VmxCpu& cpu, std::uint64_t gpa, std::uint64_t entry, unsigned level) {
  std::uint64_t table = ept_root_;
  for (unsigned at = 4; at > level; --at) {
    const std::uint64_t slot = table + ((gpa >> (12 + 9 * (at - 1))) & 511) * 8;
    const std::uint64_t value = cpu.load(slot, 8);
    table = cpu::ept_entry::address::in_place(value);
    if (value == 0) {
      table = kernel_.allocate(kPage, kPage);
      cpu.store(slot, 8, table | cpu::ept_entry::rights::of(7));
    }
  }
  cpu.store(table + ((gpa >> (12 + 9 * (level - 1))) & 511) * 8, 8, entry);
}

// KVM's page-fault path: RAM and assigned registers are mapped at the first touch; an emulated register's page gets an
// entry that is write-only, a misconfiguration, so that later accesses exit the cheap way (kvm mmio_spte).
bool Vm::fault_in(cpu::VmxCpu& cpu, std::uint64_t gpa) {
  namespace e = cpu::ept_entry;
  constexpr std::uint64_t kWriteBack = 6, kUncached = 0;
  if (gpa < options_.memory_bytes) {
    std::uint64_t bytes = options_.ept_page_bytes;
    if (bytes == k1G && ((gpa & ~(k1G - 1)) + k1G > options_.memory_bytes)) bytes = k2M;
    const unsigned level = bytes == k1G ? 3 : bytes == k2M ? 2 : 1;
    const std::uint64_t page = gpa & ~(bytes - 1);
    map_page(cpu, page,
             (memory_base_ + page) | e::rights::of(7) | e::memory_type::of(kWriteBack) | e::page::of(level > 1), level);
    return true;
  }
  for (const DirectMap& map : direct_) {
    if (gpa < map.gpa || gpa >= map.gpa + map.bytes) continue;
    const std::uint64_t page = gpa & ~(kPage - 1);
    map_page(cpu, page, (map.host_physical + (page - map.gpa)) | e::rights::of(3) | e::memory_type::of(kUncached), 1);
    return true;
  }
  map_page(cpu, gpa & ~(kPage - 1), e::write::mask | e::execute::mask, 1);
  return false;
}

}  // namespace iovirt::software
