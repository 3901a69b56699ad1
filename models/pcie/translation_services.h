// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a function with a translation cache of its own has in configuration space: address translation services,
// page requests, PASID (PCIe 5.0, 10.5 and 7.8.8), and what software has allowed by them.
#pragma once

#include <array>
#include <cstdint>

#include "lib/ats_message_spec.h"
#include "models/pcie/config_space.h"

namespace iovirt::pcie {

/// Address Translation Services (10.5.1).
class Ats {
 public:
  struct Spec {
    unsigned queue_depth = 32;  ///< invalidate requests the function can take at once, 1 to 32; a VF has its PF's
    bool page_aligned = true;   ///< its translation requests begin on a page
    bool global_invalidate = false;
  };
  /// The capability goes to `at` (0: next free place). `physical`: of a VF, its PF's. Both must outlive this.
  Ats(ConfigSpace& config, const Spec& spec, const Ats* physical = nullptr, std::uint16_t at = 0);
  Ats(const Ats&) = delete;
  Ats& operator=(const Ats&) = delete;

  std::uint16_t offset() const { return at_; }
  /// May send translation requests and translated requests, and keep translations.
  bool enabled() const;
  /// Smallest Translation Unit: no translation or invalidation is of less.
  std::uint64_t unit_bytes() const;
  /// Runs when software writes Control.
  void on_control(ConfigSpace::Hook hook);

 private:
  ConfigSpace& config_;
  const Ats* physical_;
  std::uint16_t at_;
};

/// Page requests (10.5.2): the interface of a physical function, whose VFs share it.
class Pri {
 public:
  struct Spec {
    std::uint32_t capacity = 32;  ///< page requests the function can have outstanding
  };
  Pri(ConfigSpace& config, const Spec& spec, std::uint16_t at = 0);
  Pri(const Pri&) = delete;
  Pri& operator=(const Pri&) = delete;

  std::uint16_t offset() const { return at_; }
  bool enabled() const;
  /// Enabled, not failed, and fewer outstanding than software has allocated.
  bool may_ask() const;
  /// REQUIRES: may_ask(); group below 512.
  void asked(std::uint16_t group);
  /// A response for `group` came, and all its requests are over. False: nobody asked (UPRGI), or it comes after a
  /// response failure, which ends every group.
  bool responded(std::uint16_t group, PageResponseCode code);
  std::uint32_t outstanding() const { return outstanding_; }
  /// The function was reset.
  void reset();

 private:
  void control_written();
  void forget();
  void set_status(std::uint16_t bit);
  void settle();

  ConfigSpace& config_;
  Spec spec_;
  std::uint16_t at_;
  bool was_enabled_ = false;
  std::uint32_t outstanding_ = 0;
  std::array<std::uint32_t, 512> by_group_{};
};

/// PASID (7.8.8): TLPs with a PASID, and what they may ask for.
class Pasid {
 public:
  struct Spec {
    unsigned width = 20;  ///< bits
    bool execute = false;
    bool privileged = false;
  };
  Pasid(ConfigSpace& config, const Spec& spec, std::uint16_t at = 0);

  std::uint16_t offset() const { return at_; }
  /// A TLP may carry `pasid` and ask for these rights.
  bool allows(std::uint32_t pasid, bool execute, bool privileged) const;

 private:
  ConfigSpace& config_;
  Spec spec_;
  std::uint16_t at_;
};

}  // namespace iovirt::pcie
