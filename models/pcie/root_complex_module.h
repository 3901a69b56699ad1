// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The root complex: host bridge 00:00.0, root ports 00:01.0, 00:02.0, ... each with one link to one device.
//
// Sockets (protocol: lib/sim/transaction.h)
//   mmio_in      from cores, any number bound: memory by host-physical address; configuration through the ECAM window.
//                A posted write is answered when accepted here, everything else after its round trip. An address nobody
//                claims: reads give ones and TLM_ADDRESS_ERROR_RESPONSE; configuration of an absent function: ones, OK.
//   dma_out      every request of every device, towards the IOMMU or, without one, memory. Requests of one port leave
//                in PCIe order; a read, and a completion towards a core, waits for the port's earlier writes.
//   chipset_out  MMIO in the chipset window, address 0-based.
//   messages_in  messages of a translation agent to devices (ATS, PRI), routed by id; answered when accepted here.
//   down[i]      requests to device i.        up[i]  requests from device i.
// All but dma_out may stay unbound: an empty slot, a chipset without registers, a machine without cores. With nobody at
// messages_in there are no address translation services: what devices ask for of them is an Unsupported Request.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/multi_passthrough_target_socket.h>
#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "lib/ring.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "models/pcie/config.h"
#include "models/pcie/credited_link.h"
#include "models/pcie/function.h"
#include "models/pcie/link_timing.h"

namespace iovirt::pcie {

class RootComplex : public sc_core::sc_module, private sim::Actor {
 public:
  tlm_utils::multi_passthrough_target_socket_optional<RootComplex> mmio_in;
  tlm_utils::simple_initiator_socket<RootComplex> dma_out;
  tlm_utils::simple_initiator_socket_optional<RootComplex> chipset_out;
  tlm_utils::passthrough_target_socket_optional<RootComplex> messages_in;
  sc_core::sc_vector<tlm_utils::simple_initiator_socket_tagged_optional<RootComplex>> down;
  sc_core::sc_vector<tlm_utils::passthrough_target_socket_tagged_optional<RootComplex>> up;

  /// Throws std::invalid_argument when `config` makes no sense. `queue` and `pool` must outlive this.
  RootComplex(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool);
  ~RootComplex() override;

  /// Sums over the ports; bytes as on the wire, framing included.
  struct Counters {
    std::uint64_t up_bytes = 0, down_bytes = 0, tlps = 0;
    Ps stalled = 0;               ///< TLPs that could have started but for credits
    std::uint64_t unclaimed = 0;  ///< accesses of cores, and messages, that nobody claimed, absent functions apart
  };
  Counters counters() const;
  Counters port_counters(unsigned port) const;

  const Config& config() const { return config_; }
  Function& host_bridge() { return *host_bridge_; }
  Function& root_port(unsigned port);

 private:
  struct Port;
  struct Mmio;  // a request from a core on its way

  tlm::tlm_sync_enum from_core(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum from_device(int port, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum dma_answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum from_translation_agent(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum chipset_answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum device_answered(int port, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void fire(std::uint32_t what, std::uint64_t arg) override;

  void dispatch(std::uint32_t slot);
  void dispatch_config(std::uint32_t slot, Bdf function, std::uint16_t offset);
  void own_config(std::uint32_t slot, Function* function, std::uint16_t offset);
  void to_chipset(std::uint32_t slot);
  void to_device(std::uint32_t slot, Port& port, sim::TlpKind kind, std::uint64_t address);
  Port* port_of_bus(unsigned bus);
  Port* port_of_address(std::uint64_t address);
  Ps claim_down(Port& port, std::uint32_t wire_bytes);
  void finish(std::uint32_t slot, tlm::tlm_response_status status);
  void finish_absent(std::uint32_t slot, tlm::tlm_response_status status);
  void send_up(Port& port, std::uint64_t handle, std::uint32_t wire_bytes, Flow flow);
  void on_its_way(Port& port, const CreditedLink::Launch& tlp);
  void pump(Port& port);
  void arrived(Port& port, std::uint64_t handle);
  void goes_on(std::uint64_t handle);
  void forward(tlm::tlm_generic_payload& payload);
  [[gnu::noinline]] void refuse(tlm::tlm_generic_payload& payload);
  void request_ended(tlm::tlm_generic_payload& payload);
  void release_held(Port& port);

  Config config_;
  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
  LinkTiming timing_;
  Ps propagation_, latency_, accept_, config_latency_;
  std::uint64_t unclaimed_ = 0;
  std::unique_ptr<Function> host_bridge_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<Mmio> mmio_;
  std::vector<std::uint32_t> idle_mmio_;
  tlm::tlm_generic_payload* unended_ = nullptr;  ///< sent by dma_out, and not accepted yet
  Ring<tlm::tlm_generic_payload*> waiting_;      ///< behind it
};

}  // namespace iovirt::pcie
