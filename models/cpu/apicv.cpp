// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/apicv.h"

#include <algorithm>
#include <bit>

namespace iovirt::cpu {

namespace {

/// The 32-bit register an access lies in, or ~0: accesses must lie in the low four bytes of a 16-byte slot (30.4.2).
std::uint32_t register_of(std::uint32_t offset, unsigned bytes) {
  const std::uint32_t within = offset & 0xf;
  return within + bytes <= 4 ? offset - within : ~0u;
}

bool in_bitmaps(std::uint32_t reg) { return reg >= apic_reg::isr && reg < apic_reg::esr; }

/// Registers that APIC-register virtualization keeps in the page, for reads as well as writes (30.4.2, 30.4.3).
bool kept_in_page(std::uint32_t reg) {
  using namespace apic_reg;
  switch (reg) {
    case id:
    case tpr:
    case eoi:
    case ldr:
    case dfr:
    case svr:
    case esr:
    case icr_low:
    case icr_high:
    case lvt_timer:
    case lvt_thermal:
    case lvt_perf:
    case lvt_lint0:
    case lvt_lint1:
    case lvt_error:
    case initial_count:
    case divide: return true;
    default: return false;
  }
}

/// ICR low: a fixed, edge-triggered self-IPI with a legal vector and no reserved bit (30.4.3.2).
bool plain_self_ipi(std::uint32_t value) {
  constexpr std::uint32_t reserved = 0xfff0'0000 | 3u << 16 | 3u << 12;
  return (value & reserved) == 0 && icr::shorthand::get(value) == icr::self && icr::trigger::get(value) == 0 &&
         icr::delivery::get(value) == 0 && (value & 0xf0) != 0;
}

/// PIR into VIRR; the highest vector moved, or -1.
int merge_posted(PostedInterruptDescriptor descriptor, ApicPage page) {
  int highest = -1;
  for (unsigned word = 0; word < 4; ++word) {
    const std::uint64_t bits = descriptor.take_pir(word);
    if (bits == 0) continue;
    const std::uint32_t low = apic_reg::irr + word * 0x20, high = low + 0x10;
    page.set(low, page.get(low) | static_cast<std::uint32_t>(bits));
    page.set(high, page.get(high) | static_cast<std::uint32_t>(bits >> 32));
    highest = static_cast<int>(word) * 64 + 63 - std::countl_zero(bits);
  }
  return highest;
}

std::uint8_t or_zero(int vector) { return static_cast<std::uint8_t>(std::max(vector, 0)); }

}  // namespace

void VirtualApic::update_ppr() {
  const std::uint8_t tpr = vtpr();
  page_.set(apic_reg::ppr, (tpr & 0xf0) >= (svi & 0xf0) ? tpr : static_cast<std::uint32_t>(svi & 0xf0));
}

std::uint8_t VirtualApic::deliver() {
  const std::uint8_t vector = rvi;
  page_.set_bit(apic_reg::isr, vector);
  svi = vector;
  page_.set(apic_reg::ppr, vector & 0xf0u);
  page_.clear_bit(apic_reg::irr, vector);
  rvi = or_zero(page_.highest(apic_reg::irr));
  return vector;
}

VirtualApic::Eoi VirtualApic::eoi(const VmControls& controls) {
  const std::uint8_t vector = svi;
  page_.set(apic_reg::eoi, 0);
  page_.clear_bit(apic_reg::isr, vector);
  svi = or_zero(page_.highest(apic_reg::isr));
  update_ppr();
  return {vector, controls.ends_with_exit(vector)};
}

bool VirtualApic::write_tpr(std::uint8_t value, const VmControls& controls) {
  page_.set(apic_reg::tpr, value);
  if (controls.virtual_interrupt_delivery()) {
    update_ppr();
    return false;
  }
  return tpr_below_threshold(value, controls);
}

void VirtualApic::self_ipi(std::uint8_t vector) {
  page_.set_bit(apic_reg::irr, vector);
  rvi = std::max(rvi, vector);
}

void VirtualApic::take_posted(PostedInterruptDescriptor descriptor) {
  descriptor.set_on(false);
  rvi = std::max(rvi, or_zero(merge_posted(descriptor, page_)));
}

int sync_posted(PostedInterruptDescriptor descriptor, ApicPage page) {
  descriptor.set_on(false);
  merge_posted(descriptor, page);
  return page.highest(apic_reg::irr);
}

bool tpr_below_threshold(std::uint8_t vtpr, const VmControls& controls) {
  return !controls.virtual_interrupt_delivery() && controls.on(primary::use_tpr_shadow) &&
         vtpr >> 4 < controls.tpr_threshold;
}

RdmsrVirtual virtualize_rdmsr(std::uint32_t index, const VmControls& controls) {
  if (index < apic_msr::x2apic_first || index > apic_msr::x2apic_last ||
      !controls.on2(secondary::virtualize_x2apic_mode))
    return RdmsrVirtual::physical;
  if (controls.on2(secondary::apic_register_virtualization) || index == apic_msr::tpr) return RdmsrVirtual::page;
  return RdmsrVirtual::physical;
}

std::uint64_t x2apic_page_value(ApicPage page, std::uint32_t index) {
  const std::uint32_t offset = apic_msr::offset(index);
  return page.get(offset) | static_cast<std::uint64_t>(page.get(offset + 4)) << 32;
}

WrmsrVirtual virtualize_wrmsr(std::uint32_t index, std::uint64_t value, const VmControls& controls) {
  if (!controls.on2(secondary::virtualize_x2apic_mode)) return WrmsrVirtual::physical;
  if (index == apic_msr::tpr) return value >> 8 ? WrmsrVirtual::general_protection : WrmsrVirtual::tpr;
  if (!controls.virtual_interrupt_delivery()) return WrmsrVirtual::physical;
  if (index == apic_msr::eoi) return value ? WrmsrVirtual::general_protection : WrmsrVirtual::eoi;
  if (index == apic_msr::self_ipi) {
    if (value >> 8) return WrmsrVirtual::general_protection;
    return value & 0xf0 ? WrmsrVirtual::self_ipi : WrmsrVirtual::apic_write;
  }
  return WrmsrVirtual::physical;
}

ApicRead virtualize_apic_read(std::uint32_t offset, unsigned bytes, const VmControls& controls) {
  const std::uint32_t reg = register_of(offset, bytes);
  if (reg == ~0u || !controls.on(primary::use_tpr_shadow)) return ApicRead::exit;
  if (reg == apic_reg::tpr) return ApicRead::page;
  if (!controls.on2(secondary::apic_register_virtualization)) return ApicRead::exit;
  return kept_in_page(reg) || in_bitmaps(reg) || reg == apic_reg::version ? ApicRead::page : ApicRead::exit;
}

ApicPageWrite virtualize_apic_write(std::uint32_t offset, unsigned bytes, std::uint32_t value,
                                    const VmControls& controls) {
  const std::uint32_t reg = register_of(offset, bytes);
  if (reg == ~0u || !controls.on(primary::use_tpr_shadow)) return ApicPageWrite::exit;
  const bool delivery = controls.virtual_interrupt_delivery();
  if (reg == apic_reg::tpr) return ApicPageWrite::tpr;
  if (delivery && reg == apic_reg::eoi) return ApicPageWrite::eoi;
  if (delivery && reg == apic_reg::icr_low)
    return plain_self_ipi(value) ? ApicPageWrite::self_ipi : ApicPageWrite::apic_write;
  if (!controls.on2(secondary::apic_register_virtualization) || !kept_in_page(reg)) return ApicPageWrite::exit;
  return reg == apic_reg::icr_high ? ApicPageWrite::page : ApicPageWrite::apic_write;
}

}  // namespace iovirt::cpu
