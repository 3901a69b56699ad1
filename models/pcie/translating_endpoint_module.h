// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The base of a device with a translation cache of its own (ATS and PRI; PCIe 5.0, chapter 10): it asks the translation
// agent for translations, reaches memory with translated requests (Endpoint::dma_* with Addressing), is told what it
// may no longer use, and asks for pages. What it caches is the device's own affair. Each function composes the
// capabilities it has: Function::add_ats, add_page_requests and add_pasid, the latter two in the physical function.
#pragma once

#include <cstdint>

#include "lib/ats_message_spec.h"
#include "models/pcie/endpoint_module.h"

namespace iovirt::pcie {

class TranslatingEndpoint : public Endpoint {
 protected:
  using Endpoint::Endpoint;

  // -- what a device does ----------------------------------------------------------------------------------------------
  /// Asks for the translation of the page at `address`; translation_done follows. While software has not enabled ATS
  /// nothing is sent (10.1.1).
  void translate(unsigned function, std::uint64_t address, std::uint64_t tag, const Addressing& addressing = kPlain);
  /// The invalidation with `itag` has been carried out: nothing sent from here on uses what it named. One of `count`
  /// completions, one for each traffic class (10.3.2). REQUIRES: every translated read that used it has been answered;
  /// writes are pushed by the completion.
  void complete_invalidation(unsigned function, std::uint8_t itag, unsigned count = 1);
  struct PageRequest {
    std::uint64_t address = 0;
    bool read = false, write = false;
    bool last = true;          ///< of its group; with neither read nor write: a stop marker, which nobody answers
    std::uint16_t group = 0;   ///< below 512
  };
  /// False: the interface is not enabled, has failed, or has as many outstanding as software allocated.
  bool ask_for_page(unsigned function, const PageRequest& request, const Addressing& addressing = kPlain);

  // -- what a device implements ------------------------------------------------------------------------------------------
  struct Invalidation {
    std::uint8_t itag = 0;
    std::uint32_t pasid = sim::kNoPasid;
    bool global = false;       ///< of every PASID
    std::uint64_t first = 0;
    std::uint64_t bytes = 0;   ///< 0: all addresses
    bool covers(std::uint64_t address, std::uint64_t size) const {
      return bytes == 0 || (address < first + bytes && address + size > first);
    }
  };
  /// It must be completed, whether anything was cached or not.
  virtual void invalidate_requested(unsigned function, const Invalidation& invalidation) = 0;
  /// All requests of `group` are over.
  virtual void pages_answered(unsigned function, std::uint16_t group, PageResponseCode code) = 0;
  /// Nothing cached for `function` may be used any more: ATS was enabled anew, or the function was reset (10.3.7).
  virtual void cache_lost(unsigned function) = 0;

  // A derived class that overrides one of these calls it.
  void end_of_elaboration() override;
  void function_reset(unsigned function) override;
  void vfs_changed(unsigned count) override;

 private:
  bool message_received(unsigned function, sim::TlpKind kind, std::uint8_t tag, std::uint32_t pasid, std::uint64_t body) final;
  void control_written(unsigned index);
  std::vector<std::uint8_t> was_enabled_;
};

}  // namespace iovirt::pcie
