// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A wire between an initiator of the DMA path and its target which shows whoever listens what passes, and changes nothing.
#pragma once

#include <functional>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "lib/sim/transaction.h"

namespace iovirt::test {

class DmaTap final : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<DmaTap> in{"in"};
  tlm_utils::simple_initiator_socket<DmaTap> out{"out"};

  /// `request`: about to be sent on. `answered`: the target has just carried it out, its bytes have moved; also an untimed
  /// access. A payload without extension has requester 0.
  struct Listener {
    virtual ~Listener() = default;
    virtual void request(const tlm::tlm_generic_payload&, std::uint16_t) {}
    virtual void answered(const tlm::tlm_generic_payload&, std::uint16_t) {}
  };

  DmaTap(sc_core::sc_module_name name, Listener& listener) : sc_module(name), listener_(listener) {
    in.register_nb_transport_fw(this, &DmaTap::forward);
    in.register_transport_dbg(this, &DmaTap::debug);
    in.register_get_direct_mem_ptr(this, &DmaTap::direct);
    out.register_nb_transport_bw(this, &DmaTap::backward);
  }

 private:
  static std::uint16_t requester(tlm::tlm_generic_payload& payload) {
    const auto* extension = payload.get_extension<sim::RequesterExtension>();
    return extension ? extension->requester : 0;
  }
  tlm::tlm_sync_enum forward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_REQ) listener_.request(payload, requester(payload));
    return out->nb_transport_fw(payload, phase, delay);
  }
  tlm::tlm_sync_enum backward(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
    if (phase == tlm::BEGIN_RESP) listener_.answered(payload, requester(payload));
    return in->nb_transport_bw(payload, phase, delay);
  }
  unsigned debug(tlm::tlm_generic_payload& payload) {
    const unsigned bytes = out->transport_dbg(payload);
    listener_.answered(payload, requester(payload));
    return bytes;
  }
  bool direct(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) { return out->get_direct_mem_ptr(payload, dmi); }

  Listener& listener_;
};

}  // namespace iovirt::test
