// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device of the virtual machine that user space (QEMU) carries out: what an MMIO or port exit ends up at.
#pragma once

#include <cstdint>

namespace iovirt::software {

class UserDevice {
 public:
  virtual ~UserDevice() = default;
  /// Runs on the vCPU's thread in user space; `region` is the number given to Vm::add_region.
  virtual std::uint64_t mmio_read(unsigned region, std::uint64_t offset, unsigned bytes) = 0;
  virtual void mmio_write(unsigned region, std::uint64_t offset, unsigned bytes, std::uint64_t value) = 0;
};

}  // namespace iovirt::software
