// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/player_module.h"

#include <algorithm>

#include "models/iommu/registers_spec.h"

namespace iovirt::platform {
namespace {

constexpr std::uint64_t kPage = 4096;

}  // namespace

TracePlayer::TracePlayer(sc_core::sc_module_name name, AccessTrace& trace, const TenantTables& tables, std::uint32_t outstanding,
                         sim::EventQueue& queue)
    : sc_module(name), trace_(trace), tables_(tables), queue_(queue), outstanding_(outstanding), data_(kPage, 0), results_(tables.tenants()) {
  interrupt_in.register_nb_transport_fw(this, &TracePlayer::interrupted);
}

TracePlayer::~TracePlayer() {
  for (Request& request : requests_) request.clear_extension(&request.extension);
}

void TracePlayer::write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  Payload payload;
  sc_core::sc_time delay;
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  payload.set_address(offset);
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  payload.set_data_length(bytes);
  payload.set_streaming_width(bytes);
  regs_out->b_transport(payload, delay);
}

void TracePlayer::start_of_simulation() {
  namespace reg = iommu::reg;
  write_register(reg::kRTADDR, tables_.root(), 8);
  write_register(reg::kGCMD, reg::gcmd::kSRTP, 4);
  write_register(reg::kGCMD, reg::gcmd::kTE, 4);
  next_record();
  pump();
}

void TracePlayer::next_record() {
  pending_ = trace_.next(record_);
  records_ += pending_;
}

void TracePlayer::fire(std::uint32_t, std::uint64_t) {
  armed_ = false;
  pump();
}

void TracePlayer::pump_more() {
  if (pumping_) return;  // an answer came while one was being sent
  pumping_ = true;
  while (pending_ && !unended_ && in_flight_ < outstanding_) {
    if (const Ps now = queue_.now(); record_.time <= now) {
      send(now);
    } else {
      armed_ = true;
      queue_.post(record_.time, *this, 0);
      break;
    }
  }
  pumping_ = false;
}

void TracePlayer::add_request() {
  Request& request = requests_.emplace_back(static_cast<tlm::tlm_mm_interface*>(this));
  request.set_extension(&request.extension);
  request.set_data_ptr(data_.data());
  idle_ = &request;
}

void TracePlayer::send(Ps now) {
  if (!idle_) add_request();
  Request& payload = *idle_;
  idle_ = payload.next_idle;
  const auto bytes = static_cast<unsigned>(std::min<std::uint64_t>(record_.bytes, kPage - record_.address % kPage));
  payload.set_command(record_.write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  payload.set_address(record_.address);
  payload.set_data_length(bytes);
  payload.set_streaming_width(bytes);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload.acquire();
  payload.extension.requester = record_.requester;
  payload.extension.pasid = record_.pasid == kNoTracePasid || record_.pasid == 0 ? sim::kNoPasid : record_.pasid;  // 0 is RID_PASID
  payload.due = record_.time;
  payload.tenant = static_cast<std::uint32_t>(tables_.index_of(record_.requester));
  delayed_ += now > record_.time;
  ++sent_;
  ++in_flight_;
  if (bytes == record_.bytes) {
    next_record();
  } else {
    record_.address += bytes;
    record_.bytes -= bytes;
  }

  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  unended_ = &payload;
  const auto status = dma_out->nb_transport_fw(payload, phase, delay);
  if (status == tlm::TLM_UPDATED && phase == tlm::END_REQ) {
    if (unended_ == &payload) unended_ = nullptr;
  } else if (status == tlm::TLM_COMPLETED || status == tlm::TLM_UPDATED) {
    complete(payload);
  }
}

tlm::tlm_sync_enum TracePlayer::answered(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase == tlm::BEGIN_RESP) {
    complete(payload);
    pump();
    return tlm::TLM_COMPLETED;
  }
  if (unended_ == &payload) unended_ = nullptr;  // END_REQ
  pump();
  return tlm::TLM_ACCEPTED;
}

void TracePlayer::complete(Payload& payload) {
  if (unended_ == &payload) unended_ = nullptr;
  const Request& request = static_cast<Request&>(payload);
  Tenant& tenant = results_[request.tenant];
  const bool write = payload.is_write();
  tenant.writes += write;
  tenant.reads += !write;
  if (!payload.is_response_ok()) ++tenant.blocked;
  last_answer_ = queue_.now();
  tenant.latency.add(last_answer_ - request.due);
  ++answered_;
  --in_flight_;
  payload.release();
}

void TracePlayer::free(Payload* payload) {
  Request& request = static_cast<Request&>(*payload);
  request.next_idle = idle_;
  idle_ = &request;
}

tlm::tlm_sync_enum TracePlayer::interrupted(Payload& payload, tlm::tlm_phase&, sc_core::sc_time&) {
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return tlm::TLM_COMPLETED;
}

}  // namespace iovirt::platform
