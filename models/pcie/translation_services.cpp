// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/translation_services.h"

#include <algorithm>
#include <stdexcept>

namespace iovirt::pcie {

using namespace spec;

namespace {

std::uint16_t at(std::uint16_t capability, std::uint16_t offset) { return static_cast<std::uint16_t>(capability + offset); }

}  // namespace

// -- ATS -------------------------------------------------------------------------------------------------------------

Ats::Ats(ConfigSpace& config, const Spec& spec, const Ats* physical, std::uint16_t where) : config_(config), physical_(physical) {
  if (spec.queue_depth < 1 || spec.queue_depth > 32) throw std::logic_error("an invalidate queue takes 1 to 32 requests");
  at_ = config.add_extended_capability(kExtAts, 1, kAtsBytes, where);
  // A VF's queue depth and translation unit read 0: the PF's count.
  config.define(at(at_, kAtsCap), 2,
                AtsQueueDepth::of(physical ? 0 : spec.queue_depth) | (spec.page_aligned ? kAtsPageAligned : 0) |
                    (spec.global_invalidate ? kAtsGlobalInvalidate : 0));
  config.define(at(at_, kAtsControl), 2, 0, kAtsEnable | (physical ? 0 : AtsStu::mask));
}

bool Ats::enabled() const { return (config_.get(at(at_, kAtsControl), 2) & kAtsEnable) != 0; }

std::uint64_t Ats::unit_bytes() const {
  if (physical_) return physical_->unit_bytes();
  return 4096ull << AtsStu::get(config_.get(at(at_, kAtsControl), 2));
}

void Ats::on_control(ConfigSpace::Hook hook) { config_.on_write(at(at_, kAtsControl), 2, std::move(hook)); }

// -- page requests ---------------------------------------------------------------------------------------------------

Pri::Pri(ConfigSpace& config, const Spec& spec, std::uint16_t where) : config_(config), spec_(spec) {
  at_ = config.add_extended_capability(kExtPageRequest, 1, kPriBytes, where);
  config.define(at(at_, kPriControl), 2, 0, kPriEnable | kPriReset);
  config.define(at(at_, kPriStatus), 2, kPriStopped, 0, kPriResponseFailure | kPriUnexpectedGroup);
  config.define(at(at_, kPriCapacity), 4, spec.capacity);
  config.define(at(at_, kPriAllocation), 4, 0, 0xffff'ffff);
  config.on_write(at(at_, kPriControl), 2, [this] { control_written(); });
}

bool Pri::enabled() const { return (config_.get(at(at_, kPriControl), 2) & kPriEnable) != 0; }

void Pri::control_written() {
  const std::uint16_t control = at(at_, kPriControl), status = at(at_, kPriStatus);
  const std::uint64_t value = config_.get(control, 2);
  config_.set(control, 2, value & ~std::uint64_t{kPriReset});  // reads 0
  // Reset counts while the interface is not, or is no longer, enabled.
  if ((value & kPriReset) && !enabled()) forget();
  if (enabled() && !was_enabled_)
    config_.set(status, 2, config_.get(status, 2) & ~std::uint64_t{kPriResponseFailure | kPriUnexpectedGroup | kPriStopped});
  was_enabled_ = enabled();
  settle();
}

bool Pri::may_ask() const {
  if (!enabled() || (config_.get(at(at_, kPriStatus), 2) & kPriResponseFailure)) return false;
  const auto allocated = static_cast<std::uint32_t>(config_.get(at(at_, kPriAllocation), 4));
  return outstanding_ < std::min(allocated, spec_.capacity);
}

void Pri::asked(std::uint16_t group) {
  ++by_group_[group];
  ++outstanding_;
}

bool Pri::responded(std::uint16_t group, PageResponseCode code) {
  if (config_.get(at(at_, kPriStatus), 2) & kPriResponseFailure) return false;  // ignored until enabled anew
  if (by_group_[group] == 0) {
    set_status(kPriUnexpectedGroup);
    return false;
  }
  outstanding_ -= by_group_[group];
  by_group_[group] = 0;
  if (code == PageResponseCode::response_failure) {
    forget();
    set_status(kPriResponseFailure);
  }
  settle();
  return true;
}

void Pri::reset() {
  forget();
  was_enabled_ = false;
}

void Pri::forget() {
  by_group_.fill(0);
  outstanding_ = 0;
}

void Pri::set_status(std::uint16_t bit) {
  const std::uint16_t status = at(at_, kPriStatus);
  config_.set(status, 2, config_.get(status, 2) | bit);
}

/// Stopped: no longer enabled, and every request answered.
void Pri::settle() {
  if (!enabled() && outstanding_ == 0) set_status(kPriStopped);
}

// -- PASID -----------------------------------------------------------------------------------------------------------

Pasid::Pasid(ConfigSpace& config, const Spec& spec, std::uint16_t where) : config_(config), spec_(spec) {
  if (spec.width > 20) throw std::logic_error("a PASID has at most 20 bits");
  at_ = config.add_extended_capability(kExtPasid, 1, kPasidBytes, where);
  const auto rights = static_cast<std::uint16_t>((spec.execute ? kPasidExecute : 0) | (spec.privileged ? kPasidPrivileged : 0));
  config.define(at(at_, kPasidCap), 2, PasidWidth::of(spec.width) | rights);
  config.define(at(at_, kPasidControl), 2, 0, static_cast<std::uint16_t>(kPasidEnable | rights));
}

bool Pasid::allows(std::uint32_t pasid, bool execute, bool privileged) const {
  const std::uint64_t control = config_.get(at(at_, kPasidControl), 2);
  if (!(control & kPasidEnable) || pasid >> spec_.width != 0) return false;
  return (!execute || (control & kPasidExecute)) && (!privileged || (control & kPasidPrivileged));
}

}  // namespace iovirt::pcie
