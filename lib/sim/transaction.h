// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A TLP as a TLM-2.0 generic payload: the extension that says who asks, and the pool the payloads come from.
//
// Protocol at every socket of the DMA path (base protocol, approximately timed, all at the fabric queue's time):
//   initiator: nb_transport_fw(BEGIN_REQ, delay)  -> the target returns TLM_UPDATED with END_REQ: accepted
//              (an IOMMU whose lookups may stall can return TLM_ACCEPTED and send END_REQ when it has a place; until
//              then nothing more is sent)
//   target:    nb_transport_bw(BEGIN_RESP, delay) -> the initiator returns TLM_COMPLETED
// A memory write may be answered as soon as it is accepted downstream (posted); its response status reports an error.
// delay is EventQueue::delay(): the path's time ahead of the kernel's.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include <systemc>
#include <tlm>

#include "lib/packet_ledger.h"

namespace iovirt::sim {

/// PCI Express address types (PCIe 5.0, 10.2.2).
enum class AddressType : std::uint8_t { untranslated = 0, translation_request = 1, translated = 2 };

/// What kind of TLP the payload is. `config`: the address is bdf << 12 | offset. `interrupt`: what leaves the IOMMU
/// towards the local APICs, a 4-byte write in compatibility format to 0xfee00000 | destination[7:0] << 12 |
/// redirection hint << 3 | logical << 2, with destination[31:8] in address bits 63:40, and the data of an MSI:
/// vector 7:0, delivery mode 10:8, level 14, trigger 15 (Intel SDM 3, 10.11; the high half as x2APIC systems use it).
///
/// Messages of ATS and PRI, 8-byte writes whose data is the message's body (lib/ats_message_spec.h); they keep their
/// place among the writes of their sender. From a device: `page_request` and `invalidate_completion`, address 0. To a
/// device: `invalidate_request` and `page_response`; the address is destination bdf << 12 | ITag. A translation request
/// is a `memory` read of 8 bytes with its address type; its data is one entry of the translation completion, and a
/// TLM_GENERIC_ERROR_RESPONSE is Completer Abort.
enum class TlpKind : std::uint8_t { memory, config, interrupt, page_request, invalidate_completion, invalidate_request, page_response };

inline constexpr std::uint32_t kNoPasid = 0xffff'ffff;
inline constexpr std::size_t kMaxPayloadBytes = 4096;

struct RequesterExtension : tlm::tlm_extension<RequesterExtension> {
  std::uint16_t requester = 0;  ///< bus:device.function, [15:8] bus, [7:3] device, [2:0] function
  std::uint32_t pasid = kNoPasid;
  AddressType address_type = AddressType::untranslated;
  TlpKind kind = TlpKind::memory;
  bool execute = false;
  bool privileged = false;
  bool no_write = false;  ///< of a translation request: it asks for no right to write (NW)
  bool exclusive = false;  ///< a read that takes the lines in order to change them at once (an atomic update)
  bool no_snoop = false;
  bool relaxed_ordering = false;
  std::uint64_t tag = 0;  ///< the initiator's own; nobody else reads it

  // What the ledger needs; no model's behaviour depends on it.
  PacketLedger* ledger = nullptr;
  PacketId packet = 0;      ///< the packet whose bytes these are
  NoticeId notice = 0;      ///< the interrupt this message is
  bool first = false;       ///< carries the packet's first byte: memory notes where it lies
  bool last = false;        ///< carries its last byte: the packet's clock follows this TLP
  std::uint8_t waiting = 0;     ///< marks in `before`
  std::uint32_t route = 0;  ///< the root complex's own, while the request is beyond it; nobody else touches it
  void* translation = nullptr;  ///< the IOMMU's own, likewise
  struct Mark {
    Ps until;
    Stage stage;
  };
  std::array<Mark, 4> before;  ///< where a read that has yet to learn its packet has been

  /// As new, `before` apart.
  void reset() {
    requester = 0;
    pasid = kNoPasid;
    address_type = AddressType::untranslated;
    kind = TlpKind::memory;
    execute = privileged = no_write = exclusive = no_snoop = relaxed_ordering = false;
    tag = 0;
    ledger = nullptr;
    packet = 0;
    notice = 0;
    first = last = false;
    waiting = 0;
    route = 0;
  }
  /// The transaction was in `stage` until `now`.
  void mark(Stage stage, Ps now) {
    if (!ledger) return;
    if (packet != 0) {
      if (last) ledger->charge(packet, stage, now);
    } else if (first && waiting < before.size()) {
      before[waiting++] = {now, stage};
    }
    if (notice != 0) ledger->notice_mark(notice, stage, now);
  }
  /// Memory: these bytes turn out to be those of `id`, which was where this read was until now.
  void claim(PacketId id) {
    packet = id;
    for (unsigned i = 0; i < waiting && last; ++i) ledger->charge(id, before[i].stage, before[i].until);
    waiting = 0;
  }

  tlm::tlm_extension_base* clone() const override { return new RequesterExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& from) override { *this = static_cast<const RequesterExtension&>(from); }
};

/// Payloads with their extension and a data buffer of kMaxPayloadBytes, recycled. The pool must outlive them.
class TransactionPool : public tlm::tlm_mm_interface {
 public:
  TransactionPool() = default;
  TransactionPool(const TransactionPool&) = delete;
  TransactionPool& operator=(const TransactionPool&) = delete;

  /// Reference count 1; data pointer and length set, response TLM_INCOMPLETE_RESPONSE, extension at its defaults.
  /// REQUIRES: bytes <= kMaxPayloadBytes. release() gives it back.
  tlm::tlm_generic_payload& acquire(tlm::tlm_command command, std::uint64_t address, std::size_t bytes);
  /// REQUIRES: it has one.
  static RequesterExtension& extension(tlm::tlm_generic_payload& payload) {
    return *payload.get_extension<RequesterExtension>();
  }
  /// The same without a look into the payload's extensions. REQUIRES: the payload came from a TransactionPool.
  static RequesterExtension& extension_of_ours(tlm::tlm_generic_payload& payload) {
    return static_cast<Transaction&>(payload).extension;
  }
  void free(tlm::tlm_generic_payload* payload) override;

 private:
  struct Transaction final : tlm::tlm_generic_payload {
    explicit Transaction(tlm::tlm_mm_interface* pool) : tlm::tlm_generic_payload(pool) {
      set_extension(&extension);
      set_data_ptr(data.data());
    }
    ~Transaction() override { clear_extension<RequesterExtension>(); }
    RequesterExtension extension;
    std::array<unsigned char, kMaxPayloadBytes> data;
  };
  std::vector<std::unique_ptr<Transaction>> all_;
  std::vector<Transaction*> idle_;
};

}  // namespace iovirt::sim
