// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/fault_log.h"

#include <string>

#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {

EventRegisters::EventRegisters(RegisterBank& bank, const char* prefix, std::uint32_t control_offset) {
  const std::string name = prefix;
  control_ = &bank.add({name + "CTL", control_offset, 4, reg::event::kIM, reg::event::kIM, 0, 0},
                       [this](std::uint64_t, std::uint64_t) {
                         if ((control_->value & reg::event::kIM) || !(control_->value & reg::event::kIP)) return;
                         control_->value &= ~std::uint64_t{reg::event::kIP};
                         due_ = true;
                       });
  data_ = &bank.add({name + "DATA", control_offset + 4, 4, 0, 0xffff, 0, 0});
  address_ = &bank.add({name + "ADDR", control_offset + 8, 4, 0, 0xffff'fffc, 0, 0});
  upper_ = &bank.add({name + "UADDR", control_offset + 12, 4, 0, 0xffff'ffff, 0, 0});
}

void EventRegisters::raise() {
  if (control_->value & reg::event::kIM)
    control_->value |= reg::event::kIP;
  else
    due_ = true;
}

void EventRegisters::serviced() { control_->value &= ~std::uint64_t{reg::event::kIP}; }

std::optional<InterruptMessage> EventRegisters::take() {
  if (!due_) return std::nullopt;
  due_ = false;
  return pass(static_cast<std::uint32_t>(address_->value), static_cast<std::uint32_t>(data_->value),
              static_cast<std::uint32_t>(upper_->value));
}

FaultLog::FaultLog(RegisterBank& bank, const Config& config)
    : event_(bank, "FE", reg::kFECTL), collapse_(config.collapse_faults) {
  using namespace reg::fsts;
  status_ = &bank.add({"FSTS", reg::kFSTS, 4, 0, 0, kPFO | kIQE | (config.device_tlbs ? kICE | kITE : 0u), 0},
                      [this](std::uint64_t, std::uint64_t) { settle(); });
  records_.reserve(config.fault_records);
  for (std::uint32_t i = 0; i < config.fault_records; ++i) {
    const std::string name = "FRCD" + std::to_string(i);
    const std::uint32_t offset = reg::kFaultRecords + 16 * i;
    records_.push_back({&bank.add({name + "_LO", offset, 8, 0, 0, 0, 0}),
                        &bank.add({name + "_HI", offset + 8, 8, 0, 0, reg::record::F::mask, 0},
                                  [this](std::uint64_t, std::uint64_t) { settle(); })});
  }
}

void FaultLog::settle() {
  bool pending = false;
  for (const Record& record : records_) pending = pending || reg::record::F::get(record.high->value);
  if (!pending) status_->value &= ~std::uint64_t{reg::fsts::kPPF};
  using namespace reg::fsts;
  if (!(status_->value & (kPFO | kPPF | kIQE | kICE | kITE))) event_.serviced();
}

void FaultLog::set_status(std::uint32_t bit) {
  using namespace reg::fsts;
  const bool quiet = !(status_->value & (kPFO | kPPF | kIQE | kICE | kITE));
  status_->value |= bit;
  if (quiet) event_.raise();  // later conditions ride on the message already sent
}

void FaultLog::record(const Fault& fault) {
  namespace rec = reg::record;
  if (fault.suppressed || (status_->value & reg::fsts::kPFO)) return;
  if (collapse_)
    for (const Record& record : records_)
      if (rec::F::get(record.high->value) && rec::SID::get(record.high->value) == fault.source) return;
  Record& record = records_[next_];
  if (rec::F::get(record.high->value)) return set_status(reg::fsts::kPFO);
  record.low->value = fault.info;
  const bool has_pasid = fault.pasid != kNoPasid;  // PRIV, EXE and PV are of the PASID prefix
  record.high->value = rec::SID::of(fault.source) | rec::PRIV::of(has_pasid && fault.privileged) |
                       rec::EXE::of(has_pasid && fault.execute) | rec::PP::of(has_pasid) |
                       rec::PV::of(has_pasid ? fault.pasid : 0) |
                       rec::FR::of(static_cast<std::uint64_t>(fault.reason)) | rec::AT::of(fault.address_type) |
                       rec::T::of(fault.read) | rec::T2::of(fault.page_request) | rec::F::of(1);
  if (!(status_->value & reg::fsts::kPPF)) {
    status_->value = reg::fsts::FRI::set(status_->value, next_);
    set_status(reg::fsts::kPPF);
  }
  next_ = (next_ + 1) % records_.size();
}

}  // namespace iovirt::iommu
