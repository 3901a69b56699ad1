// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Upstream requests: translation in time, order, walkers.

#include <algorithm>
#include <cstring>

#include "models/iommu/iommu_module.h"

namespace iovirt::iommu {
namespace {

template <class Object>
std::uint64_t as_argument(Object& object) {
  return reinterpret_cast<std::uintptr_t>(&object);
}

/// A read whose byte enables are all off asks for no byte (PCIe 2.2.5, zero-length read).
bool reads_nothing(const tlm::tlm_generic_payload& payload) {
  const unsigned char* enables = payload.get_byte_enable_ptr();
  return enables && !payload.is_write() && std::all_of(enables, enables + payload.get_byte_enable_length(), [](unsigned char e) { return e == 0; });
}

}  // namespace

// From the socket to the lookup: one function, for what most requests do.

[[gnu::always_inline]] inline void Iommu::look_up(Flight& flight) {
  Requester& requester = *flight.requester;
  if (timed_caches_) begin_lookups();
  bool miss = false;
  if (Translation translation; unit_.translator().find_along(requester.trail, flight.request, translation)) {
    ++requester.counters.hits;
    use(flight, translation);
    if (config().prefetch == Prefetch::access) want_next_pages(flight.request, requester, translation.page_bytes);
  } else {
    miss = !search(flight);
  }
  const Ps lookup = timed_caches_ ? lookup_ + looked_up_for() : lookup_;
  if (lookup != 0) {
    ++looking_;
    return lookups_.post(queue_.now() + lookup, miss ? missed : looked_up, as_argument(flight));
  }
  if (miss) return want_walk(flight);
  settled(flight);
}

[[gnu::always_inline]] inline void Iommu::do_decode(Flight& flight) {
  if (flight.request.address_type != 0 && !begin_ats(flight)) return settled(flight);
  if (!unit_.translating()) {
    ++unit_.statistics().untranslated;
    flight.blocked = is_protected(flight);
    return settled(flight);
  }
  if (lookups_stall()) {
    ++unit_.statistics().stalled_lookups;
    return held_.push(flight);
  }
  look_up(flight);
}

[[gnu::always_inline]] inline void Iommu::do_accept(Payload& payload) {
  const bool write = payload.is_write();
  const std::uint64_t address = payload.get_address();
  auto* extension = payload.get_extension<sim::RequesterExtension>();
  const bool message = extension && extension->kind != sim::TlpKind::memory;
  // Only untranslated requests without PASID are interrupts (3.15).
  const bool interrupt = !message && is_interrupt_address(address) &&
                         (!extension || (extension->address_type == sim::AddressType::untranslated && extension->pasid == sim::kNoPasid));
  Flight& flight = flights_.acquire(interrupt ? Flight::Kind::interrupt : write ? Flight::Kind::write : Flight::Kind::read, payload, extension);
  Request& request = flight.request;
  request.source = extension ? extension->requester : 0;
  request.address = address;
  request.write = write;
  request.zero_length = reads_nothing(payload);
  request.address_type = extension ? static_cast<std::uint8_t>(extension->address_type) : 0;
  request.privileged = extension && extension->privileged;
  request.execute = extension && extension->execute;
  request.no_write = extension && extension->no_write;
  request.page_request = false;
  request.pasid = extension ? extension->pasid : kNoPasid;
  flight.upstream_address = address;
  flight.downstream_address = address;
  ++unit_.statistics().requests;

  // Its place in the order of its requester.
  Requester& requester = requesters_[request.source];
  flight.requester = &requester;
  ++requester.counters.requests;
  flight.sequence = requester.writes_accepted;
  if (write) {
    ++requester.writes_accepted;
    (requester.last_write ? requester.last_write->next_in_order : requester.first_write) = &flight;
    requester.last_write = &flight;
  } else if (requester.first_write || reads_in_order_) {
    flight.waiting = true;
    (requester.last_read ? requester.last_read->next_in_order : requester.first_read) = &flight;
    requester.last_read = &flight;
  }

  if (message) return accept_message(flight);
  const std::uint64_t bytes = payload.get_data_length();
  if ((address & 0xfff) + bytes > 4096) {  // no TLP crosses a page (PCIe 2.2.7)
    flight.blocked = true;                 // malformed: no VT-d fault
    return settled(flight);
  }
  if (interrupt) return accept_interrupt(flight);
  do_decode(flight);
}

void Iommu::decode(Flight& flight) { do_decode(flight); }
void Iommu::accept(Payload& payload) { do_accept(payload); }

tlm::tlm_sync_enum Iommu::dma_fw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  queue_.catch_up();
  if (phase == tlm::END_RESP) {
    dma_responses_.ended();
    return tlm::TLM_COMPLETED;
  }
  const Ps when = queue_.time_of(delay);
  bool accepted = true;
  if (when > queue_.now()) {
    queue_.post(when, *this, arrive, as_argument(payload));
    accepted = !may_stall_;
  } else if (may_stall_) {
    accepted = enter(payload);
  } else {
    do_accept(payload);
  }
  if (!accepted) return tlm::TLM_ACCEPTED;
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

/// In all of the caches. False: a miss.
bool Iommu::search(Flight& flight) {
  Requester& requester = *flight.requester;
  Translation translation;
  Fault fault;
  const Translator::Answer answer = unit_.translator().lookup(flight.request, translation, fault, true, &requester.trail);
  if (answer == Translator::Answer::translated)
    use(flight, translation);
  else if (answer == Translator::Answer::faulted)
    block(flight, fault);
  const bool miss = answer == Translator::Answer::miss;
  ++(miss ? requester.counters.misses : requester.counters.hits);
  misses_ += miss;
  if (miss) flight.missed_at = unit_.translator().changes();
  if (config().prefetch == Prefetch::access && answer == Translator::Answer::translated)
    want_next_pages(flight.request, requester, translation.page_bytes);
  return !miss;
}

/// Every lookup may end in a miss, which needs a place; without hit_under_miss one miss keeps all others waiting.
bool Iommu::has_place() const {
  if (!config().hit_under_miss && misses_ != 0) return false;
  return config().walk_queue == 0 || wanting_.size() + looking_ < config().walk_queue + walkers_.idle();
}

bool Iommu::lookups_stall() const { return ending_ || !held_.empty() || !has_place(); }

void Iommu::release_some() {
  if (releasing_) return;
  releasing_ = true;
  while (!held_.empty() && has_place()) {
    Flight& flight = held_.pop();
    if (flight.unended) {
      ending_ = true;  // what this lets in waits for its turn
      end_request(*flight.payload);
      ending_ = false;
    }
    look_up(flight);
  }
  releasing_ = false;
}

void Iommu::block(Flight& flight, const Fault& fault) {
  if (flight.kind == Flight::Kind::page_request) {  // refused, and answered as such when its turn comes
    flight.response = PageResponseCode::invalid_request;
    unit_.report(fault);
    return flush_events();
  }
  if (flight.request.address_type == 1 && flight.kind == Flight::Kind::read) {
    const AtsAnswer answer = ats_answer(fault.reason);
    flight.refusal = answer == AtsAnswer::completer_abort ? tlm::TLM_GENERIC_ERROR_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
    flight.blocked = answer != AtsAnswer::no_rights;
    if (!flight.blocked) use(flight, no_rights(flight.request));  // the completion says it
    if (!ats_records(fault.reason)) return;
  } else {
    flight.blocked = true;
  }
  unit_.report(fault);
  flush_events();
}

// -- order ---------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void Iommu::forward(Flight& flight) {
  if (flight.blocked) return respond(flight, flight.refusal);
  if (flight.kind == Flight::Kind::interrupt) return dispatch_interrupt(flight);
  if (flight.follows_writes()) return dispatch_message(flight);
  if (flight.request.address_type == 1) return answer_translation(flight);
  Payload& payload = *flight.payload;
  payload.set_address(flight.downstream_address);
  flight.attach();
  if (flight.extension) flight.extension->mark(Stage::iommu, queue_.now());
  mem_channel_.send(payload);
}

[[gnu::always_inline]] inline void Iommu::do_settle(Flight& flight) {
  flight.ready = true;
  if (flight.request.write) return pump(*flight.requester);
  if (reads_in_order_) return pump_reads(*flight.requester);
  if (!flight.waiting) forward(flight);
}

void Iommu::settled(Flight& flight) { do_settle(flight); }

/// A lookup's time is over.
void Iommu::found(Flight& flight) {
  --looking_;
  do_settle(flight);
  release_held();
}

/// Reads leave in the order they came, but for the few waiting ones that each may pass.
void Iommu::pump_reads(Requester& requester) {
  while (Flight* read = next_ordered_read(requester)) forward(*read);  // whoever it calls may change the list
}

Flight* Iommu::next_ordered_read(Requester& requester) {
  std::uint32_t passed = 0;
  Flight* before = nullptr;
  for (Flight* read = requester.first_read; read; before = read, read = read->next_in_order) {
    if (static_cast<std::int32_t>(requester.writes_forwarded - read->sequence) < 0) return nullptr;
    if (!read->ready) {
      if (++passed > unit_.config().reads_passed) return nullptr;
      continue;
    }
    (before ? before->next_in_order : requester.first_read) = read->next_in_order;
    if (requester.last_read == read) requester.last_read = before;
    read->waiting = false;
    return read;
  }
  return nullptr;
}

void Iommu::pump(Requester& requester) {
  while (Flight* head = requester.first_write) {
    if (!head->ready) return;
    // An interrupt announces the writes before it: they must have landed.
    if (head->follows_writes() && requester.writes_completed != head->sequence) return;
    requester.first_write = head->next_in_order;
    if (!requester.first_write) requester.last_write = nullptr;
    ++requester.writes_forwarded;
    forward(*head);
    if (reads_in_order_) {
      pump_reads(requester);
      continue;
    }
    while (Flight* read = requester.first_read) {
      if (static_cast<std::int32_t>(requester.writes_forwarded - read->sequence) < 0) break;
      requester.first_read = read->next_in_order;
      if (!requester.first_read) requester.last_read = nullptr;
      read->waiting = false;
      if (read->ready) forward(*read);
    }
  }
}

/// Memory has answered.
void Iommu::request_answered(Flight& flight) {
  Payload& payload = *flight.payload;
  flight.detach();
  payload.set_address(flight.upstream_address);
  finish(flight, flight.kind == Flight::Kind::write);
  dma_responses_.respond(payload);
}

/// The request is over. REQUIRES: its payload is no longer downstream.
void Iommu::finish(Flight& flight, bool completes_write) {
  Requester& requester = *flight.requester;
  const bool drained = flight.drained;
  flights_.release(flight);
  completed(requester, completes_write);
  if (drained && --draining_ == 0) end_invalidation();
}

// Whether it is a write nobody can guess; that none waits meanwhile nearly always holds.
void Iommu::completed(Requester& requester, bool write) {
  requester.writes_completed += write;
  if (requester.first_write != nullptr && write && requester.first_write->follows_writes()) pump(requester);
}

void Iommu::respond(Flight& flight, tlm::tlm_response_status status) {
  Payload& payload = *flight.payload;
  payload.set_response_status(status);
  // An interrupt counted as complete when it was dispatched.
  finish(flight, flight.request.write && (flight.kind == Flight::Kind::write || flight.blocked));
  dma_responses_.respond(payload);
}

// -- walkers -------------------------------------------------------------------------------------------------------

void Iommu::want_walk(Flight& flight) {
  wanting_.push(flight);
  feed_walkers();
}

void Iommu::feed_some() {
  feeding_ = true;
  while (!wanting_.empty() && walkers_.idle() != 0) {
    Flight& flight = wanting_.pop();
    if (config().merge_misses) {
      Walker* const by = walkers_.at_page_of(flight.request);
      const bool changed = flight.missed_at != unit_.translator().changes();
      if ((by || changed) && retry(flight)) continue;  // somebody else's walk has brought it while it waited
      if (by) {
        by->merged.push(flight);
        continue;
      }
    }
    give(flight.request, *flight.requester, &flight);
  }
  if (!next_pages_.empty()) feed_prefetches();
  feeding_ = false;
}

/// True when the caches have an answer now; the flight has then gone on with it.
bool Iommu::retry(Flight& flight) {
  Translation translation;
  Fault fault;
  switch (unit_.translator().lookup(flight.request, translation, fault, false)) {
    case Translator::Answer::miss: return false;
    case Translator::Answer::translated: use(flight, translation); break;
    case Translator::Answer::faulted: block(flight, fault); break;
  }
  ++unit_.statistics().merged_misses;
  --misses_;
  settled(flight);
  return true;
}

void Iommu::give(const Request& request, Requester& requester, Flight* flight) {
  Walker& walker = walkers_.take(request, requester, flight);
  if (timed_caches_) begin_lookups();
  advance(walker, unit_.translator().begin(walker.walk, request));
}

void Iommu::advance(Walker& walker, Step step) {
  walker.step = step;
  const Ps lookups = timed_caches_ ? looked_up_for() : 0;
  if (step == Step::translated || step == Step::faulted) {
    if (lookups != 0) return walk_steps_.post(queue_.now() + lookups, walk_over, as_argument(walker));
    return end_walk(walker, step);
  }
  const Ps wait = walk_step_ + lookups;
  if (wait != 0) return walk_steps_.post(queue_.now() + wait, walk_access, as_argument(walker));
  access_entry(walker);
}

void Iommu::end_walk(Walker& walker, Step step) {
  Flight* flight = walker.flight;
  walkers_.put_back(walker);
  // Those that waited ask the caches again; after a fault, or an invalidation that overtook the walk, they walk.
  wanting_.prepend(walker.merged);
  if (flight) {
    --misses_;
    if (step == Step::translated) {
      use(*flight, walker.walk.translation);
      if (config().prefetch != Prefetch::none)
        want_next_pages(flight->request, *walker.requester, walker.walk.translation.page_bytes);
    } else {
      block(*flight, walker.walk.fault);
    }
    settled(*flight);
  }
  feed_walkers();
}

// -- prefetching ---------------------------------------------------------------------------------------------------

/// The requester is at this page: the next ones may follow.
void Iommu::want_next_pages(const Request& request, Requester& requester, std::uint64_t page_bytes) {
  constexpr std::size_t kMost = 64;  // older wishes have lost their point
  if (page_bytes == 0 || request.address_type != 0) return;
  const std::uint64_t page = request.address & ~(page_bytes - 1);
  if (page == requester.last_page) return;
  requester.last_page = page;
  for (std::uint32_t i = 1; i <= config().prefetch_pages; ++i) {
    const std::uint64_t next = page + i * page_bytes;
    if (next < page || is_interrupt_address(next)) return;
    if (next_pages_.size() == kMost) next_pages_.pop_front();
    NextPage wish{request, &requester};
    wish.request.address = next;
    wish.request.write = wish.request.zero_length = false;  // sets no dirty bit
    next_pages_.push_back(wish);
  }
  feed_walkers();
}

/// With walkers that no request waits for. A walk that faults is forgotten: nobody has asked.
void Iommu::feed_prefetches() {
  while (!next_pages_.empty() && walkers_.idle() != 0 && wanting_.empty()) {
    const NextPage wish = next_pages_.front();
    next_pages_.pop_front();
    if (unit_.translator().holds(wish.request) || walkers_.at_page_of(wish.request)) continue;
    ++unit_.statistics().prefetches;
    give(wish.request, *wish.requester, nullptr);
  }
}

void Iommu::access_entry(Walker& walker) {
  const Walk& walk = walker.walk;
  const bool update = walker.step == Step::update;
  walker.own->kind = update ? Flight::Kind::walk_update : Flight::Kind::walk_read;
  Payload& payload = *walker.own->payload;
  const unsigned bytes = update ? 8 : walk.read_bytes;
  payload.set_command(tlm::TLM_READ_COMMAND);
  payload.set_address(update ? walk.update_address : walk.read_address);
  payload.set_data_length(bytes);
  payload.set_streaming_width(bytes);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  walker.own->extension->exclusive = update;
  ++walker.requester->counters.memory_reads;
  mem_channel_.send(payload);
}

void Iommu::entry_answered(Flight& own) {
  const Payload& payload = *own.payload;
  std::uint64_t words[kMaxReadBytes / 8];
  const unsigned bytes = payload.get_data_length();
  const unsigned char* data = payload.get_data_ptr();
  std::memcpy(words, data, 8);
  if (bytes == 16) {
    std::memcpy(words + 1, data + 8, 8);
  } else if (bytes > 8) {
    std::memcpy(words + 1, data + 8, bytes - 8);
  }
  if (timed_caches_) begin_lookups();
  advance(*own.walker, unit_.translator().resume(own.walker->walk, payload.is_response_ok(), words));
}

/// The entry's line is here: compare and swap at this instant, so that no processor's own access can come between.
/// Memory that offers no transport_dbg is taken to hold what the read brought, and gets a write instead.
void Iommu::update_entry(Flight& own) {
  Payload& payload = *own.payload;
  Walker& walker = *own.walker;
  Walk& walk = walker.walk;
  Updated outcome = Updated::failed;
  bool writing = false;
  if (payload.is_write()) {
    outcome = payload.is_response_ok() ? Updated::done : Updated::failed;
  } else if (payload.is_response_ok()) {
    payload.set_address(walk.update_address);
    const bool direct = mem_out->transport_dbg(payload) == 8;
    std::uint64_t entry = 0;
    std::memcpy(&entry, payload.get_data_ptr(), 8);
    outcome = entry == walk.update_expected ? Updated::done : Updated::changed;
    if (outcome == Updated::done) {
      payload.set_command(tlm::TLM_WRITE_COMMAND);
      std::memcpy(payload.get_data_ptr(), &walk.update_value, 8);
      if (direct)
        outcome = mem_out->transport_dbg(payload) == 8 ? Updated::done : Updated::failed;
      else
        writing = true;
    }
  }
  if (writing) {
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    return mem_channel_.send(payload);
  }
  if (timed_caches_) begin_lookups();
  advance(walker, unit_.translator().updated(walk, outcome));
}

}  // namespace iovirt::iommu
