// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A translation cache (ATC) and the DMA that goes through it: it asks for translations, keeps them, reaches memory with
// translated requests, answers invalidations, and asks for pages that are not there. How its requests and messages
// travel, a derived class says.
#pragma once

#include <cstdint>
#include <vector>

#include <systemc>
#include <tlm>

#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"

namespace iovirt::test {

class Atc : private sim::Actor {
 public:
  virtual ~Atc() = default;
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
    Ps started = 0, ended = 0;
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

  /// A page request without a transfer. False: the carrier does not let it go.
  bool ask_for_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group);
  /// A translation request without a transfer; the answer goes to completion_words, its status to translation_status.
  void ask_for_translation(std::uint64_t address, bool no_write = false);
  tlm::tlm_response_status translation_status = tlm::TLM_INCOMPLETE_RESPONSE;

 protected:
  explicit Atc(sim::EventQueue& queue) : queue_(queue) {}
  static constexpr std::uint64_t kNoTransfer = ~0ull;

  // what carries it
  virtual void request_translation(std::uint64_t address, bool no_write, std::uint64_t tag) = 0;
  virtual void request_data(bool write, std::uint64_t address, std::uint32_t data, sim::AddressType type, std::uint64_t tag) = 0;
  virtual bool request_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) = 0;
  virtual void complete_invalidation(std::uint8_t itag, unsigned count) = 0;

  // what that tells it
  void translation_answered(std::uint64_t tag, tlm::tlm_response_status status, std::uint64_t word);
  void data_answered(std::uint64_t tag, tlm::tlm_response_status status, std::uint32_t data);
  void pages_answered(std::uint16_t group, std::uint8_t code);
  /// `bytes` 0: all addresses.
  void invalidate(std::uint8_t itag, std::uint32_t of_pasid, bool global, std::uint64_t first, std::uint64_t bytes);
  void flush();
  /// A reset: nothing is known of invalidations that have not been completed.
  void forget() { uncompleted_.clear(); }
  /// No translation of less is used (STU).
  std::uint64_t least_bytes_ = 4096;

 private:
  void fire(std::uint32_t what, std::uint64_t arg) override;
  void advance(std::size_t index);
  void translate(std::size_t index);
  void move(std::size_t index, std::uint64_t address, sim::AddressType type);
  void translated(std::size_t index, tlm::tlm_response_status status, std::uint64_t word);
  void end(Transfer& transfer, Transfer::State state, tlm::tlm_response_status status);
  void complete_due();

  sim::EventQueue& queue_;
  std::vector<Cached> cache_;
  struct Uncompleted {
    std::uint8_t itag = 0;
    bool carried_out = false;
    std::vector<std::size_t> reads;  ///< that may have used what it takes, and have not been answered
  };
  std::vector<Uncompleted> uncompleted_;
  std::uint16_t next_group_ = 0;
};

}  // namespace iovirt::test
