// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What goes into the IOMMU and what comes out, without bus and time.
#pragma once

#include <cstdint>

#include "models/iommu/fault_reasons_spec.h"

namespace iovirt::iommu {

inline constexpr std::uint32_t kNoPasid = 0xffff'ffff;

/// RTADDR.TTM. `reserved` also stands for the modes that a configuration does not have.
enum class TableMode : std::uint8_t { legacy = 0, scalable = 1, reserved = 2, abort = 3 };

/// A DMA request, as far as translation cares.
struct Request {
  std::uint16_t source = 0;  ///< requester id
  std::uint64_t address = 0;
  bool write = false;
  bool zero_length = false;       ///< a read of no bytes: asks whether the page is there
  std::uint8_t address_type = 0;  ///< 0 untranslated, 1 translation request, 2 translated
  bool privileged = false;
  bool execute = false;
  bool page_request = false;         ///< asks only whether the function may send page requests (PRE), and for which tables
  bool no_write = false;             ///< a translation request that asks for no right to write (NW)
  std::uint32_t pasid = kNoPasid;    ///< 20 bits, of the PASID prefix
};

/// The rights are those of the whole path; a translation request may find none at all.
struct Translation {
  std::uint64_t address = 0;     ///< host-physical
  std::uint64_t page_bytes = 0;  ///< of the mapping; 0 when the request passed through
  bool readable = true;
  bool writable = true;
  bool executable = false;
  bool untranslated_only = false;  ///< of a translation request to the interrupt range
  bool snoop = false;   ///< SNP or PGSNP: whatever the request says, processors' caches are snooped
};

/// What a translation request learns that may not go there at all.
constexpr Translation no_rights(const Request& request) {
  Translation none{request.address, 4096};
  none.readable = none.writable = false;
  return none;
}

/// Why a request was blocked.
struct Fault {
  FaultReason reason = FaultReason::none;
  bool suppressed = false;  ///< FPD: counted, not recorded
  std::uint16_t source = 0;
  std::uint64_t info = 0;  ///< the faulting address, or the interrupt index in bits 63:48
  bool read = false;
  bool page_request = false;
  std::uint8_t address_type = 0;
  bool privileged = false;
  bool execute = false;
  std::uint32_t pasid = kNoPasid;
};

/// A write of one DWORD to the interrupt address range.
struct InterruptRequest {
  std::uint16_t source = 0;
  std::uint32_t address = 0;
  std::uint32_t data = 0;
};

/// What reaches the local APICs.
struct Interrupt {
  std::uint32_t destination = 0;
  std::uint8_t vector = 0;
  std::uint8_t delivery_mode = 0;
  bool logical = false;
  bool redirection_hint = false;
  bool level = false;  ///< trigger mode

  friend bool operator==(const Interrupt&, const Interrupt&) = default;
};

/// An interrupt as the 4-byte write in compatibility format that carries it (lib/sim/transaction.h, TlpKind::interrupt).
struct InterruptMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;

  friend bool operator==(const InterruptMessage&, const InterruptMessage&) = default;
};
InterruptMessage encode(const Interrupt& interrupt);
/// The compatibility-format message `request` as it is, with `upper_address` bits 63:32 (of FEUADDR and the like).
InterruptMessage pass(std::uint32_t address, std::uint32_t data, std::uint32_t upper_address = 0);

/// True for an address that DMA remapping never touches (3.15).
constexpr bool is_interrupt_address(std::uint64_t address) { return (address >> 20) == 0xfee; }

/// Whether `address`, in a page of 2^shift bytes, may not be given to `request`: a translation request gets all of the page.
constexpr bool reaches_interrupts(const Request& request, std::uint64_t address, unsigned shift) {
  if (request.address_type != 1 || shift <= 20) return is_interrupt_address(address);
  return address >> shift == std::uint64_t{0xfee0'0000} >> shift;
}

}  // namespace iovirt::iommu
