// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/ats.h"

#include <bit>

#include "models/iommu/ats_spec.h"

namespace iovirt::iommu {
namespace {

constexpr std::uint64_t kPage = 4096;

}  // namespace

AtsRange ats_range(std::uint64_t first, std::uint64_t bytes) {
  if (bytes <= kPage) return {first & ~(kPage - 1), false};
  // All ones below the top bit of the size, which is 0.
  return {(first & ~(bytes - 1)) | ((bytes / 2 - 1) & ~(kPage - 1)), true};
}

std::uint64_t ats_range_bytes(std::uint64_t address, bool size) {
  if (!size) return kPage;
  const unsigned ones = static_cast<unsigned>(std::countr_one(address >> 12));
  return ones >= 51 ? 0 : kPage << (ones + 1);
}

std::uint64_t translation_completion_of(const Request& request, const Translation& translation) {
  namespace tc = translation_completion;
  const std::uint64_t bytes = translation.page_bytes == 0 ? kPage : translation.page_bytes;
  const AtsRange range = ats_range(translation.address & ~(bytes - 1), bytes);
  const bool writable = translation.writable && !request.no_write;
  const bool with_pasid = request.pasid != kNoPasid;
  if (!translation.readable && !translation.writable) return 0;  // the other fields mean nothing
  return range.address | tc::S::of(range.size) | tc::R::of(translation.readable) | tc::W::of(writable) |
         tc::Exe::of(with_pasid && request.execute && translation.executable && translation.readable) |
         tc::Priv::of(with_pasid && request.privileged) | tc::Global::of(with_pasid && translation.global);
}

std::uint64_t untranslated_only_completion() {
  namespace tc = translation_completion;
  return tc::U::of(1) | tc::R::of(1) | tc::W::of(1);
}

AtsAnswer ats_answer(FaultReason reason) {
  switch (static_cast<std::uint8_t>(reason)) {
    // What the tables do not allow, and addresses that they cannot hold.
    case 0x04: case 0x05: case 0x06: case 0x0e:
    case 0x71: case 0x79: case 0x80: case 0x81: case 0x82: case 0x83: case 0x84: case 0x85: case 0x86: case 0x87:
      return AtsAnswer::no_rights;
    // Not present, or not for requests like this.
    case 0x01: case 0x02: case 0x0d: case 0x39: case 0x41: case 0x44: case 0x45: case 0x46: case 0x47:
    case 0x51: case 0x59: case 0x5c: case 0x5d:
      return AtsAnswer::unsupported;
    default: return AtsAnswer::completer_abort;
  }
}

}  // namespace iovirt::iommu
