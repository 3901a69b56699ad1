// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Invalidate requests that devices have not completed yet (ATS; 6.5.2.5, 6.5.2.11), and the waits behind them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "models/iommu/invalidation.h"
#include "models/iommu/request.h"

namespace iovirt::iommu {

/// An invalidate request as a message (PCIe 10.3.1).
struct InvalidateRequest {
  std::uint16_t destination = 0;
  std::uint8_t tag = 0;
  std::uint32_t pasid = kNoPasid;
  std::uint64_t body = 0;  ///< invalidate_request
};

class DeviceTlbs {
 public:
  static constexpr unsigned kTags = 32;
  using TagSet = std::uint32_t;  ///< a bit per tag

  /// The message to send, or nothing while every tag is taken or the device has as many to complete as it can.
  std::optional<InvalidateRequest> begin(const DeviceTlbInvalidation& invalidation);
  /// An invalidate completion arrived. False: not one that was expected (FSTS.ICE).
  bool completion(std::uint16_t source, std::uint64_t body);
  /// The time for an outstanding `tag` is over (FSTS.ITE): the device that has not answered.
  std::uint16_t expire(std::uint8_t tag);

  /// Requests begun and neither completed nor expired.
  TagSet outstanding() const { return outstanding_; }

 private:
  struct Request {
    std::uint16_t source = 0;
    std::uint16_t physical_function = 0;
    std::uint8_t completions = 0;  ///< received; how many there will be, each of them says
  };
  std::array<Request, kTags> requests_{};
  TagSet outstanding_ = 0;
  std::uint8_t next_ = 0;
};

}  // namespace iovirt::iommu
