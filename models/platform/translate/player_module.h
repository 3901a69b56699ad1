// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Plays a trace into an IOMMU: every record at its own time, whatever became of those before, cut where it crosses a
// 4 KB boundary (no TLP does). Only a limit of requests in flight, or an IOMMU that does not end a request, holds a
// record back; what is due meanwhile then follows as soon as it may, in the order of the trace.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "lib/latency_histogram.h"
#include "lib/sim/direct_socket.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "models/platform/translate/access_trace.h"
#include "models/platform/translate/tenant_tables.h"

namespace iovirt::platform {

class TracePlayer : public sc_core::sc_module, private sim::Actor, private tlm::tlm_mm_interface {
  using Payload = tlm::tlm_generic_payload;
  tlm::tlm_sync_enum answered(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

 public:
  sim::DirectInitiatorSocket<TracePlayer, &TracePlayer::answered> dma_out{"dma_out", *this};
  tlm_utils::simple_initiator_socket<TracePlayer> regs_out{"regs_out"};
  tlm_utils::simple_target_socket<TracePlayer> interrupt_in{"interrupt_in"};  ///< the IOMMU's own events end here

  /// REQUIRES: `trace` is at its first record, and every requester in it is in `tables`. All must outlive it. Writes the
  /// registers (root table, translation on) before time starts, then plays.
  TracePlayer(sc_core::sc_module_name name, AccessTrace& trace, const TenantTables& tables, std::uint32_t outstanding,
              sim::EventQueue& queue);
  ~TracePlayer() override;

  struct Tenant {
    std::uint64_t reads = 0, writes = 0;  ///< requests answered
    std::uint64_t blocked = 0;            ///< of them answered with an error
    LatencyHistogram latency;             ///< ps from the record's time to the answer
  };
  /// By TenantTables' index.
  const std::vector<Tenant>& tenants() const { return results_; }
  std::uint64_t records() const { return records_; }
  std::uint64_t sent() const { return sent_; }
  std::uint64_t answered() const { return answered_; }
  /// Requests that could not leave at their record's time.
  std::uint64_t delayed() const { return delayed_; }
  /// Of the last answer.
  Ps last_answer() const { return last_answer_; }

 private:
  struct Request : Payload {
    explicit Request(tlm::tlm_mm_interface* mm) : Payload(mm) {}
    sim::RequesterExtension extension;
    Ps due = 0;
    std::uint32_t tenant = 0;
    Request* next_idle = nullptr;
  };

  void start_of_simulation() override;
  void fire(std::uint32_t what, std::uint64_t arg) override;
  void free(Payload* payload) override;
  void write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes);
  void next_record();
  void pump() {
    if (pending_ && !armed_) pump_more();
  }
  void pump_more();
  [[gnu::noinline]] void add_request();
  void send(Ps now);
  tlm::tlm_sync_enum interrupted(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void complete(Payload& payload);

  AccessTrace& trace_;
  const TenantTables& tables_;
  sim::EventQueue& queue_;
  const std::uint32_t outstanding_;
  std::vector<unsigned char> data_;  ///< what all requests carry and bring: nobody looks at it
  std::deque<Request> requests_;
  Request* idle_ = nullptr;
  std::vector<Tenant> results_;

  AccessRecord record_;  ///< what is left of the next one
  bool pending_ = false;
  bool armed_ = false;
  bool pumping_ = false;
  Payload* unended_ = nullptr;  ///< sent, its request phase not ended
  std::uint32_t in_flight_ = 0;
  std::uint64_t records_ = 0, sent_ = 0, answered_ = 0, delayed_ = 0;
  Ps last_answer_ = 0;
};

}  // namespace iovirt::platform
