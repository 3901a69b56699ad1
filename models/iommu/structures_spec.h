// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// VT-d structures in memory: tables (section 9), interrupt requests (5.1). Invalidation descriptors: invalidation_spec.h.
#pragma once

#include <array>
#include <cstdint>

#include "lib/field.h"

namespace iovirt::iommu {

/// Root entry, legacy, 16 bytes (9.1). The high half is reserved.
namespace root_entry {
inline constexpr unsigned kBytes = 16;
using P = Field<0>;
using CTP = Field<63, 12>;
inline constexpr std::uint64_t kReservedLow = Field<11, 1>::mask;
}  // namespace root_entry

/// Context entry, legacy, 16 bytes (9.3).
namespace context_entry {
inline constexpr unsigned kBytes = 16;
using P = Field<0>;
using FPD = Field<1>;
using TT = Field<3, 2>;
using SLPTPTR = Field<63, 12>;
inline constexpr std::uint64_t kReservedLow = Field<11, 4>::mask;
using AW = Field<2, 0>;  // high half from here
using DID = Field<23, 8>;
inline constexpr std::uint64_t kReservedHigh = 0xffff'ffff'ff00'0080;
enum TranslationType : std::uint8_t { multi_level = 0, with_device_tlb = 1, pass_through = 2 };
}  // namespace context_entry

/// Second-stage paging entry, 8 bytes (9.10). Bits 10:8 (A, D) and 62:52 but TM are ignored, SNP is stored.
namespace paging_entry {
inline constexpr unsigned kBytes = 8;
using R = Field<0>;
using W = Field<1>;
using PS = Field<7>;
using SNP = Field<11>;
using Address = Field<51, 12>;
}  // namespace paging_entry

/// Interrupt-remapping table entry, 16 bytes (9.12 remapped, 9.13 posted).
namespace irte {
inline constexpr unsigned kBytes = 16;
using P = Field<0>;
using FPD = Field<1>;
using DM = Field<2>;
using RH = Field<3>;
using TM = Field<4>;
using DLM = Field<7, 5>;
using URG = Field<14>;
using IM = Field<15>;  ///< 1: posted
using Vector = Field<23, 16>;
using DST = Field<63, 32>;
using DST_xAPIC = Field<47, 40>;
using PDAL = Field<63, 38>;
inline constexpr std::uint64_t kReservedRemapped = Field<14, 12>::mask | Field<31, 24>::mask;
inline constexpr std::uint64_t kReservedXapic = Field<39, 32>::mask | Field<63, 48>::mask;
inline constexpr std::uint64_t kReservedPosted = Field<7, 2>::mask | Field<13, 12>::mask | Field<37, 24>::mask;
using SID = Field<15, 0>;  // high half from here
using SQ = Field<17, 16>;
using SVT = Field<19, 18>;
using PDAH = Field<63, 32>;
inline constexpr std::uint64_t kReservedHighRemapped = Field<63, 20>::mask;
inline constexpr std::uint64_t kReservedHighPosted = Field<31, 20>::mask;
inline constexpr std::uint16_t kSourceMask[4] = {0xffff, 0xfffb, 0xfff9, 0xfff8};  ///< by SQ
}  // namespace irte

/// Posted-interrupt descriptor, 64 bytes as eight little-endian words (9.14). Words 0 to 3 are the PIR.
namespace posted_descriptor {
inline constexpr unsigned kBytes = 64;
using Words = std::array<std::uint64_t, 8>;
inline constexpr unsigned kControl = 4;  ///< the word with the fields below
using ON = Field<0>;
using SN = Field<1>;
using NV = Field<23, 16>;
using NDST = Field<63, 32>;
using NDST_xAPIC = Field<47, 40>;
inline constexpr std::uint64_t kReserved = Field<15, 2>::mask | Field<31, 24>::mask;
inline constexpr std::uint64_t kReservedXapic = Field<39, 32>::mask | Field<63, 48>::mask;
}  // namespace posted_descriptor

/// A remappable-format interrupt request: address and data of the message (5.1.2.2).
namespace interrupt_request {
inline constexpr std::uint64_t kBase = 0xfee0'0000, kMask = 0xfff0'0000;
using HandleHigh = Field<2>;
using SHV = Field<3>;
using Format = Field<4>;  ///< 1: remappable
using HandleLow = Field<19, 5>;
using Subhandle = Field<15, 0>;  // data
using ReservedData = Field<31, 16>;
// compatibility format (5.1.2.1)
using DM = Field<2>;
using RH = Field<3>;
using Destination = Field<19, 12>;
}  // namespace interrupt_request

}  // namespace iovirt::iommu
