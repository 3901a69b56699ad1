// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// RAM from address 0 as a MemoryPort, for tests of the processor's walks and bitmaps.
#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "lib/memory_port.h"

namespace iovirt::test {

class CpuMemory : public MemoryPort {
 public:
  explicit CpuMemory(std::size_t size) : bytes(size) {}

  bool read(std::uint64_t address, std::span<std::uint8_t> out) override {
    if (!inside(address, out.size())) return false;
    std::memcpy(out.data(), bytes.data() + address, out.size());
    ++reads;
    return true;
  }
  bool write(std::uint64_t address, std::span<const std::uint8_t> in) override {
    if (!inside(address, in.size())) return false;
    std::memcpy(bytes.data() + address, in.data(), in.size());
    ++writes;
    return true;
  }
  std::span<std::uint8_t, 4096> page(std::uint64_t address) {
    return std::span<std::uint8_t, 4096>(bytes.data() + address, 4096);
  }

  std::vector<std::uint8_t> bytes;
  std::uint64_t reads = 0, writes = 0;

 private:
  bool inside(std::uint64_t address, std::size_t size) const {
    return address <= bytes.size() && size <= bytes.size() - address;
  }
};

}  // namespace iovirt::test
