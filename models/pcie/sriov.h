// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The SR-IOV extended capability of a physical function (PCIe 5.0, 9.3.3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "models/pcie/config_space.h"

namespace iovirt::pcie {

class Sriov {
 public:
  struct Spec {
    std::uint16_t total_vfs = 8;
    std::uint16_t vf_offset = 0x80;  ///< routing id of VF 1 minus that of the PF
    std::uint16_t vf_stride = 2;
    std::uint16_t vf_device = 0;
    struct VfBar {
      std::uint64_t size = 0;  ///< of one VF, a power of two, at least 4 KiB; 0: none
      BarKind kind = BarKind::memory32;
    };
    std::array<VfBar, 6> bars{};
  };

  /// The capability goes to `at` (0: next free place). `pf` must outlive this.
  Sriov(ConfigSpace& pf, const Spec& spec, std::uint16_t at = 0);
  Sriov(const Sriov&) = delete;
  Sriov& operator=(const Sriov&) = delete;

  const Spec& spec() const { return spec_; }
  std::uint16_t offset() const { return at_; }
  bool vf_enabled() const;
  bool vf_memory_enabled() const;
  /// VFs that exist now: NumVFs when VF Enable is set (at most TotalVFs), else 0.
  unsigned vfs() const { return vf_enabled() ? latched_ : 0; }
  /// Routing id of VF `number`, counted from 1 (9.2.1.2).
  Bdf vf_bdf(Bdf pf, unsigned number) const;
  /// The VF a routing id belongs to, 1 to vfs(); 0: none.
  unsigned vf_of(Bdf pf, Bdf id) const;
  /// Where VF BAR `index` of VF 1 decodes now; VF n follows (n - 1) sizes later. None when closed.
  std::optional<std::uint64_t> vf_bar(unsigned index) const;
  /// The PF's configuration space was reset.
  void reset();

 private:
  ConfigSpace& pf_;
  Spec spec_;
  std::uint16_t at_;
  unsigned latched_ = 0;
  bool was_enabled_ = false;
};

}  // namespace iovirt::pcie
