// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/function.h"

#include <stdexcept>

namespace iovirt::pcie {
namespace {

void once(bool absent) {
  if (!absent) throw std::logic_error("a function has each capability at most once");
}

}  // namespace

Express& Function::add_express(const Express::Spec& spec, std::uint16_t at) {
  once(!express_);
  express_ = std::make_unique<Express>(config, spec, at);
  return *express_;
}

Msix& Function::add_msix(const Msix::Spec& spec, std::uint16_t at) {
  once(!msix_);
  msix_ = std::make_unique<Msix>(config, spec, at);
  return *msix_;
}

Sriov& Function::add_sriov(const Sriov::Spec& spec, std::uint16_t at) {
  once(!sriov_);
  sriov_ = std::make_unique<Sriov>(config, spec, at);
  return *sriov_;
}

Aer& Function::add_aer(std::uint16_t at) {
  once(!aer_);
  aer_ = std::make_unique<Aer>(config, at);
  return *aer_;
}

Ats& Function::add_ats(const Ats::Spec& spec, const Ats* physical, std::uint16_t at) {
  once(!ats_);
  ats_ = std::make_unique<Ats>(config, spec, physical, at);
  return *ats_;
}

Pri& Function::add_page_requests(const Pri::Spec& spec, std::uint16_t at) {
  once(!pri_);
  pri_ = std::make_unique<Pri>(config, spec, at);
  return *pri_;
}

Pasid& Function::add_pasid(const Pasid::Spec& spec, std::uint16_t at) {
  once(!pasid_);
  pasid_ = std::make_unique<Pasid>(config, spec, at);
  return *pasid_;
}

void Function::reset() {
  config.reset();
  if (msix_) msix_->reset();
  if (sriov_) sriov_->reset();
  if (pri_) pri_->reset();
}

}  // namespace iovirt::pcie
