// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A RemappingUnit over memory, without time: every request, invalidation and event happens at once. For tests, and for
// whoever needs the function alone.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "lib/memory_port.h"
#include "models/iommu/remapping_unit.h"

namespace iovirt::iommu {

class UntimedIommu {
 public:
  /// Throws std::invalid_argument (Config::validate). `memory` must outlive it.
  UntimedIommu(const Config& config, MemoryPort& memory) : unit_(config), memory_(memory) {}

  RemappingUnit& unit() { return unit_; }
  std::uint64_t read_register(std::uint32_t offset, unsigned bytes = 4) { return unit_.read(offset, bytes); }
  /// Carries out everything the write started.
  void write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4);

  /// A fault has been recorded, unless it is `none`: then the request is refused without one (protected memory, ATS while
  /// translation is off).
  std::variant<Translation, Fault> translate(const Request& request);

  /// Nothing: posted without notification.
  std::variant<std::optional<InterruptMessage>, Fault> interrupt(const InterruptRequest& request);

  /// The IOMMU's own messages so far; the caller may clear it.
  std::vector<InterruptMessage>& events() { return events_; }

 private:
  Updated update(const Walk& walk);
  bool load(std::uint64_t address, unsigned bytes, std::uint64_t& low, std::uint64_t& high);
  void settle();
  template <class Answer>
  Answer blocked(const Fault& fault);

  RemappingUnit unit_;
  MemoryPort& memory_;
  std::vector<InterruptMessage> events_;
};

}  // namespace iovirt::iommu
