// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A DMA endpoint with a translation cache right at an IOMMU's sockets, without links. And a bench around it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "test/support/atc_module.h"
#include "test/support/iommu_bench_module.h"

namespace iovirt::test {

class AtsEndpoint : public sc_core::sc_module, public Atc {
 public:
  AtsEndpoint(sc_core::sc_module_name name, std::uint16_t function, sim::EventQueue& queue, sim::TransactionPool& pool);
  tlm_utils::simple_initiator_socket<AtsEndpoint> dma_out{"dma_out"};
  tlm_utils::simple_target_socket<AtsEndpoint> messages_in{"messages_in"};

  /// A message of its own, as it stands: for tests of what devices do wrong.
  void send_message(sim::TlpKind kind, std::uint64_t body);

 private:
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum message(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_generic_payload& request(bool write, std::uint64_t address, unsigned bytes, std::uint64_t tag);
  void send(tlm::tlm_generic_payload& payload);
  void request_translation(std::uint64_t address, bool no_write, std::uint64_t tag) override;
  void request_data(bool write, std::uint64_t address, std::uint32_t data, sim::AddressType type, std::uint64_t tag) override;
  bool request_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) override;
  void complete_invalidation(std::uint8_t itag, unsigned count) override;

  std::uint16_t function_;
  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
};

/// The endpoint at an IOMMU, and a script.
class AtsBench : public ScriptedIommu {
 public:
  static constexpr std::uint16_t kFunction = 0x0108;
  AtsBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(AtsBench&)> script);

  AtsEndpoint device{"device", kFunction, queue, pool};
};

}  // namespace iovirt::test
