// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The virtual machine's PCI bus as QEMU presents it: ECAM, functions, and BARs placed as firmware would.
#pragma once

#include <cstdint>
#include <vector>

#include "models/software/kernel/kernel.h"
#include "models/software/kvm/vm.h"

namespace iovirt::software {

/// A function on the virtual bus. Accesses run in user space on the vCPU's thread.
class GuestPciFunction {
 public:
  virtual ~GuestPciFunction() = default;
  virtual std::uint32_t config_read(std::uint16_t offset, unsigned bytes) = 0;
  virtual void config_write(std::uint16_t offset, unsigned bytes, std::uint32_t value) = 0;
  virtual std::uint64_t bar_read(unsigned bar, std::uint64_t offset, unsigned bytes) = 0;
  virtual void bar_write(unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) = 0;
  /// Firmware has placed BAR `bar`; a device with registers of its own maps them. True: accesses shall not trap.
  virtual bool bar_placed(unsigned bar, std::uint64_t gpa, std::uint64_t bytes) {
    static_cast<void>(bar), static_cast<void>(gpa), static_cast<void>(bytes);
    return false;
  }
};

class GuestPciBus final : public UserDevice {
 public:
  static constexpr std::uint64_t kEcamBase = 0xe000'0000;
  static constexpr std::uint64_t kEcamBytes = 1u << 20;  ///< bus 0
  static constexpr std::uint64_t kWindow = 0xc000'0000;

  explicit GuestPciBus(Vm& vm);

  /// Adds the function at 00:03.0, 00:04.0, ...; sizes its BARs and gives them addresses, as firmware does before the
  /// guest's kernel runs. `function` must outlive this.
  Bdf add(GuestPciFunction& function);

  std::uint64_t mmio_read(unsigned region, std::uint64_t offset, unsigned bytes) override;
  void mmio_write(unsigned region, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;

 private:
  static constexpr unsigned kFirstSlot = 3;
  static constexpr unsigned kEcamRegion = 0;  ///< others are 1 + function * 8 + BAR
  void place_bars(unsigned index);
  GuestPciFunction* at(std::uint64_t ecam_offset);

  Vm& vm_;
  std::vector<GuestPciFunction*> functions_;
  std::uint64_t next_ = kWindow;
};

}  // namespace iovirt::software
