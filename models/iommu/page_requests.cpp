// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/page_requests.h"

#include "models/iommu/ats_spec.h"
#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {

PageRequestQueue::PageRequestQueue(RegisterBank& bank, const Config& config) {
  if (!config.page_requests) return;
  const std::uint64_t address = ((1ull << config.host_address_bits) - 1) & ~0xfffull;
  head_ = &bank.add({"PQH", reg::kPQH, 8, 0, reg::PqPointer::mask, 0, 0});
  tail_ = &bank.add({"PQT", reg::kPQT, 8, 0, reg::PqPointer::mask, 0, 0});
  base_ = &bank.add({"PQA", reg::kPQA, 8, 0, address | reg::pqa::PQS::mask, 0, 0});
  status_ = &bank.add({"PRS", reg::kPRS, 4, 0, 0, reg::prs::kPPR | reg::prs::kPRO, 0}, [this](std::uint64_t, std::uint64_t) {
    if (status_->value == 0) event_->serviced();
  });
  event_.emplace(bank, "PE", reg::kPECTL);
  written_.resize((4096u << reg::pqa::PQS::ones) / page_request_entry::kBytes);
}

std::uint64_t PageRequestQueue::bytes() const { return 4096ull << reg::pqa::PQS::get(base_->value); }

std::uint64_t PageRequestQueue::occupancy() const {
  return base_ ? ((tail_->value - head_->value) & (bytes() - 1)) / page_request_entry::kBytes : 0;
}

void PageRequestQueue::set_status(std::uint32_t bit) {
  const bool quiet = status_->value == 0;
  status_->value |= bit;
  if (quiet) event_->raise();  // later conditions ride on the message already sent
}

std::optional<std::uint64_t> PageRequestQueue::place() {
  if (status_->value & reg::prs::kPRO) return std::nullopt;
  const std::uint64_t at = (tail_->value + std::uint64_t{placed_} * page_request_entry::kBytes) & (bytes() - 1);
  const std::uint64_t next = (at + page_request_entry::kBytes) & (bytes() - 1);
  if (next == (head_->value & (bytes() - 1))) {  // one place stays empty
    set_status(reg::prs::kPRO);
    return std::nullopt;
  }
  ++placed_;
  return reg::pqa::Base::in_place(base_->value) + at;
}

void PageRequestQueue::written(std::uint64_t address) {
  using page_request_entry::kBytes;
  written_[((address - reg::pqa::Base::in_place(base_->value)) & (bytes() - 1)) / kBytes] = true;
  while (placed_ != 0 && written_[tail_->value / kBytes]) {
    written_[tail_->value / kBytes] = false;
    --placed_;
    tail_->value = (tail_->value + kBytes) & (bytes() - 1);
    set_status(reg::prs::kPPR);
  }
}

PageRequestQueue::Entry PageRequestQueue::entry_of(const PageRequest& request) {
  using namespace page_request_entry;
  const bool pasid = request.pasid != kNoPasid;
  return {Type::of(kPageRequest) | PP::of(pasid) | RID::of(request.source) | PASID::of(pasid ? request.pasid : 0) |
              EXE::of(pasid && request.execute) | PRIV::of(pasid && request.privileged),
          RD::of(request.read) | WR::of(request.write) | LPIG::of(request.last) | PRGI::of(request.group) |
              Address::in_place(request.address),
          0, 0};
}

}  // namespace iovirt::iommu
