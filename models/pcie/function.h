// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One PCI function: its configuration space and the capabilities it was composed of.
#pragma once

#include <memory>

#include "models/pcie/capabilities.h"
#include "models/pcie/config_space.h"
#include "models/pcie/msix.h"
#include "models/pcie/sriov.h"
#include "models/pcie/translation_services.h"

namespace iovirt::pcie {

class Function {
 public:
  explicit Function(const Identity& identity, ConfigSpace::Header header = ConfigSpace::Header::type0)
      : config(identity, header) {}
  Function(const Function&) = delete;
  Function& operator=(const Function&) = delete;

  ConfigSpace config;

  // Each at most once, in the order the capability list shall have; `at` 0: the next free place.
  Express& add_express(const Express::Spec& spec, std::uint16_t at = 0);
  Msix& add_msix(const Msix::Spec& spec, std::uint16_t at = 0);
  Sriov& add_sriov(const Sriov::Spec& spec, std::uint16_t at = 0);
  Aer& add_aer(std::uint16_t at = 0);
  /// `physical`: of a VF, its PF's.
  Ats& add_ats(const Ats::Spec& spec, const Ats* physical = nullptr, std::uint16_t at = 0);
  Pri& add_page_requests(const Pri::Spec& spec, std::uint16_t at = 0);
  Pasid& add_pasid(const Pasid::Spec& spec, std::uint16_t at = 0);

  /// Null when the function has none.
  Express* express() const { return express_.get(); }
  Msix* msix() const { return msix_.get(); }
  Sriov* sriov() const { return sriov_.get(); }
  Aer* aer() const { return aer_.get(); }
  Ats* ats() const { return ats_.get(); }
  Pri* page_requests() const { return pri_.get(); }
  Pasid* pasid() const { return pasid_.get(); }

  /// Function-level reset (6.6.2): configuration space and MSI-X to their initial values.
  void reset();

 private:
  std::unique_ptr<Express> express_;
  std::unique_ptr<Msix> msix_;
  std::unique_ptr<Sriov> sriov_;
  std::unique_ptr<Aer> aer_;
  std::unique_ptr<Ats> ats_;
  std::unique_ptr<Pri> pri_;
  std::unique_ptr<Pasid> pasid_;
};

}  // namespace iovirt::pcie
