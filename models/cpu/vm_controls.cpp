// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vm_controls.h"

namespace iovirt::cpu {

VmControls VmControls::load(const Vmcs& vmcs) {
  namespace f = vmcs_field;
  VmControls c;
  c.pin = vmcs.get<f::pin_controls>();
  c.primary = vmcs.get<f::primary_controls>();
  if (c.on(primary::activate_secondary_controls)) c.secondary = vmcs.get<f::secondary_controls>();
  c.exit = vmcs.get<f::exit_controls>();
  c.entry = vmcs.get<f::entry_controls>();
  c.io_bitmap_a = vmcs.get<f::io_bitmap_a>();
  c.io_bitmap_b = vmcs.get<f::io_bitmap_b>();
  c.msr_bitmap = vmcs.get<f::msr_bitmap>();
  c.virtual_apic_page = vmcs.get<f::virtual_apic_page>();
  c.apic_access_page = vmcs.get<f::apic_access_page>();
  c.posted_interrupt_descriptor = vmcs.get<f::posted_interrupt_descriptor>();
  c.ept_pointer = vmcs.get<f::ept_pointer>();
  c.tsc_offset = c.on(primary::use_tsc_offsetting) ? vmcs.get<f::tsc_offset>() : 0;
  c.eoi_exit_bitmap = {vmcs.get<f::eoi_exit_bitmap0>(), vmcs.get<f::eoi_exit_bitmap1>(),
                       vmcs.get<f::eoi_exit_bitmap2>(), vmcs.get<f::eoi_exit_bitmap3>()};
  c.vpid = c.on2(secondary::enable_vpid) ? vmcs.get<f::vpid>() : std::uint16_t{0};
  c.notification_vector = static_cast<std::uint8_t>(vmcs.get<f::posted_interrupt_vector>());
  c.tpr_threshold = static_cast<std::uint8_t>(vmcs.get<f::tpr_threshold>() & 0xf);
  return c;
}

}  // namespace iovirt::cpu
