// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The base of every PCIe device: configuration space, BAR decoding, DMA split into TLPs, MSI-X. A device derives from
// it, composes its functions in its constructor, and implements the register and completion callbacks.
// All callbacks run at the path's time, queue().now(); they may call dma_*, send_msix and queue().post.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/passthrough_target_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "lib/ring.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "models/pcie/function.h"
#include "models/pcie/transfer_module.h"

namespace iovirt::pcie {

class Endpoint : public sc_core::sc_module {
 public:
  struct Settings {
    unsigned read_tags = 32;   ///< read requests in flight; more wait, in order
    Ps register_latency = 0;   ///< from a TLP's arrival to the device's register file
  };

  /// Requests of the device, and its completions to them, to and from a root port's `up[i]`.
  tlm_utils::simple_initiator_socket<Endpoint> tlp_out;
  /// Requests from the root port's `down[i]`: configuration (kind config) and memory.
  tlm_utils::passthrough_target_socket<Endpoint> tlp_in;

  /// Packets are charged and followed from now on. Null: not at all.
  void set_ledger(PacketLedger* ledger) { ledger_ = ledger; }

  /// 0 the physical function, 1.. the virtual ones, also those not enabled.
  unsigned functions() const { return static_cast<unsigned>(functions_.size()); }
  Function& function(unsigned index) { return *functions_[index]; }
  /// The requester id function `index` uses now.
  Bdf bdf(unsigned index) const;
  /// Exists for software: the PF always, a VF when enabled.
  bool present(unsigned index) const;

  struct Counters {
    std::uint64_t reads = 0, writes = 0;  ///< TLPs sent
    std::uint64_t interrupts = 0;         ///< MSI-X messages sent
    std::uint64_t unsupported = 0;        ///< requests answered with Unsupported Request
    std::uint64_t not_master = 0;         ///< transfers refused since bus mastering was off
    std::uint64_t not_allowed = 0;        ///< transfers and messages refused since ATS, page requests or PASID were
  };
  const Counters& counters() const { return counters_; }

 protected:
  Endpoint(sc_core::sc_module_name name, const Settings& settings, sim::EventQueue& queue, sim::TransactionPool& pool);
  ~Endpoint() override = default;

  // -- building, in the derived constructor ---------------------------------------------------------------------------
  /// The first is the physical function; every later one is VF 1, 2, ... (Header::virtual_function is implied).
  /// Compose it at once: BARs, capabilities. MSI-X tables, FLR and VF enabling are served by the endpoint itself.
  Function& add_function(const Identity& identity);

  // -- what a device does ------------------------------------------------------------------------------------------------
  /// Reads `bytes` (up to 64 KiB) from `address`; dma_read_done follows, in order of request for equal sizes but not
  /// in general. `tag` is the device's own. Without bus mastering, or what `addressing` needs: done at once after this
  /// call returns, not ok.
  void dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t tag, PacketSpan packet = {},
                const Addressing& addressing = kPlain);
  /// Writes; the bytes are copied before this returns. Posted: order among writes and interrupts of this device is
  /// kept. dma_write_done follows when the last byte is in memory (or the write was refused): use it to bound work in
  /// flight, not for ordering.
  void dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t tag,
                 PacketSpan packet = {}, const Addressing& addressing = kPlain);
  /// Sends vector `vector` of the function's MSI-X table, behind all earlier writes; masked: pending, and sent when
  /// unmasked; disabled: lost. `notice`: the journey of this interrupt, 0 none.
  void send_msix(unsigned function, unsigned vector, NoticeId notice = 0);
  /// A message of ATS or PRI to the root complex, behind all earlier writes; its `body` is as lib/ats_message_spec.h
  /// says. Messages need no bus mastering (7.5.1.1.3).
  void send_message(unsigned function, sim::TlpKind kind, std::uint64_t body, const Addressing& addressing = kPlain);
  /// The function has been allowed by software to send TLPs addressed so; if not, that is counted.
  bool may_address(unsigned function, const Addressing& addressing);

  sim::EventQueue& queue() { return queue_; }
  Ps now() const { return queue_.now(); }
  PacketLedger* ledger() const { return ledger_; }
  /// Reads and writes handed over and not yet done.
  unsigned in_flight() const { return in_flight_; }

  /// A derived class that overrides it calls this one.
  void end_of_elaboration() override;

  // -- what a device implements --------------------------------------------------------------------------------------------
  /// `bytes` 1, 2, 4 or 8 at `offset` of BAR `bar` of `function`; MSI-X table and PBA are served before this.
  virtual std::uint64_t read_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes) = 0;
  virtual void write_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) = 0;
  /// `bytes` is valid during the call. Not ok: Unsupported Request or a translation fault; the bytes are then zero.
  virtual void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet);
  virtual void dma_write_done(std::uint64_t tag, bool ok);
  /// The same for a read that was a translation request: the completion's entry, and whether it was a success, an
  /// Unsupported Request (TLM_ADDRESS_ERROR_RESPONSE), a Completer Abort (TLM_GENERIC_ERROR_RESPONSE), or never sent
  /// (TLM_COMMAND_ERROR_RESPONSE).
  virtual void translation_done(std::uint64_t tag, tlm::tlm_response_status status, std::uint64_t entry);
  /// A message for `function` came. False, as without an override: it is an Unsupported Request.
  virtual bool message_received(unsigned function, sim::TlpKind kind, std::uint8_t tag, std::uint32_t pasid, std::uint64_t body);
  /// After VF Enable or NumVFs changed: VFs 1 to `count` exist.
  virtual void vfs_changed(unsigned count);
  /// After a function-level reset reset configuration space and MSI-X of `function`.
  virtual void function_reset(unsigned function);

 private:
  /// The endpoint's own events, so that a derived device may be an Actor of its own.
  struct Clock final : sim::Actor {
    explicit Clock(Endpoint& e) : endpoint(e) {}
    void fire(std::uint32_t what, std::uint64_t arg) override { endpoint.event(what, arg); }
    Endpoint& endpoint;
  };
  struct Range {
    std::uint64_t base = 0, limit = 0;  // inclusive
    std::uint64_t size = 0;             // of one function's BAR
    unsigned bar = 0;
    bool virtual_functions = false;
  };
  struct Transfer {
    std::uint64_t address = 0, tag = 0;
    std::uint32_t bytes = 0, issued = 0, done = 0;
    unsigned function = 0;
    PacketSpan packet;
    bool read = false, ok = true;
    Addressing addressing;  // of a read
    std::vector<std::uint8_t> data;  // capacity is kept
  };

  tlm::tlm_sync_enum from_root(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum completed(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void event(std::uint32_t what, std::uint64_t arg);
  void serve_config(tlm::tlm_generic_payload& payload);
  void serve_memory(tlm::tlm_generic_payload& payload);
  [[gnu::noinline]] void serve_message(tlm::tlm_generic_payload& payload);
  void answer(tlm::tlm_generic_payload& payload, bool ok);
  void config_written(unsigned index);
  void reset_function(unsigned index);
  unsigned function_of(Bdf bdf, bool write);
  void rebuild_decoding();
  const Range* decode(std::uint64_t address, unsigned bytes, unsigned& index, std::uint64_t& offset);
  std::uint64_t bar_read(unsigned index, unsigned bar, std::uint64_t offset, unsigned bytes);
  void bar_write(unsigned index, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value);
  void release_pending(unsigned index);
  void send_message(unsigned index, const Msix::Message& message, NoticeId notice);
  bool may_master(unsigned index);
  unsigned read_limit(std::uint32_t bytes) const;
  unsigned write_limit(std::uint32_t bytes) const;
  void issue_reads();
  void send(tlm::tlm_generic_payload& payload, sim::RequesterExtension& ext, unsigned index);
  std::uint32_t take_transfer(unsigned index, std::uint64_t address, std::uint32_t bytes, std::uint64_t tag,
                              PacketSpan packet, bool read);
  void finish_read(std::uint32_t slot, std::span<const std::uint8_t> bytes);
  [[gnu::noinline]] void finish_translation(std::uint32_t slot, tlm::tlm_response_status status, const unsigned char* entry);
  void finish_write(std::uint32_t slot);

  Settings settings_;
  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
  PacketLedger* ledger_ = nullptr;
  std::vector<std::unique_ptr<Function>> functions_;
  std::vector<std::vector<NoticeId>> pending_notices_;
  std::vector<Range> ranges_;
  bool decoding_stale_ = true;
  static constexpr unsigned kNoFunction = ~0u;
  unsigned flr_ = kNoFunction;  // asked for by the configuration write being served
  unsigned vfs_ = 0;
  std::uint8_t bus_ = 0;
  std::vector<Transfer> transfers_;
  std::vector<std::uint32_t> idle_transfers_;
  Ring<std::uint32_t> waiting_reads_;
  unsigned tags_in_use_ = 0;
  unsigned in_flight_ = 0;
  Counters counters_;
  Clock clock_{*this};
};

}  // namespace iovirt::pcie
