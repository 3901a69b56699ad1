// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/kvm/vfio_function.h"

#include "models/pcie/pci_spec.h"

namespace iovirt::software {

namespace spec = pcie::spec;

VfioFunction::VfioFunction(const pcie::FoundFunction& device, const VfioOptions& options, HostKernel& kernel,
                           IntelIommu& iommu, Vm& vm)
    : device_(device),
      options_(options),
      kernel_(kernel),
      iommu_(iommu),
      vm_(vm),
      virtual_({.vendor = device.vendor, .device = device.device, .class_code = device.class_code}) {
  for (const pcie::FoundBar& bar : device.bars)
    virtual_.config.add_bar(bar.index, bar.size, pcie::BarKind::memory32);
}

void VfioFunction::attach() {
  IntelIommu::Domain& domain = iommu_.create_domain();
  iommu_.map_range(domain, 0, vm_.memory_base(), vm_.memory_bytes(), options_.page_bytes);
  iommu_.attach(device_.bdf, domain);

  msix_at_ = 0;
  std::uint16_t at = kernel_.pci_read(device_.bdf, spec::kCapabilities, 1) & 0xfc;
  while (at >= 0x40) {
    if (kernel_.pci_read(device_.bdf, at, 1) == spec::kCapMsix) {
      msix_at_ = at;
      break;
    }
    at = kernel_.pci_read(device_.bdf, static_cast<std::uint16_t>(at + 1), 1) & 0xfc;
  }
  if (msix_at_ == 0) return;
  const auto control = kernel_.pci_read(device_.bdf, static_cast<std::uint16_t>(msix_at_ + spec::kMsixControl), 2);
  const auto table = kernel_.pci_read(device_.bdf, static_cast<std::uint16_t>(msix_at_ + spec::kMsixTable), 4);
  const auto pba = kernel_.pci_read(device_.bdf, static_cast<std::uint16_t>(msix_at_ + spec::kMsixPba), 4);
  const unsigned entries = static_cast<unsigned>(spec::MsixTableSize::get(control)) + 1;
  table_bar_ = table & 7;
  table_ = device_.bar(table_bar_) + (table & ~7u);
  virtual_.add_msix({.vectors = entries,
                     .table_bar = table_bar_,
                     .table_offset = table & ~7u,
                     .pba_bar = pba & 7,
                     .pba_offset = pba & ~7u});
  routes_.resize(entries);
}

bool VfioFunction::bar_placed(unsigned bar, std::uint64_t gpa, std::uint64_t bytes) {
  if (bar == table_bar_ && !routes_.empty()) return false;  // trapped: the table is the host's
  vm_.map_device(gpa, device_.bar(bar), bytes);
  return true;
}

std::uint32_t VfioFunction::config_read(std::uint16_t offset, unsigned bytes) {
  return static_cast<std::uint32_t>(virtual_.config.read(offset, bytes));
}

// What the guest may decide about the device itself is bus mastering; the rest is emulated.
void VfioFunction::config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  const bool master = virtual_.config.bus_master();
  virtual_.config.write(offset, bytes, value);
  if (virtual_.config.bus_master() != master) {
    const auto command = kernel_.pci_read(device_.bdf, spec::kCommand, 2);
    kernel_.pci_write(device_.bdf, spec::kCommand, 2,
                      virtual_.config.bus_master() ? command | spec::kCommandBusMaster | spec::kCommandMemoryEnable
                                                   : command & ~std::uint32_t{spec::kCommandBusMaster});
  }
  if (!routes_.empty()) update_routes();
}

std::uint64_t VfioFunction::bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) {
  if (virtual_.msix() && virtual_.msix()->covers(bar, offset)) return virtual_.msix()->read(bar, offset, bytes);
  return kernel_.cpu().load(device_.bar(bar) + offset, bytes);
}

void VfioFunction::bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (!virtual_.msix() || !virtual_.msix()->covers(bar, offset)) {
    kernel_.cpu().store(device_.bar(bar) + offset, bytes, value);
    return;
  }
  virtual_.msix()->write(bar, offset, bytes, value);
  update_routes();
}

// Entries that the guest has unmasked get a route when MSI-X is on, again when the guest changed the message.
void VfioFunction::update_routes() {
  pcie::Msix& msix = *virtual_.msix();
  if (!msix.enabled() || msix.function_masked()) return;
  for (unsigned entry = 0; entry < routes_.size(); ++entry) {
    if (msix.vector_masked(entry)) continue;
    const auto message = msix.raise(entry);
    if (!message || (routes_[entry].installed && routes_[entry].guest_data == message->data)) continue;
    route(entry, *message);
  }
  if (!physical_enabled_) {
    physical_enabled_ = true;
    const auto at = static_cast<std::uint16_t>(msix_at_ + spec::kMsixControl);
    kernel_.pci_write(device_.bdf, at, 2, kernel_.pci_read(device_.bdf, at, 2) | spec::kMsixEnable);
  }
}

void VfioFunction::route(unsigned entry, const pcie::Msix::Message& guest) {
  routes_[entry] = {true, guest.data};
  MsiMessage message;
  if (options_.posted_interrupts && vm_.posted_descriptor() != 0) {
    message = iommu_.compose_posted(device_.bdf, {vm_.posted_descriptor(), static_cast<std::uint8_t>(guest.data)});
  } else {
    // An interrupt of the host's, on the vCPU's core, whose handler signals the irqfd.
    const MsiMessage forwarded{guest.address, guest.data};
    const std::uint8_t vector = kernel_.allocate_vector([this, forwarded] {
      kernel_.cpu().compute(kernel_.costs().eventfd_signal_cycles);
      vm_.signal_msi(forwarded);
    });
    message = iommu_.compose(device_.bdf, vector, vm_.core());
  }
  cpu::Cpu& cpu = kernel_.cpu();
  const std::uint64_t at = table_ + entry * std::uint64_t{spec::kMsixEntryBytes};
  cpu.store(at, 4, message.address & 0xffff'ffff);
  cpu.store(at + 4, 4, message.address >> 32);
  cpu.store(at + 8, 4, message.data);
  cpu.store(at + 12, 4, 0);
}

}  // namespace iovirt::software
