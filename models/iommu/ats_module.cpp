// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// ATS and PRI in time: translation requests and their completions, invalidate requests and theirs, page requests.

#include <algorithm>
#include <cstring>

#include "models/iommu/ats_spec.h"
#include "models/iommu/iommu_module.h"

namespace iovirt::iommu {

// -- translation requests and translated requests ----------------------------------------------------------------------

/// False: it is settled already.
bool Iommu::begin_ats(Flight& flight) {
  const Request& request = flight.request;
  ++(request.address_type == 1 ? unit_.statistics().translation_requests : unit_.statistics().translated_requests);
  const bool asks = request.address_type == 1;
  const unsigned bytes = flight.payload->get_data_length();
  const bool malformed = asks && (request.write || bytes == 0 || bytes % translation_completion::kBytes != 0);
  const bool translated_with_pasid = !asks && request.pasid != kNoPasid;
  // Errors of the protocol are Unsupported Requests without a fault (4.2.1).
  flight.blocked = !unit_.translating() || malformed || translated_with_pasid;
  return !flight.blocked;
}

void Iommu::use(Flight& flight, const Translation& translation) {
  if (flight.request.address_type == 1) {
    const std::uint64_t largest = config().pages_1g ? 1ull << 30 : config().pages_2m ? 1ull << 21 : 4096;
    flight.downstream_address = translation_completion_of(flight.request, translation, largest);
    return;
  }
  flight.downstream_address = translation.address;
  if (flight.kind == Flight::Kind::page_request) return;  // it may ask, that is all
  // Tables may lead into protected memory; what has met none may not (11.4.8.1).
  if (translation.page_bytes == 0 && is_protected(flight)) flight.blocked = true;
}

bool Iommu::is_protected(const Flight& flight) const {
  const std::uint64_t bytes = flight.payload->get_data_length();
  return unit_.protected_ranges().blocks(flight.request.address, flight.request.address + (bytes == 0 ? 0 : bytes - 1));
}

void Iommu::answer_translation(Flight& flight) {
  Payload& payload = *flight.payload;
  // One translation, whatever was asked for; the completion's length says so.
  payload.set_data_length(translation_completion::kBytes);
  std::memcpy(payload.get_data_ptr(), &flight.downstream_address, translation_completion::kBytes);
  respond(flight, tlm::TLM_OK_RESPONSE);
}

// -- messages from devices ---------------------------------------------------------------------------------------------

void Iommu::accept_message(Flight& flight) {
  const auto kind = sim::TransactionPool::extension(*flight.payload).kind;
  const Config& config = unit_.config();
  const bool well_formed = flight.request.write && flight.payload->get_data_length() == 8;
  if (well_formed && kind == sim::TlpKind::invalidate_completion && config.device_tlbs && unit_.translating())
    flight.kind = Flight::Kind::invalidate_completion;
  else if (well_formed && kind == sim::TlpKind::page_request && config.page_requests)
    return accept_page_request(flight);
  else
    flight.blocked = true;
  settled(flight);
}

/// Whether its sender may ask at all, the tables say: that is looked up, or walked for, as for any request.
void Iommu::accept_page_request(Flight& flight) {
  flight.kind = Flight::Kind::page_request;
  ++unit_.statistics().page_requests;
  ++page_requests_in_flight_;
  std::uint64_t body = 0;
  std::memcpy(&body, flight.payload->get_data_ptr(), sizeof body);
  flight.request.page_request = true;
  flight.request.address = page_request_message::Address::in_place(body);
  flight.response = PageResponseCode::success;
  if (unit_.translating()) return decode(flight);
  flight.response = PageResponseCode::invalid_request;  // and no fault
  settled(flight);
}

/// Its turn has come: everything its requester wrote before has landed.
void Iommu::dispatch_message(Flight& flight) {
  ++flight.requester->writes_completed;
  std::uint64_t body = 0;
  std::memcpy(&body, flight.payload->get_data_ptr(), sizeof body);
  if (flight.kind == Flight::Kind::invalidate_completion)
    invalidation_completed(flight, body);
  else
    page_requested(flight, body);
}

void Iommu::invalidation_completed(Flight& flight, std::uint64_t body) {
  const std::uint16_t source = flight.request.source;
  const DeviceTlbs::TagSet before = unit_.device_tlbs().outstanding();
  if (!unit_.device_tlbs().completion(source, body)) {
    unit_.completion_error(source);
    flush_events();
  }
  respond(flight, tlm::TLM_OK_RESPONSE);
  devices_done(before & ~unit_.device_tlbs().outstanding());
}

void Iommu::page_requested(Flight& flight, std::uint64_t body) {
  namespace message = page_request_message;
  PageRequest request;
  request.source = flight.request.source;
  request.pasid = flight.request.pasid;
  request.execute = flight.request.execute;
  request.privileged = flight.request.privileged;
  request.read = message::R::get(body);
  request.write = message::W::get(body);
  request.last = message::L::get(body);
  request.group = static_cast<std::uint16_t>(message::PRGI::get(body));
  request.address = message::Address::in_place(body);
  PageResponseCode code = flight.response;
  respond(flight, tlm::TLM_OK_RESPONSE);

  if (code == PageResponseCode::success) {
    if (const auto place = unit_.page_requests().place()) {
      Flight& own = start(Flight::Kind::page_write, tlm::TLM_WRITE_COMMAND, *place, page_request_entry::kBytes);
      own.downstream_address = *place;
      const PageRequestQueue::Entry entry = PageRequestQueue::entry_of(request);
      std::memcpy(own.payload->get_data_ptr(), entry.data(), sizeof entry);
      return mem_channel_.send(*own.payload);
    }
    flush_events();  // dropped, and told success
  }
  ++unit_.statistics().page_requests_dropped;
  if (PageRequestQueue::wants_response(request))
    respond_to_pages({request.source, request.pasid != kNoPasid, request.pasid, request.group, static_cast<std::uint8_t>(code)});
  page_request_done();
}

void Iommu::page_request_done() {
  --page_requests_in_flight_;
  settle_waits();
}

// -- messages to devices -----------------------------------------------------------------------------------------------

void Iommu::send_to_device(std::uint16_t device, sim::TlpKind kind, std::uint8_t tag, std::uint32_t pasid, std::uint64_t body) {
  if (device_out.size() == 0) return;
  Flight& own = start(Flight::Kind::device_message, tlm::TLM_WRITE_COMMAND, std::uint64_t{device} << 12 | tag, 8);
  std::memcpy(own.payload->get_data_ptr(), &body, sizeof body);
  auto& extension = sim::TransactionPool::extension_of_ours(*own.payload);
  extension.kind = kind;
  extension.pasid = pasid;
  device_channel_.send(*own.payload);
}

void Iommu::respond_to_pages(const PageGroupResponse& response) {
  namespace message = page_response_message;
  ++unit_.statistics().page_responses;
  send_to_device(response.destination, sim::TlpKind::page_response, 0, response.has_pasid ? response.pasid : kNoPasid,
                 message::PRGI::of(response.group) | message::Code::of(response.code));
}

/// False: the device, or every tag, is busy.
bool Iommu::send_invalidation(const DeviceTlbInvalidation& invalidation) {
  const auto request = unit_.device_tlbs().begin(invalidation);
  if (!request) return false;
  ++unit_.statistics().device_invalidations;
  deadlines_[request->tag] = queue_.now() + device_timeout_;
  arm_timeout();
  send_to_device(request->destination, sim::TlpKind::invalidate_request, request->tag, request->pasid, request->body);
  return true;
}

/// One event for all of them: at the earliest deadline there was when it was posted.
void Iommu::arm_timeout() {
  if (timeout_armed_ || device_timeout_ == 0) return;
  Ps earliest = ~Ps{0};
  for (unsigned tag = 0; tag < DeviceTlbs::kTags; ++tag)
    if (unit_.device_tlbs().outstanding() >> tag & 1) earliest = std::min(earliest, deadlines_[tag]);
  if (earliest == ~Ps{0}) return;
  timeout_armed_ = true;
  queue_.post(earliest, *this, device_timeout);
}

void Iommu::check_timeouts() {
  timeout_armed_ = false;
  DeviceTlbs::TagSet expired = 0;
  for (std::uint8_t tag = 0; tag < DeviceTlbs::kTags; ++tag) {
    if (!(unit_.device_tlbs().outstanding() >> tag & 1) || deadlines_[tag] > queue_.now()) continue;
    expired |= DeviceTlbs::TagSet{1} << tag;
    ++unit_.statistics().device_timeouts;
    unit_.invalidation_timed_out(unit_.device_tlbs().expire(tag));
  }
  arm_timeout();
  if (expired == 0) return;
  // Every pending wait is given up: no status is written, no event raised (6.5.2.11).
  bool fenced = false;
  for (const PendingWait& pending : pending_waits_) fenced = fenced || !pending.fetched_only;
  pending_waits_.clear();
  if (fenced) {
    unit_.end_descriptor();
    work_ = Work::none;
  }
  flush_events();
  devices_done(expired);
}

/// Invalidations with these tags are over, one way or the other.
void Iommu::devices_done(DeviceTlbs::TagSet tags) {
  if (tags == 0) return;
  for (PendingWait& pending : pending_waits_) pending.tags &= ~tags;
  settle_waits();
  if (stalled_) {
    stalled_ = false;
    execute_invalidation();
  }
  kick();
}

}  // namespace iovirt::iommu
