// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/apic_timer.h"

#include <stdexcept>

namespace iovirt::cpu {

ApicTimer::ApicTimer(std::uint64_t tsc_mhz, Ps tick) : tsc_mhz_(tsc_mhz), tick_(tick) {
  if (tsc_mhz == 0) throw std::invalid_argument("cpu.frequency_mhz: 0 (expected at least 1)");
  if (tick == 0) throw std::invalid_argument("cpu.apic_timer_tick_ns: 0 (expected at least 1)");
}

void ApicTimer::set_mode(lvt::TimerMode mode) {
  if (mode == mode_) return;
  if (mode == lvt::tsc_deadline || mode_ == lvt::tsc_deadline) stop();
  mode_ = mode;
}

void ApicTimer::set_divide(std::uint32_t configuration, Ps now) {
  // Bits 3, 1, 0 count up from divide by 2; 111 is divide by 1.
  const unsigned code = (configuration >> 1 & 4) | (configuration & 3);
  const std::uint32_t divisor = code == 7 ? 1u : 2u << code;
  if (mode_ != lvt::tsc_deadline && next_ != kNever && next_ > now)
    next_ = now + static_cast<Ps>(current_count(now)) * tick_ * divisor;
  divisor_ = divisor;
}

void ApicTimer::set_initial_count(std::uint32_t count, Ps now) {
  if (mode_ == lvt::tsc_deadline) return;
  initial_ = count;
  next_ = count ? now + period() : kNever;
}

std::uint32_t ApicTimer::current_count(Ps now) const {
  if (mode_ == lvt::tsc_deadline || next_ == kNever) return 0;
  Ps remaining = 0;
  if (now < next_) remaining = next_ - now;
  else if (mode_ == lvt::periodic) remaining = period() - (now - next_) % period();
  const Ps step = tick_ * divisor_;
  return static_cast<std::uint32_t>((remaining + step - 1) / step);
}

void ApicTimer::set_deadline_tsc(std::uint64_t tsc) {
  if (mode_ != lvt::tsc_deadline) return;
  deadline_tsc_ = tsc;
  next_ = tsc ? tsc_to_ps(tsc, tsc_mhz_) : kNever;
}

std::uint64_t ApicTimer::expire(Ps now) {
  if (next_ > now || next_ == kNever) return 0;
  if (mode_ == lvt::periodic) {
    const std::uint64_t times = (now - next_) / period() + 1;
    next_ += times * period();
    return times;
  }
  next_ = kNever;
  deadline_tsc_ = 0;
  return 1;
}

void ApicTimer::stop() {
  next_ = kNever;
  initial_ = 0;
  deadline_tsc_ = 0;
}

}  // namespace iovirt::cpu
