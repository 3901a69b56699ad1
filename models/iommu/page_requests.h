// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Page requests (PRI): from a device's message into the page-request queue in memory (7.4), or straight to a response.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "lib/ats_message_spec.h"
#include "lib/register_bank.h"
#include "models/iommu/config.h"
#include "models/iommu/fault_log.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// A page-request message (ATS 10.4.1).
struct PageRequest {
  std::uint16_t source = 0;
  std::uint32_t pasid = kNoPasid;
  bool execute = false;
  bool privileged = false;
  bool read = false;
  bool write = false;
  bool last = false;  ///< of its group; with neither read nor write: a stop marker, which nobody answers
  std::uint16_t group = 0;
  std::uint64_t address = 0;
};

class PageRequestQueue {
 public:
  using Entry = std::array<std::uint64_t, 4>;  ///< as in memory (7.4.1)

  /// Adds PQH, PQT, PQA, PRS, PECTL and on to `bank` if `config` has page requests.
  PageRequestQueue(RegisterBank& bank, const Config& config);
  PageRequestQueue(const PageRequestQueue&) = delete;
  PageRequestQueue& operator=(const PageRequestQueue&) = delete;

  /// Takes the next place, and says where in memory `entry_of` the request is to be written. Nothing: the queue is
  /// full or overflowing, and the request is dropped. Its device is told success (7.4.1, table 31): it translates again,
  /// and asks again if that does not help. REQUIRES: page requests.
  std::optional<std::uint64_t> place();
  static Entry entry_of(const PageRequest& request);
  /// What a device learns whose request was dropped or refused: nothing until the last of its group.
  static bool wants_response(const PageRequest& request) { return request.last && (request.read || request.write); }

  /// The entry placed at `address` is in memory. Once all before it are too, the tail moves and PRS.PPR is set.
  void written(std::uint64_t address);
  /// Those that are in the queue.
  std::uint64_t occupancy() const;

  std::optional<InterruptMessage> take_event() { return event_ ? event_->take() : std::nullopt; }

 private:
  std::uint64_t bytes() const;
  void set_status(std::uint32_t bit);

  std::optional<EventRegisters> event_;
  std::uint32_t placed_ = 0;     ///< beyond the tail
  std::vector<bool> written_;    ///< by place: of the placed ones, those that are in memory
  RegisterBank::Register* head_ = nullptr;
  RegisterBank::Register* tail_ = nullptr;
  RegisterBank::Register* base_ = nullptr;
  RegisterBank::Register* status_ = nullptr;
};

}  // namespace iovirt::iommu
