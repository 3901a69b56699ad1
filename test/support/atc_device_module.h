// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A PCI Express device with a translation cache (ATC), behind a root port: 1af4:a7c0, a physical function with ATS,
// page requests and PASID, and two virtual functions with ATS of their own. The cache is that of one function.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/pcie/translating_endpoint_module.h"
#include "test/support/atc_module.h"

namespace iovirt::test {

class AtcDevice : public pcie::TranslatingEndpoint, public Atc {
 public:
  static constexpr std::uint32_t kCapacity = 4;  ///< page requests
  AtcDevice(sc_core::sc_module_name name, sim::EventQueue& queue, sim::TransactionPool& pool);

  using Atc::ask_for_page;
  unsigned acts_as = 0;  ///< the function that does it all
  bool execute = false, privileged = false;
  std::vector<Ps> invalidated_at, answered_at;  ///< when invalidate requests, and page-group responses, came
  unsigned caches_lost = 0;
  /// A plain DMA write; nobody is told of its end.
  void write(std::uint64_t address, const std::vector<std::uint8_t>& bytes) { dma_write(acts_as, address, bytes, kNoTransfer); }
  /// A message as it stands, whatever the capabilities say: for tests of what devices do wrong.
  void send_as_it_stands(sim::TlpKind kind, std::uint64_t body) { send_message(acts_as, kind, body); }
  unsigned pending() const { return in_flight(); }

 private:
  pcie::Addressing addressing() const;
  // what carries the ATC's requests
  void request_translation(std::uint64_t address, bool no_write, std::uint64_t tag) override;
  void request_data(bool write, std::uint64_t address, std::uint32_t data, sim::AddressType type, std::uint64_t tag) override;
  bool request_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) override;
  void complete_invalidation(std::uint8_t itag, unsigned count) override;
  // what the link brings
  void translation_done(std::uint64_t tag, tlm::tlm_response_status status, std::uint64_t entry) override;
  void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) override;
  void dma_write_done(std::uint64_t tag, bool ok) override;
  void invalidate_requested(unsigned function, const Invalidation& invalidation) override;
  void pages_answered(unsigned function, std::uint16_t group, PageResponseCode code) override;
  void cache_lost(unsigned function) override;
  void function_reset(unsigned function) override;
  std::uint64_t read_bar(unsigned, unsigned, std::uint64_t, unsigned) override { return 0; }
  void write_bar(unsigned, unsigned, std::uint64_t, unsigned, std::uint64_t) override {}
};

}  // namespace iovirt::test
