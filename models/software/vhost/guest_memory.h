// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A VM's memory as a backend on the host sees it: a table of regions (VHOST_SET_MEM_TABLE), and ring accesses through a
// host CPU.
#pragma once

#include <optional>
#include <vector>

#include "lib/memory_port.h"
#include "models/cpu/cpu.h"

namespace iovirt::software {

/// Guest-physical to host-physical.
class GuestMemoryMap {
 public:
  /// Throws std::invalid_argument when a region is empty, wraps, or overlaps an earlier one.
  void add(std::uint64_t gpa, std::uint64_t bytes, std::uint64_t hpa);
  /// Of the first byte of a range that lies in one region; adjacent regions that continue each other are one.
  std::optional<std::uint64_t> to_host(std::uint64_t gpa, std::uint64_t bytes) const {
    for (const Region& r : regions_)
      if (gpa >= r.gpa && gpa - r.gpa <= r.bytes && bytes <= r.bytes - (gpa - r.gpa)) return r.hpa + (gpa - r.gpa);
    return std::nullopt;
  }

 private:
  struct Region {
    std::uint64_t gpa, bytes, hpa;
  };
  std::vector<Region> regions_;
};

/// Guest memory without the machine noticing: for the ledger, which asks what lies where. Not for software.
class GuestMemoryPeek final : public MemoryPort {
 public:
  /// `ram`: the host's, from address 0.
  GuestMemoryPeek(std::uint8_t* ram, const GuestMemoryMap& map) : ram_(ram), map_(map) {}
  bool read(std::uint64_t gpa, std::span<std::uint8_t> bytes) override;
  bool write(std::uint64_t, std::span<const std::uint8_t>) override { return false; }

 private:
  std::uint8_t* ram_;
  const GuestMemoryMap& map_;
};

/// Guest-physical memory through a core, with the time of its loads and stores: small accesses word by word, as a
/// program would, larger ones as copies.
class GuestMemoryPort final : public MemoryPort {
 public:
  GuestMemoryPort(cpu::Cpu& cpu, const GuestMemoryMap& map) : cpu_(&cpu), map_(&map) {}
  void run_on(cpu::Cpu& cpu) { cpu_ = &cpu; }

  bool read(std::uint64_t gpa, std::span<std::uint8_t> bytes) override;
  bool write(std::uint64_t gpa, std::span<const std::uint8_t> bytes) override;

 private:
  cpu::Cpu* cpu_;
  const GuestMemoryMap* map_;
};

}  // namespace iovirt::software
