// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The local APIC's timer: one-shot, periodic and TSC-deadline (Intel SDM volume 3, 11.5.4). It has no clock: the
// caller passes the time, asks when it is due, and calls expire() then or later.
#pragma once

#include <cstdint>

#include "lib/time.h"
#include "models/cpu/apic_spec.h"
#include "models/cpu/tsc.h"

namespace iovirt::cpu {

class ApicTimer {
 public:
  /// `tick`: period of the timer's input clock before division. Throws std::invalid_argument when either is 0.
  ApicTimer(std::uint64_t tsc_mhz, Ps tick);

  lvt::TimerMode mode() const { return mode_; }
  /// A change to or from TSC-deadline mode disarms.
  void set_mode(lvt::TimerMode mode);
  void set_divide(std::uint32_t configuration, Ps now);  ///< the divide configuration register; rescales a running count
  void set_initial_count(std::uint32_t count, Ps now);   ///< starts, 0 stops; ignored in TSC-deadline mode
  std::uint32_t initial_count() const { return initial_; }
  std::uint32_t current_count(Ps now) const;
  /// IA32_TSC_DEADLINE: 0 disarms; ignored outside TSC-deadline mode. Reads 0 when disarmed.
  void set_deadline_tsc(std::uint64_t tsc);
  std::uint64_t deadline_tsc() const { return mode_ == lvt::tsc_deadline ? deadline_tsc_ : 0; }

  /// When it fires next, possibly in the past; kNever when stopped.
  Ps next() const { return next_; }
  /// The number of times it fired up to and including `now`; periodic re-arms, the others stop.
  std::uint64_t expire(Ps now);
  void stop();

 private:
  Ps period() const { return static_cast<Ps>(initial_) * tick_ * divisor_; }

  std::uint64_t tsc_mhz_;
  Ps tick_;
  std::uint32_t divisor_ = 2;
  lvt::TimerMode mode_ = lvt::one_shot;
  std::uint32_t initial_ = 0;
  std::uint64_t deadline_tsc_ = 0;
  Ps next_ = kNever;
};

}  // namespace iovirt::cpu
