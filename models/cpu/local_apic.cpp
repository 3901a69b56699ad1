// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/local_apic.h"

#include <array>

namespace iovirt::cpu {

namespace {

// Integrated APIC, seven LVT entries, EOI-broadcast suppression (11.4.8).
constexpr std::uint32_t kVersion = 1u << 24 | 6u << 16 | 0x15;
constexpr std::uint32_t kLvts[] = {apic_reg::lvt_cmci,  apic_reg::lvt_timer, apic_reg::lvt_thermal, apic_reg::lvt_perf,
                                   apic_reg::lvt_lint0, apic_reg::lvt_lint1, apic_reg::lvt_error};
constexpr std::uint32_t kMasked = static_cast<std::uint32_t>(lvt::mask::mask);

enum Access : std::uint8_t { none = 0, readable = 1, writable = 2, both = 3 };

/// The registers that exist, by offset / 16 (11.4.1).
constexpr auto kAccess = [] {
  std::array<Access, 64> table{};
  auto put = [&](std::uint32_t offset, Access access) { table[offset >> 4] = access; };
  using namespace apic_reg;
  for (std::uint32_t r : {id, version, apr, ppr, rrd, current_count}) put(r, readable);
  for (std::uint32_t r = isr; r < esr; r += 0x10) put(r, readable);
  for (std::uint32_t r : {tpr, ldr, dfr, svr, esr, icr_low, icr_high, initial_count, divide}) put(r, both);
  for (std::uint32_t r : kLvts) put(r, both);
  put(eoi, writable);
  put(self_ipi, writable);
  return table;
}();

Access access_of(std::uint32_t offset) {
  return (offset & 0xf) == 0 && offset < 0x400 ? kAccess[offset >> 4] : none;
}

/// What x2APIC mode changes (11.12.1.2): these do not exist, or are read-only.
Access x2apic_access_of(std::uint32_t offset) {
  using namespace apic_reg;
  if (offset == apr || offset == rrd || offset == dfr || offset == icr_high) return none;
  if (offset == ldr) return readable;
  return access_of(offset);
}

/// Bits software may set; writing another one is #GP in x2APIC mode and ignored in xAPIC mode.
std::uint64_t writable_bits(std::uint32_t offset) {
  using namespace apic_reg;
  switch (offset) {
    case tpr:
    case self_ipi: return 0xff;
    case eoi:
    case esr: return 0;
    case svr: return 0x11ff;
    case icr_low: return 0xffff'ffff'000c'cfff;
    case lvt_timer: return 0x7'00ff;
    case lvt_lint0:
    case lvt_lint1: return 0x1'a7ff;
    case lvt_error: return 0x1'00ff;
    case lvt_cmci:
    case lvt_thermal:
    case lvt_perf: return 0x1'07ff;
    case divide: return 0xb;
    default: return 0xffff'ffff;
  }
}

}  // namespace

LocalApic::LocalApic(const LocalApicConfig& config, std::span<std::uint8_t, kApicPageBytes> page)
    : page_(page),
      timer_(config.tsc_mhz, config.timer_tick),
      id_(config.id),
      bootstrap_(config.bootstrap),
      has_x2apic_(config.x2apic),
      has_tsc_deadline_(config.tsc_deadline) {
  reset();
}

void LocalApic::reset() {
  base_ = apic_base::default_address | apic_base::enable::of(1) | apic_base::bsp::of(bootstrap_);
  reset_registers();
}

void LocalApic::reset_registers() {
  std::memset(page_.data(), 0, kApicPageBytes);
  page_.set(apic_reg::id, id_ << 24);
  page_.set(apic_reg::version, kVersion);
  page_.set(apic_reg::dfr, 0xffff'ffff);
  page_.set(apic_reg::svr, 0xff);
  for (std::uint32_t offset : kLvts) page_.set(offset, kMasked);
  timer_.stop();
  timer_.set_mode(lvt::one_shot);
  timer_.set_divide(0, 0);
  pending_errors_ = 0;
  refresh();
}

// -- interrupts ------------------------------------------------------------------------------------------------------

void LocalApic::refresh() {
  const auto tpr_value = page_.get(apic_reg::tpr) & 0xff;
  const int in_service = highest_in_service();
  const std::uint32_t service_class = in_service < 0 ? 0 : static_cast<std::uint32_t>(in_service) & 0xf0;
  const std::uint32_t ppr_value = (tpr_value & 0xf0) >= service_class ? tpr_value : service_class;
  page_.set(apic_reg::ppr, ppr_value);
  const int requested = highest_requested();
  deliverable_ = requested >= 0 && (static_cast<std::uint32_t>(requested) & 0xf0) > (ppr_value & 0xf0) ? requested : -1;
}

void LocalApic::raise(std::uint8_t vector, bool level) {
  page_.set_bit(apic_reg::irr, vector);
  if (level) page_.set_bit(apic_reg::tmr, vector);
  else page_.clear_bit(apic_reg::tmr, vector);
  if (vector > deliverable_ && (vector & 0xf0) > (ppr() & 0xf0)) deliverable_ = vector;
}

bool LocalApic::accept(std::uint8_t vector, bool level) {
  if (!enabled()) return false;
  if (vector < 16) {
    report(esr_error::receive_illegal_vector);
    return false;
  }
  raise(vector, level);
  return true;
}

std::uint8_t LocalApic::acknowledge() {
  if (deliverable_ < 0) return static_cast<std::uint8_t>(svr_field::vector::get(page_.get(apic_reg::svr)));
  const auto vector = static_cast<std::uint8_t>(deliverable_);
  page_.clear_bit(apic_reg::irr, vector);
  page_.set_bit(apic_reg::isr, vector);
  refresh();
  return vector;
}

std::optional<EndOfInterrupt> LocalApic::eoi() {
  const int in_service = highest_in_service();
  if (in_service < 0) return std::nullopt;
  const auto vector = static_cast<std::uint8_t>(in_service);
  page_.clear_bit(apic_reg::isr, vector);
  refresh();
  const bool level = page_.bit(apic_reg::tmr, vector);
  return EndOfInterrupt{vector, level && !svr_field::suppress_eoi_broadcast::get(page_.get(apic_reg::svr))};
}

bool LocalApic::matches(const InterruptMessage& message) const {
  if (!apic_base::enable::get(base_)) return false;
  const std::uint32_t to = message.destination;
  if (x2apic()) {
    if (to == 0xffff'ffff) return true;
    if (!message.logical) return to == id_;
    const std::uint32_t own = page_.get(apic_reg::ldr);
    return to >> 16 == own >> 16 && (to & own & 0xffff);
  }
  if (to == 0xff || to == 0xffff'ffff) return true;
  if (!message.logical) return to == page_.get(apic_reg::id) >> 24;
  const std::uint32_t own = page_.get(apic_reg::ldr) >> 24;
  if (page_.get(apic_reg::dfr) >> 28 == 0xf) return (to & own & 0xff) != 0;
  return to >> 4 == own >> 4 && (to & own & 0xf);
}

void LocalApic::report(std::uint32_t error) {
  pending_errors_ |= error;
  const std::uint32_t entry = page_.get(apic_reg::lvt_error);
  if (entry & kMasked) return;
  const auto vector = static_cast<std::uint8_t>(lvt::vector::get(entry));
  if (vector < 16) pending_errors_ |= esr_error::receive_illegal_vector;
  else if (enabled()) raise(vector, false);
}

bool LocalApic::expire(Ps now) {
  if (timer_.expire(now) == 0) return false;
  const std::uint32_t entry = page_.get(apic_reg::lvt_timer);
  if (entry & kMasked) return false;
  if (!accept(static_cast<std::uint8_t>(lvt::vector::get(entry)), false)) return false;
  ++timer_fired_;
  return true;
}

void LocalApic::set_tpr(std::uint8_t value) {
  page_.set(apic_reg::tpr, value);
  refresh();
}

// -- registers -------------------------------------------------------------------------------------------------------

std::uint32_t LocalApic::read(std::uint32_t offset, Ps now) {
  if (!(access_of(offset) & readable)) {
    if (access_of(offset) == none) report(esr_error::illegal_register);
    return 0;
  }
  return offset == apic_reg::current_count ? timer_.current_count(now) : page_.get(offset);
}

ApicEffect LocalApic::write(std::uint32_t offset, std::uint32_t value, Ps now) {
  if (!(access_of(offset) & writable) || offset == apic_reg::self_ipi) {
    if (access_of(offset) == none || offset == apic_reg::self_ipi) report(esr_error::illegal_register);
    return {};
  }
  const auto bits = static_cast<std::uint32_t>(writable_bits(offset));
  if (offset == apic_reg::icr_low) {
    page_.set(apic_reg::icr_low, value & bits);
    ApicEffect effect;
    send(static_cast<std::uint64_t>(page_.get(apic_reg::icr_high) >> 24) << 32 | (value & bits), effect);
    return effect;
  }
  return write_register(offset, value & bits, now);
}

std::optional<std::uint64_t> LocalApic::read_msr(std::uint32_t index, Ps now) {
  if (index == apic_msr::base) return base_;
  if (index == apic_msr::tsc_deadline) {
    if (!has_tsc_deadline_) return std::nullopt;
    return timer_.deadline_tsc();
  }
  if (!owns_msr(index) || !x2apic()) return std::nullopt;
  const std::uint32_t offset = apic_msr::offset(index);
  if (!(x2apic_access_of(offset) & readable)) return std::nullopt;
  if (offset == apic_reg::current_count) return timer_.current_count(now);
  std::uint64_t value = page_.get(offset);
  if (offset == apic_reg::icr_low) value |= static_cast<std::uint64_t>(page_.get(apic_reg::icr_low + 4)) << 32;
  return value;
}

ApicEffect LocalApic::write_msr(std::uint32_t index, std::uint64_t value, Ps now) {
  ApicEffect fault;
  fault.fault = true;
  ApicEffect effect;
  if (index == apic_msr::base) {
    effect.timer_changed = true;
    effect.fault = !set_base(value);
    return effect;
  }
  if (index == apic_msr::tsc_deadline) {
    if (!has_tsc_deadline_) return fault;
    timer_.set_deadline_tsc(value);
    effect.timer_changed = true;
    return effect;
  }
  if (!owns_msr(index) || !x2apic()) return fault;
  const std::uint32_t offset = apic_msr::offset(index);
  if (!(x2apic_access_of(offset) & writable) || (value & ~writable_bits(offset))) return fault;
  if (offset == apic_reg::lvt_timer && lvt::timer_mode::get(value) == 3) return fault;
  if (offset == apic_reg::icr_low) {
    page_.set(apic_reg::icr_low, static_cast<std::uint32_t>(value));
    page_.set(apic_reg::icr_low + 4, static_cast<std::uint32_t>(value >> 32));
    send(value, effect);
    return effect;
  }
  if (offset == apic_reg::self_ipi) {
    send(value | icr::shorthand::of(icr::self), effect);
    return effect;
  }
  return write_register(offset, static_cast<std::uint32_t>(value), now);
}

ApicEffect LocalApic::write_register(std::uint32_t offset, std::uint32_t value, Ps now) {
  namespace r = apic_reg;
  ApicEffect effect;
  switch (offset) {
    case r::tpr: set_tpr(static_cast<std::uint8_t>(value)); break;
    case r::eoi: effect.ended = eoi(); break;
    case r::esr:
      page_.set(r::esr, pending_errors_);
      pending_errors_ = 0;
      break;
    case r::ldr:
    case r::icr_high: page_.set(offset, value & 0xff00'0000); break;
    case r::dfr: page_.set(r::dfr, value | 0x0fff'ffff); break;
    case r::svr:
      page_.set(offset, value);
      if (!svr_field::enable::get(value))
        for (std::uint32_t entry : kLvts) page_.set(entry, page_.get(entry) | kMasked);
      break;
    case r::initial_count:
      if (timer_.mode() == lvt::tsc_deadline) break;
      page_.set(offset, value);
      timer_.set_initial_count(value, now);
      effect.timer_changed = true;
      break;
    case r::divide:
      page_.set(offset, value);
      timer_.set_divide(value, now);
      effect.timer_changed = true;
      break;
    case r::lvt_timer:
    case r::lvt_cmci:
    case r::lvt_thermal:
    case r::lvt_perf:
    case r::lvt_lint0:
    case r::lvt_lint1:
    case r::lvt_error: effect.timer_changed = set_lvt(offset, value); break;
    default: break;
  }
  return effect;
}

bool LocalApic::set_lvt(std::uint32_t offset, std::uint32_t value) {
  if (!svr_field::enable::get(page_.get(apic_reg::svr))) value |= kMasked;
  if (offset != apic_reg::lvt_timer) {
    page_.set(offset, value);
    return false;
  }
  if (!has_tsc_deadline_) value &= ~(1u << 18);
  if (lvt::timer_mode::get(value) == 3) value &= ~(1u << 18);
  page_.set(offset, value);
  const auto mode = static_cast<lvt::TimerMode>(lvt::timer_mode::get(value));
  const bool changed = mode != timer_.mode();
  if (changed && (mode == lvt::tsc_deadline || timer_.mode() == lvt::tsc_deadline))
    page_.set(apic_reg::initial_count, 0);
  timer_.set_mode(mode);
  return changed;
}

void LocalApic::send(std::uint64_t command, ApicEffect& effect) {
  InterruptMessage message;
  message.destination = static_cast<std::uint32_t>(command >> 32);
  message.vector = static_cast<std::uint8_t>(icr::vector::get(command));
  message.mode = static_cast<DeliveryMode>(icr::delivery::get(command));
  message.logical = icr::logical::get(command);
  message.level = icr::trigger::get(command);
  message.asserted = !message.level || icr::assert_level::get(command);
  if (!message.asserted) return;  // INIT level de-assert: no effect on processors of this century
  const bool carries_vector = message.mode == DeliveryMode::fixed || message.mode == DeliveryMode::lowest_priority;
  if (carries_vector && message.vector < 16) return report(esr_error::send_illegal_vector);
  const auto shorthand = static_cast<icr::Shorthand>(icr::shorthand::get(command));
  if (shorthand == icr::self) {
    if (carries_vector) accept(message.vector, false);
    return;
  }
  effect.ipi = Ipi{message, shorthand};
}

bool LocalApic::set_base(std::uint64_t value) {
  const std::uint64_t known =
      apic_base::bsp::mask | apic_base::x2apic::mask | apic_base::enable::mask | apic_base::address::mask;
  const bool enable = apic_base::enable::get(value), x2 = apic_base::x2apic::get(value);
  if (value & ~known) return false;
  if (x2 && (!enable || !has_x2apic_)) return false;
  const bool was_enabled = apic_base::enable::get(base_);
  if (x2apic() && enable && !x2) return false;  // x2APIC back to xAPIC only by way of disabled (11.12.5)
  if (!was_enabled && x2) return false;
  const bool to_x2apic = x2 && !x2apic();
  base_ = value;
  if (!enable) {
    if (was_enabled) reset_registers();
  } else if (to_x2apic) {
    page_.set(apic_reg::id, id_);
    page_.set(apic_reg::ldr, (id_ >> 4) << 16 | 1u << (id_ & 0xf));
    page_.set(apic_reg::icr_high, 0);
  }
  return true;
}

}  // namespace iovirt::cpu
