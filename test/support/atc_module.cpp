// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/atc_module.h"

#include <algorithm>

#include "lib/ats_message_spec.h"

namespace iovirt::test {

namespace tc = translation_completion;
using State = Atc::Transfer::State;

bool Atc::ask_for_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) {
  return request_page(address, read, write, last, group);
}

void Atc::ask_for_translation(std::uint64_t address, bool no_write) { request_translation(address, no_write, kNoTransfer); }

std::size_t Atc::transfer(bool write, std::uint64_t address, std::uint32_t data) {
  Transfer transfer;
  transfer.write = write;
  transfer.address = address;
  transfer.data = data;
  transfer.started = queue_.now();
  transfers.push_back(transfer);
  advance(transfers.size() - 1);
  return transfers.size() - 1;
}

void Atc::advance(std::size_t index) {
  Transfer& transfer = transfers[index];
  for (const Cached& entry : cache_) {
    if (entry.pasid != pasid || transfer.address - entry.first >= entry.bytes) continue;
    if (!(transfer.write ? entry.writable : entry.readable)) continue;
    transfer.hit = transfer.translations == 0;
    return move(index, entry.physical + (transfer.address - entry.first), sim::AddressType::translated);
  }
  translate(index);
}

void Atc::translate(std::size_t index) {
  Transfer& transfer = transfers[index];
  transfer.state = State::translating;
  transfer.stale = false;
  ++transfer.translations;
  request_translation(transfer.address & ~0xfffull, !transfer.write, index);
}

void Atc::move(std::size_t index, std::uint64_t address, sim::AddressType type) {
  const Transfer& transfer = transfers[index];
  transfers[index].state = State::moving;
  request_data(transfer.write, address, transfer.data, type, index);
}

void Atc::end(Transfer& transfer, State state, tlm::tlm_response_status status) {
  transfer.status = status;
  transfer.state = state;
  transfer.ended = queue_.now();
}

void Atc::data_answered(std::uint64_t tag, tlm::tlm_response_status status, std::uint32_t data) {
  Transfer& transfer = transfers[tag];
  if (!transfer.write) transfer.data = data;
  end(transfer, status == tlm::TLM_OK_RESPONSE ? State::done : State::refused, status);
  if (!uncompleted_.empty()) complete_due();
}

void Atc::translation_answered(std::uint64_t tag, tlm::tlm_response_status status, std::uint64_t word) {
  translation_status = status;
  completion_words.push_back(word);
  if (tag != kNoTransfer) translated(tag, status, word);
}

void Atc::translated(std::size_t index, tlm::tlm_response_status status, std::uint64_t word) {
  Transfer& transfer = transfers[index];
  if (status != tlm::TLM_OK_RESPONSE) return end(transfer, State::refused, status);
  if (transfer.stale) return translate(index);
  const bool allowed = transfer.write ? tc::W::get(word) : tc::R::get(word);
  if (allowed && tc::U::get(word)) return move(index, transfer.address, sim::AddressType::untranslated);
  const std::uint64_t bytes = ats_range_bytes(word, tc::S::get(word));
  if (allowed && bytes != 0 && bytes < least_bytes_) return end(transfer, State::refused, tlm::TLM_OK_RESPONSE);
  if (allowed) {
    const Cached entry{transfer.address & ~(bytes - 1), bytes, tc::Address::in_place(word) & ~(bytes - 1), pasid,
                       tc::R::get(word) != 0, tc::W::get(word) != 0};
    cache_.push_back(entry);
    return move(index, entry.physical + (transfer.address - entry.first), sim::AddressType::translated);
  }
  if (!asks_for_pages || transfer.translations > 3) return end(transfer, State::refused, tlm::TLM_OK_RESPONSE);
  transfer.state = State::paging;
  transfer.group = next_group_++;
  const std::uint64_t address = transfer.address;
  const bool write = transfer.write;
  if (!ask_for_page(address, !write, write, true, transfer.group)) end(transfers[index], State::refused, tlm::TLM_OK_RESPONSE);
}

void Atc::pages_answered(std::uint16_t group, std::uint8_t code) {
  responses.push_back({group, code});
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    if (transfers[i].state != State::paging || transfers[i].group != group) continue;
    if (code == 0) return translate(i);
    end(transfers[i], State::refused, tlm::TLM_OK_RESPONSE);
  }
}

void Atc::invalidate(std::uint8_t itag, std::uint32_t of_pasid, bool global, std::uint64_t first, std::uint64_t bytes) {
  ++invalidations;
  const auto covered = [&](std::uint64_t begin, std::uint64_t size) { return bytes == 0 || (begin < first + bytes && begin + size > first); };
  cache_.erase(std::remove_if(cache_.begin(), cache_.end(),
                              [&](const Cached& entry) { return (global || entry.pasid == of_pasid) && covered(entry.first, entry.bytes); }),
               cache_.end());
  for (Transfer& transfer : transfers)
    if (transfer.state == State::translating && covered(transfer.address & ~0xfffull, 4096)) transfer.stale = true;
  if (!answers_invalidations) return;
  Uncompleted invalidation{.itag = itag, .reads = {}};
  for (std::size_t i = 0; i < transfers.size(); ++i)
    if (transfers[i].state == State::moving && !transfers[i].write) invalidation.reads.push_back(i);
  uncompleted_.push_back(std::move(invalidation));
  queue_.post(queue_.now() + invalidation_time, *this, 0, itag);
}

void Atc::flush() {
  cache_.clear();
  for (Transfer& transfer : transfers)
    if (transfer.state == State::translating) transfer.stale = true;
}

void Atc::fire(std::uint32_t, std::uint64_t itag) {
  for (Uncompleted& invalidation : uncompleted_)
    if (invalidation.itag == itag) invalidation.carried_out = true;
  complete_due();
}

/// A completion may not overtake the reads that used what has been invalidated (PCIe 10.3.2).
void Atc::complete_due() {
  std::vector<Uncompleted> left;
  left.swap(uncompleted_);
  for (Uncompleted& invalidation : left) {
    std::erase_if(invalidation.reads, [&](std::size_t i) { return transfers[i].state != State::moving; });
    if (!invalidation.carried_out || !invalidation.reads.empty())
      uncompleted_.push_back(std::move(invalidation));
    else
      for (unsigned i = 0; i < completions; ++i) complete_invalidation(invalidation.itag, completions);
  }
}

}  // namespace iovirt::test
