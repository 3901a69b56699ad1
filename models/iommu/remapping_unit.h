// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU without bus and time: registers, translation, interrupt remapping, invalidation, faults.
// It never touches memory itself. Whoever drives it (the SystemC module, UntimedIommu) makes the reads and writes
// it asks for, when its own notion of time says so.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/register_bank.h"
#include "models/iommu/config.h"
#include "models/iommu/device_tlbs.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/interrupt_remapper.h"
#include "models/iommu/invalidation.h"
#include "models/iommu/page_requests.h"
#include "models/iommu/protected_ranges.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {

class RemappingUnit {
 public:
  /// Throws std::invalid_argument (Config::validate). The configuration is copied.
  explicit RemappingUnit(const Config& config);
  RemappingUnit(const RemappingUnit&) = delete;
  RemappingUnit& operator=(const RemappingUnit&) = delete;

  const Config& config() const { return config_; }
  Statistics& statistics() { return statistics_; }
  const Statistics& statistics() const { return statistics_; }

  // -- registers: naturally aligned accesses of 4 or 8 bytes; others read as 0 and write nothing (11.3) ------------
  std::uint64_t read(std::uint32_t offset, unsigned bytes);
  /// Afterwards look at next_command, queue_waiting and take_event.
  void write(std::uint32_t offset, unsigned bytes, std::uint64_t value);
  const RegisterBank& registers() const { return bank_; }

  // -- requests ------------------------------------------------------------------------------------------------------
  /// GSTS.TES: when false, requests outside the interrupt range pass as they are.
  bool translating() const { return translating_; }
  Translator& translator() { return translator_; }
  const Translator& translator() const { return translator_; }
  InterruptRemapper& remapper() { return remapper_; }
  const ProtectedRanges& protected_ranges() const { return protected_; }
  /// Counts a fault that blocked a request, and records it unless suppressed.
  void report(const Fault& fault);

  // -- commands through registers --------------------------------------------------------------------------------------
  /// `enable`: of translation or interrupt remapping, which is in force already (11.4.4.1).
  enum class Command : std::uint8_t { none, context, iotlb, enable };
  Command next_command() const {
    return command_context_ ? Command::context : command_iotlb_ ? Command::iotlb : enabling_ ? Command::enable : Command::none;
  }
  /// Does it, and says what is then to be drained.
  Drain carry_out(Command command);
  /// Clears ICC or IVT and reports the granularity, or sets TES and IRES: software's polling ends.
  void complete(Command command);

  // -- invalidation queue ------------------------------------------------------------------------------------------------
  /// A descriptor waits to be fetched and nothing is being worked on.
  bool queue_waiting() const;
  /// Of descriptors from the head on that lie in one piece. REQUIRES: queue_waiting().
  unsigned queue_waiting_bytes() const;
  /// Starts on the descriptor at the head: descriptor_bytes() to read.
  std::uint64_t begin_descriptor();
  unsigned descriptor_bytes() const { return format_.wide ? descriptor::kWideBytes : descriptor::kBytes; }
  /// The descriptor's bytes. A QueueError has been reported, and the queue stopped (6.5.2.11).
  Descriptor descriptor_read(bool ok, const descriptor::Words& words);
  void invalidate(const ContextInvalidation& invalidation);
  void invalidate(const IotlbInvalidation& invalidation);
  void invalidate(const InterruptInvalidation& invalidation);
  void invalidate(const PasidCacheInvalidation& invalidation);
  void invalidate(const PasidIotlbInvalidation& invalidation);
  /// The descriptor is done: the head moves.
  void end_descriptor();
  /// A wait with IF is done, and its status has been written.
  void raise_completion();

  // -- device-TLBs, page requests: who drives the unit carries the messages ------------------------------------------------
  DeviceTlbs& device_tlbs() { return device_tlbs_; }
  PageRequestQueue& page_requests() { return page_requests_; }
  /// ITE: the queue stops until software clears it; waits that are pending are then to be given up.
  void invalidation_timed_out(std::uint16_t source);
  /// ICE.
  void completion_error(std::uint16_t source);

  /// A message of the IOMMU's own that is due: fault, invalidation completion or page request event.
  std::optional<InterruptMessage> take_event();

 private:
  void add_registers();
  void global_command(std::uint32_t written);
  void flush();
  void disable_queue();
  void queue_error(QueueError error);
  std::uint64_t queue_bytes() const;
  void check_tail();

  const Config config_;
  Statistics statistics_;
  RegisterBank bank_;
  FaultLog faults_;
  EventRegisters completion_;
  PageRequestQueue page_requests_;
  ProtectedRanges protected_;
  DeviceTlbs device_tlbs_;
  Translator translator_;
  InterruptRemapper remapper_;

  bool translating_ = false;
  QueueFormat format_;
  bool queue_busy_ = false;
  bool queue_stop_ = false;  ///< QIE was cleared while a descriptor was in work
  std::uint32_t enabling_ = 0;  ///< of GSTS: in force, but not reported yet
  std::optional<ContextInvalidation> command_context_;
  std::optional<IotlbInvalidation> command_iotlb_;
  bool command_context_ok_ = false;
  bool command_iotlb_ok_ = false;

  RegisterBank::Register* gsts_ = nullptr;
  RegisterBank::Register* ics_ = nullptr;
  RegisterBank::Register* iqh_ = nullptr;
  RegisterBank::Register* iqt_ = nullptr;
  RegisterBank::Register* iqa_ = nullptr;
  RegisterBank::Register* iqer_ = nullptr;
};

}  // namespace iovirt::iommu
