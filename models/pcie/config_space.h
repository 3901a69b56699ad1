// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The 4 KiB configuration space of one function (PCIe 5.0, 7.2): every byte has a value, a writable mask and a
// write-1-to-clear mask, so sizing a BAR works by itself. Capabilities add themselves (see function.h).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "models/pcie/pci_spec.h"

namespace iovirt::pcie {

/// [15:8] bus, [7:3] device, [2:0] function; with ARI [7:0] is the function.
using Bdf = std::uint16_t;

enum class BarKind : std::uint8_t { memory32, memory64, memory64_prefetchable };

struct Identity {
  std::uint16_t vendor = 0xffff;
  std::uint16_t device = 0xffff;
  std::uint32_t class_code = 0;  ///< 24 bits: base, sub, interface
  std::uint8_t revision = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem = 0;
  std::uint8_t interrupt_pin = 0;
  bool multi_function = false;
};

class ConfigSpace {
 public:
  /// A virtual function reads FFFFh as vendor and device id, has no BARs of its own, and of Command only Bus Master
  /// Enable (9.3.4.1).
  enum class Header : std::uint8_t { type0, type1, virtual_function };
  static constexpr unsigned kBytes = 4096;

  explicit ConfigSpace(const Identity& identity, Header header = Header::type0);

  // -- what software does: any 1 to 8 bytes; beyond 4 KiB reads give ones and writes are ignored --------------------
  std::uint64_t read(std::uint16_t offset, unsigned bytes) const;
  /// Masks apply, then the hooks of the bytes touched run once each, in order of registration.
  void write(std::uint16_t offset, unsigned bytes, std::uint64_t value);

  // -- building: throws std::logic_error when it makes no sense ------------------------------------------------------
  /// `size` is a power of two, at least 16. A 64-bit BAR takes index and index + 1.
  void add_bar(unsigned index, std::uint64_t size, BarKind kind);
  /// Reserves `bytes` and links the capability at the end of its list; `at` 0: the next free place. Returns the offset.
  std::uint16_t add_capability(std::uint8_t id, unsigned bytes, std::uint16_t at = 0);
  std::uint16_t add_extended_capability(std::uint16_t id, unsigned version, unsigned bytes, std::uint16_t at = 0);
  /// A register: reset value, bits software may write, bits it clears by writing 1.
  void define(std::uint16_t offset, unsigned bytes, std::uint64_t reset, std::uint64_t writable = 0,
              std::uint64_t write1_clear = 0);
  using Hook = std::function<void()>;
  void on_write(std::uint16_t offset, unsigned bytes, Hook hook);

  // -- the hardware's own side: no masks, no hooks ---------------------------------------------------------------------
  std::uint64_t get(std::uint16_t offset, unsigned bytes) const {
    if (bytes == 2 && offset < kBytes - 1) return value_[offset] | static_cast<std::uint64_t>(value_[offset + 1]) << 8;
    return read(offset, bytes);
  }
  void set(std::uint16_t offset, unsigned bytes, std::uint64_t value);
  bool memory_enabled() const { return (value_[spec::kCommand] & spec::kCommandMemoryEnable) != 0; }
  bool bus_master() const { return (value_[spec::kCommand] & spec::kCommandBusMaster) != 0; }
  /// What the BAR decodes now; none when there is no such BAR or memory decoding is off.
  std::optional<std::uint64_t> bar(unsigned index) const;
  /// 0: no such BAR.
  std::uint64_t bar_size(unsigned index) const { return index < 6 ? bar_size_[index] : 0; }
  /// Offset, or 0.
  std::uint16_t find_capability(std::uint8_t id) const;
  std::uint16_t find_extended_capability(std::uint16_t id) const;
  /// Every register to the value it was defined with; hooks do not run.
  void reset();

  // -- type 1 -------------------------------------------------------------------------------------------------------------
  struct Window {
    std::uint64_t base = 1, limit = 0;  ///< inclusive; base > limit: closed
    bool contains(std::uint64_t address) const { return address >= base && address <= limit; }
  };
  std::uint8_t secondary_bus() const { return value_[spec::kSecondaryBus]; }
  std::uint8_t subordinate_bus() const { return value_[spec::kSubordinateBus]; }
  Window memory_window() const;
  Window prefetchable_window() const;

 private:
  struct Watch {
    std::uint16_t first, last;
    Hook hook;
  };
  Header header_;
  std::array<std::uint8_t, kBytes> value_{}, reset_{}, writable_{}, write1_clear_{};
  std::array<std::uint64_t, 6> bar_size_{};
  std::uint16_t next_capability_ = 0x40, next_extended_ = 0x100;
  std::uint16_t last_capability_ = 0, last_extended_ = 0;
  std::vector<Watch> watches_;
};

}  // namespace iovirt::pcie
