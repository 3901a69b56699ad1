// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// APIC virtualization: the processor's side of the virtual-APIC page (Intel SDM volume 3, 30.1 to 30.6).
#pragma once

#include <cstdint>
#include <span>

#include "models/cpu/apic_page.h"
#include "models/cpu/posted_interrupt.h"
#include "models/cpu/vm_controls.h"

namespace iovirt::cpu {

/// A virtual-APIC page with the guest interrupt status, while the guest runs with virtual-interrupt delivery (or, for
/// the TPR alone, with the TPR shadow). The core loads `status` at VM entry and stores it at VM exit.
class VirtualApic {
 public:
  explicit VirtualApic(std::span<std::uint8_t, kApicPageBytes> page) : page_(page) {}

  std::uint8_t rvi = 0, svi = 0;
  void load_status(std::uint16_t guest_interrupt_status) {
    rvi = static_cast<std::uint8_t>(interrupt_status::rvi::get(guest_interrupt_status));
    svi = static_cast<std::uint8_t>(interrupt_status::svi::get(guest_interrupt_status));
  }
  std::uint16_t status() const { return static_cast<std::uint16_t>(rvi | svi << 8); }

  std::uint8_t vtpr() const { return static_cast<std::uint8_t>(page_.get(apic_reg::tpr)); }
  std::uint8_t vppr() const { return static_cast<std::uint8_t>(page_.get(apic_reg::ppr)); }
  ApicPage page() const { return page_; }

  /// PPR virtualization (30.1.3): after VM entry, TPR and EOI virtualization.
  void update_ppr();
  /// Evaluation of pending virtual interrupts (30.2.1): one is recognised. The caller passes whether
  /// interrupt-window exiting is 0; delivery further needs RFLAGS.IF, no blocking, and an active guest (HLT ends).
  bool recognised() const { return (rvi & 0xf0) > (vppr() & 0xf0); }
  /// Virtual-interrupt delivery (30.2.2). Returns the vector. REQUIRES: recognised().
  std::uint8_t deliver();

  struct Eoi {
    std::uint8_t vector = 0;
    bool exits = false;  ///< EOI-induced exit (trap-like) with the vector as qualification
  };
  /// EOI virtualization (30.1.4).
  Eoi eoi(const VmControls& controls);
  /// Writes VTPR, then TPR virtualization (30.1.2). True: TPR-below-threshold exit (trap-like), only without
  /// virtual-interrupt delivery.
  bool write_tpr(std::uint8_t value, const VmControls& controls);
  /// Self-IPI virtualization (30.1.5). REQUIRES: vector >= 16 (a lower one exits, see virtualize_wrmsr).
  void self_ipi(std::uint8_t vector);
  /// Posted-interrupt processing (30.6), steps 4 to 6: VIRR |= PIR, PIR = 0, RVI raised. The core has matched the
  /// vector, acknowledged and ended the physical interrupt; ON is cleared here (step 3).
  void take_posted(PostedInterruptDescriptor descriptor);

 private:
  ApicPage page_;
};

/// Software's own synchronisation (what KVM does before entry): clears ON, moves PIR into VIRR of the page; returns
/// the highest vector set in VIRR afterwards, -1 when none.
int sync_posted(PostedInterruptDescriptor descriptor, ApicPage page);

/// True below the threshold: bits 7:4 of VTPR against the TPR threshold (30.1.2, and 27.7.7 right after VM entry).
bool tpr_below_threshold(std::uint8_t vtpr, const VmControls& controls);

// -- x2APIC MSR accesses that the MSR bitmap lets through (30.5) ---------------------------------------------------
enum class RdmsrVirtual : std::uint8_t {
  physical,  ///< not virtualized: the core's own APIC answers
  page,      ///< 64 bits from the virtual-APIC page, see x2apic_page_value
};
RdmsrVirtual virtualize_rdmsr(std::uint32_t index, const VmControls& controls);
std::uint64_t x2apic_page_value(ApicPage page, std::uint32_t index);

enum class WrmsrVirtual : std::uint8_t {
  physical,
  general_protection,  ///< reserved bits set
  tpr,                 ///< write_tpr
  eoi,                 ///< eoi
  self_ipi,            ///< self_ipi
  apic_write,          ///< the value has to be put in the page, then APIC-write exit (trap-like)
};
WrmsrVirtual virtualize_wrmsr(std::uint32_t index, std::uint64_t value, const VmControls& controls);

// -- accesses to the APIC-access page (30.4) -------------------------------------------------------------------------
enum class ApicRead : std::uint8_t { exit, page };  ///< exit: APIC_ACCESS, fault-like
ApicRead virtualize_apic_read(std::uint32_t offset, unsigned bytes, const VmControls& controls);

enum class ApicPageWrite : std::uint8_t {
  exit,        ///< APIC_ACCESS, fault-like
  tpr, eoi, self_ipi,
  apic_write,  ///< written to the page; APIC_WRITE exit (trap-like) with the offset as qualification
  page,        ///< written to the page, nothing else
};
/// `value` is what is written: it decides for ICR low whether it is a self-IPI that needs no exit (30.4.3.2).
ApicPageWrite virtualize_apic_write(std::uint32_t offset, unsigned bytes, std::uint32_t value,
                                    const VmControls& controls);

}  // namespace iovirt::cpu
