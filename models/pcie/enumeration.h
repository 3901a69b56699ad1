// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What system software does with a PCI Express hierarchy: finds functions, sizes and places BARs, numbers buses, opens
// bridge windows, sets payload sizes, enables virtual functions. Pure: it reaches the hardware through ConfigAccess only.
#pragma once

#include <cstdint>
#include <vector>

#include "models/pcie/config_space.h"

namespace iovirt::pcie {

class ConfigAccess {
 public:
  virtual ~ConfigAccess() = default;
  /// 1, 2 or 4 bytes, naturally aligned. Absent functions read as all ones.
  virtual std::uint32_t read(Bdf function, std::uint16_t offset, unsigned bytes) = 0;
  virtual void write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) = 0;
};

struct FoundBar {
  unsigned index = 0;
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  bool is_64bit = false;
  bool prefetchable = false;
};

struct FoundFunction {
  Bdf bdf = 0;
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint32_t class_code = 0;
  bool bridge = false;
  Bdf parent = 0;                ///< the port above; 0 on bus 0
  std::vector<FoundBar> bars;    ///< of a VF: its share of the VF BARs
  bool downstream_port = false;  ///< a link leads on from here
  std::uint16_t express = 0;     ///< offset of the PCI Express capability, 0 none
  std::uint16_t sriov = 0;       ///< offset of the SR-IOV capability, 0 none
  std::uint16_t total_vfs = 0;
  std::vector<FoundBar> vf_bars;  ///< of VF 1; VF n's lie (n - 1) sizes further
  /// Address of BAR `index`, 0 when there is none.
  std::uint64_t bar(unsigned index) const;
};

/// Offset of a capability, 0 when absent.
std::uint16_t find_capability(ConfigAccess& access, Bdf function, std::uint8_t id);
std::uint16_t find_extended_capability(ConfigAccess& access, Bdf function, std::uint16_t id);

class Enumerator {
 public:
  struct Windows {
    std::uint64_t mmio_base = 0, mmio_bytes = 0;      ///< 32-bit
    std::uint64_t mmio64_base = 0, mmio64_bytes = 0;  ///< prefetchable, may be above 4 GiB
    unsigned mrrs_bytes = 512;
    std::uint8_t last_bus = 255;
  };
  Enumerator(ConfigAccess& access, const Windows& windows) : access_(access), windows_(windows) {}

  /// Depth first from bus 0. Afterwards every BAR (VF BARs for TotalVFs included) has an address, bridges forward
  /// them, ARI forwarding is on where a device has ARI or SR-IOV, payload sizes are the largest both ends of a link
  /// support, and memory decoding and bus mastering of bridges are on. Endpoints: memory decoding on, bus mastering
  /// left to the driver. Throws std::runtime_error when a window or the bus numbers run out.
  std::vector<FoundFunction> scan();

  /// NumVFs, VF Enable and VF MSE; gives the VFs with their BARs. REQUIRES: scanned; count at most TotalVFs.
  /// A VF is ready when 100 ms have passed in hardware; the model's are ready at once.
  std::vector<FoundFunction> enable_vfs(const FoundFunction& pf, unsigned count);
  void disable_vfs(const FoundFunction& pf);

 private:
  void scan_bus(std::uint8_t bus, const FoundFunction* parent, std::vector<FoundFunction>& found);
  void scan_bridge(FoundFunction& bridge, std::vector<FoundFunction>& found);
  void open_windows(const FoundFunction& bridge, std::uint64_t from, std::uint64_t from64);
  std::uint64_t allocate(std::uint64_t size, std::uint64_t alignment, bool high);
  void place_bars(FoundFunction& function, unsigned count, std::uint16_t first, unsigned copies);
  void prepare_sriov(FoundFunction& function, const FoundFunction* parent);
  void set_payload(const FoundFunction& function, const FoundFunction& parent);

  ConfigAccess& access_;
  Windows windows_;
  std::uint64_t next_ = 0, next64_ = 0;
  std::uint8_t last_used_bus_ = 0;
};

struct Config;
/// The windows a machine's configuration hands out.
Enumerator::Windows windows_of(const Config& config);

}  // namespace iovirt::pcie
