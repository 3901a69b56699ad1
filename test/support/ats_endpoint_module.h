// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A DMA endpoint with a translation cache (ATC): it asks the IOMMU for translations, keeps them, reaches memory with
// translated requests, answers invalidations, and asks for pages that are not there. And a bench around it.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "test/support/iommu_bench_module.h"

namespace iovirt::test {

class AtsEndpoint : public sc_core::sc_module, private sim::Actor {
 public:
  AtsEndpoint(sc_core::sc_module_name name, std::uint16_t function, sim::EventQueue& queue, sim::TransactionPool& pool);
  tlm_utils::simple_initiator_socket<AtsEndpoint> dma_out{"dma_out"};
  tlm_utils::simple_target_socket<AtsEndpoint> messages_in{"messages_in"};

  // -- how it behaves ----------------------------------------------------------------------------------------------
  std::uint32_t pasid = sim::kNoPasid;
  bool asks_for_pages = false;
  bool answers_invalidations = true;
  unsigned completions = 1;          ///< per invalidation, on as many traffic classes
  Ps invalidation_time = 20 * kPsPerNs;

  /// Starts a DMA; its index in `transfers`. A write carries `data`.
  std::size_t transfer(bool write, std::uint64_t address, std::uint32_t data = 0);
  struct Transfer {
    enum class State : std::uint8_t { translating, paging, moving, done, refused } state = State::translating;
    bool write = false;
    bool hit = false;         ///< the ATC had it
    std::uint64_t address = 0;
    std::uint32_t data = 0;   ///< written, or read
    std::uint16_t group = 0;  ///< of its page request
    bool stale = false;       ///< an invalidation has overtaken the translation it waits for
    unsigned translations = 0;  ///< requests sent
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
  };
  std::vector<Transfer> transfers;

  struct Cached {
    std::uint64_t first, bytes, physical;
    std::uint32_t pasid;
    bool readable, writable;
  };
  const std::vector<Cached>& cached() const { return cache_; }
  struct Response {
    std::uint16_t group;
    std::uint8_t code;
  };
  std::vector<Response> responses;       ///< page-group responses that came
  std::vector<std::uint64_t> completion_words;  ///< of translation requests, in the order of their answers
  unsigned invalidations = 0;            ///< invalidate requests that came

  /// A message of its own, as it stands: for tests of what devices do wrong.
  void send_message(sim::TlpKind kind, std::uint64_t body);
  /// A page request without a transfer.
  void ask_for_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group);
  /// A translation request without a transfer; the answer goes to completion_words, its status to translation_status.
  void ask_for_translation(std::uint64_t address, bool no_write = false);
  tlm::tlm_response_status translation_status = tlm::TLM_INCOMPLETE_RESPONSE;

 private:
  enum What : std::uint32_t { complete_invalidation };
  static constexpr std::uint64_t kNoTransfer = ~0ull;

  void fire(std::uint32_t what, std::uint64_t arg) override;
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum message(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_generic_payload& request(bool write, std::uint64_t address, unsigned bytes, std::uint64_t tag);
  void send(tlm::tlm_generic_payload& payload);
  void advance(std::size_t index);
  void translate(std::size_t index);
  void move(std::size_t index, std::uint64_t address, sim::AddressType type);
  void translated(std::size_t index, tlm::tlm_response_status status, std::uint64_t word);
  void page_response(std::uint64_t body);
  void invalidate(const tlm::tlm_generic_payload& payload);

  std::uint16_t function_;
  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
  std::vector<Cached> cache_;
  std::uint16_t next_group_ = 0;
};

/// The endpoint at an IOMMU, and a script.
class AtsBench : public ScriptedIommu {
 public:
  static constexpr std::uint16_t kFunction = 0x0108;
  AtsBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(AtsBench&)> script);

  AtsEndpoint device{"device", kFunction, queue, pool};
};

}  // namespace iovirt::test
