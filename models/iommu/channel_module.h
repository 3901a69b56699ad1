// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The base protocol's exclusion rules: one request, and one response, at a time on a socket. Partners that follow
// lib/sim/transaction.h end each phase in the same call and never make anything wait; others may take their time.
#pragma once

#include <deque>

#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "lib/sim/event_queue.h"
#include "models/iommu/flight_module.h"

namespace iovirt::iommu {

template <class Socket>
class RequestChannel {
 public:
  using Payload = tlm::tlm_generic_payload;
  /// An answer that a target gives at once is posted to `actor` as `answered`, with the payload's flight.
  RequestChannel(Socket& socket, sim::EventQueue& queue, sim::Actor& actor, std::uint32_t answered)
      : socket_(socket), queue_(queue), actor_(actor), answered_(answered) {}

  /// Now, or when those before have ended.
  void send(Payload& payload) {
    if (current_) return wait(payload);
    if (begin(payload) && !waiting_.empty()) send_waiting();
  }

  /// END_REQ or BEGIN_RESP came for `payload`.
  void ended(Payload& payload) {
    if (current_ == &payload) current_ = nullptr;
    if (!waiting_.empty()) send_waiting();
  }

 private:
  /// True: the request phase is over.
  bool begin(Payload& payload) {
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = queue_.delay();
    current_ = &payload;
    const auto status = socket_->nb_transport_fw(payload, phase, delay);
    if (status == tlm::TLM_ACCEPTED) return false;
    if (status == tlm::TLM_COMPLETED || phase == tlm::BEGIN_RESP) answered_at_once(payload, status, delay);
    if (current_ == &payload) current_ = nullptr;
    return true;
  }
  // Out of the way of partners that end each request at once.
  [[gnu::noinline]] void wait(Payload& payload) { waiting_.push_back(&payload); }
  [[gnu::noinline]] void send_waiting() {
    while (!current_ && !waiting_.empty()) {
      Payload& next = *waiting_.front();
      waiting_.pop_front();
      if (!begin(next)) return;
    }
  }
  [[gnu::noinline]] void answered_at_once(Payload& payload, tlm::tlm_sync_enum status, const sc_core::sc_time& delay) {
    if (status != tlm::TLM_COMPLETED) {
      tlm::tlm_phase phase = tlm::END_RESP;
      sc_core::sc_time now = queue_.delay();
      socket_->nb_transport_fw(payload, phase, now);
    }
    queue_.post(queue_.time_of(delay), actor_, answered_, reinterpret_cast<std::uintptr_t>(&Flight::of(payload)));
  }

  Socket& socket_;
  sim::EventQueue& queue_;
  sim::Actor& actor_;
  const std::uint32_t answered_;
  Payload* current_ = nullptr;
  std::deque<Payload*> waiting_;
};

template <class Socket>
class ResponseChannel {
 public:
  using Payload = tlm::tlm_generic_payload;
  ResponseChannel(Socket& socket, sim::EventQueue& queue) : socket_(socket), queue_(queue) {}

  void respond(Payload& payload) {
    if (busy_) return wait(payload);
    busy_ = true;
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    const auto status = socket_->nb_transport_bw(payload, phase, delay);
    if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::END_RESP)) ended();
  }

  /// END_RESP.
  void ended() {
    busy_ = false;
    if (!waiting_.empty()) respond_next();
  }

 private:
  [[gnu::noinline]] void wait(Payload& payload) { waiting_.push_back(&payload); }
  [[gnu::noinline]] void respond_next() {
    Payload* next = waiting_.front();
    waiting_.pop_front();
    respond(*next);
  }

  Socket& socket_;
  sim::EventQueue& queue_;
  bool busy_ = false;
  std::deque<Payload*> waiting_;
};

}  // namespace iovirt::iommu
