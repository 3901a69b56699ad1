// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Realtek RTL8139C+: registers and C+ descriptors. Sections: RTL8139C+ datasheet, revision 1.6, "DS" below.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::software::rtl8139_spec {

inline constexpr std::uint16_t kVendor = 0x10ec;
inline constexpr std::uint16_t kDevice = 0x8139;
inline constexpr std::uint8_t kRevision = 0x20;  ///< C+; below it, C-mode only
inline constexpr std::uint32_t kBarBytes = 256;

/// Register offsets, DS 6. MII registers are mapped, not reached over MDIO.
enum : std::uint32_t {
  IDR0 = 0x00, MAR0 = 0x08, DTCCR = 0x10, TNPDS = 0x20, THPDS = 0x28, CR = 0x37, IMR = 0x3c, ISR = 0x3e,
  TCR = 0x40, RCR = 0x44, TCTR = 0x48, MPC = 0x4c, CR9346 = 0x50, CONFIG0 = 0x51, CONFIG1 = 0x52, TIMERINT = 0x54,
  MSR = 0x58, CONFIG3 = 0x59, CONFIG4 = 0x5a, MULINT = 0x5c, RERID = 0x5e, BMCR = 0x62, BMSR = 0x64, ANAR = 0x66,
  ANLPAR = 0x68, ANER = 0x6a, CONFIG5 = 0xd8, TPPOLL = 0xd9, CPCR = 0xe0, RDSAR = 0xe4, ETTHR = 0xec
};

inline constexpr std::uint8_t kCrBufe = 1u << 0, kCrTe = 1u << 2, kCrRe = 1u << 3, kCrRst = 1u << 4;
inline constexpr std::uint16_t kCpTxEnable = 1u << 0, kCpRxEnable = 1u << 1, kCpMulRw = 1u << 3;
inline constexpr std::uint8_t kPollNormal = 1u << 6, kPollHigh = 1u << 7;
inline constexpr std::uint32_t kDumpTally = 1u << 3;
inline constexpr std::uint32_t kHardwareVersion = 0x74800000;  ///< TCR 30:26 and 23:22 of the C+

/// IMR and ISR, DS 6.6 and 6.7.
inline constexpr std::uint16_t kIntRok = 1u << 0, kIntRer = 1u << 1, kIntTok = 1u << 2, kIntTer = 1u << 3,
                               kIntRdu = 1u << 4, kIntLinkChange = 1u << 5, kIntFovw = 1u << 6, kIntTdu = 1u << 7,
                               kIntSwInt = 1u << 8, kIntLenChange = 1u << 13, kIntTimeout = 1u << 14,
                               kIntSerr = 1u << 15;
inline constexpr std::uint16_t kIntAll = 0xe1ff;

/// RCR, DS 6.9.
inline constexpr std::uint32_t kRcrAap = 1u << 0, kRcrApm = 1u << 1, kRcrAm = 1u << 2, kRcrAb = 1u << 3;

/// 9346CR, DS 6.12: the mode in 7:6, then the EEPROM's lines.
using EepromMode = Field<7, 6>;
inline constexpr unsigned kModeNormal = 0, kModeAutoLoad = 1, kModeProgram = 2, kModeConfigWrite = 3;
inline constexpr std::uint8_t kEecs = 1u << 3, kEesk = 1u << 2, kEedi = 1u << 1, kEedo = 1u << 0;
inline constexpr unsigned kEepromAddressWord = 7;  ///< IDR0-5 in words 7 to 9
inline constexpr std::uint16_t kEepromId = 0x8129;

/// C+ descriptors, DS 9.2: two words of command or status, then a 64-bit address.
inline constexpr std::uint32_t kDescriptorBytes = 16;
inline constexpr unsigned kRingEntries = 64;  ///< at most
inline constexpr std::uint32_t kOwn = 1u << 31, kEor = 1u << 30, kFs = 1u << 29, kLs = 1u << 28;
inline constexpr std::uint32_t kTxLargeSend = 1u << 27;
inline constexpr std::uint32_t kTxStatus = (1u << 25) | (0xfu << 20);  ///< UNF, TES, OWC, LNKF, EXC
inline constexpr std::uint32_t kTxErrorSummary = 1u << 23;
using TxLength = Field<15, 0>;
using RxLength = Field<12, 0>;  ///< with FCS
inline constexpr std::uint32_t kRxMar = 1u << 26, kRxPam = 1u << 25, kRxBar = 1u << 24;
inline constexpr std::uint32_t kRxErrorSummary = 1u << 20, kRxFifoError = 1u << 22;
inline constexpr std::uint32_t kFcsBytes = 4;
inline constexpr std::uint32_t kMaxFrameBytes = 8192;

}  // namespace iovirt::software::rtl8139_spec
