// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// VT-d registers: offsets and fields (Intel Virtualization Technology for Directed I/O, section 11.4).
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::iommu::reg {

inline constexpr std::uint32_t kVER = 0x00, kCAP = 0x08, kECAP = 0x10, kGCMD = 0x18, kGSTS = 0x1c, kRTADDR = 0x20,
                               kCCMD = 0x28, kFSTS = 0x34, kFECTL = 0x38, kFEDATA = 0x3c, kFEADDR = 0x40,
                               kFEUADDR = 0x44, kPMEN = 0x64, kPLMBASE = 0x68, kPLMLIMIT = 0x6c, kPHMBASE = 0x70,
                               kPHMLIMIT = 0x78, kIQH = 0x80, kIQT = 0x88, kIQA = 0x90, kICS = 0x9c,
                               kIECTL = 0xa0, kIEDATA = 0xa4, kIEADDR = 0xa8, kIEUADDR = 0xac, kIQER = 0xb0,
                               kIRTA = 0xb8, kPQH = 0xc0, kPQT = 0xc8, kPQA = 0xd0, kPRS = 0xdc, kPECTL = 0xe0,
                               kPEDATA = 0xe4, kPEADDR = 0xe8, kPEUADDR = 0xec;
/// Where CAP.FRO and ECAP.IRO say these are; in units of 16 bytes there.
inline constexpr std::uint32_t kIVA = 0xf0, kIOTLB = 0xf8, kFaultRecords = 0x220;
inline constexpr std::uint32_t kWindowBytes = 0x1000;

/// Global command and status: the same bits in both (11.4.4).
namespace gcmd {
inline constexpr std::uint32_t kTE = 1u << 31, kSRTP = 1u << 30, kSFL = 1u << 29, kEAFL = 1u << 28, kWBF = 1u << 27,
                               kQIE = 1u << 26, kIRE = 1u << 25, kSIRTP = 1u << 24, kCFI = 1u << 23;
}

namespace cap {
using ND = Field<2, 0>;
using RWBF = Field<4>;
using PLMR = Field<5>;
using PHMR = Field<6>;
using CM = Field<7>;
using SAGAW = Field<12, 8>;  ///< bit 1: 3 levels, bit 2: 4 levels, bit 3: 5 levels
using MGAW = Field<21, 16>;  ///< bits - 1
using ZLR = Field<22>;
using FRO = Field<33, 24>;
using SLLPS = Field<37, 34>;  ///< bit 0: 2 MB, bit 1: 1 GB
using PSI = Field<39>;
using NFR = Field<47, 40>;  ///< records - 1
using MAMV = Field<53, 48>;
using DWD = Field<54>;
using DRD = Field<55>;
using FL1GP = Field<56>;
using PI = Field<59>;
using ESIRTPS = Field<62>;
using ESRTPS = Field<63>;
using FL5LP = Field<60>;
}  // namespace cap

namespace ecap {
using C = Field<0>;
using QI = Field<1>;
using DT = Field<2>;
using IR = Field<3>;
using EIM = Field<4>;
using PT = Field<6>;
using SC = Field<7>;
using IRO = Field<17, 8>;
using MHMV = Field<23, 20>;
using NEST = Field<26>;
using PRS = Field<29>;
using ERS = Field<30>;
using SRS = Field<31>;
using NWFS = Field<33>;
using EAFS = Field<34>;
using PSS = Field<39, 35>;  ///< PASID bits - 1
using PASID = Field<40>;
using DIT = Field<41>;
using PDS = Field<42>;
using SMTS = Field<43>;
using SSADS = Field<45>;
using SSTS = Field<46>;
using FSTS = Field<47>;
using SMPWCS = Field<48>;
using RPS = Field<49>;
using ADMS = Field<52>;
using RPRIVS = Field<53>;
using SMS = Field<58>;
}  // namespace ecap

namespace ccmd {
using DID = Field<15, 0>;
using SID = Field<31, 16>;
using FM = Field<33, 32>;
using CAIG = Field<60, 59>;
using CIRG = Field<62, 61>;
using ICC = Field<63>;
}  // namespace ccmd

namespace iotlb {
using DID = Field<47, 32>;
using DW = Field<48>;
using DR = Field<49>;
using IAIG = Field<58, 57>;
using IIRG = Field<61, 60>;
using IVT = Field<63>;
}  // namespace iotlb

namespace iva {
using AM = Field<5, 0>;
using IH = Field<6>;
using ADDR = Field<63, 12>;
}  // namespace iva

namespace fsts {
inline constexpr std::uint32_t kPFO = 1u << 0, kPPF = 1u << 1, kIQE = 1u << 4, kICE = 1u << 5, kITE = 1u << 6;
using FRI = Field<15, 8>;
}  // namespace fsts

/// FECTL and IECTL (11.4.7.2, 11.4.9.5).
namespace event {
inline constexpr std::uint32_t kIM = 1u << 31, kIP = 1u << 30;
}

namespace rtaddr {
using TTM = Field<11, 10>;  ///< 0: legacy mode, 1: scalable mode
using Base = Field<63, 12>;
}  // namespace rtaddr

namespace iqa {
using QS = Field<2, 0>;  ///< 2^(QS+12) bytes
using DW = Field<11>;    ///< 1: descriptors of 32 bytes, else 16
using Base = Field<63, 12>;
}  // namespace iqa
using IqPointer = Field<18, 4>;  ///< IQH and IQT, in units of 16 bytes
inline constexpr std::uint32_t kICS_IWC = 1u;

namespace iqer {
using IQEI = Field<3, 0>;
using ITESID = Field<47, 32>;
using ICESID = Field<63, 48>;
}  // namespace iqer

namespace pmen {
inline constexpr std::uint32_t kEPM = 1u << 31, kPRS = 1u;
}

namespace pqa {
using PQS = Field<2, 0>;  ///< 2^(PQS+12) bytes
using Base = Field<63, 12>;
}  // namespace pqa
using PqPointer = Field<18, 5>;  ///< PQH and PQT, in units of 32 bytes
namespace prs {
inline constexpr std::uint32_t kPPR = 1u, kPRO = 2u;
}

namespace irta {
using S = Field<3, 0>;  ///< 2^(S+1) entries
using EIME = Field<11>;
using Base = Field<63, 12>;
}  // namespace irta

/// Fault record, 128 bits (11.4.7.6).
namespace record {
using FI = Field<63, 12>;              // low half
using InterruptIndex = Field<63, 48>;  // low half, interrupt-remapping faults
using SID = Field<15, 0>;              // high half
using T2 = Field<28>;  ///< with T = 0: a page request
using PRIV = Field<29>;
using EXE = Field<30>;
using PP = Field<31>;
using FR = Field<39, 32>;
using PV = Field<59, 40>;
using AT = Field<61, 60>;
using T = Field<62>;  ///< 1: a read
using F = Field<63>;
}  // namespace record

}  // namespace iovirt::iommu::reg
