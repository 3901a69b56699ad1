// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One transaction that the IOMMU has under way, and what it keeps for each requester.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "lib/sim/transaction.h"
#include "models/iommu/interrupt_remapper.h"
#include "models/iommu/page_requests.h"
#include "models/iommu/request.h"
#include "models/iommu/translator.h"

namespace iovirt::iommu {

struct Flight;
struct Walker;

/// What one requester asked, and what its table walks read.
struct RequesterCounters {
  std::uint64_t requests = 0;
  std::uint64_t hits = 0;          ///< answered from the caches at the first look
  std::uint64_t misses = 0;        ///< needed a walk, or somebody else's
  std::uint64_t memory_reads = 0;  ///< of root, context and paging entries
};

/// Ordering state of one requester (PCIe ordering: posted writes stay in order, reads do not pass them).
/// Counters wrap; only differences matter.
struct Requester {
  std::uint32_t writes_accepted = 0;
  std::uint32_t writes_forwarded = 0;
  std::uint32_t writes_completed = 0;
  Flight* first_write = nullptr;  ///< accepted, not forwarded
  Flight* last_write = nullptr;
  Flight* first_read = nullptr;  ///< behind a write that has not been forwarded
  Flight* last_read = nullptr;
  std::uint64_t last_page = ~0ull;  ///< prefetching on access: where it was
  RequesterCounters counters;
  Translator::Trail trail;
};

/// Travels with its payload while that is downstream: in its RequesterExtension, or as an extension of its own.
struct Flight final : tlm::tlm_extension<Flight> {
  enum class Kind : std::uint8_t {
    read, write, interrupt, page_request, invalidate_completion,  // upstream requests
    walk_read, walk_update, entry_read, posted_read, posted_write, descriptor_read, status_write, message, event,  // the IOMMU's own
    page_write, device_message
  };

  tlm::tlm_generic_payload* payload = nullptr;
  sim::RequesterExtension* extension = nullptr;  ///< the payload's, if it has one
  Kind kind = Kind::read;
  bool ready = false;    ///< translated or blocked: may go once its turn has come
  bool waiting = false;  ///< a read in its requester's list
  bool drained = false;  ///< an invalidation waits until it has landed
  bool unended = false;  ///< held back from its lookup, END_REQ with it
  bool blocked = false;  ///< goes nowhere, and is answered with `refusal`
  tlm::tlm_response_status refusal = tlm::TLM_ADDRESS_ERROR_RESPONSE;  ///< Unsupported Request unless it says otherwise
  bool attached = false;  ///< as an extension of its own
  PageResponseCode response = PageResponseCode::success;  ///< of page requests: other than success, it is refused
  std::uint32_t sequence = 0;  ///< writes of the requester accepted before
  std::uint64_t upstream_address = 0;
  std::uint64_t downstream_address = 0;
  Requester* requester = nullptr;
  Flight* next_in_order = nullptr;
  Flight* next_in_walk = nullptr;  ///< walk queue, or those that wait for the same walk
  Flight* owner = nullptr;         ///< own transactions: the interrupt they serve
  std::uint64_t missed_at = 0;     ///< a lookup that missed: Translator::changes()
  Walker* walker = nullptr;        ///< walk_read
  bool ends_descriptor = false;    ///< status_write: the queue has waited for it
  bool completes = false;          ///< status_write: the wait has IF
  Request request;
  Remapping remapping;
  InterruptRemapper::Action action = InterruptRemapper::Action::block;

  /// Interrupts and messages act when every earlier write of their requester has been answered.
  bool follows_writes() const { return kind >= Kind::interrupt && kind <= Kind::invalidate_completion; }

  /// From here until detach, of(payload) is this.
  void attach() {
    if (extension) {
      extension->translation = this;
    } else {
      payload->set_extension(this);
      attached = true;
    }
  }
  void detach() {
    if (extension) {
      extension->translation = nullptr;
    } else {
      payload->clear_extension(this);
      attached = false;
    }
  }
  static Flight& of(const tlm::tlm_generic_payload& payload) {
    const auto* extension = payload.get_extension<sim::RequesterExtension>();
    if (extension && extension->translation) return *static_cast<Flight*>(extension->translation);
    return *payload.get_extension<Flight>();
  }
  tlm::tlm_extension_base* clone() const override { return nullptr; }  // stays with the original
  void copy_from(const tlm::tlm_extension_base&) override {}
  void free() override { attached = false; }  // the payload is going away
};

/// Flights in the order in which they came, linked by next_in_walk: each is in at most one.
class FlightList {
 public:
  bool empty() const { return !first_; }
  std::uint32_t size() const { return size_; }
  Flight& last() const { return *last_; }
  void push(Flight& flight) {
    flight.next_in_walk = nullptr;
    (last_ ? last_->next_in_walk : first_) = &flight;
    last_ = &flight;
    ++size_;
  }
  Flight& pop() {
    Flight& flight = *first_;
    first_ = flight.next_in_walk;
    if (!first_) last_ = nullptr;
    flight.next_in_walk = nullptr;
    --size_;
    return flight;
  }
  /// All of `others` go before those here.
  void prepend(FlightList& others) {
    if (others.empty()) return;
    others.last_->next_in_walk = first_;
    first_ = others.first_;
    if (!last_) last_ = others.last_;
    size_ += others.size_;
    others = {};
  }

 private:
  Flight* first_ = nullptr;
  Flight* last_ = nullptr;
  std::uint32_t size_ = 0;
};

/// Recycles flights; their addresses stay.
class FlightPool {
 public:
  /// A simulation may end with transactions under way; their payloads must not keep pointers to here.
  ~FlightPool() {
    for (Flight& flight : all_)
      if (flight.attached) flight.detach();
  }
  Flight& acquire(Flight::Kind kind, tlm::tlm_generic_payload& payload, sim::RequesterExtension* extension) {
    if (!idle_) release(all_.emplace_back());
    Flight& flight = *idle_;
    idle_ = flight.next_in_walk;
    flight.payload = &payload;
    flight.extension = extension;
    flight.kind = kind;
    flight.ready = flight.waiting = flight.drained = flight.unended = flight.blocked = false;
    flight.refusal = tlm::TLM_ADDRESS_ERROR_RESPONSE;
    flight.next_in_order = flight.next_in_walk = flight.owner = nullptr;
    return flight;
  }
  void release(Flight& flight) {
    flight.payload = nullptr;
    flight.next_in_walk = idle_;
    idle_ = &flight;
  }
  /// visit(flight) for each that is in use.
  template <class Visit>
  void each(Visit&& visit) {
    for (Flight& flight : all_)
      if (flight.payload) visit(flight);
  }

 private:
  std::deque<Flight> all_;
  Flight* idle_ = nullptr;  ///< linked by next_in_walk
};

/// By requester id, a bus at a time.
class RequesterTable {
 public:
  Requester& operator[](std::uint16_t id) {
    auto& bus = buses_[id >> 8];
    if (!bus) bus = std::make_unique<std::array<Requester, 256>>();
    return (*bus)[id & 0xff];
  }
  /// visit(id, counters) for those that have asked anything, in order.
  template <class Visit>
  void each(Visit&& visit) const {
    for (unsigned bus = 0; bus < buses_.size(); ++bus)
      if (buses_[bus])
        for (unsigned i = 0; i < 256; ++i)
          if ((*buses_[bus])[i].counters.requests != 0) visit(static_cast<std::uint16_t>(bus << 8 | i), (*buses_[bus])[i].counters);
  }
  const Requester* find(std::uint16_t id) const {
    const auto& bus = buses_[id >> 8];
    return bus ? &(*bus)[id & 0xff] : nullptr;
  }

 private:
  std::array<std::unique_ptr<std::array<Requester, 256>>, 256> buses_;
};

}  // namespace iovirt::iommu
