// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Primary fault logging (7.2) and the event registers that turn status bits into messages (7.3, 6.5.2.10).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/register_bank.h"
#include "models/iommu/config.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// One group of control, data, address and upper-address registers: FECTL and on, or IECTL and on.
class EventRegisters {
 public:
  /// Adds the four registers to `bank`, which must outlive it.
  EventRegisters(RegisterBank& bank, const char* prefix, std::uint32_t control_offset);
  EventRegisters(const EventRegisters&) = delete;
  EventRegisters& operator=(const EventRegisters&) = delete;

  /// A condition arose: a message, or while masked a pending bit that unmasking turns into one.
  void raise();
  /// Software has serviced every condition: nothing is pending any more.
  void serviced();
  /// The message to send now, once.
  std::optional<InterruptMessage> take();

 private:
  RegisterBank::Register* control_;
  RegisterBank::Register* data_;
  RegisterBank::Register* address_;
  RegisterBank::Register* upper_;
  bool due_ = false;
};

class FaultLog {
 public:
  /// Adds FSTS, FECTL and on, and the fault records to `bank`, which must outlive it.
  FaultLog(RegisterBank& bank, const Config& config);
  FaultLog(const FaultLog&) = delete;
  FaultLog& operator=(const FaultLog&) = delete;

  /// Unless its recording is suppressed: into the next record, or collapsed, or an overflow.
  void record(const Fault& fault);
  /// IQE and the like: bits of FSTS, and the fault event if they are the first.
  void set_status(std::uint32_t bit);
  /// Nothing is remapped any more: the next fault goes into the first record (7.2.1).
  void restart() { next_ = 0; }
  std::uint32_t status() const { return static_cast<std::uint32_t>(status_->value); }
  std::optional<InterruptMessage> take_event() { return event_.take(); }

 private:
  struct Record {
    RegisterBank::Register* low;
    RegisterBank::Register* high;
  };
  void settle();

  EventRegisters event_;
  bool collapse_;
  RegisterBank::Register* status_;
  std::vector<Record> records_;
  std::size_t next_ = 0;
};

}  // namespace iovirt::iommu
