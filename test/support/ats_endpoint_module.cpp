// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/ats_endpoint_module.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "models/iommu/ats.h"
#include "models/iommu/ats_spec.h"

namespace iovirt::test {

namespace tc = iommu::translation_completion;
using State = AtsEndpoint::Transfer::State;

AtsEndpoint::AtsEndpoint(sc_core::sc_module_name name, std::uint16_t function, sim::EventQueue& queue, sim::TransactionPool& pool)
    : sc_module(name), function_(function), queue_(queue), pool_(pool) {
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

void AtsEndpoint::ask_for_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) {
  namespace m = iommu::page_request_message;
  send_message(sim::TlpKind::page_request, m::Address::in_place(address) | m::R::of(read) | m::W::of(write) | m::L::of(last) | m::PRGI::of(group));
}

void AtsEndpoint::ask_for_translation(std::uint64_t address, bool no_write) {
  auto& payload = request(false, address, tc::kBytes, kNoTransfer);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.address_type = sim::AddressType::translation_request;
  extension.no_write = no_write;
  send(payload);
}

std::size_t AtsEndpoint::transfer(bool write, std::uint64_t address, std::uint32_t data) {
  Transfer transfer;
  transfer.write = write;
  transfer.address = address;
  transfer.data = data;
  transfers.push_back(transfer);
  advance(transfers.size() - 1);
  return transfers.size() - 1;
}

void AtsEndpoint::advance(std::size_t index) {
  Transfer& transfer = transfers[index];
  for (const Cached& entry : cache_) {
    if (entry.pasid != pasid || transfer.address - entry.first >= entry.bytes) continue;
    if (!(transfer.write ? entry.writable : entry.readable)) continue;
    transfer.hit = transfer.translations == 0;
    return move(index, entry.physical + (transfer.address - entry.first), sim::AddressType::translated);
  }
  translate(index);
}

void AtsEndpoint::translate(std::size_t index) {
  Transfer& transfer = transfers[index];
  transfer.state = State::translating;
  transfer.stale = false;
  ++transfer.translations;
  auto& payload = request(false, transfer.address & ~0xfffull, tc::kBytes, index);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.address_type = sim::AddressType::translation_request;
  extension.no_write = !transfer.write;
  send(payload);
}

void AtsEndpoint::move(std::size_t index, std::uint64_t address, sim::AddressType type) {
  Transfer& transfer = transfers[index];
  transfer.state = State::moving;
  auto& payload = request(transfer.write, address, 4, index);
  auto& extension = sim::TransactionPool::extension(payload);
  extension.address_type = type;
  if (type == sim::AddressType::translated) extension.pasid = sim::kNoPasid;  // where the root complex knows no other
  if (transfer.write) std::memcpy(payload.get_data_ptr(), &transfer.data, 4);
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
  if (translation) {
    translation_status = status;
    completion_words.push_back(word);
  }
  if (tag == kNoTransfer) return tlm::TLM_COMPLETED;
  if (translation) {
    translated(tag, status, word);
    return tlm::TLM_COMPLETED;
  }
  Transfer& transfer = transfers[tag];
  transfer.status = status;
  transfer.state = status == tlm::TLM_OK_RESPONSE ? State::done : State::refused;
  if (!transfer.write) transfer.data = static_cast<std::uint32_t>(word);
  return tlm::TLM_COMPLETED;
}

void AtsEndpoint::translated(std::size_t index, tlm::tlm_response_status status, std::uint64_t word) {
  Transfer& transfer = transfers[index];
  const auto refuse = [&](tlm::tlm_response_status why) {
    transfer.status = why;
    transfer.state = State::refused;
  };
  if (status != tlm::TLM_OK_RESPONSE) return refuse(status);
  if (transfer.stale) return translate(index);
  const bool allowed = transfer.write ? tc::W::get(word) : tc::R::get(word);
  if (allowed && tc::U::get(word)) return move(index, transfer.address, sim::AddressType::untranslated);
  if (allowed) {
    const std::uint64_t bytes = iommu::ats_range_bytes(word, tc::S::get(word));
    const Cached entry{transfer.address & ~(bytes - 1), bytes, tc::Address::in_place(word) & ~(bytes - 1), pasid,
                       tc::R::get(word) != 0, tc::W::get(word) != 0};
    cache_.push_back(entry);
    return move(index, entry.physical + (transfer.address - entry.first), sim::AddressType::translated);
  }
  if (!asks_for_pages || transfer.translations > 3) return refuse(tlm::TLM_OK_RESPONSE);
  transfer.state = State::paging;
  transfer.group = next_group_++;
  ask_for_page(transfer.address, !transfer.write, transfer.write, true, transfer.group);
}

tlm::tlm_sync_enum AtsEndpoint::message(tlm::tlm_generic_payload& payload, tlm::tlm_phase&, sc_core::sc_time&) {
  const auto kind = sim::TransactionPool::extension(payload).kind;
  if (payload.get_address() >> 12 != function_) throw std::logic_error("a message for another device");
  std::uint64_t body = 0;
  std::memcpy(&body, payload.get_data_ptr(), 8);
  if (kind == sim::TlpKind::invalidate_request) invalidate(payload);
  if (kind == sim::TlpKind::page_response) page_response(body);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return tlm::TLM_COMPLETED;
}

void AtsEndpoint::page_response(std::uint64_t body) {
  namespace m = iommu::page_response_message;
  const Response response{static_cast<std::uint16_t>(m::PRGI::get(body)), static_cast<std::uint8_t>(m::Code::get(body))};
  responses.push_back(response);
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    Transfer& transfer = transfers[i];
    if (transfer.state != State::paging || transfer.group != response.group) continue;
    if (response.code == 0) return translate(i);
    transfer.status = tlm::TLM_OK_RESPONSE;
    transfer.state = State::refused;
  }
}

void AtsEndpoint::invalidate(const tlm::tlm_generic_payload& payload) {
  namespace m = iommu::invalidate_request;
  ++invalidations;
  std::uint64_t body = 0;
  std::memcpy(&body, payload.get_data_ptr(), 8);
  const std::uint32_t of_pasid = sim::TransactionPool::extension(const_cast<tlm::tlm_generic_payload&>(payload)).pasid;
  const std::uint64_t bytes = iommu::ats_range_bytes(body, m::S::get(body));
  const std::uint64_t first = bytes == 0 ? 0 : m::Address::in_place(body) & ~(bytes - 1);
  const auto covered = [&](std::uint64_t begin, std::uint64_t size) { return bytes == 0 || (begin < first + bytes && begin + size > first); };
  cache_.erase(std::remove_if(cache_.begin(), cache_.end(),
                              [&](const Cached& entry) {
                                return (m::Global::get(body) || entry.pasid == of_pasid) && covered(entry.first, entry.bytes);
                              }),
               cache_.end());
  for (Transfer& transfer : transfers)
    if (transfer.state == State::translating && covered(transfer.address & ~0xfffull, 4096)) transfer.stale = true;
  if (answers_invalidations) queue_.post(queue_.now() + invalidation_time, *this, complete_invalidation, payload.get_address() & 31);
}

/// A completion may not overtake the reads that used what has been invalidated (PCIe 10.3.2).
void AtsEndpoint::fire(std::uint32_t, std::uint64_t tag) {
  const bool reading = std::any_of(transfers.begin(), transfers.end(), [](const Transfer& t) { return t.state == State::moving && !t.write; });
  if (reading) return queue_.post(queue_.now() + invalidation_time, *this, complete_invalidation, tag);
  namespace m = iommu::invalidate_completion;
  for (unsigned i = 0; i < completions; ++i)
    send_message(sim::TlpKind::invalidate_completion, m::Tags::of(1ull << tag) | m::Count::of(completions & 7));
}

// -- bench ---------------------------------------------------------------------------------------------------------------

AtsBench::AtsBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(AtsBench&)> script)
    : ScriptedIommu(name, config, [this, script = std::move(script)] { script(*this); }) {
  device.dma_out.bind(iommu.dma_in);
  iommu.device_out.bind(device.messages_in);
}

}  // namespace iovirt::test
