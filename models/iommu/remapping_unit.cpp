// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/remapping_unit.h"

#include <algorithm>

#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {
namespace {

Config validated(const Config& config) {
  config.validate();
  return config;
}

}  // namespace

RemappingUnit::RemappingUnit(const Config& config)
    : config_(validated(config)),
      bank_("iommu"),
      faults_(bank_, config_),
      completion_(bank_, "IE", reg::kIECTL),
      page_requests_(bank_, config_),
      protected_(bank_, config_),
      translator_(config_, statistics_),
      remapper_(config_, statistics_) {
  add_registers();
}

void RemappingUnit::add_registers() {
  using namespace reg;
  const auto on_write = [](auto function) {
    return [function](std::uint64_t written, std::uint64_t before) { function(written, before); };
  };
  const std::uint64_t address = ((1ull << config_.host_address_bits) - 1) & ~0xfffull;
  bank_.add({"VER", kVER, 4, 0x10, 0, 0, 0});
  bank_.add({"CAP", kCAP, 8, config_.capability(), 0, 0, 0});
  bank_.add({"ECAP", kECAP, 8, config_.extended_capability(), 0, 0, 0});
  bank_.add({"GCMD", kGCMD, 4, 0, 0, 0, 0}, on_write([this](std::uint64_t written, std::uint64_t) {
              global_command(static_cast<std::uint32_t>(written));
            }));
  gsts_ = &bank_.add({"GSTS", kGSTS, 4, 0, 0, 0, 0});
  bank_.add({"RTADDR", kRTADDR, 8, 0, address | (config_.scalable_mode ? rtaddr::TTM::mask : 0), 0, 0});
  bank_.add({"CCMD", kCCMD, 8, 0, ccmd::ICC::mask | ccmd::CIRG::mask | ccmd::FM::mask | ccmd::SID::mask | ccmd::DID::mask, 0, 0},
            on_write([this](std::uint64_t, std::uint64_t before) {
              const std::uint64_t value = bank_.at(kCCMD);
              if (!ccmd::ICC::get(value) || ccmd::ICC::get(before)) return;
              command_context_ = ContextInvalidation{static_cast<Granularity>(ccmd::CIRG::get(value)),
                                                     static_cast<std::uint16_t>(ccmd::DID::get(value)),
                                                     static_cast<std::uint16_t>(ccmd::SID::get(value)),
                                                     static_cast<std::uint8_t>(ccmd::FM::get(value))};
              // Refused while the queue is in use (6.5.1), but in legacy mode, or without a granularity.
              command_context_ok_ =
                  ccmd::CIRG::get(value) != 0 && !(gsts_->value & gcmd::kQIE) && format_.mode == TableMode::legacy;
            }));
  iqh_ = &bank_.add({"IQH", kIQH, 8, 0, 0, 0, 0});
  iqt_ = &bank_.add({"IQT", kIQT, 8, 0, IqPointer::mask, 0, 0}, on_write([this](std::uint64_t, std::uint64_t) {
                      if (gsts_->value & gcmd::kQIE) check_tail();
                    }));
  iqa_ = &bank_.add({"IQA", kIQA, 8, 0, address | iqa::QS::mask | (config_.scalable_mode ? iqa::DW::mask : 0), 0, 0},
                    on_write([this](std::uint64_t written, std::uint64_t) {
                      if (iqa::DW::get(written) && !config_.scalable_mode) return queue_error(QueueError::invalid_width);
                      format_.wide = iqa::DW::get(iqa_->value);
                    }));
  ics_ = &bank_.add({"ICS", kICS, 4, 0, 0, kICS_IWC, 0}, on_write([this](std::uint64_t, std::uint64_t) {
                      if (!(ics_->value & kICS_IWC)) completion_.serviced();
                    }));
  iqer_ = &bank_.add({"IQER", kIQER, 8, 0, 0, 0, 0});
  if (config_.interrupt_remapping)
    bank_.add({"IRTA", kIRTA, 8, 0, address | irta::S::mask | (config_.extended_interrupt_mode ? irta::EIME::mask : 0), 0, 0});
  bank_.add({"IVA", kIVA, 8, 0, iva::ADDR::mask | iva::IH::mask | iva::AM::mask, 0, 0});
  bank_.add({"IOTLB", reg::kIOTLB, 8, 0,
             reg::iotlb::IVT::mask | reg::iotlb::IIRG::mask | reg::iotlb::DR::mask | reg::iotlb::DW::mask | reg::iotlb::DID::mask, 0, 0},
            on_write([this](std::uint64_t, std::uint64_t before) {
              namespace rt = reg::iotlb;
              const std::uint64_t value = bank_.at(reg::kIOTLB);
              if (!rt::IVT::get(value) || rt::IVT::get(before)) return;
              const std::uint64_t page = bank_.at(kIVA);
              IotlbInvalidation command;
              command.granularity = static_cast<Granularity>(rt::IIRG::get(value));
              command.domain = static_cast<std::uint16_t>(rt::DID::get(value));
              command.address = iva::ADDR::in_place(page);
              command.address_mask = static_cast<std::uint8_t>(iva::AM::get(page));
              command.leaf_only = iva::IH::get(page);
              command.drain_reads = rt::DR::get(value);
              command.drain_writes = rt::DW::get(value);
              command_iotlb_ = command;
              const bool mask_fits = command.granularity != Granularity::selective || command.address_mask <= config_.max_address_mask;
              command_iotlb_ok_ = rt::IIRG::get(value) != 0 && mask_fits && !(gsts_->value & gcmd::kQIE) &&
                                  format_.mode == TableMode::legacy;
            }));
}

std::uint64_t RemappingUnit::queue_bytes() const { return 4096ull << reg::iqa::QS::get(iqa_->value); }

void RemappingUnit::check_tail() {
  const std::uint64_t tail = reg::IqPointer::in_place(iqt_->value);
  if (tail % descriptor_bytes() != 0) return queue_error(QueueError::misaligned_tail);
  if (tail >= queue_bytes()) queue_error(QueueError::invalid_tail);
}

std::uint64_t RemappingUnit::read(std::uint32_t offset, unsigned bytes) {
  if ((bytes != 4 && bytes != 8) || offset % bytes != 0) return 0;
  return bank_.read(offset, bytes);
}

void RemappingUnit::write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  if ((bytes != 4 && bytes != 8) || offset % bytes != 0) return;
  bank_.write(offset, bytes, value);
}

void RemappingUnit::global_command(std::uint32_t written) {
  using namespace reg::gcmd;
  std::uint64_t& status = gsts_->value;
  const std::uint32_t level = kTE | kQIE | (config_.interrupt_remapping ? kIRE | kCFI : 0);
  const std::uint32_t changed = (written ^ static_cast<std::uint32_t>(status)) & level;

  // One-shot: acts whenever it is written as 1; the status bit stays.
  if (written & kSRTP) {
    const std::uint64_t root = bank_.at(reg::kRTADDR);
    translator_.set_root(root);
    format_.mode = translator_.mode();
    if (config_.flush_on_root_pointer) flush();
    status |= kSRTP;
  }
  if ((written & kSIRTP) && config_.interrupt_remapping) {
    remapper_.set_table(bank_.at(reg::kIRTA));
    if (config_.flush_on_interrupt_pointer) remapper_.invalidate(InterruptInvalidation{});
    status |= kSIRTP;
  }
  if (changed & kQIE) {
    if (written & kQIE) {
      status |= kQIE;
      queue_stop_ = false;
      check_tail();
    } else if (queue_busy_) {
      queue_stop_ = true;  // QIES stays until the descriptor in work is done
    } else {
      disable_queue();
    }
  }
  // Disabling forgets what is cached where there is scalable mode, or ESIRTPS (11.4.4.1).
  if ((changed & kTE) && !(written & kTE) && config_.scalable_mode) flush();
  if ((changed & kIRE) && !(written & kIRE) && config_.flush_on_interrupt_pointer) remapper_.invalidate(InterruptInvalidation{});
  const std::uint32_t on = written & level;
  enabling_ = on & ~static_cast<std::uint32_t>(status) & (kTE | kIRE);  // their status follows the requests in flight
  const std::uint32_t rest = level & ~kQIE;
  status = (status & ~std::uint64_t{rest}) | (on & rest & ~enabling_);
  translating_ = on & kTE;
  remapper_.set_enabled(on & kIRE);
  remapper_.set_compatibility_allowed(status & kCFI);
  if (!(on & (kTE | kIRE))) faults_.restart();
}

void RemappingUnit::flush() {
  translator_.invalidate(ContextInvalidation{});
  translator_.invalidate(PasidCacheInvalidation{});
  translator_.invalidate(IotlbInvalidation{});
}

void RemappingUnit::report(const Fault& fault) {
  ++statistics_.fault(fault.reason);
  faults_.record(fault);
}

Drain RemappingUnit::carry_out(Command command) {
  if (command == Command::context && command_context_ok_) invalidate(*command_context_);
  if (command != Command::iotlb || !command_iotlb_ok_) return {};
  invalidate(*command_iotlb_);
  return command_iotlb_->drain(false);  // legacy mode only
}

void RemappingUnit::complete(Command command) {
  // The granularity reported is the one asked for; 0 when the command was refused.
  if (command == Command::context) {
    std::uint64_t& value = bank_[reg::kCCMD];
    const auto done = command_context_ok_ ? static_cast<std::uint64_t>(command_context_->granularity) : 0;
    value = reg::ccmd::CAIG::set(reg::ccmd::ICC::set(value, 0), done);
    command_context_.reset();
  } else if (command == Command::iotlb) {
    std::uint64_t& value = bank_[reg::kIOTLB];
    const auto done = command_iotlb_ok_ ? static_cast<std::uint64_t>(command_iotlb_->granularity) : 0;
    value = reg::iotlb::IAIG::set(reg::iotlb::IVT::set(value, 0), done);
    command_iotlb_.reset();
  } else if (command == Command::enable) {
    gsts_->value |= enabling_;
    enabling_ = 0;
  }
}

bool RemappingUnit::queue_waiting() const {
  return !queue_busy_ && (gsts_->value & reg::gcmd::kQIE) && !(faults_.status() & (reg::fsts::kIQE | reg::fsts::kITE)) &&
         iqh_->value != iqt_->value;
}

unsigned RemappingUnit::queue_waiting_bytes() const {
  const std::uint64_t end = iqt_->value > iqh_->value ? iqt_->value : queue_bytes();
  return static_cast<unsigned>(end - iqh_->value);
}

std::uint64_t RemappingUnit::begin_descriptor() {
  queue_busy_ = true;
  ++statistics_.queue_reads;
  const std::uint64_t waiting = ((iqt_->value - iqh_->value) & (queue_bytes() - 1)) / descriptor_bytes();
  statistics_.queue_occupancy += waiting;
  statistics_.queue_occupancy_peak = std::max(statistics_.queue_occupancy_peak, waiting);
  return reg::iqa::Base::in_place(iqa_->value) + reg::IqPointer::in_place(iqh_->value);
}

Descriptor RemappingUnit::descriptor_read(bool ok, const descriptor::Words& words) {
  const Descriptor result = ok ? decode_descriptor(config_, format_, words) : Descriptor{QueueError::fetch_error};
  if (const QueueError* error = std::get_if<QueueError>(&result)) {
    queue_busy_ = false;
    queue_error(*error);
    if (queue_stop_) disable_queue();
  }
  return result;
}

void RemappingUnit::invalidate(const ContextInvalidation& invalidation) {
  ++statistics_.invalidations;
  translator_.invalidate(invalidation);
}
void RemappingUnit::invalidate(const IotlbInvalidation& invalidation) {
  ++statistics_.invalidations;
  translator_.invalidate(invalidation);
}
void RemappingUnit::invalidate(const InterruptInvalidation& invalidation) {
  ++statistics_.invalidations;
  remapper_.invalidate(invalidation);
}

void RemappingUnit::invalidate(const PasidCacheInvalidation& invalidation) {
  ++statistics_.invalidations;
  translator_.invalidate(invalidation);
}
void RemappingUnit::invalidate(const PasidIotlbInvalidation& invalidation) {
  ++statistics_.invalidations;
  translator_.invalidate(invalidation);
}

void RemappingUnit::end_descriptor() {
  queue_busy_ = false;
  iqh_->value = (iqh_->value + descriptor_bytes()) & (queue_bytes() - 1);
  if (queue_stop_) disable_queue();
}

void RemappingUnit::raise_completion() {
  if (ics_->value & reg::kICS_IWC) return;
  ics_->value |= reg::kICS_IWC;
  completion_.raise();
}

void RemappingUnit::invalidation_timed_out(std::uint16_t source) {
  // The register names the first, until software has seen it.
  if (!(faults_.status() & reg::fsts::kITE)) iqer_->value = reg::iqer::ITESID::set(iqer_->value, source);
  faults_.set_status(reg::fsts::kITE);
}

void RemappingUnit::completion_error(std::uint16_t source) {
  if (!(faults_.status() & reg::fsts::kICE)) iqer_->value = reg::iqer::ICESID::set(iqer_->value, source);
  faults_.set_status(reg::fsts::kICE);
}

void RemappingUnit::disable_queue() {
  queue_stop_ = false;
  gsts_->value &= ~std::uint64_t{reg::gcmd::kQIE};
  iqh_->value = 0;
}

void RemappingUnit::queue_error(QueueError error) {
  iqer_->value = reg::iqer::IQEI::set(iqer_->value, static_cast<std::uint64_t>(error));
  faults_.set_status(reg::fsts::kIQE);
}

std::optional<InterruptMessage> RemappingUnit::take_event() {
  auto message = faults_.take_event();
  if (!message) message = completion_.take();
  if (!message) message = page_requests_.take_event();
  if (message) ++statistics_.events;
  return message;
}

}  // namespace iovirt::iommu
