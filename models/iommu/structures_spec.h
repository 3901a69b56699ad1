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

/// Root entry, scalable, 16 bytes: one half of this form for devices 0 to 15 of the bus, one for 16 to 31 (9.2).
namespace scalable_root_entry {
inline constexpr unsigned kBytes = 16;
using P = Field<0>;
using CTP = Field<63, 12>;
inline constexpr std::uint64_t kReserved = Field<11, 1>::mask;
}  // namespace scalable_root_entry

/// Context entry, scalable, 32 bytes (9.4).
namespace scalable_context_entry {
inline constexpr unsigned kBytes = 32;
using P = Field<0>;
using FPD = Field<1>;
using DTE = Field<2>;
using PASIDE = Field<3>;
using PRE = Field<4>;
using PDTS = Field<11, 9>;  ///< 2^(PDTS+7) directory entries
using PASIDDIRPTR = Field<63, 12>;
inline constexpr std::uint64_t kReserved0 = Field<8, 5>::mask;
using RID_PASID = Field<19, 0>;  // second word
using RID_PRIV = Field<20>;
inline constexpr std::uint64_t kReserved1 = Field<63, 21>::mask;
}  // namespace scalable_context_entry

/// PASID-directory entry, 8 bytes (9.5), by PASID[19:6].
namespace pasid_directory_entry {
inline constexpr unsigned kBytes = 8;
using P = Field<0>;
using FPD = Field<1>;
using SMPTBLPTR = Field<63, 12>;
inline constexpr std::uint64_t kReserved = Field<11, 2>::mask;
}  // namespace pasid_directory_entry

/// PASID-table entry, 64 bytes (9.6), by PASID[5:0]. ERE, NXE and SMEP exist with ECAP.ERS only.
namespace pasid_entry {
inline constexpr unsigned kBytes = 64;
using P = Field<0>;
using FPD = Field<1>;
using AW = Field<4, 2>;  ///< as a legacy context entry's
using PGTT = Field<8, 6>;
using SSADE = Field<9>;
using SSPTPTR = Field<63, 12>;
inline constexpr std::uint64_t kReserved0 = Field<5>::mask | Field<11, 10>::mask;
using DID = Field<15, 0>;  // second word
using PWSNP = Field<23>;
using PGSNP = Field<24>;
inline constexpr std::uint64_t kReserved1 = Field<22, 16>::mask | Field<63, 25>::mask;
using SRE = Field<0>;  // third word
using ERE = Field<1>;
using FSPM = Field<3, 2>;  ///< 0: 4 levels, 1: 5 levels
using WPE = Field<4>;
using NXE = Field<5>;
using SMEP = Field<6>;
using EAFE = Field<7>;
using FSPTPTR = Field<63, 12>;
inline constexpr std::uint64_t kReserved2 = Field<11, 8>::mask;
enum Type : std::uint8_t { first_stage = 1, second_stage = 2, nested = 3, pass_through = 4 };
}  // namespace pasid_entry

/// Second-stage paging entry, 8 bytes (9.8). A and D are ignored without SSADE, bits 63:52 but IW always. SNP is a leaf's.
namespace paging_entry {
inline constexpr unsigned kBytes = 8;
using R = Field<0>;
using W = Field<1>;
using PS = Field<7>;
using A = Field<8>;
using D = Field<9>;
using SNP = Field<11>;
using Address = Field<51, 12>;
using IW = Field<62>;  ///< reserved without RTADDR.SSIRWE
}  // namespace paging_entry

/// First-stage paging entry, 8 bytes (9.7): the processor's format.
namespace first_stage_entry {
inline constexpr unsigned kBytes = 8;
using P = Field<0>;
using RW = Field<1>;
using US = Field<2>;
using A = Field<5>;
using D = Field<6>;
using PS = Field<7>;
using EA = Field<10>;  ///< extended accessed, with EAFE
using Address = Field<51, 12>;
using XD = Field<63>;  ///< with NXE
inline constexpr std::uint64_t kLargePat = Field<12>::mask;  ///< of a large page: not part of its address
}  // namespace first_stage_entry

/// Interrupt-remapping table entry, 16 bytes (9.9 remapped, 9.10 posted).
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

/// Posted-interrupt descriptor, 64 bytes as eight little-endian words (9.11). Words 0 to 3 are the PIR.
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
