// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Sockets whose partners' non-blocking calls reach a member function of the module in one call, and in no other way differ
// from the convenience sockets, which look up what was registered in two steps.
#pragma once

#include <memory>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/simple_target_socket.h>

namespace iovirt::sim {

/// `Answer` gets nb_transport_bw.
template <class Module, auto Answer>
class DirectInitiatorSocket : public tlm::tlm_initiator_socket<> {
 public:
  DirectInitiatorSocket(const char* name, Module& module) : tlm::tlm_initiator_socket<>(name), answers_(module) {
    this->m_export.bind(answers_);
  }

 private:
  struct Answers final : tlm::tlm_bw_transport_if<> {
    explicit Answers(Module& m) : module(m) {}
    tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) override {
      return (module.*Answer)(payload, phase, delay);
    }
    void invalidate_direct_mem_ptr(sc_dt::uint64, sc_dt::uint64) override {}
    Module& module;
  };
  Answers answers_;
};

/// `Request` gets nb_transport_fw. Blocking calls are converted, as a simple_target_socket does it.
template <class Module, auto Request>
class DirectTargetSocket : public tlm_utils::simple_target_socket<Module> {
  using Simple = tlm_utils::simple_target_socket<Module>;
  using Forward = tlm::tlm_fw_transport_if<>;

 public:
  DirectTargetSocket(const char* name, Module& module) : Simple(name), requests_(*this, module) {
    this->register_nb_transport_fw(&module, Request);
  }
  using Simple::get_base_interface;
  Forward& get_base_interface() override {
    bound_ = true;
    return requests_;
  }
  tlm::tlm_bw_transport_if<>* operator->() {
    return bound_ && requests_.blocking == 0 ? Simple::base_type::operator->() : Simple::operator->();
  }

 private:
  struct Requests final : Forward {
    Requests(DirectTargetSocket& s, Module& m) : socket(s), module(m) {}
    Forward& converted() { return socket.Simple::get_base_interface(); }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) override {
      return (module.*Request)(payload, phase, delay);
    }
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override {
      ++blocking;
      converted().b_transport(payload, delay);
      --blocking;
    }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override {
      return converted().get_direct_mem_ptr(payload, dmi);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& payload) override { return converted().transport_dbg(payload); }
    DirectTargetSocket& socket;
    Module& module;
    unsigned blocking = 0;  ///< calls that wait: their answers must take the long way
  };
  Requests requests_;
  bool bound_ = false;  ///< to requests_; what is bound through a parent's socket takes the long way
};

/// Any number of partners; `Request` gets nb_transport_fw with the partner's number.
template <class Module, auto Request>
class DirectMultiTargetSocket : public tlm_utils::multi_passthrough_target_socket<Module> {
  using Multi = tlm_utils::multi_passthrough_target_socket<Module>;
  using Forward = tlm::tlm_fw_transport_if<>;

 public:
  DirectMultiTargetSocket(const char* name, Module& module) : Multi(name), module_(module) {
    this->register_nb_transport_fw(&module, Request);
  }
  using Multi::get_base_interface;
  Forward& get_base_interface() override {
    requests_.push_back(std::make_unique<Requests>(Multi::get_base_interface(), module_, static_cast<int>(requests_.size())));
    return *requests_.back();
  }

 private:
  struct Requests final : Forward {
    Requests(Forward& b, Module& m, int i) : binder(b), module(m), id(i) {}
    void register_port(sc_core::sc_port_base& port, const char* type) override { binder.register_port(port, type); }
    tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) override {
      return (module.*Request)(id, payload, phase, delay);
    }
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override { binder.b_transport(payload, delay); }
    bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override {
      return binder.get_direct_mem_ptr(payload, dmi);
    }
    unsigned transport_dbg(tlm::tlm_generic_payload& payload) override { return binder.transport_dbg(payload); }
    Forward& binder;
    Module& module;
    const int id;
  };
  Module& module_;
  std::vector<std::unique_ptr<Requests>> requests_;
};

}  // namespace iovirt::sim
