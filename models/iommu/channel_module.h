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

namespace iovirt::iommu {

template <class Socket>
class RequestChannel {
 public:
  using Payload = tlm::tlm_generic_payload;
  RequestChannel(Socket& socket, sim::EventQueue& queue) : socket_(socket), queue_(queue) {}

  /// Sends, or queues. True: the target has answered at once, `delay` after now.
  bool send(Payload& payload, sc_core::sc_time& delay) {
    if (current_) {
      waiting_.push_back(&payload);
      return false;
    }
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    delay = queue_.delay();
    current_ = &payload;
    const auto status = socket_->nb_transport_fw(payload, phase, delay);
    if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::BEGIN_RESP)) {
      const bool answered_at_once = status == tlm::TLM_COMPLETED;
      if (!answered_at_once) end_response(payload);
      current_ = nullptr;
      return true;
    }
    if (status == tlm::TLM_UPDATED && current_ == &payload) current_ = nullptr;  // END_REQ
    return false;
  }

  /// END_REQ or BEGIN_RESP came for `payload`: the next one to send, or nullptr.
  Payload* ended(Payload& payload) {
    if (current_ == &payload) current_ = nullptr;
    if (current_ || waiting_.empty()) return nullptr;
    Payload* next = waiting_.front();
    waiting_.pop_front();
    return next;
  }

 private:
  void end_response(Payload& payload) {
    tlm::tlm_phase phase = tlm::END_RESP;
    sc_core::sc_time delay = queue_.delay();
    socket_->nb_transport_fw(payload, phase, delay);
  }

  Socket& socket_;
  sim::EventQueue& queue_;
  Payload* current_ = nullptr;
  std::deque<Payload*> waiting_;
};

template <class Socket>
class ResponseChannel {
 public:
  using Payload = tlm::tlm_generic_payload;
  ResponseChannel(Socket& socket, sim::EventQueue& queue) : socket_(socket), queue_(queue) {}

  void respond(Payload& payload) {
    if (busy_) {
      waiting_.push_back(&payload);
      return;
    }
    busy_ = true;
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    const auto status = socket_->nb_transport_bw(payload, phase, delay);
    if (status == tlm::TLM_COMPLETED || (status == tlm::TLM_UPDATED && phase == tlm::END_RESP)) ended();
  }

  /// END_RESP.
  void ended() {
    busy_ = false;
    if (waiting_.empty()) return;
    Payload* next = waiting_.front();
    waiting_.pop_front();
    respond(*next);
  }

 private:
  Socket& socket_;
  sim::EventQueue& queue_;
  bool busy_ = false;
  std::deque<Payload*> waiting_;
};

}  // namespace iovirt::iommu
