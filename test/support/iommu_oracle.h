// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A naive translator: no caches, every entry read from memory each time, the specification's sentences one after the
// other. What the IOMMU's answers are compared with.
#pragma once

#include <cstdint>
#include <variant>

#include "lib/memory_port.h"
#include "models/iommu/config.h"

namespace iovirt::test {

struct OracleRequest {
  std::uint16_t source = 0;
  std::uint64_t address = 0;
  bool write = false;
  bool zero_length = false;
  std::int64_t pasid = -1;  ///< -1: none
  bool privileged = false;
  bool execute = false;
};

/// What the oracle reads tables from.
class OracleMemory {
 public:
  virtual ~OracleMemory() = default;
  /// One structure: `count` words of 8 bytes. False: memory has no answer.
  virtual bool read(std::uint64_t address, unsigned count, std::uint64_t* words) = 0;
  /// Sets accessed and dirty bits of a paging entry.
  virtual bool set_bits(std::uint64_t address, std::uint64_t bits) = 0;
};

/// Memory as it is.
class PlainOracleMemory : public OracleMemory {
 public:
  explicit PlainOracleMemory(MemoryPort& memory) : memory_(memory) {}
  bool read(std::uint64_t address, unsigned count, std::uint64_t* words) override;
  bool set_bits(std::uint64_t address, std::uint64_t bits) override;

 private:
  MemoryPort& memory_;
};

/// The host-physical address, or the fault reason's number.
struct OracleFault {
  unsigned reason;
  friend bool operator==(const OracleFault&, const OracleFault&) = default;
};
using OracleAnswer = std::variant<std::uint64_t, OracleFault>;

/// `rtaddr` as the register says it, TTM included.
OracleAnswer translate_naively(OracleMemory& memory, const iommu::Config& config, std::uint64_t rtaddr, const OracleRequest& request);
OracleAnswer translate_naively(MemoryPort& memory, const iommu::Config& config, std::uint64_t rtaddr, const OracleRequest& request);

}  // namespace iovirt::test
