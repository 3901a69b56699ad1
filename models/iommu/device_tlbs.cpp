// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/device_tlbs.h"

#include "models/iommu/ats_spec.h"

namespace iovirt::iommu {

std::optional<InvalidateRequest> DeviceTlbs::begin(const DeviceTlbInvalidation& invalidation) {
  unsigned of_device = 0;
  for (unsigned tag = 0; tag < kTags; ++tag)
    if ((outstanding_ >> tag & 1) && requests_[tag].physical_function == invalidation.physical_function) ++of_device;
  if (outstanding_ == ~TagSet{0} || of_device >= invalidation.at_once) return std::nullopt;
  while (outstanding_ >> next_ & 1) next_ = (next_ + 1) % kTags;
  const std::uint8_t tag = next_;
  next_ = (next_ + 1) % kTags;  // in turn: a completion that comes too late should not meet a new request
  outstanding_ |= TagSet{1} << tag;
  requests_[tag] = {invalidation.source, invalidation.physical_function, 0};

  InvalidateRequest message;
  message.destination = invalidation.source;
  message.tag = tag;
  if (invalidation.has_pasid) message.pasid = invalidation.pasid;
  message.body = invalidate_request::Address::in_place(invalidation.address) | invalidate_request::S::of(invalidation.size) |
                 invalidate_request::Global::of(invalidation.global);
  return message;
}

bool DeviceTlbs::completion(std::uint16_t source, std::uint64_t body) {
  const auto tags = static_cast<TagSet>(invalidate_completion::Tags::get(body));
  const unsigned count = static_cast<unsigned>(invalidate_completion::Count::get(body));
  bool expected = tags != 0;
  for (unsigned tag = 0; tag < kTags; ++tag) {
    if (!(tags >> tag & 1)) continue;
    Request& request = requests_[tag];
    if (!(outstanding_ >> tag & 1) || request.source != source) {
      expected = false;
      continue;
    }
    if (++request.completions >= (count == 0 ? 8u : count)) outstanding_ &= ~(TagSet{1} << tag);
  }
  return expected;
}

std::uint16_t DeviceTlbs::expire(std::uint8_t tag) {
  outstanding_ &= ~(TagSet{1} << tag);
  return requests_[tag].source;
}

}  // namespace iovirt::iommu
