// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The capabilities that are little more than registers: PCI Express, ARI, AER, power management.
#pragma once

#include <cstdint>

#include "models/pcie/config_space.h"

namespace iovirt::pcie {

/// PCI Express capability (7.5.3): payload and read request sizes, link, function-level reset.
class Express {
 public:
  enum class Port : std::uint8_t { endpoint = 0, root_port = 4, integrated_endpoint = 9 };
  struct Spec {
    Port port = Port::endpoint;
    unsigned mps_bytes = 256;  ///< largest payload supported: 128, 256, ... 4096
    unsigned generation = 3;   ///< 1 to 5
    unsigned width = 8;        ///< lanes
    bool flr = false;
    bool ari_forwarding = false;  ///< of a port
  };
  /// The capability goes to `at` (0: next free place). `config` must outlive this.
  Express(ConfigSpace& config, const Spec& spec, std::uint16_t at = 0);
  Express(const Express&) = delete;
  Express& operator=(const Express&) = delete;

  std::uint16_t offset() const { return at_; }
  /// Max_Payload_Size and Max_Read_Request_Size as software has set them, in bytes; the payload is never larger
  /// than what is supported.
  unsigned mps() const;
  unsigned mrrs() const;
  bool ari_forwarding() const;
  bool has_flr() const { return spec_.flr; }
  void report_unsupported_request();
  /// Runs when software writes Initiate Function Level Reset; the bit always reads 0.
  void on_flr(ConfigSpace::Hook hook);

 private:
  ConfigSpace& config_;
  Spec spec_;
  std::uint16_t at_;
  ConfigSpace::Hook on_flr_;
};

/// Alternative Routing-ID Interpretation (7.8.7): next function 0, no groups. Returns its offset.
std::uint16_t add_ari(ConfigSpace& config, std::uint16_t at = 0);

/// Advanced Error Reporting (7.8.4): status is recorded, severity and masks stored; no error messages are sent.
class Aer {
 public:
  explicit Aer(ConfigSpace& config, std::uint16_t at = 0);
  std::uint16_t offset() const { return at_; }
  void report(std::uint32_t uncorrectable);

 private:
  ConfigSpace& config_;
  std::uint16_t at_;
};

/// Power management (7.5.2): D0 and D3hot are stored, nothing is switched off. Returns its offset.
std::uint16_t add_power_management(ConfigSpace& config, std::uint16_t at = 0);

}  // namespace iovirt::pcie
