// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What software sees of a core. Drivers, kernels and applications are written against this and nothing else, so
// the same code runs on bare metal, in a guest (where each access is checked against the VMCS and EPT and may exit)
// and in tests (over a fake). Addresses are physical from the software's own view: guest-physical in a guest.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>

#include "lib/packet_ledger.h"
#include "lib/time.h"

namespace iovirt::cpu {

struct CpuidResult {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// Interrupt descriptor table: what runs when a vector is delivered. Belongs to a kernel; loaded with lidt.
struct Idt {
  std::array<std::function<void(std::uint8_t vector)>, 256> gates;
};

class Cpu {
 public:
  virtual ~Cpu() = default;

  // -- memory ------------------------------------------------------------------------------------------------
  /// 1, 2, 4 or 8 bytes of RAM or of a device (MMIO: a TLP, and time). REQUIRES: naturally aligned.
  virtual std::uint64_t load(std::uint64_t address, unsigned bytes) = 0;
  virtual void store(std::uint64_t address, unsigned bytes, std::uint64_t value) = 0;
  /// RAM only; the time of touching its cache lines, charged as a copy.
  virtual void read(std::uint64_t address, std::span<std::uint8_t> bytes) = 0;
  virtual void write(std::uint64_t address, std::span<const std::uint8_t> bytes) = 0;
  /// RAM to RAM in the software's own address space, charged as a copy. The packet at `from` is then also at `to`.
  virtual void copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) = 0;

  // -- the rest of the instruction set that matters here -------------------------------------------------------
  virtual std::uint32_t in(std::uint16_t port, unsigned bytes) = 0;
  virtual void out(std::uint16_t port, unsigned bytes, std::uint32_t value) = 0;
  virtual std::uint64_t rdmsr(std::uint32_t index) = 0;
  virtual void wrmsr(std::uint32_t index, std::uint64_t value) = 0;
  virtual CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf) = 0;
  /// sti; hlt: sleeps until an interrupt has been taken.
  virtual void hlt() = 0;
  virtual void pause() = 0;
  /// MFENCE: what others did to shared memory before this moment is seen after it, and what follows they see not before
  /// it. Without one, memory that cores share is ordered to within cpu.quantum_ns only. Its cycles belong to the profile's
  /// cost of whatever it is part of.
  virtual void fence() = 0;
  virtual std::uint64_t vmcall(std::uint64_t number, std::uint64_t argument) = 0;
  /// Work that touches no device: time passes, interrupts are taken on the way when enabled.
  virtual void compute(std::uint64_t cycles) = 0;
  virtual void cli() = 0;
  virtual void sti() = 0;
  virtual bool interrupts_enabled() const = 0;
  virtual void lidt(Idt* table) = 0;

  // -- instrumentation: not part of the machine, costs nothing ---------------------------------------------------
  /// The core's own time, ahead of the kernel's within a quantum.
  virtual Ps now() const = 0;
  /// The packet whose first byte lies at `address` (as this software sees it), 0 when none.
  virtual PacketId packet_at(std::uint64_t address) = 0;
  virtual void place_packet(std::uint64_t address, PacketId packet) = 0;
  /// The packet has waited for, or been worked on by, this core until now.
  virtual void charge(PacketId packet) = 0;
};

}  // namespace iovirt::cpu
