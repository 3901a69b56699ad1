// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/capabilities.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace iovirt::pcie {

using namespace spec;

namespace {

std::uint16_t at(std::uint16_t capability, std::uint16_t offset) { return static_cast<std::uint16_t>(capability + offset); }

}  // namespace

Express::Express(ConfigSpace& config, const Spec& spec, std::uint16_t where) : config_(config), spec_(spec) {
  if (!std::has_single_bit(spec.mps_bytes) || spec.mps_bytes < 128 || spec.mps_bytes > 4096)
    throw std::logic_error("a payload size is a power of two from 128 to 4096");
  at_ = config.add_capability(kCapExpress, kExpBytes, where);
  const auto encoded = static_cast<std::uint64_t>(std::countr_zero(spec.mps_bytes) - 7);
  const std::uint64_t link = ExpLinkSpeed::of(spec.generation) | ExpLinkWidth::of(spec.width);
  config.define(at(at_, kExpFlags), 2, 2 | ExpPortType::of(static_cast<unsigned>(spec.port)));
  config.define(at(at_, kExpDeviceCap), 4, ExpMpsSupported::of(encoded) | 1u << 15 | (spec.flr ? kExpFlrCapable : 0));
  // After reset: payload 128 bytes, read requests 512, relaxed ordering and no-snoop allowed.
  const std::uint16_t control = at(at_, kExpDeviceControl);
  config.define(control, 2, ExpMrrs::of(2) | 1u << 4 | 1u << 11, spec.flr ? 0xffff : 0x7fff);
  if (spec.flr)
    config.on_write(control, 2, [this, control] {
      const std::uint64_t value = config_.get(control, 2);
      if (!(value & kExpInitiateFlr)) return;
      config_.set(control, 2, value & ~static_cast<std::uint64_t>(kExpInitiateFlr));
      if (on_flr_) on_flr_();
    });
  config.define(at(at_, kExpDeviceStatus), 2, 0, 0, 0xf);
  config.define(at(at_, kExpLinkCap), 4, link);
  config.define(at(at_, kExpLinkControl), 2, 0, 0x3);
  config.define(at(at_, kExpLinkStatus), 2, link);
  config.define(at(at_, kExpDeviceCap2), 4, spec.ari_forwarding ? kExpAriForwarding : 0);
  config.define(at(at_, kExpDeviceControl2), 2, 0, spec.ari_forwarding ? kExpAriForwarding : 0);
}

unsigned Express::mps() const {
  const unsigned set = 128u << ExpMps::get(config_.get(at(at_, kExpDeviceControl), 2));
  return std::min(set, spec_.mps_bytes);
}

unsigned Express::mrrs() const {
  return std::min(128u << ExpMrrs::get(config_.get(at(at_, kExpDeviceControl), 2)), 4096u);
}

bool Express::ari_forwarding() const { return (config_.get(at(at_, kExpDeviceControl2), 2) & kExpAriForwarding) != 0; }

void Express::report_unsupported_request() {
  const std::uint16_t status = at(at_, kExpDeviceStatus);
  config_.set(status, 2, config_.get(status, 2) | kExpUnsupportedDetected);
}

void Express::on_flr(ConfigSpace::Hook hook) {
  if (!spec_.flr) throw std::logic_error("this function has no function-level reset");
  on_flr_ = std::move(hook);
}

std::uint16_t add_ari(ConfigSpace& config, std::uint16_t where) {
  const std::uint16_t ari = config.add_extended_capability(kExtAri, 1, 8, where);
  config.define(at(ari, 4), 2, 0);
  config.define(at(ari, 6), 2, 0);
  return ari;
}

Aer::Aer(ConfigSpace& config, std::uint16_t where) : config_(config) {
  at_ = config.add_extended_capability(kExtAer, 2, kAerBytes, where);
  config.define(at(at_, kAerUncorrectableStatus), 4, 0, 0, kAerUncorrectableBits);
  config.define(at(at_, kAerUncorrectableMask), 4, 0, kAerUncorrectableBits);
  config.define(at(at_, kAerUncorrectableSeverity), 4, 0x00462030, kAerUncorrectableBits);
  config.define(at(at_, kAerCorrectableStatus), 4, 0, 0, 0xf1c1);
  config.define(at(at_, kAerCorrectableMask), 4, 0xe000, 0xf1c1);
}

void Aer::report(std::uint32_t uncorrectable) {
  const std::uint16_t status = at(at_, kAerUncorrectableStatus);
  config_.set(status, 4, config_.get(status, 4) | (uncorrectable & kAerUncorrectableBits));
}

std::uint16_t add_power_management(ConfigSpace& config, std::uint16_t where) {
  const std::uint16_t pm = config.add_capability(kCapPowerManagement, 8, where);
  config.define(at(pm, 2), 2, 3);               // version 1.2
  config.define(at(pm, 4), 2, 1u << 3, 0x0003); // no soft reset; power state
  return pm;
}

}  // namespace iovirt::pcie
