// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/ats_endpoint_module.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "lib/ats_message_spec.h"

namespace iovirt::test {

AtsEndpoint::AtsEndpoint(sc_core::sc_module_name name, std::uint16_t function, sim::EventQueue& queue, sim::TransactionPool& pool)
    : sc_module(name), Atc(queue), function_(function), queue_(queue), pool_(pool) {
  dma_out.register_nb_transport_bw(this, &AtsEndpoint::answered);
  messages_in.register_nb_transport_fw(this, &AtsEndpoint::message);
}

tlm::tlm_generic_payload& AtsEndpoint::request(bool write, std::uint64_t address, unsigned bytes, std::uint64_t tag) {
  auto& payload = pool_.acquire(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, bytes);
  std::memset(payload.get_data_ptr(), 0, bytes);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.requester = function_;
  extension.pasid = pasid;
  extension.tag = tag;
  return payload;
}

void AtsEndpoint::send(tlm::tlm_generic_payload& payload) {
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  const auto status = dma_out->nb_transport_fw(payload, phase, delay);
  if (status != tlm::TLM_UPDATED || phase != tlm::END_REQ) throw std::logic_error("the request was not accepted");
}

void AtsEndpoint::send_message(sim::TlpKind kind, std::uint64_t body) {
  auto& payload = request(true, 0, 8, kNoTransfer);
  std::memcpy(payload.get_data_ptr(), &body, 8);
  sim::TransactionPool::extension(payload).kind = kind;
  send(payload);
}

bool AtsEndpoint::request_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) {
  namespace m = page_request_message;
  send_message(sim::TlpKind::page_request, m::Address::in_place(address) | m::R::of(read) | m::W::of(write) | m::L::of(last) | m::PRGI::of(group));
  return true;
}

void AtsEndpoint::complete_invalidation(std::uint8_t itag, unsigned count) {
  namespace m = invalidate_completion;
  send_message(sim::TlpKind::invalidate_completion, m::Tags::of(1ull << itag) | m::Count::of(count & 7));
}

void AtsEndpoint::request_translation(std::uint64_t address, bool no_write, std::uint64_t tag) {
  auto& payload = request(false, address, translation_completion::kBytes, tag);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.address_type = sim::AddressType::translation_request;
  extension.no_write = no_write;
  send(payload);
}

void AtsEndpoint::request_data(bool write, std::uint64_t address, std::uint32_t data, sim::AddressType type, std::uint64_t tag) {
  auto& payload = request(write, address, 4, tag);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.address_type = type;
  if (type == sim::AddressType::translated) extension.pasid = sim::kNoPasid;  // where the root complex knows no other
  if (write) std::memcpy(payload.get_data_ptr(), &data, 4);
  send(payload);
}

tlm::tlm_sync_enum AtsEndpoint::answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase&, sc_core::sc_time&) {
  const auto& extension = sim::TransactionPool::extension(payload);
  const std::uint64_t tag = extension.tag;
  const auto status = payload.get_response_status();
  const bool translation = extension.address_type == sim::AddressType::translation_request;
  std::uint64_t word = 0;
  std::memcpy(&word, payload.get_data_ptr(), std::min(payload.get_data_length(), 8u));
  payload.release();
  if (translation)
    translation_answered(tag, status, word);
  else if (tag != kNoTransfer)
    data_answered(tag, status, static_cast<std::uint32_t>(word));
  return tlm::TLM_COMPLETED;
}

tlm::tlm_sync_enum AtsEndpoint::message(tlm::tlm_generic_payload& payload, tlm::tlm_phase&, sc_core::sc_time&) {
  const auto& extension = sim::TransactionPool::extension(payload);
  if (payload.get_address() >> 12 != function_) throw std::logic_error("a message for another device");
  std::uint64_t body = 0;
  std::memcpy(&body, payload.get_data_ptr(), 8);
  if (extension.kind == sim::TlpKind::invalidate_request) {
    namespace m = invalidate_request;
    const std::uint64_t bytes = ats_range_bytes(body, m::S::get(body));
    invalidate(payload.get_address() & 31, extension.pasid, m::Global::get(body), bytes == 0 ? 0 : m::Address::in_place(body) & ~(bytes - 1), bytes);
  } else if (extension.kind == sim::TlpKind::page_response) {
    namespace m = page_response_message;
    pages_answered(static_cast<std::uint16_t>(m::PRGI::get(body)), static_cast<std::uint8_t>(m::Code::get(body)));
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return tlm::TLM_COMPLETED;
}

// -- bench ---------------------------------------------------------------------------------------------------------------

AtsBench::AtsBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(AtsBench&)> script)
    : ScriptedIommu(name, config, [this, script = std::move(script)] { script(*this); }) {
  device.dma_out.bind(iommu.dma_in);
  iommu.device_out.bind(device.messages_in);
}

}  // namespace iovirt::test
