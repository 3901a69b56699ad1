// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A local APIC (Intel SDM volume 3, chapter 11), xAPIC and x2APIC. Used as a core's own and, by a VMM, as the APIC it
// emulates: the registers lie in a page the owner provides, so that the same page can be a virtual-APIC page.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "models/cpu/apic_page.h"
#include "models/cpu/apic_timer.h"
#include "models/cpu/interrupt_message.h"

namespace iovirt::cpu {

struct LocalApicConfig {
  std::uint32_t id = 0;
  std::uint64_t tsc_mhz = 1000;
  Ps timer_tick = 10'000;     ///< period of the timer's input clock (100 MHz here; KVM's emulated one runs at 1 GHz)
  bool bootstrap = false;     ///< IA32_APIC_BASE[8]
  bool x2apic = true;         ///< x2APIC mode exists
  bool tsc_deadline = true;   ///< the timer has TSC-deadline mode
};

struct EndOfInterrupt {
  std::uint8_t vector = 0;
  bool broadcast = false;     ///< level-triggered and not suppressed: tell the I/O APIC
};

struct Ipi {
  InterruptMessage message;   ///< level: trigger mode as written
  icr::Shorthand shorthand = icr::none;
};

/// What a register write set in motion beyond the register.
struct ApicEffect {
  bool fault = false;                  ///< x2APIC: #GP(0)
  bool timer_changed = false;          ///< ask next_deadline() again
  std::optional<EndOfInterrupt> ended;
  std::optional<Ipi> ipi;              ///< for the interconnect; an IPI to self alone has been accepted already
};

class LocalApic {
 public:
  LocalApic(const LocalApicConfig& config, std::span<std::uint8_t, kApicPageBytes> page);
  /// Power-up state (11.4.7.1): software-disabled, everything masked, xAPIC mode.
  void reset();

  // -- register access --------------------------------------------------------------------------------------------
  /// xAPIC page: 32-bit registers at multiples of 16. An unknown offset reads 0, is ignored, and sets the ESR.
  std::uint32_t read(std::uint32_t offset, Ps now);
  ApicEffect write(std::uint32_t offset, std::uint32_t value, Ps now);
  /// IA32_APIC_BASE, IA32_TSC_DEADLINE and, in x2APIC mode, 0x800..0x8ff. Nothing, respectively `fault`: #GP.
  static bool owns_msr(std::uint32_t index) {
    return index == apic_msr::base || index == apic_msr::tsc_deadline ||
           (index >= apic_msr::x2apic_first && index <= apic_msr::x2apic_last);
  }
  std::optional<std::uint64_t> read_msr(std::uint32_t index, Ps now);
  ApicEffect write_msr(std::uint32_t index, std::uint64_t value, Ps now);

  // -- interrupts ---------------------------------------------------------------------------------------------------
  /// A fixed interrupt arrives. False: not accepted (disabled APIC, or an illegal vector, which sets the ESR).
  bool accept(std::uint8_t vector, bool level);
  /// The vector the core would take now, -1 when none exceeds the processor priority. One load.
  int deliverable() const { return deliverable_; }
  /// INTA: moves deliverable() from IRR to ISR and returns it; the spurious vector when there is none.
  std::uint8_t acknowledge();
  /// What a write to the EOI register does. Nothing when no interrupt is in service.
  std::optional<EndOfInterrupt> eoi();
  /// The message is for this APIC (shorthands apart). Broadcasts included.
  bool matches(const InterruptMessage& message) const;

  // -- timer ----------------------------------------------------------------------------------------------------------
  /// When expire() must be called; kNever when the timer is stopped.
  Ps next_deadline() const { return timer_.next(); }
  /// Fires the timer if it is due; true when an interrupt was accepted (not masked). Missed periods coalesce into one.
  bool expire(Ps now);
  std::uint64_t timer_fired() const { return timer_fired_; }

  // -- state ------------------------------------------------------------------------------------------------------------
  bool enabled() const { return apic_base::enable::get(base_) && svr_field::enable::get(page_.get(apic_reg::svr)); }
  bool x2apic() const { return apic_base::x2apic::get(base_); }
  std::uint64_t base() const { return base_; }
  std::uint32_t id() const { return id_; }
  std::uint8_t tpr() const { return static_cast<std::uint8_t>(page_.get(apic_reg::tpr)); }
  void set_tpr(std::uint8_t value);  ///< CR8 and TPR writes
  std::uint8_t ppr() const { return static_cast<std::uint8_t>(page_.get(apic_reg::ppr)); }
  int highest_in_service() const { return page_.highest(apic_reg::isr); }
  int highest_requested() const { return page_.highest(apic_reg::irr); }
  ApicPage page() const { return page_; }
  /// Someone else (virtual-interrupt delivery, a test) changed IRR, ISR or TPR in the page.
  void refresh();

 private:
  void reset_registers();
  bool set_base(std::uint64_t value);
  bool set_lvt(std::uint32_t offset, std::uint32_t value);
  void report(std::uint32_t error);
  void send(std::uint64_t command, ApicEffect& effect);
  void raise(std::uint8_t vector, bool level);
  ApicEffect write_register(std::uint32_t offset, std::uint32_t value, Ps now);

  ApicPage page_;
  ApicTimer timer_;
  std::uint32_t id_;
  bool bootstrap_, has_x2apic_, has_tsc_deadline_;
  std::uint64_t base_ = 0;
  std::uint32_t pending_errors_ = 0;  ///< collected since the last write to the ESR
  int deliverable_ = -1;
  std::uint64_t timer_fired_ = 0;
};

}  // namespace iovirt::cpu
